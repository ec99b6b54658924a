"""What a run has made of a video so far, for a page that follows it."""

import hashlib
import json
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlf_pipeline.artefacts import Bodies, VideoFacts
from nlf_pipeline.errors import UserError
from nlf_pipeline.exporters.loading import load_motion
from nlf_pipeline.exporters.motion import Motion
from nlf_pipeline.player_page.assembly import make_page
from nlf_pipeline.player_page.motion_file import glb_bytes
from nlf_pipeline.player_page.range_server import Content, Route
from nlf_pipeline.player_page.scene import make_clip, make_scene
from nlf_pipeline.workflow.states.video_states import JobState, VideoState, read_states

_STAGES = {
    "fetch": "video.json",
    "segment": "detected_masks.json",
    "edit_tracks": "masks.json",
    "semantic_masks": "people_mask.json",
    "track_camera": "camera_path.npz",
    "estimate": "predictions.xz",
    "scale_camera": "cameras.npz",
    "fit": "fits.npz",
    "ground": "ground.json",
    "world": "bodies.npz",
}
"""Those that the page needs, in their order, and what each leaves behind."""
_BEFORE = ("download", "render_demo")
"""Those that some videos need first."""
_SHOWN = ("bodies.npz", "world_cameras.npz", "video.json", "tracks.yaml", "clip.mp4")
_NEEDED = 3
"""So many of them have to be there."""
_SHARE = re.compile(r"(\d+)/(\d+) ")
_ENDED = {"failed": "failed", "killed": "failed", "stopped": "failed"}


class FollowedRun:
    """The files of one video; what is made from them is made once, and again when they change."""

    def __init__(self, video_id: str, results: Path, logs: Path, body_models: Path, body: Path | None = None) -> None:
        """Look at nothing yet.

        Args:
            video_id: of the video.
            results: folder with a folder per video.
            logs: likewise, with the records of jobs.
            body_models: folder with a folder per body model.
            body: folder of the body model, where it is another.
        """
        self._video_id, self._results, self._logs = video_id, results, logs
        self._body_models, self._body = body_models, body
        self._lock = threading.Lock()
        self._made = _Made(None)

    def routes(self) -> dict[str, Route]:
        """What a server has to offer."""
        page = make_page(self._video_id, None).encode()
        return {
            "/": lambda: Content("text/html", page),
            "/scene.json": lambda: _json(self.scene()),
            "/state.json": lambda: _json(self.news()),
            "/motion.glb": self._glb,
            "/clip.mp4": lambda: Content("video/mp4", self._folder / "clip.mp4"),
        }

    def news(self) -> dict[str, Any]:
        """How far the run is, and the version of the clip that is there."""
        made, state = self._made_now(), self._state()
        return {"state": _with_message(state, made.complaint), "version": made.clip and made.clip["version"]}

    def scene(self) -> dict[str, Any]:
        """All that the page shows: without bodies only how far the run is."""
        made, state = self._made_now(), self._state()
        return make_scene(self._video_id, made.clip, follow=True, state=_with_message(state, made.complaint))

    def _glb(self) -> Content | None:
        glb = self._made_now().glb
        return Content("model/gltf-binary", glb) if glb else None

    def _made_now(self) -> "_Made":
        """What the files make that are there now; made once, as that takes long for a long clip."""
        with self._lock:
            version = self._version()
            if version != self._made.version:
                self._made = self._make(version)
            return self._made

    def _make(self, version: str | None) -> "_Made":
        if version is None:
            return _Made(None)
        try:
            motion = self._motion()
            facts = VideoFacts.load(self._folder / "video.json")
        except (UserError, OSError) as error:  # perhaps a stage has yet to replace one of the files
            return _Made(version, complaint=str(error))
        has_video = (self._folder / "clip.mp4").is_file()
        video = f"clip.mp4?{version}" if has_video else None
        return _Made(
            version, make_clip(motion, facts, f"motion.glb?{version}", video, version=version), glb_bytes(motion)
        )

    def _version(self) -> str | None:
        """Changes when the files do that the clip is made from; None before there are bodies."""
        found = []
        for name in _SHOWN:
            try:
                facts = (self._folder / name).stat()
                found.append((name, facts.st_mtime_ns, facts.st_size))
            except OSError:
                found.append((name, 0, 0))
        if not all(size for _, _, size in found[:_NEEDED]):
            return None
        return hashlib.sha256(repr(found).encode()).hexdigest()[:16]

    @property
    def _folder(self) -> Path:
        return self._results / self._video_id

    def _motion(self) -> Motion:
        bodies = self._folder / "bodies.npz"
        return load_motion(
            bodies=bodies,
            world_cameras=self._folder / "world_cameras.npz",
            video_facts=self._folder / "video.json",
            body=self._body or self._body_models / Bodies.load(bodies).body_model,
            edits=self._folder / "tracks.yaml",
        )

    def _state(self) -> dict[str, Any]:
        (video,) = read_states([self._video_id], self._results, self._logs)
        jobs = {job.record.job: job for job in video.jobs}
        stages = [_stage(name, jobs.get(name), (self._folder / made).is_file()) for name, made in _STAGES.items()]
        before = [_stage(name, job, False) for name, job in jobs.items() if name in _BEFORE]
        later = [_stage(name, job, False) for name, job in jobs.items() if name not in (*_BEFORE, *_STAGES)]
        message = _message(video)
        # Of a run that failed or was stopped there may come more: the user starts it again.
        return {
            "finished": video.state == "done",
            "stages": before + stages + later,
            **({"message": message} if message else {}),
        }


@dataclass(frozen=True)
class _Made:
    """What a version of the files makes."""

    version: str | None
    clip: dict[str, Any] | None = None
    glb: bytes = b""
    complaint: str = ""
    """Why there is no clip."""


def _with_message(state: dict[str, Any], complaint: str) -> dict[str, Any]:
    return {**state, "message": complaint} if complaint else state


def _stage(name: str, job: JobState | None, is_made: bool) -> dict[str, Any]:
    if job is None or job.state == "done":
        return {"name": name, "state": "done" if is_made or job else "waiting"}
    state = _ENDED.get(job.state, job.state)
    share = _SHARE.match(job.progress or "")
    return {"name": name, "state": state, "progress": int(share[1]) / max(int(share[2]), 1) if share else None}


def _message(video: VideoState) -> str:
    """What went wrong, or why nothing is there."""
    if video.state == "failed":
        return "; ".join(f"{job.record.job}: {job.record.error}" for job in video.jobs_in("failed"))
    if video.state in ("killed", "stopped"):
        return f"The run was {video.state}. Start it again: it goes on where it was."
    return ""


def _json(value: dict[str, Any]) -> Content:
    return Content("application/json", json.dumps(value, separators=(",", ":")).encode())
