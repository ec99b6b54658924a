"""What a run has made of a video so far, for a page that follows it."""

import hashlib
import json
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from nlf_pipeline.artefacts import Bodies, VideoFacts
from nlf_pipeline.errors import UserError
from nlf_pipeline.exporters.loading import load_motion
from nlf_pipeline.exporters.motion import Motion
from nlf_pipeline.player_page.assembly import make_page
from nlf_pipeline.player_page.motion_file import glb_bytes
from nlf_pipeline.player_page.range_server import Content, Route
from nlf_pipeline.player_page.scene import make_clip, make_scene
from nlf_pipeline.workflow.states.video_states import JobState, VideoState, read_states

T = TypeVar("T")
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
        self._made: dict[str, tuple[str, Any]] = {}

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
        clip, state = self._shown()
        return {"state": state, "version": clip and clip["version"]}

    def scene(self) -> dict[str, Any]:
        """All that the page shows: without bodies only how far the run is."""
        clip, state = self._shown()
        return make_scene(self._video_id, clip, follow=True, state=state)

    def _shown(self) -> tuple[dict[str, Any] | None, dict[str, Any]]:
        """The clip, once there are files that make one, and how far the run is."""
        state, version = self._state(), self._version()
        if version is None:
            return None, state
        clip, complaint = self._once("clip", version, lambda: self._try_clip(version))
        return clip, {**state, "message": complaint} if complaint else state

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

    def _glb(self) -> Content | None:
        version = self._version()
        if version is None:
            return None
        try:
            return self._once("glb", version, lambda: Content("model/gltf-binary", glb_bytes(self._motion())))
        except (UserError, OSError):
            return None

    def _try_clip(self, version: str) -> tuple[dict[str, Any] | None, str]:
        """The clip, or why the files make none: perhaps a stage has yet to replace one of them."""
        try:
            return self._clip(version), ""
        except (UserError, OSError) as error:
            return None, str(error)

    def _clip(self, version: str) -> dict[str, Any]:
        has_video = (self._folder / "clip.mp4").is_file()
        return make_clip(
            self._motion(),
            VideoFacts.load(self._folder / "video.json"),
            glb=f"motion.glb?{version}",
            video=f"clip.mp4?{version}" if has_video else None,
            version=version,
        )

    def _motion(self) -> Motion:
        bodies = self._folder / "bodies.npz"
        return load_motion(
            bodies=bodies,
            world_cameras=self._folder / "world_cameras.npz",
            video_facts=self._folder / "video.json",
            body=self._body or self._body_models / Bodies.load(bodies).body_model,
            edits=self._folder / "tracks.yaml",
        )

    def _once(self, name: str, version: str, make: Callable[[], T]) -> T:
        """What `make` gave for this version, made now if it was not."""
        with self._lock:
            made_for, made = self._made.get(name, ("", None))
            if made_for != version:
                made = make()
                self._made[name] = version, made
            return made

    def _state(self) -> dict[str, Any]:
        (video,) = read_states([self._video_id], self._results, self._logs)
        jobs = {job.record.job: job for job in video.jobs}
        stages = [_stage(name, jobs.get(name), (self._folder / made).is_file()) for name, made in _STAGES.items()]
        later = [_stage(name, job, False) for name, job in jobs.items() if name not in _STAGES]
        message = _message(video)
        # Of a run that failed or was stopped there may come more: the user starts it again.
        return {
            "finished": video.state == "done",
            "stages": stages + later,
            **({"message": message} if message else {}),
        }


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
