"""C3D: labelled points over time with the feet's events, for gait tools.

One file per person; millimetres, which is what gait tools expect, y up, frames count from 1. Where the person is not
visible, points have the residual -1, the format's way to say that there is none. Format: c3d.org's user guide.
"""

import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nlf_pipeline.exporters.markers import Markers, person_markers
from nlf_pipeline.exporters.motion import Motion, MovingPerson

_MM_PER_M = 1000.0
_MOST_EVENTS = 255
"""What fits: the format counts a parameter's values with one byte."""
_MOST_LETTERS = 127
"""Of a name, which every event repeats: a parameter's texts have lengths of one byte, and 32 kB together."""
_SECONDS_PER_MINUTE = 60
_STRIKE_ICON, _OFF_ICON = 1, 2
_SOFTWARE = "nlf_pipeline"


@dataclass(frozen=True)
class FootEvents:
    """When feet meet and leave the floor, in order."""

    times: np.ndarray
    """(events,) seconds; 0 is the first frame."""
    is_strike: np.ndarray
    """(events,) bool."""
    is_left: np.ndarray
    """(events,) bool."""


def write(motion: Motion, folder: Path) -> None:
    """Write `folder`/{file_stem}.c3d for everybody; see `Exporter`."""
    import ezc3d

    for person in motion.people:
        markers = person_markers(person, motion.skin, motion.joint_names)
        name = ascii_name(person)
        file = ezc3d.c3d()
        _add_points(file, markers, motion.fps)
        _add_trial(file, motion.n_frames, name)
        _add_events(file, foot_events(person, motion.fps), name)
        file.write(str(folder / f"{person.file_stem}.c3d"))


def ascii_name(person: MovingPerson) -> str:
    """The start of the person's name without accents; the file's name where letters of other scripts leave nothing."""
    letters = unicodedata.normalize("NFKD", person.name).encode("ascii", "ignore").decode()
    return " ".join(letters.split())[:_MOST_LETTERS].rstrip() or person.file_stem


def foot_events(person: MovingPerson, fps: float) -> FootEvents:
    """When a foot is first planted, and when it first no longer is, between frames in which the person is visible."""
    seen_twice = person.visible[1:] & person.visible[:-1]
    change = np.diff(person.foot_contacts.astype(np.int8), axis=0) * seen_twice[:, None]
    frames, feet = np.nonzero(change)
    return FootEvents(times=(frames + 1) / fps, is_strike=change[frames, feet] > 0, is_left=feet == 0)


def _add_points(file: Any, markers: Markers, fps: float) -> None:
    point = file["parameters"]["POINT"]
    point["RATE"]["value"] = np.array([fps])
    point["UNITS"]["value"] = ["mm"]
    point["LABELS"]["value"] = list(markers.labels)
    point["DESCRIPTIONS"]["value"] = list(markers.descriptions)
    # What lies on the screen's right and upwards: so readers learn that y is up.
    file.add_parameter("POINT", "X_SCREEN", ["+X"])
    file.add_parameter("POINT", "Y_SCREEN", ["+Y"])
    positions = markers.positions.transpose(2, 1, 0) * _MM_PER_M
    known = np.isfinite(positions).all(axis=0, keepdims=True)
    file["data"]["points"] = np.concatenate([np.where(known, positions, 0.0), np.ones_like(positions[:1])])
    file["data"]["meta_points"]["residuals"] = np.where(known, 0.0, -1.0)


def _add_trial(file: Any, n_frames: int, name: str) -> None:
    file.add_parameter("SUBJECTS", "USED", 1)
    file.add_parameter("SUBJECTS", "NAMES", [name])
    file.add_parameter("MANUFACTURER", "SOFTWARE", [_SOFTWARE])
    file.add_parameter("TRIAL", "CAMERA_RATE", file["parameters"]["POINT"]["RATE"]["value"])
    _add_integers(file, "TRIAL", "ACTUAL_START_FIELD", [1, 0])
    _add_integers(file, "TRIAL", "ACTUAL_END_FIELD", [n_frames % 2**16, n_frames // 2**16])


def _add_events(file: Any, events: FootEvents, name: str) -> None:
    n_events = min(len(events.times), _MOST_EVENTS)
    file.add_parameter("EVENT", "USED", n_events)
    if not n_events:
        return
    times, strikes, lefts = events.times[:n_events], events.is_strike[:n_events], events.is_left[:n_events]
    file.add_parameter("EVENT", "CONTEXTS", ["Left" if left else "Right" for left in lefts])
    file.add_parameter("EVENT", "LABELS", ["Foot Strike" if strike else "Foot Off" for strike in strikes])
    file.add_parameter("EVENT", "DESCRIPTIONS", ["foot planted" if strike else "foot lifted" for strike in strikes])
    file.add_parameter("EVENT", "SUBJECTS", [name] * n_events)
    minutes = times // _SECONDS_PER_MINUTE
    file.add_parameter("EVENT", "TIMES", np.stack([minutes, times - minutes * _SECONDS_PER_MINUTE]))
    _add_integers(file, "EVENT", "ICON_IDS", [_STRIKE_ICON if strike else _OFF_ICON for strike in strikes])
    _add_integers(file, "EVENT", "GENERIC_FLAGS", [0] * n_events)


def _add_integers(file: Any, group: str, name: str, values: list[int]) -> None:
    """The library makes floating-point numbers of lists, unless told that they are of the type of POINT:USED."""
    file.add_parameter(group, name, values)
    file["parameters"][group][name] |= {"type": file["parameters"]["POINT"]["USED"]["type"], "value": np.array(values)}
