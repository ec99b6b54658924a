"""Fit one body per person to the predictions: shape, size, poses and path, smooth in the scene."""

from pathlib import Path

import numpy as np
from smplfitter.pt import BodyFitter

from nlf_pipeline.artefacts import BodyFits, SceneCameras, VideoFacts
from nlf_pipeline.body_models import BodyMeshes, load_body_model
from nlf_pipeline.errors import ArtefactError
from nlf_pipeline.fitting.contacts import find_stances
from nlf_pipeline.fitting.gravity import up_direction
from nlf_pipeline.fitting.ground_scale import person_scales
from nlf_pipeline.fitting.person_fits import PersonFit, fit_people
from nlf_pipeline.fitting.pose_fitting import one_torch_thread
from nlf_pipeline.fitting.soles import find_soles
from nlf_pipeline.fitting.track_smoothing import Smoothing, SmoothTrack, smooth_track
from nlf_pipeline.kinematics import joint_positions, local_rotvecs
from nlf_pipeline.predictions import Predictions


def fit(
    *,
    predictions: Path,
    cameras: Path,
    video_facts: Path,
    body: Path,
    out: Path,
    beta_regularizer: float = 0.05,
    smoothing_s: float = 0.18,
    max_gap_s: float = 0.5,
) -> None:
    """Fit one body to each person's predictions, and smooth its motion in the scene.

    Each person gets one shape. A person who looks larger in some frames than in others is brought
    to one size about the camera, which leaves the picture as it is; so are people whose feet do
    not stand on the floor that they share, unless their size was given. Smoothing never crosses a cut.

    Args:
        predictions: predictions.xz.
        cameras: cameras.npz.
        video_facts: video.json.
        body: folder with the body model.
        out: fits.npz to write.
        beta_regularizer: pull of the shape towards the average body; >= 0.
        smoothing_s: motion of this period keeps half its amplitude, slower motion keeps more; seconds, 0 for none.
        max_gap_s: longest gap in a track that is filled by interpolation, seconds; >= 0.
    """
    source, scene, facts = Predictions.open(predictions), SceneCameras.load(cameras), VideoFacts.load(video_facts)
    if not source.n_frames == facts.n_frames == len(scene.T_scene_cam):
        raise ArtefactError(
            f"{predictions} has {source.n_frames} frames, {cameras} has {len(scene.T_scene_cam)} and {video_facts} "
            f"has {facts.n_frames}: they should be of one video. Delete them and run again."
        )
    fitter = BodyFitter(load_body_model(body, subset=True))
    meshes = BodyMeshes(fitter.body_model)
    how = Smoothing(facts.fps, facts.shots(), smoothing_s, max_gap_s)
    with one_torch_thread():
        people = [
            person.resized(fitter, factor, beta_regularizer)
            for person, factor in zip(
                fit_people(source, fitter, beta_regularizer), scene.person_scale.tolist(), strict=True
            )
        ]
    tracks = [smooth_track(person.track, scene.T_scene_cam, how) for person in people]
    is_given = (scene.person_scale != 1) & (np.ptp(scene.person_scale) > 0) if people else np.zeros(0, dtype=bool)
    factors = _floor_factors(people, tracks, meshes, scene.T_scene_cam, how, is_given)
    for k in np.flatnonzero(factors != 1):
        with one_torch_thread():
            people[k] = people[k].resized(fitter, factors[k], beta_regularizer)
        tracks[k] = smooth_track(people[k].track, scene.T_scene_cam, how)
    betas = np.stack([person.betas for person in people]) if people else np.zeros((0, meshes.model.num_betas))
    _body_fits(source, betas, tracks, meshes, factors * scene.person_scale).save(out)


def _floor_factors(
    people: list[PersonFit],
    tracks: list[SmoothTrack],
    meshes: BodyMeshes,
    T_scene_cam: np.ndarray,
    how: Smoothing,
    is_given: np.ndarray,
) -> np.ndarray:
    """(people,) factors about the camera by which everybody comes to stand on one floor: that of the busiest shot.

    `is_given` (people,): whose size the user told; they keep it.
    """
    if len(people) < 2:
        return np.ones(len(people))
    shot = max(how.shots, key=lambda shot: sum(int(track.visible[shot].sum()) for track in tracks))
    T = T_scene_cam[shot]
    up = up_direction(np.concatenate([track.rotations[shot][track.visible[shot]] for track in tracks]), T)
    soles = []
    for person, track in zip(people, tracks, strict=True):
        feet = find_soles(meshes, person.betas)
        joints = joint_positions(track.rotations[shot], track.root[shot], feet.joints_rest)
        soles.append(feet.posed(track.rotations[shot], joints).astype(np.float32))
    visible = [track.visible[shot] for track in tracks]
    stances = find_stances(soles, visible, T[:, :3, 3], [slice(0, len(T))], up, how.fps)
    return person_scales(stances, len(people), up, T[:, :3, 0].mean(axis=0), is_given)


def _body_fits(
    source: Predictions, betas: np.ndarray, tracks: list[SmoothTrack], meshes: BodyMeshes, factors: np.ndarray
) -> BodyFits:
    n, frames, joints = len(tracks), source.n_frames, meshes.model.num_joints
    fits = BodyFits(
        person_ids=source.person_ids,
        pose_rotvecs=np.zeros((n, frames, joints, 3), np.float32),
        betas=betas.astype(np.float32),
        trans=np.zeros((n, frames, 3), np.float32),
        joints=np.zeros((n, frames, joints, 3), np.float32),
        visible=np.zeros((n, frames), dtype=bool),
        filled=np.zeros((n, frames), dtype=bool),
        repaired=np.zeros((n, frames), dtype=bool),
        scale_correction=factors,
    )
    rest = meshes.joints_rest(fits.betas)
    for k, track in enumerate(tracks):
        fits.pose_rotvecs[k] = local_rotvecs(track.rotations)
        fits.trans[k] = np.where(track.visible[:, None], track.root - rest[k, 0], 0)
        fits.joints[k] = joint_positions(track.rotations, track.root, rest[k])
        fits.visible[k], fits.filled[k] = track.visible, track.visible & ~track.observed
        fits.repaired[k] = track.repaired
    return fits
