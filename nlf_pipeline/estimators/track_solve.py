"""Bodies that explain whole tracks of landmarks: joint rotations and translations of all instants at once.

Starting from closed-form inverse kinematics and feet at rest, Adam (Kingma & Ba 2015) descends one energy for all
tracks together, since the cost of an iteration is mostly overhead: landmarks in the image (strong), landmarks in
space (weak, as depth from one picture is), a pose prior, hinge limits, accelerations.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from nlf_pipeline.body_models import joint_index
from nlf_pipeline.estimators.inverse_kinematics import landmark_rotations
from nlf_pipeline.estimators.landmark_body import LandmarkBody, exp_map, pose_body, rotation_axis_parts
from nlf_pipeline.estimators.landmark_tracks import LandmarkTrack
from nlf_pipeline.estimators.placement import place, steady_depth
from nlf_pipeline.estimators.pose_prior import PosePrior
from nlf_pipeline.landmarks import BLAZEPOSE_LANDMARK_NAMES, landmark_index

_SIGMAS = {
    "shoulder": 0.07, "elbow": 0.1, "wrist": 0.16, "pinky": 0.2, "index": 0.2, "thumb": 0.2, "hip": 0.03, "knee": 0.06,
    "ankle": 0.1, "heel": 0.12, "foot_index": 0.14,
}  # fmt: skip
_FACE_SIGMA = 0.1
_WEIGHTS = {"pinky": 0.4, "index": 0.4, "thumb": 0.4}
_FACE_WEIGHT = 0.5
_LEAST_VISIBILITY = 0.02
_HIPS = [landmark_index("left_hip"), landmark_index("right_hip")]
_HINGES = [joint_index(name) for name in ("left_elbow", "right_elbow", "left_knee", "right_knee")]
_FEET = [joint_index(f"{side}_{part}") for side in ("left", "right") for part in ("ankle", "foot")]
_HINGE_AXES = [1, 1, 0, 0]
_HINGE_SIGNS = (-1.0, 1.0, 1.0, 1.0)
_HINGE_SLACK = 0.02
_HINGE_SIGMA = 0.05
_MIN_DEPTH = 0.3
_PLACING_SIGMA = 0.1


@dataclass(frozen=True)
class SolveSettings:
    """What the energy trusts, and how long it is descended."""

    iterations: int = 150
    learning_rate: float = 0.1
    """Largest step of a rotation, radians."""
    image_sigma: float = 0.02
    """Of a landmark across the viewing ray at the person's depth, metres."""
    depth_factor: float = 2.2
    """How much worse than across the ray landmarks in space are along it."""
    hidden_factor: float = 2.0
    """How much that grows for hidden landmarks: by 1 + hidden_factor (1 - visibility)."""
    outlier: float = 1.0
    """Residuals beyond so many standard deviations count linearly."""
    prior: float = 10.0
    """Weight of the pose prior; above 1 because a track's landmarks err together."""
    shape: float = 2.0
    """Weight of the squared betas: nearly the mean body, since landmarks hardly show shape and never size."""
    acceleration_sigma: float = 25.0
    """Usual acceleration of a body part, metres per second squared."""
    part_acceleration: float = 0.3
    """Weight of accelerations relative to the root."""
    root_acceleration: float = 6.0
    """Weight of accelerations of the root."""
    depth_acceleration: float = 60.0
    """Further weight of its accelerations along the optical axis, where it is seen worst."""


@dataclass(frozen=True)
class SolvedTrack:
    """One person's body at evenly spaced instants, in the camera frame."""

    R: np.ndarray
    """(instants, 24, 3, 3) parent-relative rotations."""
    root: np.ndarray
    """(instants, 3) root joint, metres."""
    betas: np.ndarray
    """(instants, betas)."""


@dataclass(frozen=True)
class _Evidence:
    """All tracks laid end to end, as tensors."""

    relative: torch.Tensor
    """(n, 33, 3) about the mid hips."""
    image: torch.Tensor
    """(n, 33, 2)."""
    weights: torch.Tensor
    """(n, 33)."""
    inverse_sigmas: torch.Tensor
    """(n, 33, 3) per metre, camera axes."""
    owner: torch.Tensor
    """(n,) index of the track."""
    per_acceleration: torch.Tensor
    """(n - 2, 1, 1) second differences to accelerations in units of their sigma; 0 across tracks."""


def solve_tracks(
    tracks: Sequence[LandmarkTrack], body: LandmarkBody, prior: PosePrior, settings: SolveSettings | None = None
) -> list[SolvedTrack]:
    """Pose and place a body by landmarks, for several tracks at once.

    Args:
        tracks: each with its own shape; memory grows with their total length.
        body: the body to pose.
        prior: of its joint rotations.
        settings: weights of the energy.

    Returns:
        One solution per track.
    """
    if not tracks:
        return []
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the tensors are so small that threads cost more than they bring
    try:
        R, root, betas = _descend(tracks, body, prior, settings or SolveSettings())
    finally:
        torch.set_num_threads(n_threads)
    ends = np.cumsum([len(track.relative) for track in tracks])[:-1]
    parts = zip(np.split(R, ends), np.split(root, ends), np.split(betas, ends), strict=True)
    return [SolvedTrack(*part) for part in parts]


def _descend(
    tracks: Sequence[LandmarkTrack], body: LandmarkBody, prior: PosePrior, settings: SolveSettings
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Minimise the energy: rotations (n, 24, 3, 3), root (n, 3) and betas (n, betas) of all instants."""
    evidence = _gather(tracks, settings)
    R_mean, spread = _float(prior.R_mean), _float(prior.spread)
    n_betas = body.joint_directions.shape[-1]
    joints, landmarks = body.at_rest(torch.zeros(1, n_betas))
    R_start = _float(landmark_rotations(evidence.relative.double().numpy(), landmarks[0].double().numpy()))
    # A foot's landmarks hardly show its depth. One that starts turned the wrong way never turns back.
    R_start[:, _FEET] = R_mean[_FEET]
    posed = pose_body(R_start, joints, landmarks)[1]
    turn = torch.zeros(*R_start.shape[:2], 3, requires_grad=True)
    ray = _to_ray(_float(_first_place(posed.double().numpy(), tracks, evidence))).requires_grad_(True)
    betas = torch.zeros(len(tracks), n_betas, requires_grad=True)
    rates = [settings.learning_rate * factor for factor in (1.0, 0.1, 2.0)]
    optimiser = torch.optim.Adam(
        [{"params": [values], "lr": rate} for values, rate in zip((turn, ray, betas), rates, strict=True)]
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=rates, total_steps=settings.iterations, pct_start=0.15
    )
    for _ in range(settings.iterations):
        optimiser.zero_grad()
        R = R_start @ exp_map(turn)
        joints, landmarks = (rest[evidence.owner] for rest in body.at_rest(betas))
        joints, landmarks = pose_body(R, joints, landmarks)
        root = _from_ray(ray)
        energy = (
            _landmark_energy(landmarks, root, evidence, settings)
            + settings.prior * _prior_energy(R, R_mean, spread)
            + _hinge_energy(R)
            + _motion_energy(torch.cat([joints, landmarks], dim=1), root, evidence, settings)
            + settings.shape * betas[evidence.owner].square().sum()
        )
        (energy / len(R)).backward()
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        R = R_start @ exp_map(turn)
    return R.numpy(), _from_ray(ray.detach()).numpy(), betas.detach()[evidence.owner].numpy()


def _first_place(posed: np.ndarray, tracks: Sequence[LandmarkTrack], evidence: _Evidence) -> np.ndarray:
    """(n, 3) roots from which to start: where the landmarks are seen, at depths that change smoothly."""
    weights = evidence.weights.double().numpy()
    root = place(posed, evidence.image.double().numpy(), weights, _PLACING_SIGMA)
    ends = np.cumsum([len(track.relative) for track in tracks])[:-1]
    parts = zip(np.split(root, ends), np.split(weights.mean(axis=1), ends), tracks, strict=True)
    return np.concatenate([steady_depth(part, confidence, track.hz) for part, confidence, track in parts])


def _to_ray(position: torch.Tensor) -> torch.Tensor:
    """(n, 3) x / z, y / z and log z: depth can then change without moving what is seen, which Adam needs."""
    z = position[:, 2:].clamp_min(_MIN_DEPTH)
    return torch.cat([position[:, :2] / z, z.log()], dim=1)


def _from_ray(ray: torch.Tensor) -> torch.Tensor:
    """Inverse of `_to_ray`."""
    return torch.cat([ray[:, :2], torch.ones_like(ray[:, 2:])], dim=1) * ray[:, 2:].exp()


def _gather(tracks: Sequence[LandmarkTrack], settings: SolveSettings) -> _Evidence:
    relative = np.concatenate([track.relative for track in tracks])
    visibility = np.concatenate([track.visibility for track in tracks]).clip(_LEAST_VISIBILITY, 1)
    parts = [name.partition("_")[2] for name in BLAZEPOSE_LANDMARK_NAMES]
    sigmas = np.array([_SIGMAS.get(part, _FACE_SIGMA) for part in parts])
    weights = np.array([_WEIGHTS.get(part, 1.0 if part in _SIGMAS else _FACE_WEIGHT) for part in parts])
    depth = settings.depth_factor * (1 + settings.hidden_factor * (1 - visibility))
    across = np.ones_like(depth)
    lengths = [len(track.relative) for track in tracks]
    owner = np.repeat(np.arange(len(tracks)), lengths)
    hz = np.repeat([track.hz for track in tracks], lengths)
    together = owner[2:] == owner[:-2]
    per_acceleration = together * hz[1:-1] ** 2 / settings.acceleration_sigma
    return _Evidence(
        relative=_float(relative - relative[:, _HIPS].mean(axis=1, keepdims=True)),
        image=_float(np.concatenate([track.image for track in tracks])),
        weights=_float(weights * visibility),
        inverse_sigmas=_float(1 / (np.stack([across, across, depth], axis=-1) * sigmas[:, None])),
        owner=torch.as_tensor(owner),
        per_acceleration=_float(per_acceleration[:, None, None]),
    )


def _landmark_energy(
    landmarks: torch.Tensor, root: torch.Tensor, evidence: _Evidence, settings: SolveSettings
) -> torch.Tensor:
    """Landmarks in space about the mid hips, and in the image; both robust."""
    centred = landmarks - landmarks[:, _HIPS].mean(dim=1, keepdim=True)
    in_space = ((centred - evidence.relative) * evidence.inverse_sigmas).square().sum(-1)
    in_camera = landmarks + root[:, None]
    seen = in_camera[..., :2] / in_camera[..., 2:].clamp_min(_MIN_DEPTH)
    per_unit = root[:, None, 2:].detach() / settings.image_sigma
    in_image = ((seen - evidence.image) * per_unit).square().sum(-1)
    return (evidence.weights * (_robust(in_space, settings.outlier) + _robust(in_image, settings.outlier))).sum()


def _robust(squared: torch.Tensor, scale: float) -> torch.Tensor:
    """Charbonnier's function: quadratic near zero, linear beyond `scale`."""
    return 2 * scale**2 * (torch.sqrt(1 + squared / scale**2) - 1)


def _prior_energy(R: torch.Tensor, R_mean: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
    """Gaussian about the mean pose; the trace keeps it growing past a quarter turn, where the sine falls."""
    away = R_mean[1:].transpose(-1, -2) @ R[:, 1:]
    traces = 3 - away.diagonal(dim1=-2, dim2=-1).sum(-1)
    return (rotation_axis_parts(away) / spread[1:]).square().sum() + 0.5 * traces.square().sum()


def _hinge_energy(R: torch.Tensor) -> torch.Tensor:
    """Elbows and knees do not bend backwards."""
    bends = rotation_axis_parts(R[:, _HINGES])[:, range(len(_HINGES)), _HINGE_AXES] * torch.tensor(_HINGE_SIGNS)
    return (torch.relu(-bends - _HINGE_SLACK) / _HINGE_SIGMA).square().sum()


def _motion_energy(
    points: torch.Tensor, root: torch.Tensor, evidence: _Evidence, settings: SolveSettings
) -> torch.Tensor:
    """Accelerations of the root, and of joints and landmarks relative to it."""

    def accelerations(x: torch.Tensor) -> torch.Tensor:
        return (x[2:] - 2 * x[1:-1] + x[:-2]) * evidence.per_acceleration

    of_parts, of_root = accelerations(points).square(), accelerations(root[:, None]).square()
    return (
        settings.part_acceleration * of_parts.sum()
        + settings.root_acceleration * of_root.sum()
        + settings.depth_acceleration * of_root[..., 2].sum()
    )


def _float(values: np.ndarray) -> torch.Tensor:
    return torch.as_tensor(np.ascontiguousarray(values), dtype=torch.float32)
