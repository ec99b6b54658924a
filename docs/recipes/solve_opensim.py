"""Scale OpenSim's full-body model to a person and find the joint angles.

Usage: solve_opensim.py MODEL.osim PERSON.trc FOLDER. Writes into FOLDER: scaled.osim, person.osim (with its markers
moved to where they are on this person), and angles_FRAME.mot for every stretch of frames in which the person is
visible, named by its first frame.
"""

import sys
from pathlib import Path

import numpy as np
import opensim

CENTRES = {"hip": "femur", "knee": "tibia", "ankle": "talus", "shoulder": "humerus", "elbow": "ulna", "wrist": "hand"}
"""Joints of the TRC file, and the bodies of the model that begin there."""
THIGH, SHANK, FOOT = ("hip", "knee"), ("knee", "ankle"), ("CAL", "TOE")
UPPER_ARM, FOREARM = ("shoulder", "elbow"), ("elbow", "wrist")
LENGTHS = {
    **{"femur": THIGH, "patella": THIGH, "tibia": SHANK, "talus": FOOT, "calcn": FOOT, "toes": FOOT},
    **{"humerus": UPPER_ARM, "ulna": FOREARM, "radius": FOREARM, "hand": FOREARM},
}
"""Between which two markers a body is measured."""


def main(model_file: str, trc_file: str, folder: str) -> None:
    """Scale, place the markers, solve."""
    trc, out = Path(trc_file).resolve(), Path(folder).resolve()
    out.mkdir(parents=True, exist_ok=True)
    stretches = visible_stretches(trc)
    if not stretches:
        sys.exit(f"{trc}: the person is never visible for two frames in a row.")
    longest = max(stretches, key=len)
    model = opensim.Model(model_file)
    prepare(model)
    scale(model, trc, longest, out)
    place_markers(model, trc, longest, out)
    for times in stretches:
        solve(trc, times, out)


def visible_stretches(trc: Path) -> list[np.ndarray]:
    """Times of all frames of every stretch in which there are markers; OpenSim stops where there are none."""
    table = opensim.TimeSeriesTableVec3(str(trc))
    times = np.array(table.getIndependentColumn())
    known = np.isfinite([table.getRowAtIndex(row)[0][0] for row in range(table.getNumRows())])
    frames = np.flatnonzero(known)
    stretches = np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)
    return [times[stretch] for stretch in stretches if len(stretch) > 1]


def prepare(model: opensim.Model) -> None:
    """Let the model go and turn anywhere, and give it markers at its joints."""
    for coordinate in ("rotation", "tx", "tz"):
        model.updCoordinateSet().get(f"pelvis_{coordinate}").setDefaultClamped(False)
    for side in ("left", "right"):
        for joint, body in CENTRES.items():
            frame = model.getBodySet().get(f"{body}_{side[0]}")
            model.addMarker(opensim.Marker(f"{side}_{joint}", frame, opensim.Vec3(0)))


def scale(model: opensim.Model, trc: Path, times: np.ndarray, out: Path) -> None:
    """Bring every body of the model to its length on this person."""
    measurements = opensim.MeasurementSet()
    for side in ("left", "right"):
        for body, (one, other) in LENGTHS.items():
            pair = [f"{side[0].upper()}{name}" if name.isupper() else f"{side}_{name}" for name in (one, other)]
            measurements.cloneAndAppend(measurement(f"{body}_{side[0]}", [pair]))
    measurements.cloneAndAppend(measurement("pelvis", [["LASI", "RASI"]]))
    measurements.cloneAndAppend(measurement("torso", [["LPSI", "C7"], ["RPSI", "C7"]]))
    scaler = opensim.ModelScaler()
    scaler.setApply(True)
    scaler.setScalingOrder(opensim.ArrayStr("measurements", 1))
    scaler.setMeasurementSet(measurements)
    scaler.setMarkerFileName(str(trc))
    scaler.setTimeRange(span(times[0], times[-1]))
    scaler.setPreserveMassDist(True)
    scaler.setOutputModelFileName(str(out / "scaled.osim"))
    mass = model.getTotalMass(model.initSystem())
    if not scaler.processModel(model, "", mass):
        sys.exit("The model could not be scaled.")


def measurement(body: str, pairs: list[list[str]]) -> opensim.Measurement:
    """Scale a body alike along all axes by distances between markers."""
    result = opensim.Measurement()
    result.setName(body)
    result.setApply(True)
    for pair in pairs:
        result.getMarkerPairSet().cloneAndAppend(opensim.MarkerPair(*pair))
    axes = opensim.ArrayStr()
    for axis in "XYZ":
        axes.append(axis)
    of_body = opensim.BodyScale()
    of_body.setName(body)
    of_body.setAxisNames(axes)
    result.getBodyScaleSet().cloneAndAppend(of_body)
    return result


def place_markers(model: opensim.Model, trc: Path, times: np.ndarray, out: Path) -> None:
    """Move the model's markers to where they are on this person in the first two frames."""
    placer = opensim.MarkerPlacer()
    placer.setApply(True)
    placer.setMarkerFileName(str(trc))
    placer.setTimeRange(span(times[0], times[1]))
    placer.setMoveModelMarkers(True)
    placer.setOutputModelFileName(str(out / "person.osim"))
    add_tasks(placer.getIKTaskSet(), model)
    if not placer.processModel(model, ""):
        sys.exit("The markers could not be placed.")


def solve(trc: Path, times: np.ndarray, out: Path) -> None:
    """Inverse kinematics of one stretch."""
    model = opensim.Model(str(out / "person.osim"))
    rate = (len(times) - 1) / (times[-1] - times[0])
    tool = opensim.InverseKinematicsTool()
    tool.setModel(model)
    tool.setMarkerDataFileName(str(trc))
    tool.setStartTime(times[0])
    tool.setEndTime(times[-1])
    tool.setResultsDir(str(out))
    tool.setOutputMotionFileName(str(out / f"angles_{round(times[0] * rate) + 1}.mot"))
    add_tasks(tool.upd_IKTaskSet(), model)
    tool.run()


def span(start: float, end: float) -> opensim.ArrayDouble:
    """A range of times as OpenSim takes it."""
    values = opensim.ArrayDouble(float(start), 2)
    values.set(1, float(end))
    return values


def add_tasks(tasks: opensim.IKTaskSet, model: opensim.Model) -> None:
    """Follow every marker of the model; OpenSim leaves out those that the TRC file does not have."""
    for marker in range(model.getMarkerSet().getSize()):
        task = opensim.IKMarkerTask()
        task.setName(model.getMarkerSet().get(marker).getName())
        task.setApply(True)
        task.setWeight(1.0)
        tasks.cloneAndAppend(task)


if __name__ == "__main__":
    main(*sys.argv[1:])
