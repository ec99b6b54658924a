"""The motion to export, from the files of a run."""

from pathlib import Path

from nlf_pipeline.artefacts import Bodies, Cameras, VideoFacts
from nlf_pipeline.body_kinds import BodyKind
from nlf_pipeline.body_models import BodyMeshes, load_resting_body
from nlf_pipeline.errors import UserError
from nlf_pipeline.exporters.motion import Motion, make_motion
from nlf_pipeline.repair.edit_file import read_names


def load_motion(*, bodies: Path, world_cameras: Path, video_facts: Path, body: Path, edits: Path | None) -> Motion:
    """Everybody's motion and the camera's.

    Args:
        bodies: bodies.npz.
        world_cameras: world_cameras.npz.
        video_facts: video.json.
        body: folder of the body model.
        edits: tracks.yaml with the names of people; there may be no such file.

    Raises:
        UserError: if the files do not belong together.
    """
    facts, people, cameras = VideoFacts.load(video_facts), Bodies.load(bodies), Cameras.load(world_cameras)
    BodyKind.of(body).check_made(people.body_model, bodies)
    counts = people.visible.shape[1], len(cameras.T_world_cam)
    if set(counts) != {facts.n_frames}:
        raise UserError(
            f"{video_facts} has {facts.n_frames} frames, but {bodies} and {world_cameras} have {counts}. "
            "Run the workflow again."
        )
    return make_motion(
        facts.video_id, people, cameras, BodyMeshes(load_resting_body(body)), read_names(edits), facts.cuts
    )
