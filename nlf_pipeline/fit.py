"""Fit one body per person to the predictions: shape, size, poses and path, smooth in the scene."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from smplfitter.pt import BodyFitter

from nlf_pipeline.artefacts import BodyFits, SceneCameras, VideoFacts
from nlf_pipeline.body_models import BodyMeshes, load_body_model, load_resting_body
from nlf_pipeline.errors import ArtefactError
from nlf_pipeline.fitting.fit_reuse import cached_fits
from nlf_pipeline.fitting.given_fits import GivenFits, place_given_fits
from nlf_pipeline.fitting.person_fits import PersonFit
from nlf_pipeline.fitting.pose_fitting import one_torch_thread
from nlf_pipeline.fitting.shared_floor import floor_factors
from nlf_pipeline.fitting.track_smoothing import Smoothing, SmoothTrack, smooth_root, smooth_track
from nlf_pipeline.kinematics import joint_positions, local_rotvecs
from nlf_pipeline.person_cache import PersonCache
from nlf_pipeline.predictions import Predictions

_CHUNK_FRAMES = 1024


def fit(
    *,
    predictions: Path,
    cameras: Path,
    video_facts: Path,
    body: Path,
    out: Path,
    cache: Path | None = None,
    beta_regularizer: float = 0.05,
    smoothing_s: float = 0.18,
    max_gap_s: float = 0.5,
    fits_file: Path | None = None,
) -> None:
    """Fit one body to each person's predictions, and smooth its motion in the scene.

    Each person gets one shape. A person who looks larger in some frames than in others is brought
    to one size about the camera, which leaves the picture as it is; so are people whose feet do
    not stand on the floor that they share, unless their size was given. Runs of frames in which left
    and right were confused are put right, outliers replaced, short gaps filled. Nothing crosses a cut.

    Args:
        predictions: predictions.xz.
        cameras: cameras.npz.
        video_facts: video.json.
        body: folder with the body model.
        out: fits.npz to write.
        cache: folder for what was fitted of each person, to be used again; nothing is kept unless given.
        beta_regularizer: pull of the shape towards the average body; >= 0.
        smoothing_s: motion of this period keeps half its amplitude, slower motion keeps more; seconds, 0 for none.
        max_gap_s: longest gap in a track that is filled by interpolation, seconds; >= 0.
        fits_file: bodies that another program has fitted (`nlf-pipeline import`), which are taken as they are.
    """
    source, scene, facts = Predictions.open(predictions), SceneCameras.load(cameras), VideoFacts.load(video_facts)
    if not source.n_frames == facts.n_frames == len(scene.T_scene_cam):
        raise ArtefactError(
            f"{predictions} has {source.n_frames} frames, {cameras} has {len(scene.T_scene_cam)} and {video_facts} "
            f"has {facts.n_frames}: they should be of one video. Delete them and run again."
        )
    if fits_file is not None:
        resting = BodyMeshes(load_resting_body(body, subset=True))
        place_given_fits(GivenFits.load(fits_file), source, resting, scene.T_scene_cam, facts.shots()).save(out)
        return
    fitter, kept = BodyFitter(load_body_model(body, subset=True)), PersonCache(cache)
    meshes, how = BodyMeshes(fitter.body_model), Smoothing(facts.fps, facts.shots(), smoothing_s, max_gap_s)
    with one_torch_thread():
        people = cached_fits(kept, source, fitter, beta_regularizer)
        people = _resized(people, scene.person_scale, fitter, beta_regularizer)
        tracks = _smoothed(people, meshes, scene.T_scene_cam, how)
        shapes, is_given = [person.betas for person in people], _given_sizes(scene.person_scale)
        factors = floor_factors(shapes, tracks, meshes, scene.T_scene_cam, how, is_given)
        people = _resized(people, factors, fitter, beta_regularizer)
    for k in np.flatnonzero(factors != 1):
        tracks[k] = replace(tracks[k], root=smooth_root(people[k].track, scene.T_scene_cam, how)[0])
    _body_fits(source, people, tracks, meshes, factors * scene.person_scale).save(out)
    kept.prune()


def _resized(
    people: list[PersonFit], factors: np.ndarray, fitter: BodyFitter, beta_regularizer: float
) -> list[PersonFit]:
    pairs = zip(people, factors.tolist(), strict=True)
    return [person.resized(fitter, factor, beta_regularizer) for person, factor in pairs]


def _smoothed(
    people: list[PersonFit], meshes: BodyMeshes, T_scene_cam: np.ndarray, how: Smoothing
) -> list[SmoothTrack]:
    """Everybody's smooth track; the rotations that are not smooth are taken from `people` one after another."""
    tracks = []
    for k, person in enumerate(people):
        tracks.append(smooth_track(person.track, meshes.joints_rest(person.betas), T_scene_cam, how))
        people[k] = replace(person, track=person.track.without_rotations())
    return tracks


def _given_sizes(person_scale: np.ndarray) -> np.ndarray:
    """(people,) bool: whose size the user told, as opposed to everybody's factor being the same."""
    return (person_scale != 1) & (len(set(person_scale.tolist())) > 1)


def _body_fits(
    source: Predictions, people: list[PersonFit], tracks: list[SmoothTrack], meshes: BodyMeshes, factors: np.ndarray
) -> BodyFits:
    """All tracks in one file's arrays; `tracks` is used up, since both at once would take much memory."""
    n, frames, joints = len(tracks), source.n_frames, meshes.model.num_joints
    betas = np.array([person.betas for person in people], np.float32).reshape(n, meshes.model.num_betas)
    fits = BodyFits(
        person_ids=source.person_ids,
        pose_rotvecs=np.zeros((n, frames, joints, 3), np.float32),
        betas=betas,
        trans=np.zeros((n, frames, 3), np.float32),
        joints=np.zeros((n, frames, joints, 3), np.float32),
        visible=np.zeros((n, frames), dtype=bool),
        filled=np.zeros((n, frames), dtype=bool),
        repaired=np.zeros((n, frames), dtype=bool),
        scale_correction=factors,
    )
    rest = meshes.joints_rest(fits.betas)
    while tracks:
        track, k = tracks.pop(), len(tracks)
        for start in range(0, frames, _CHUNK_FRAMES):
            part = slice(start, start + _CHUNK_FRAMES)
            fits.pose_rotvecs[k, part] = local_rotvecs(track.rotations[part])
            fits.joints[k, part] = joint_positions(track.rotations[part], track.root[part], rest[k])
        fits.trans[k] = np.where(track.visible[:, None], track.root - rest[k, 0], 0)
        fits.visible[k], fits.filled[k] = track.visible, track.visible & ~track.observed
        fits.repaired[k] = track.repaired
    return fits
