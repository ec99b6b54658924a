"""One window of tracks to one motion: the simplest that explains it, checked, with a fall back to a simpler one."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nlf_pipeline.artefacts import Gate
from nlf_pipeline.cameras.tracks.keyframes import choose_keyframes
from nlf_pipeline.cameras.tracks.point_tracks import PointTracks
from nlf_pipeline.cameras.travelling.general_gates import gate_general
from nlf_pipeline.cameras.travelling.general_solver import NoModel, solve_general
from nlf_pipeline.cameras.turning.motion_evidence import (
    STILL_PX,
    MotionEvidence,
    classify_motion,
    measure_displacement,
    measure_motion,
)
from nlf_pipeline.cameras.turning.rotation_gates import gate_rotation
from nlf_pipeline.cameras.turning.rotation_solver import TooFewPointsError, solve_rotation
from nlf_pipeline.cameras.windows.window_motion import Lens, WindowMotion

FEWEST_FRAMES = 12
"""Shorter shots have too little parallax to tell a path."""
_FEWEST_POINTS = 12
_LEAST_COVERAGE = 0.5


@dataclass(frozen=True)
class SolvedWindow:
    """A motion, and what speaks for and against it."""

    motion: WindowMotion
    displacement_px: float
    """Of the background, at a longer side of 640 pixels."""
    evidence: MotionEvidence | None
    """None where no turning camera could be fitted."""
    gates: list[Gate]
    notes: list[str]


def solve_window(
    tracks: PointTracks, lens: Lens, seed: int, pictures: Mapping[int, np.ndarray] | None = None
) -> SolvedWindow:
    """Find out how the camera moves in a window.

    Static, turning (and zooming) and travelling cameras are told apart by what turning alone leaves
    unexplained. A travelling camera's solution has to pass its gates, else it is taken to turn; where not
    even that can be solved, to stand.

    Args:
        tracks: points of the background, overlays removed.
        lens: what is known about the lens.
        seed: of random choices.
        pictures: grey keyframes for `solve_rotation`, to recognise places seen before.
    """
    displacement_px = measure_displacement(tracks)
    if np.median([len(ids) for ids in tracks.ids]) < _FEWEST_POINTS:
        note = "too little of the background can be followed to see how the camera moves; it is taken to stand still"
        return SolvedWindow(_standing(tracks, lens), displacement_px, None, [], [note])
    if displacement_px < STILL_PX:
        return SolvedWindow(_standing(tracks, lens), displacement_px, None, [], [])
    turning, evidence = _turning(tracks, lens, seed, pictures)
    gates: list[Gate] = []
    notes: list[str] = []
    if evidence is None or classify_motion(evidence) == "general":
        travelling, gates, notes = _travelling(tracks, lens, seed)
        if travelling is not None:
            return SolvedWindow(travelling, displacement_px, evidence, gates, notes)
        if turning is not None:  # parallax would pass for another focal length
            turning = _turn_through_known_lens(tracks, lens, seed)
    if turning is not None:
        checks = gate_rotation(tracks, turning)
        gates = [*gates, *checks]
        if failed := describe_failures(checks):
            notes.append(f"how the camera turns is uncertain ({failed})")
            turning = _turn_through_known_lens(tracks, lens, seed)
    if turning is None:
        notes.append("how the camera turns could not be found; it is taken to stand still")
        turning = _standing(tracks, lens)
    return SolvedWindow(turning, displacement_px, evidence, gates, notes)


def describe_failures(gates: list[Gate]) -> str:
    """The gates that were not passed, with what was found and allowed; empty if all were."""
    return ", ".join(
        f"{gate.name}: {'not measurable' if gate.value is None else format(gate.value, '.3g')}, limit {gate.limit:.3g}"
        for gate in gates
        if not gate.passed
    )


def _turn_through_known_lens(tracks: PointTracks, lens: Lens, seed: int) -> WindowMotion | None:
    """The turn if the lens is as guessed, since doubtful pictures do not tell it; None if too few frames show it."""
    turning = solve_rotation(tracks, dataclasses.replace(lens, is_known=True), seed)
    turning = dataclasses.replace(turning, is_focal_observable=False)
    return turning if turning.tracked.mean() >= _LEAST_COVERAGE else None


def _turning(
    tracks: PointTracks, lens: Lens, seed: int, pictures: Mapping[int, np.ndarray] | None
) -> tuple[WindowMotion | None, MotionEvidence | None]:
    try:
        turning = solve_rotation(tracks, lens, seed, pictures)
    except TooFewPointsError:
        return None, None
    return turning, measure_motion(tracks, turning, seed)


def _travelling(tracks: PointTracks, lens: Lens, seed: int) -> tuple[WindowMotion | None, list[Gate], list[str]]:
    """The path, None where it cannot be trusted; its gates; and what to tell the user."""
    problem = ""
    gates: list[Gate] = []
    if tracks.n_frames < FEWEST_FRAMES:
        problem = f"{tracks.n_frames} frames are too few"
    else:
        keyframes = choose_keyframes(tracks)
        try:
            motion = solve_general(tracks, lens, keyframes, seed)
            gates = gate_general(tracks, keyframes, motion, seed)
            problem = describe_failures(gates)
            if not problem:
                return motion, gates, []
        except NoModel as error:
            problem = str(error)
    return None, gates, [f"the camera travels, but its path could not be found ({problem}); it is taken to turn only"]


def _standing(tracks: PointTracks, lens: Lens) -> WindowMotion:
    n = tracks.n_frames
    return WindowMotion(
        motion_class="static",
        T_window_cam=np.tile(np.eye(4), (n, 1, 1)),
        focal_px=np.full(n, lens.focal_px),
        k1=lens.k1,
        is_focal_observable=False,
        tracked=np.array([len(ids) >= _FEWEST_POINTS for ids in tracks.ids]),
        residual_px=np.zeros(n),
        point_ids=np.zeros(0, dtype=int),
        points=np.zeros((0, 3)),
    )
