"""TRC: labelled points over time, OpenSim's input of markers.

One file per person; metres, y up; frames count from 1, time from 0. A frame in which the person is not visible has
empty cells.
"""

from pathlib import Path

import numpy as np

from nlf_pipeline.exporters.markers import Markers, person_markers
from nlf_pipeline.exporters.motion import Motion
from nlf_pipeline.exporters.tables import text_rows

_DECIMALS = 6


def write(motion: Motion, folder: Path) -> None:
    """Write `folder`/{file_stem}.trc for everybody; see `Exporter`."""
    for person in motion.people:
        markers = person_markers(person, motion.skin, motion.joint_names)
        name = f"{person.file_stem}.trc"
        rows = text_rows(markers.positions.reshape(motion.n_frames, -1), _DECIMALS, "\t")
        with (folder / name).open("w", encoding="ascii", newline="\n") as file:
            file.write(_header(name, markers, motion.fps))
            # OpenSim leaves out what is behind the last tab if it is empty, and then misses a column.
            file.writelines(f"{i + 1}\t{i / motion.fps:.{_DECIMALS}f}\t{row}\t\n" for i, row in enumerate(rows))


def _header(name: str, markers: Markers, fps: float) -> str:
    """Five lines and an empty one: what the file is, two with its facts, two with the labels."""
    n_frames, n_markers, _ = markers.positions.shape
    rate = f"{fps:.10g}"
    facts = {
        "DataRate": rate,
        "CameraRate": rate,
        "NumFrames": n_frames,
        "NumMarkers": n_markers,
        "Units": "m",
        "OrigDataRate": rate,
        "OrigDataStartFrame": 1,
        "OrigNumFrames": n_frames,
    }
    labels = "".join(f"{label}\t\t\t" for label in markers.labels)
    axes = "\t".join(f"{axis}{number}" for number in np.arange(1, n_markers + 1) for axis in "XYZ")
    lines = (
        f"PathFileType\t4\t(X/Y/Z)\t{name}",
        "\t".join(facts),
        "\t".join(map(str, facts.values())),
        f"Frame#\tTime\t{labels.rstrip()}",
        f"\t\t{axes}",
        "",
    )
    return "".join(f"{line}\n" for line in lines)
