"""The stages' command lines by hand, one folder per clip, with the workflow's names for files."""

import sys
from pathlib import Path

CLIP, FACTS = "clip.mp4", "video.json"
_CLIP_FILES = {"video": CLIP, "video_facts": FACTS}
_SCENE = {"video_facts": FACTS, "cameras": "cameras.npz"}
_MEASURED_VIEW = {"fits": "fits.npz", "ground": "ground.json", "bodies": "bodies.npz", "cameras": "cameras.npz"}
_CAMERA_EVIDENCE = {
    "intrinsics": "intrinsics.json",
    "camera_path": "camera_path.npz",
    "camera_report": "camera_report.json",
}
NEEDS_BODY = ("estimate", "scale_camera", "fit", "ground", "world", "render_camera", "render_side", "report")
_FILES: dict[str, dict[str, str]] = {
    "fetch": {"source": "source.mp4", "out": CLIP, "facts_out": FACTS},
    "segment": _CLIP_FILES
    | {"out": "detected_masks.json", "bystanders_out": "bystanders.json", "doubts_out": "identity_doubts.json"},
    "edit_tracks": {"detected_masks": "detected_masks.json", "out": "masks.json"},
    "semantic_masks": {
        "video": CLIP,
        "masks": "detected_masks.json",
        "bystanders": "bystanders.json",
        "out": "people_mask.json",
    },
    "track_camera": _CLIP_FILES
    | {"people_mask": "people_mask.json"}
    | {f"out_{name.removeprefix('camera_')}": file for name, file in _CAMERA_EVIDENCE.items()},
    "estimate": _CLIP_FILES
    | {"masks": "masks.json", "detected_masks": "detected_masks.json", "intrinsics": "intrinsics.json"}
    | {"out": "predictions.xz"},
    "scale_camera": {"intrinsics": "intrinsics.json", "camera_path": "camera_path.npz", "predictions": "predictions.xz"}
    | {"video_facts": FACTS, "out": "cameras.npz"},
    "fit": _SCENE | {"predictions": "predictions.xz", "out": "fits.npz"},
    "ground": _SCENE | {"fits": "fits.npz", "intrinsics": "intrinsics.json", "out": "ground.json"},
    "world": _SCENE
    | {"fits": "fits.npz", "ground": "ground.json"}
    | {"bodies_out": "bodies.npz", "cameras_out": "world_cameras.npz"},
    "plan_view": {"bodies": "bodies.npz", "cameras": "world_cameras.npz", "video_facts": FACTS}
    | {"out": "view_cameras.npz"},
    "interpolate": _CLIP_FILES | {"out": "clip_x2.mp4"},
    "render_camera": _CLIP_FILES
    | {"bodies": "bodies.npz", "cameras": "world_cameras.npz", "world_cameras": "world_cameras.npz"}
    | {"out": "camera_view.mp4"},
    "render_side": _CLIP_FILES
    | {"bodies": "bodies.npz", "cameras": "view_cameras.npz", "world_cameras": "world_cameras.npz"}
    | {"out": "side_view.mp4"},
    "report": _CLIP_FILES
    | _CAMERA_EVIDENCE
    | _MEASURED_VIEW
    | {"masks": "masks.json", "doubts": "identity_doubts.json", "predictions": "predictions.xz"}
    | {"world_cameras": "world_cameras.npz", "html_out": "report.html", "json_out": "report.json"},
}
STAGES = tuple(_FILES)
_MORE = {
    "fetch": ["--video-id", "clip"],
    "interpolate": ["--fps-factor", "2"],
    "render_camera": ["--view", "camera"],
    "render_side": ["--view", "side"],
}
_KEEP_PEOPLE = ("estimate", "fit")
"""These keep each person's part of their work in a cache, in the workflow and here."""


def stage_command(stage: str, clip: Path, body: Path) -> list[str]:
    """What the workflow runs for a stage, with its default settings.

    Args:
        stage: one of STAGES.
        clip: folder of the clip's files.
        body: folder of the body model.
    """
    files = [(f"--{option.replace('_', '-')}", str(clip / file)) for option, file in _FILES[stage].items()]
    name = "render" if stage.startswith("render") else stage.replace("_", "-")
    command = [sys.executable, "-m", "nlf_pipeline.cli", name, *(word for pair in files for word in pair)]
    command += _MORE.get(stage, [])
    if stage in NEEDS_BODY:
        command += ["--body", str(body)]
    if stage in _KEEP_PEOPLE:
        command += ["--cache", str(people_cache(stage, clip))]
    return command


def people_cache(stage: str, clip: Path) -> Path:
    """Where a stage keeps its work person by person."""
    return clip / ".people" / stage


def outputs(stage: str, clip: Path) -> list[Path]:
    """What a stage writes."""
    return [clip / file for option, file in _FILES[stage].items() if "out" in option.split("_")]
