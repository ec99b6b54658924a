"""Sizes that the user knows: people's heights, and a distance on the floor."""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.body_models import BodyMeshes
from nlf_pipeline.errors import UserError
from nlf_pipeline.fitting.contacts import Stances
from nlf_pipeline.fitting.floor_plane import FloorPlane, fit_floor
from nlf_pipeline.scaling.foot_tracks import FootTracks, chain_length, upright
from nlf_pipeline.scaling.planted_feet import FeetInScene, find_stances

_HEIGHTS = (0.3, 2.8)
"""Of people, metres."""
_FLOOR_TOLERANCE = 0.05
_LEAST_STANCES = 2
_FARTHEST = 1000.0
"""Floor farther from the camera than this is as good as the horizon, metres."""


@dataclass(frozen=True)
class MeasuredDistance:
    """A distance between two points of the floor, and where they are seen."""

    metres: float
    first_px: tuple[float, float]
    second_px: tuple[float, float]
    seconds: float
    """When, from the start of the clip."""


def estimated_heights(tracks: FootTracks, body: BodyMeshes) -> np.ndarray:
    """(people,) standing height of the estimated bodies, metres; NaN of people never seen.

    Bones do not change with the pose: height is taken to be in the same proportion to spine and leg
    as in the body model's mean shape, which holds within 0.6 % (standard deviation) over its shapes.

    Args:
        tracks: everybody.
        body: the body model with all its vertices.
    """
    at_rest = np.zeros((1, len(body.model.kintree_parents), 3))
    vertices, joints = body.forward(at_rest, np.zeros(body.model.num_betas), np.zeros((1, 3)))
    per_chain = float(np.ptp(vertices[0, :, 1]) / chain_length(joints)[0])
    medians = [
        np.median(chain[seen]) if seen.any() else np.nan for chain, seen in zip(tracks.chains, tracks.seen, strict=True)
    ]
    return per_chain * np.array(medians)


def height_factors(heights: tuple[float, ...], person_ids: np.ndarray, estimated: np.ndarray) -> np.ndarray:
    """Factors that bring people to their heights.

    Args:
        heights: metres, of the people with the ids 1, 2, ...; 0 where it is not known.
        person_ids: (people,) int.
        estimated: (people,) heights of the estimated bodies, metres; NaN of people never seen.

    Returns:
        (people,) factors; NaN where no height is given.

    Raises:
        UserError: for heights of people who are not there, and for heights that no one has.
    """
    for height in heights:
        if height and not _HEIGHTS[0] <= height <= _HEIGHTS[1]:
            raise UserError(
                f"person_height: found {height:g}, expected metres between {_HEIGHTS[0]:g} and {_HEIGHTS[1]:g}, "
                "or 0 for a person whose height is not known"
            )
    by_id = {person_id: height for person_id, height in enumerate(heights, start=1) if height}
    missing = sorted(by_id.keys() - {*person_ids.tolist()})
    if missing:
        raise UserError(
            f"person_height: found {len(heights)} heights, but {len(person_ids)} people were followed: "
            f"{', '.join(map(str, person_ids.tolist())) or 'nobody'}. Give no height, or 0, for {missing[0]}."
        )
    return np.array([by_id.get(person_id, np.nan) for person_id in person_ids.tolist()]) / estimated


def distance_factor(
    measured: MeasuredDistance,
    tracks: FootTracks,
    shots: list[slice],
    T_scene_cam: np.ndarray,
    K: np.ndarray,
    distortion: np.ndarray,
    size_px: tuple[int, int],
) -> float:
    """The factor on everything that makes a distance on the floor as long as it was measured.

    Args:
        measured: the distance.
        tracks: everybody, at the size that the camera's scale was found with.
        shots: frame ranges between cuts.
        T_scene_cam: (frames, 4, 4) in metres, as far as known.
        K: (frames, 3, 3) pixels.
        distortion: (coefficients,) OpenCV's.
        size_px: (width, height).

    Raises:
        UserError: if there is no such time or pixel, no floor is seen there, or no feet show where it is.
    """
    frame = round(measured.seconds * tracks.fps)
    if not 0 <= frame < len(T_scene_cam):
        raise UserError(
            f"measured_distance: found {measured.seconds:g} s, expected a time in the clip, which is "
            f"{len(T_scene_cam) / tracks.fps:.2f} s long"
        )
    shot = next(shot for shot in shots if shot.start <= frame < shot.stop)
    floor = floor_under_feet(tracks, np.arange(shot.start, shot.stop), T_scene_cam[shot])
    if floor is None:
        raise UserError(
            f"measured_distance: no feet were seen at rest in the shot at {measured.seconds:g} s, so its floor is not "
            "known. Choose a shot with standing or walking people, or give person_height instead."
        )
    first, second = (
        _on_floor(pixel, floor, T_scene_cam[frame], K[frame], distortion, size_px)
        for pixel in (measured.first_px, measured.second_px)
    )
    found = float(np.linalg.norm(second - first))
    if found < 1e-6 or measured.metres <= 0:
        raise UserError("measured_distance: expected two different points and a distance of more than 0 metres")
    return measured.metres / found


def floor_under_feet(tracks: FootTracks, frames: np.ndarray, T_scene_cam: np.ndarray) -> FloorPlane | None:
    """The plane on which feet rest during some frames; None if too few do.

    Args:
        tracks: everybody.
        frames: (n,) int.
        T_scene_cam: (n, 4, 4) of these frames, metres.
    """
    R, centres = T_scene_cam[:, :3, :3], T_scene_cam[:, :3, 3]
    rays = np.einsum("nij,knfj->knfi", R, tracks.balls[:, frames])
    feet = FeetInScene(rays, centres, tracks.seen[:, frames], tracks.fps)
    stances = find_stances(feet, 1.0)
    if len(stances) < _LEAST_STANCES:
        return None
    means = np.stack([rays[s.person, s.rows, s.foot].mean(axis=0) for s in stances])
    away = np.stack([centres[s.rows].mean(axis=0) for s in stances])
    resting = Stances(np.array([s.person for s in stances]), away, means + away)
    return fit_floor(resting.point, resting.weights(), upright(tracks, frames, R), _FLOOR_TOLERANCE, 0)


def _on_floor(
    pixel: tuple[float, float],
    floor: FloorPlane,
    T_scene_cam: np.ndarray,
    K: np.ndarray,
    distortion: np.ndarray,
    size_px: tuple[int, int],
) -> np.ndarray:
    """(3,) where the viewing ray of a pixel meets the floor."""
    import cv2

    if not all(-0.5 <= value <= size - 0.5 for value, size in zip(pixel, size_px, strict=True)):
        raise UserError(
            f"measured_distance: the point ({pixel[0]:g}, {pixel[1]:g}) lies outside of the picture, "
            f"which is {size_px[0]} x {size_px[1]} pixels"
        )
    coefficients = distortion if len(distortion) else np.zeros(4)
    image = cv2.undistortPoints(np.array([[pixel]], dtype=np.float64), K, coefficients)[0, 0]
    ray = T_scene_cam[:3, :3] @ np.array([*image, 1.0])
    ray, centre = ray / np.linalg.norm(ray), T_scene_cam[:3, 3]
    height, falling = float(centre @ floor.normal - floor.offset), -float(ray @ floor.normal)
    if falling * _FARTHEST < height or height <= 0:
        raise UserError(
            f"measured_distance: the point ({pixel[0]:g}, {pixel[1]:g}) lies above the floor's horizon. "
            "Choose two points on the floor."
        )
    return centre + ray * height / falling
