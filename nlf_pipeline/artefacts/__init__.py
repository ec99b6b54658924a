"""One frozen dataclass per file that passes between stages, each with `save` and `load`.

Array artefacts are npz files without pickles: field name = key, plus `format_version`. The
others are JSON. Person k is row k in every artefact and in every frame of a video. Where
`visible` is false the values are undefined, but finite. docs/conventions.md has frames and axes.
"""

from nlf_pipeline.artefacts.bodies import Bodies, BodyFits, Floor, FloorKind, Ground
from nlf_pipeline.artefacts.camera import (
    CameraPath,
    CameraReport,
    Cameras,
    CameraWindow,
    FocalSource,
    Gate,
    Intrinsics,
    MotionClass,
    SceneCameras,
)
from nlf_pipeline.artefacts.clip import VideoFacts
from nlf_pipeline.artefacts.people import DoubtReason, IdentityDoubt, IdentityDoubts

__all__ = [
    "Bodies",
    "BodyFits",
    "CameraPath",
    "CameraReport",
    "CameraWindow",
    "Cameras",
    "DoubtReason",
    "Floor",
    "FloorKind",
    "FocalSource",
    "Gate",
    "Ground",
    "IdentityDoubt",
    "IdentityDoubts",
    "Intrinsics",
    "MotionClass",
    "SceneCameras",
    "VideoFacts",
]
