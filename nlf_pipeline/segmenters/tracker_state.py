"""What a tracker knows between two frames, as arrays and back, exactly."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from rlemasklib import RLEMask

from nlf_pipeline.blazepose import BodyCircle
from nlf_pipeline.segmenters.appearance import Looks
from nlf_pipeline.segmenters.association import Motion
from nlf_pipeline.segmenters.following import Seen
from nlf_pipeline.segmenters.looking_back import RecentFrame
from nlf_pipeline.segmenters.observation import Observation, Pose, Window
from nlf_pipeline.segmenters.sighting_arrays import Arrays, pack_masks, stacked, unpack_masks
from nlf_pipeline.segmenters.tracked_person import TrackedPerson
from nlf_pipeline.segmenters.tracklets import Sighting

Trail = list[Sighting]
"""A tracklet that may still change."""


@dataclass
class TrackerState:
    """What a tracker of one shot knows between two frames."""

    people: list[TrackedPerson] = field(default_factory=list)
    finished: list[Trail] = field(default_factory=list)
    recent: list[RecentFrame] = field(default_factory=list)
    """The frames just past, in order."""
    steps: int = 0
    """Frames looked at."""

    @property
    def everybody(self) -> list[TrackedPerson]:
        """Who is followed, and then who was until a moment ago."""
        seen = [person for recent in self.recent for person, _ in recent.found]
        return list({id(person): person for person in [*self.people, *seen]}.values())

    @property
    def oldest_frame(self) -> int | None:
        """Sightings before this frame do not change any more; None if nothing was looked at."""
        return self.recent[0].frame if self.recent else None


def pack_state(state: TrackerState, trail_number: Mapping[int, int]) -> Arrays:
    """A tracker's state without the sightings of its tracklets and without the pictures.

    Args:
        state: between two frames.
        trail_number: of tracklets that are not empty, by `id`.
    """
    everybody = state.everybody
    row_of = {id(person): row for row, person in enumerate(everybody)}
    found = [pair for recent in state.recent for pair in recent.found]
    observations = [seen.observation for _, seen in found]
    windows = [(w.left, w.top, w.right, w.bottom) for w in (o.window for o in observations)]
    return {
        "steps": np.array(state.steps),
        "n_people": np.array(len(state.people)),
        "finished": np.array([trail_number[id(trail)] for trail in state.finished], dtype=np.int64),
        "recent_frame": np.array([recent.frame for recent in state.recent], dtype=np.int64),
        "recent_found": np.array([len(recent.found) for recent in state.recent], dtype=np.int64),
        **_prefixed("person", _pack_people(everybody, trail_number)),
        "seen_person": np.array([row_of[id(person)] for person, _ in found], dtype=np.int64),
        "seen_window": stacked(windows, (4,), np.int64),
        "seen_visible_part": stacked([seen.visible_part for _, seen in found]),
        "seen_certain": np.array([seen.certain for _, seen in found], dtype=bool),
        **_prefixed("seen", _pack_poses(observations)),
        **_prefixed("seen", _pack_looks([seen.looks for _, seen in found])),
        **pack_masks([RLEMask.from_array(o.mask.astype(np.uint8)) for o in observations]),
    }


def unpack_state(
    arrays: Mapping[str, np.ndarray], trails: Sequence[Trail], pictures: Mapping[int, np.ndarray]
) -> TrackerState:
    """Inverse of `pack_state`.

    Args:
        arrays: of a state.
        trails: tracklets by number.
        pictures: of the recent frames, by frame.
    """
    everybody = _unpack_people(arrays, trails)
    poses, looks = _unpack_poses("seen", arrays), _unpack_looks("seen", arrays)
    names = ("seen_person", "seen_window", "seen_visible_part", "seen_certain")
    found = []
    for pose, look, mask, row, window, part, certain in zip(
        poses, looks, unpack_masks(arrays), *(arrays[name].tolist() for name in names), strict=True
    ):
        pixels = mask.to_array().astype(bool)
        observation = Observation(pose.landmarks_px, pose.visibility, pose.circle, Window(*window), pixels)
        found.append((everybody[row], Seen(observation, look, part, certain)))
    ends = [0, *np.cumsum(arrays["recent_found"]).tolist()]
    recent = [
        RecentFrame(frame, pictures[frame], found[start:stop])
        for frame, (start, stop) in zip(arrays["recent_frame"].tolist(), itertools.pairwise(ends), strict=True)
    ]
    finished = [trails[number] for number in arrays["finished"].tolist()]
    return TrackerState(everybody[: int(arrays["n_people"])], finished, recent, int(arrays["steps"]))


def _pack_people(people: Sequence[TrackedPerson], trail_number: Mapping[int, int]) -> Arrays:
    return {
        "mean": stacked([p.motion.mean for p in people], (3, 2)),
        "covariance": stacked([p.motion.covariance for p in people], (3, 2, 2)),
        "frame": np.array([p.frame for p in people], dtype=np.int64),
        "area_radii2": stacked([p.area_radii2 for p in people]),
        "feet_radii": stacked([p.feet_radii for p in people]),
        "sightings": np.array([trail_number.get(id(p.sightings), -1) for p in people], dtype=np.int64),
        "before": np.array([trail_number.get(id(p.before), -1) for p in people], dtype=np.int64),
        **_pack_poses([p.pose for p in people]),
        **_pack_looks([p.looks for p in people]),
    }


def _unpack_people(arrays: Mapping[str, np.ndarray], trails: Sequence[Trail]) -> list[TrackedPerson]:
    names = ("frame", "area_radii2", "feet_radii", "sightings", "before")
    columns = zip(*(arrays[f"person_{name}"].tolist() for name in names), strict=True)
    poses, looks = _unpack_poses("person", arrays), _unpack_looks("person", arrays)
    return [
        TrackedPerson(
            Motion(arrays["person_mean"][k].copy(), arrays["person_covariance"][k].copy()),
            poses[k],
            frame,
            looks[k],
            area_radii2,
            feet_radii,
            sightings=trails[sightings] if sightings >= 0 else [],
            before=trails[before] if before >= 0 else [],
        )
        for k, (frame, area_radii2, feet_radii, sightings, before) in enumerate(columns)
    ]


def _pack_poses(poses: Sequence[Pose]) -> Arrays:
    return {
        "landmarks_px": stacked([pose.landmarks_px for pose in poses]),
        "visibility": stacked([pose.visibility for pose in poses]),
        "circle_px": stacked([(pose.circle.centre_px, pose.circle.rim_px) for pose in poses]),
    }


def _unpack_poses(prefix: str, arrays: Mapping[str, np.ndarray]) -> list[Pose]:
    landmarks_px, visibility, circle_px = (
        arrays[f"{prefix}_{name}"] for name in ("landmarks_px", "visibility", "circle_px")
    )
    return [
        Pose(landmarks_px[k].copy(), visibility[k].copy(), BodyCircle(circle_px[k, 0].copy(), circle_px[k, 1].copy()))
        for k in range(len(landmarks_px))
    ]


def _pack_looks(looks: Sequence[Looks]) -> Arrays:
    return {
        "parts": stacked([look.parts for look in looks], (), np.float32),
        "palette": stacked([look.palette for look in looks], (), np.float32),
    }


def _unpack_looks(prefix: str, arrays: Mapping[str, np.ndarray]) -> list[Looks]:
    pairs = zip(arrays[f"{prefix}_parts"], arrays[f"{prefix}_palette"], strict=True)
    return [Looks(parts.copy(), palette.copy()) for parts, palette in pairs]


def _prefixed(prefix: str, arrays: Arrays) -> Arrays:
    return {f"{prefix}_{name}": values for name, values in arrays.items()}
