"""Stage: compare the result with exact truth, where there is some."""

import logging
from dataclasses import asdict
from pathlib import Path

from nlf_pipeline.artefact_files import write_json
from nlf_pipeline.artefacts import Bodies, Cameras, Ground
from nlf_pipeline.body_kinds import BodyKind
from nlf_pipeline.body_models import BodyMeshes, load_body_model
from nlf_pipeline.errors import UserError
from nlf_pipeline.evaluation.bodies import body_measurements, ground_measurements, match_people, world_measurements
from nlf_pipeline.evaluation.cameras import camera_measurements
from nlf_pipeline.evaluation.identities import assign_rows, enough_visible, identity_measurements, mask_overlap
from nlf_pipeline.evaluation.measurement import format_table
from nlf_pipeline.geometry import invert_rigid
from nlf_pipeline.masks import MaskTracks

log = logging.getLogger(__name__)


def evaluate(*, bodies: Path, cameras: Path, ground: Path, masks: Path, truth: Path, body: Path, out: Path) -> None:
    """Measure bodies, identities, ground and cameras against the truth.

    The two worlds are brought together by the first camera alone, so errors of depth, scale and ground count, and
    where the camera moves, so does its drift. Figures that align people or the camera's path say so by their names:
    WA-MPJPE100, W-MPJPE100, RTE, ATE.

    Args:
        bodies: bodies.npz.
        cameras: world_cameras.npz.
        ground: ground.json.
        masks: masks.json.
        truth: folder with the true bodies.npz, world_cameras.npz and masks.json; its floor is y = 0.
        body: folder of the body model.
        out: evaluation.json.

    Raises:
        UserError: if result and truth have different numbers of frames, or `body` is another model.
    """
    found, true = Bodies.load(bodies), Bodies.load(truth / "bodies.npz")
    BodyKind.of(body).check_made(found.body_model, bodies)
    found_cameras, true_cameras = Cameras.load(cameras), Cameras.load(truth / "world_cameras.npz")
    n_found, n_true = len(found_cameras.T_world_cam), len(true_cameras.T_world_cam)
    if n_found != n_true:
        raise UserError(
            f"{truth}: the truth has {n_true} frames, the result {n_found}. They can be compared only over the whole "
            "clip: run without time_range, or move the folder away."
        )
    T_true_found = true_cameras.T_world_cam[0] @ invert_rigid(found_cameras.T_world_cam[0])
    true_masks, found_masks = MaskTracks.load(truth / "masks.json"), MaskTracks.load(masks)
    overlap = mask_overlap(true_masks, found_masks)
    matches = match_people(found, true, T_true_found, assign_rows(overlap))
    measurements = [
        *identity_measurements(overlap, enough_visible(true_masks), found_masks.visible),
        *ground_measurements(Ground.load(ground).floors[0], true, true_cameras.T_world_cam[0]),
        *body_measurements(found, true, matches, BodyMeshes(load_body_model(body, subset=True))),
        *world_measurements(matches),
        *camera_measurements(found_cameras, true_cameras),
    ]
    for line in format_table(measurements):
        log.info("%s", line)
    rows = [{**asdict(m), "reached": m.reached} for m in measurements]
    write_json({"format_version": 1, "measurements": rows}, out)
