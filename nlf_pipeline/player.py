"""Stage `player`: the result as one page, which opens by double click and needs no other file and no network."""

import logging
from pathlib import Path

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.errors import UserError
from nlf_pipeline.files import atomic_path

_BASE64_PER_BYTE = 4 / 3
_BYTES_PER_MB = 1e6
_LEAST_VIDEO_MB = 0.1
log = logging.getLogger(__name__)


def player(
    *,
    video: Path,
    video_facts: Path,
    bodies: Path,
    world_cameras: Path,
    body: Path,
    out: Path,
    edits: Path | None = None,
    max_mb: float = 60.0,
) -> None:
    """Write one html file with everybody in the world, the camera and the video, to play, turn and look at.

    The video in it is a smaller one, frame for frame. Where a long clip does not fit it gets coarser, then it is left
    out; where not even the motion fits, the page says how to look at it instead: `nlf-pipeline view`.

    Args:
        video: clip.mp4.
        video_facts: video.json.
        bodies: bodies.npz.
        world_cameras: world_cameras.npz.
        body: folder of the body model.
        out: player.html to write.
        edits: tracks.yaml with the names of people; there may be no such file.
        max_mb: how large the page may become, megabytes, 2 or more.

    Raises:
        UserError: if the files do not belong together, or if this package was installed without the player.
    """
    from nlf_pipeline.exporters.loading import load_motion
    from nlf_pipeline.player_page.assembly import check_bundle, make_page, make_refusal
    from nlf_pipeline.player_page.motion_file import glb_bytes
    from nlf_pipeline.player_page.scene import data_url, make_clip, make_scene

    if max_mb < 2:
        raise UserError(f"max_mb: found {max_mb:g}, expected 2 or more: the page's own scripts take most of one.")
    check_bundle()
    facts = VideoFacts.load(video_facts)
    motion = load_motion(bodies=bodies, world_cameras=world_cameras, video_facts=video_facts, body=body, edits=edits)
    glb = data_url("model/gltf-binary", glb_bytes(motion))
    page = make_page(facts.video_id, make_scene(facts.video_id, make_clip(motion, facts, glb, None)))
    left_mb = max_mb - len(page.encode()) / _BYTES_PER_MB
    if left_mb < 0:
        page = make_refusal(facts.video_id, len(page) / _BYTES_PER_MB, max_mb)
        log.warning("the page would take more than %g MB: see it by `nlf-pipeline view %s`", max_mb, facts.video_id)
    elif (proxy := _proxy(video, facts, left_mb)) is not None:
        clip = make_clip(motion, facts, glb, data_url("video/mp4", proxy))
        page = make_page(facts.video_id, make_scene(facts.video_id, clip))
    with atomic_path(out) as temporary:
        temporary.write_text(page, encoding="utf-8")
    log.info("%s: %.1f MB", out.name, out.stat().st_size / _BYTES_PER_MB)


def _proxy(video: Path, facts: VideoFacts, left_mb: float) -> bytes | None:
    """The video for the page, where there is enough room."""
    from nlf_pipeline.player_page.proxy_video import make_proxy

    made = None
    if left_mb >= _LEAST_VIDEO_MB:
        made = make_proxy(video, facts, int(left_mb * _BYTES_PER_MB / _BASE64_PER_BYTE))
    if made is None:
        log.warning(
            "no room for the video in the page, which shows only the bodies: see it by `nlf-pipeline view %s`",
            facts.video_id,
        )
    return made
