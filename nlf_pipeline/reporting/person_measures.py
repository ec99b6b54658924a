"""Everything that is measured of one person, before it is judged."""

import math
from dataclasses import dataclass

import numpy as np

from nlf_pipeline.artefacts import Bodies, BodyFits, Floor, IdentityDoubt
from nlf_pipeline.body_kinds import body_joints
from nlf_pipeline.body_models import BodyMeshes
from nlf_pipeline.fitting.soles import find_soles
from nlf_pipeline.reporting.evidence import Agreement, limb_variation
from nlf_pipeline.reporting.motion_measures import (
    FootFigures,
    body_segments,
    find_jumps,
    foot_figures,
    jerk_series,
    longest_off_floor,
    overlapping,
)
from nlf_pipeline.reporting.presence import Presence, find_presence


@dataclass(frozen=True)
class ClipMotion:
    """What the result says about everybody, and what it was made of."""

    bodies: Bodies
    fits: BodyFits
    seen: np.ndarray
    """(people, frames) bool: there is a mask."""
    agreement: Agreement
    doubts: list[IdentityDoubt]
    floors: list[Floor]
    T_world_scene: list[np.ndarray]
    """(4, 4) of every shot."""
    shots: list[slice]
    names: list[str]
    """One per person."""


@dataclass(frozen=True)
class PersonMeasures:
    """Of one person. NaN in a (frames,) series: nothing to say."""

    row: int
    person_id: int
    name: str
    presence: Presence
    jerk: np.ndarray
    """(frames,) metres per second cubed."""
    jumps: np.ndarray
    """(frames,) bool."""
    feet: FootFigures
    """Heights are NaN where the floor is not known to be a plane."""
    off_floor_s: float
    off_floor: np.ndarray
    """(frames,) bool."""
    reprojection_px: np.ndarray
    """(frames,) where a body was measured."""
    reprojection_m: np.ndarray
    """(frames,) likewise."""
    limb_variation: float | None
    overlap: np.ndarray
    """(frames,) bool."""
    doubts: list[IdentityDoubt]
    mix_up_chance: float
    """That one of them is true."""
    mixed_up_with: list[str]
    """Names of the others in these doubts; empty if it may not be the same person before and after."""
    scale_correction: float
    height_m: float


def measure_people(clip: ClipMotion, meshes: BodyMeshes) -> list[PersonMeasures]:
    """Measure everybody, one after the other.

    Args:
        clip: the result.
        meshes: the body model.
    """
    overlap = overlapping(clip.bodies.joints, clip.bodies.visible)
    return [_measure(clip, meshes, row, overlap[row]) for row in range(len(clip.names))]


def _measure(clip: ClipMotion, meshes: BodyMeshes, row: int, overlap: np.ndarray) -> PersonMeasures:
    bodies = clip.bodies
    person_id = int(bodies.person_ids[row])
    presence = find_presence(
        bodies.visible[row], bodies.filled[row], clip.fits.repaired[row], clip.seen[row], clip.shots
    )
    segments = body_segments(bodies.visible[row], clip.shots)
    feet = _feet(clip, meshes, row, segments)
    doubts = [doubt for doubt in clip.doubts if person_id in doubt.person_ids]
    off_floor_s, off_floor = longest_off_floor(feet.height, segments, bodies.fps)
    agrees = presence.measured & ~presence.repaired
    return PersonMeasures(
        row=row,
        person_id=person_id,
        name=clip.names[row],
        presence=presence,
        jerk=jerk_series(bodies.joints[row, :, : body_joints(bodies.joints.shape[2])], segments, bodies.fps),
        jumps=find_jumps(bodies.joints[row], segments, bodies.fps),
        feet=feet,
        off_floor_s=off_floor_s,
        off_floor=off_floor,
        reprojection_px=np.where(agrees, clip.agreement.reprojection_px[row], np.nan),
        reprojection_m=np.where(agrees, clip.agreement.reprojection_m[row], np.nan),
        limb_variation=limb_variation(clip.agreement.limb_lengths[row]),
        overlap=overlap,
        doubts=doubts,
        mix_up_chance=1 - math.prod((1 + doubt.margin) / 2 for doubt in doubts),
        mixed_up_with=_others(clip, person_id, doubts),
        scale_correction=float(clip.fits.scale_correction[row]),
        height_m=_height(meshes, bodies.betas[row]),
    )


def _others(clip: ClipMotion, person_id: int, doubts: list[IdentityDoubt]) -> list[str]:
    """Names of those who are in doubts together with a person."""
    ids = {other for doubt in doubts for other in doubt.person_ids} - {person_id}
    return [name for name, other in zip(clip.names, clip.bodies.person_ids.tolist(), strict=True) if other in ids]


def _feet(clip: ClipMotion, meshes: BodyMeshes, row: int, segments: list[slice]) -> FootFigures:
    bodies = clip.bodies
    soles = find_soles(meshes, bodies.betas[row])
    up, is_plane = np.zeros((len(bodies.joints[row]), 3)), np.zeros(len(bodies.joints[row]), dtype=bool)
    for shot, floor, T_world_scene in zip(clip.shots, clip.floors, clip.T_world_scene, strict=True):
        normal = np.array(floor.normal) if floor.kind == "slope" else floor.world_up
        up[shot] = T_world_scene[:3, :3] @ normal
        is_plane[shot] = floor.source == "feet" and floor.kind != "uneven"
    feet = foot_figures(
        bodies.pose_rotvecs[row], bodies.joints[row], bodies.foot_contacts[row], soles, segments, up, bodies.fps
    )
    height = np.where(is_plane, feet.height, np.nan)
    return FootFigures(feet.slide, feet.contact & bodies.visible[row], height, feet.skating & is_plane)


def _height(meshes: BodyMeshes, betas: np.ndarray) -> float:
    """Standing height of a body, metres: the extent of its vertices in the rest pose, whose legs are straight."""
    pose = np.zeros((1, meshes.model.num_joints, 3))
    vertices, _ = meshes.forward(pose, betas, np.zeros((1, 3)))
    return float(np.ptp(vertices[0, :, 1]))
