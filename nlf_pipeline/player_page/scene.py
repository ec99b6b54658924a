"""What the page is told of a clip; player/src/scene.ts has the same as types."""

import base64
from typing import Any

import numpy as np

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.exporters.glb import person_node_name
from nlf_pipeline.exporters.glb_buffers import intervals
from nlf_pipeline.exporters.motion import Motion, MovingPerson

FORMAT_VERSION = 1
_DECIMALS = 4


def make_scene(video_id: str, clip: dict[str, Any] | None, **rest: Any) -> dict[str, Any]:
    """The whole of what the page is given.

    Args:
        video_id: of the clip.
        clip: what `make_clip` gives; None until there are bodies.
        rest: `follow` and `state` of a page that follows a run.
    """
    return {"format_version": FORMAT_VERSION, "video_id": video_id, **rest, "clip": clip}


def make_clip(motion: Motion, facts: VideoFacts, glb: str, video: str | None, **rest: Any) -> dict[str, Any]:
    """The motion's timing, people and cameras.

    Args:
        motion: everybody's.
        facts: of the clip.
        glb: URL of the meshes and their motion.
        video: URL of the video; None: there is none.
        rest: `version` of a page that follows a run.
    """
    return {
        **rest,
        "fps": facts.fps,
        "n_frames": motion.n_frames,
        "size_px": motion.cameras.size_px.tolist(),
        "cuts": list(motion.cuts),
        "joint_names": list(motion.joint_names),
        "people": [_person(person) for person in motion.people],
        "cameras": {
            "T_world_cam": _float32(motion.cameras.T_world_cam),
            "K": _float32(motion.cameras.K),
            "distortion": motion.cameras.distortion.tolist(),
        },
        "glb": glb,
        "video": video,
        "has_audio": facts.has_audio,
    }


def data_url(kind: str, content: bytes) -> str:
    """Bytes of a media type as a URL."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _person(person: MovingPerson) -> dict[str, Any]:
    left, right = (intervals(person.foot_contacts[:, side] & person.visible) for side in range(2))
    return {
        "id": person.person_id,
        "name": person.name,
        "colour": [round(float(channel), _DECIMALS) for channel in person.colour],
        "node": person_node_name(person),
        "visible": intervals(person.visible),
        "filled": intervals(person.filled),
        "contacts": {"left": left, "right": right},
    }


def _float32(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode("ascii")
