"""Stage: the camera's path in metres, by the people it sees."""

import logging
from pathlib import Path

import numpy as np

from nlf_pipeline.artefacts import CameraPath, Intrinsics, SceneCameras, VideoFacts
from nlf_pipeline.body_models import BodyMeshes, load_resting_body
from nlf_pipeline.errors import ArtefactError, UserError
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.predictions import Predictions
from nlf_pipeline.scaling.depth_scale import (
    DepthEstimator,
    DepthName,
    DepthScale,
    measure_depth_scale,
    with_depth,
)
from nlf_pipeline.scaling.foot_tracks import FootTracks, read_foot_tracks
from nlf_pipeline.scaling.given_sizes import MeasuredDistance, distance_factor, estimated_heights, height_factors
from nlf_pipeline.scaling.segment_scale import SegmentScale, segment_scale
from nlf_pipeline.scaling.segments import PathSegment, path_segments, scale_segments
from nlf_pipeline.torch_devices import DeviceName
from nlf_pipeline.video import read_frames
from nlf_pipeline.weights.registry import WEIGHTS_DIR, weights_path

log = logging.getLogger(__name__)


def scale_camera(
    *,
    intrinsics: Path,
    camera_path: Path,
    predictions: Path,
    video_facts: Path,
    body: Path,
    out: Path,
    person_height: tuple[float, ...] = (),
    measured_distance: tuple[float, float, float, float, float, float] | None = None,
    depth: DepthName | None = None,
    video: Path | None = None,
    people_mask: Path | None = None,
    weights: Path = WEIGHTS_DIR,
    device: DeviceName = "auto",
) -> None:
    """Bring the camera's path to metres and join it with the intrinsics.

    People give a moving camera its scale: feet at rest stay where they are in the scene, and stand on
    the floor that the background shows. Where they say too little, the camera is taken to be 1.6 m above
    that floor; without a floor the path stays in its unit, which the log says and an infinite spread.

    Args:
        intrinsics: intrinsics.json.
        camera_path: camera_path.npz, up to scale.
        predictions: predictions.xz.
        video_facts: video.json.
        body: folder with the body model.
        out: cameras.npz.
        person_height: standing heights of persons 1, 2, ... in metres, 0.3-2.8; 0 where not known. They are brought
            to these sizes, and the camera's scale is taken from them alone.
        measured_distance: metres x1 y1 x2 y2 seconds: a true distance between two points of the floor, seen at these
            pixels at that time. It scales everything.
        depth: a network whose estimates of metric depth count besides the people. It needs the background's points in
            the path, the clip and the mask.
        video: clip.mp4, for `depth`.
        people_mask: people_mask.json, for `depth`.
        weights: for `depth`, folder of the models' weights.
        device: for `depth`.

    Raises:
        UserError: if the files belong to different clips, a given size cannot be used, or the network cannot.
    """
    lens, path, facts = Intrinsics.load(intrinsics), CameraPath.load(camera_path), VideoFacts.load(video_facts)
    source, shots = Predictions.open(predictions), facts.shots()
    counts = len(path.T_scene_cam), source.n_frames, facts.n_frames
    if len(set(counts)) > 1:
        raise ArtefactError(
            f"{camera_path} has {counts[0]} frames, {predictions} has {counts[1]} and {video_facts} has {counts[2]}. "
            "They belong to different clips: delete them and run again."
        )
    tracks = read_foot_tracks(source, BodyMeshes(load_resting_body(body, subset=True)))
    given = _given_factors(person_height, tracks, body)
    factors = np.where(np.isfinite(given), given, 1.0)
    tracks, segments = tracks.scaled(factors), path_segments(path, shots)
    found = [segment_scale(segment, tracks, np.isfinite(given)) for segment in segments]
    if depth is not None and any(segment.moves for segment in segments):
        if video is None or people_mask is None:
            raise UserError(f"depth {depth}: expected the clip and the mask. Give --video and --people-mask.")
        pictures, people = read_frames(video), MaskTracks.load(people_mask)
        estimator = _depth_estimator(depth, weights, device)
        depths = [measure_depth_scale(segment, estimator, pictures, people, lens) for segment in segments]
        found = _join_depths(segments, found, depths, np.isfinite(given))
    metres_per_unit = np.array([scale.metres_per_unit for scale in found])
    T_scene_cam = scale_segments(path.T_scene_cam, path.segment, shots, metres_per_unit)
    K, distortion = lens.K_frames(source.n_frames), np.array(lens.distortion, dtype=np.float64)
    if measured_distance is not None:
        metres, x1, y1, x2, y2, seconds = measured_distance
        measured = MeasuredDistance(metres, (x1, y1), (x2, y2), seconds)
        factor = distance_factor(measured, tracks, shots, T_scene_cam, K, distortion, lens.size_px)
        log.info("the measured distance makes everything %.3f times as large", factor)
        factors, metres_per_unit = factors * factor, metres_per_unit * factor
        T_scene_cam[:, :3, 3] *= factor
    _log(segments, found, metres_per_unit, tracks, given)
    spread = np.array([scale.spread for scale in found])
    SceneCameras(T_scene_cam, K, distortion, np.array(lens.size_px), metres_per_unit, spread, factors).save(out)


def _depth_estimator(name: DepthName, weights: Path, device: DeviceName) -> DepthEstimator:
    from nlf_pipeline.scaling.zoedepth import ZoeDepthEstimator

    return ZoeDepthEstimator(weights_path(weights, name), device)


def _join_depths(
    segments: list[PathSegment], found: list[SegmentScale], depths: list[DepthScale | None], is_given: np.ndarray
) -> list[SegmentScale]:
    joint = []
    for segment, scale, depth in zip(segments, found, depths, strict=True):
        where = f"frames {segment.frames[0]}-{segment.frames[-1]}"
        together, troubles = with_depth(scale, depth, is_given)
        joint.append(together)
        if depth is not None:
            log.info("%s: %.4g m per unit by depth in %d pictures", where, depth.metres_per_unit, depth.n_pictures)
        elif segment.moves:
            log.warning("%s: too few points of the background to compare with the depth network", where)
        for trouble in troubles:
            log.warning("%s: %s", where, trouble)
    return joint


def _given_factors(heights: tuple[float, ...], tracks: FootTracks, body: Path) -> np.ndarray:
    """(people,) factors to the given heights, NaN where there is none."""
    if not heights:
        return np.full(len(tracks.person_ids), np.nan)
    return height_factors(heights, tracks.person_ids, estimated_heights(tracks, BodyMeshes(load_resting_body(body))))


def _log(
    segments: list[PathSegment],
    found: list[SegmentScale],
    metres_per_unit: np.ndarray,
    tracks: FootTracks,
    given: np.ndarray,
) -> None:
    for person, factor in zip(tracks.person_ids, given, strict=True):
        if np.isfinite(factor):
            log.info("person %d: the given height makes the estimated body %.3f times as large", person, factor)
    for segment, scale, metres in zip(segments, found, metres_per_unit, strict=True):
        where = f"frames {segment.frames[0]}-{segment.frames[-1]}"
        log.info("%s: %s", where, scale.describe(metres, tracks.person_ids))
        for trouble in scale.troubles(tracks.person_ids):
            log.warning("%s: %s", where, trouble)
