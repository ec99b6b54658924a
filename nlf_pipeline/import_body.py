"""Stage `import_body`: a registered user's own SMPL file, with what this project needs beside it."""

import logging
import pickle
import shutil
from pathlib import Path
from typing import Literal

import numpy as np

from nlf_pipeline.body_models import load_body_model
from nlf_pipeline.errors import UserError
from nlf_pipeline.files import atomic_path
from nlf_pipeline.open_body.model_files import (
    KID_TEMPLATE_FILE,
    MODEL_FILE,
    save_array,
    save_derived_files,
)

log = logging.getLogger(__name__)
_FILE_NAME_PARTS = {"neutral": "neutral", "female": "f", "male": "m"}
_SMPL_VERTICES = 6890


def import_body(*, source: Path, out: Path, gender: Literal["neutral", "female", "male"] = "neutral") -> None:
    """Prepare SMPL, which everybody has to download personally, for this pipeline.

    The file is a pickle, which can run code when it is read: import only what you downloaded from SMPL's own site.

    Args:
        source: folder of body models; the file is source/smpl/basicmodel_*_lbs_10_207_0_v1.1.0.pkl. A kid template
            beside it (kid_template.npy) is taken along.
        out: folder for the model, under the neutral file's name, its kid template, vertex subset and regressors.
        gender: which of SMPL's three models to use for everybody.

    Raises:
        UserError: if the file is missing or is not SMPL's.
    """
    model_path = _find_model(Path(source) / "smpl", gender)
    with atomic_path(out / MODEL_FILE) as temporary:
        shutil.copyfile(model_path, temporary)
    kid_template = model_path.with_name(KID_TEMPLATE_FILE)
    if kid_template.is_file():
        with atomic_path(out / KID_TEMPLATE_FILE) as temporary:
            shutil.copyfile(kid_template, temporary)
    else:  # smplfitter takes all zeros for "no kid template"
        save_array(np.zeros((_SMPL_VERTICES, 3)), out / KID_TEMPLATE_FILE)
    try:
        model = load_body_model(out)
    except (pickle.UnpicklingError, EOFError, ImportError, AttributeError, KeyError, IndexError, ValueError) as error:
        (out / MODEL_FILE).unlink()
        raise UserError(
            f"{model_path} could not be read as SMPL version 1.1.0 ({error!r}). Download it anew from "
            "https://smpl.is.tue.mpg.de"
        ) from error
    save_derived_files(model, model.v_template.numpy().astype(np.float64), out)
    log.info("imported %s (%d vertices) to %s", model_path.name, model.num_vertices, out)


def _find_model(folder: Path, gender: str) -> Path:
    name = f"basicmodel_{_FILE_NAME_PARTS[gender]}_lbs_10_207_0_v1.1.0.pkl"
    if not (folder / name).is_file():
        found = sorted(path.name for path in folder.glob("*.pkl"))
        raise UserError(
            f"{folder / name}: not found (pickles there: {', '.join(found) or 'none'}). SMPL's licence does not let "
            "us ship it: register at https://smpl.is.tue.mpg.de, download SMPL version 1.1.0 for Python, and put "
            f"{name} into {folder}. Without SMPL, use the open body (build-body), which needs no registration."
        )
    return folder / name
