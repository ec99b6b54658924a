"""Stage `import_body`: a registered user's own SMPL or SMPL-X file, with what this project needs beside it."""

import logging
import pickle
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from smplfitter.common import ModelData, initialize

from nlf_pipeline.body_kinds import KIND_FILE, N_BETAS, BodyGender, BodyKind, Layout, skeleton
from nlf_pipeline.body_models import BodyMeshes, load_body_model
from nlf_pipeline.body_pickles import check_only_arrays
from nlf_pipeline.checkpoints import is_web_page
from nlf_pipeline.errors import UserError
from nlf_pipeline.open_body.model_files import (
    KID_TEMPLATE_FILE,
    save_array,
    save_derived_files,
    save_registered_model,
)

log = logging.getLogger(__name__)
_UNREADABLE = (
    pickle.UnpicklingError, zipfile.BadZipFile, EOFError, ImportError, AttributeError, KeyError, IndexError, ValueError,
)  # fmt: skip


@dataclass(frozen=True)
class _Release:
    """A body model as its authors distribute it."""

    title: str
    site: str
    file_names: dict[BodyGender, str]
    n_vertices: int
    n_joints: int
    n_expressions: int
    """Of a file with all its shape directions, the last ones, which are facial expressions."""
    n_betas: int
    """Shape directions of such a file; a smaller one has as many expressions as shapes, if any."""

    def shape_directions(self, n_columns: int) -> int:
        """How many of a file's `n_columns` shape directions are of body shape."""
        return min(n_columns, self.n_betas) if n_columns >= self.n_betas or not self.n_expressions else n_columns // 2


_RELEASES: dict[Layout, _Release] = {
    "smpl": _Release(
        "SMPL version 1.1.0 for Python",
        "https://smpl.is.tue.mpg.de",
        {
            "neutral": "basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl",
            "female": "basicmodel_f_lbs_10_207_0_v1.1.0.pkl",
            "male": "basicmodel_m_lbs_10_207_0_v1.1.0.pkl",
        },
        n_vertices=6890,
        n_joints=24,
        n_expressions=0,
        n_betas=300,
    ),
    "smplx": _Release(
        "SMPL-X version 1.1",
        "https://smpl-x.is.tue.mpg.de",
        {"neutral": "SMPLX_NEUTRAL.npz", "female": "SMPLX_FEMALE.npz", "male": "SMPLX_MALE.npz"},
        n_vertices=10475,
        n_joints=55,
        n_expressions=100,
        n_betas=300,
    ),
}


def import_body(
    *,
    source: Path,
    out: Path,
    family: Literal["smpl", "smplx"] = "smpl",
    gender: BodyGender = "neutral",
    betas: int = N_BETAS,
) -> None:
    """Prepare SMPL or SMPL-X, which everybody has to download personally, for this pipeline.

    SMPL's file is a pickle, which can run code when it is read: one that holds more than arrays is refused.

    Args:
        source: folder of body models; the file is source/smpl/basicmodel_*_lbs_10_207_0_v1.1.0.pkl or
            source/smplx/SMPLX_*.npz. A kid template beside it (kid_template.npy) is taken along.
        out: folder for the model, its kid template, vertex subset, regressors and description.
        family: smpl: 24 joints; smplx: 55, with fingers, jaw and eyes.
        gender: which of the three models to use for everybody.
        betas: shape parameters, 1-300, as far as the file has them.

    Raises:
        UserError: if the file is missing, is not the model's, or has fewer shape parameters.
    """
    release = _RELEASES[family]
    path = _find_model(Path(source) / family, release, gender)
    data = _read(path, family, gender, release)
    kid = _kid_template(path, release)
    available = release.shape_directions(data.shapedirs.shape[-1])
    if not 1 <= betas <= available:
        raise UserError(f"{path} has {available} shape parameters, found betas = {betas}: choose from 1 to {available}")
    save_registered_model(data, family, betas, out)
    save_array(kid, out / KID_TEMPLATE_FILE)
    kind = BodyKind(family, gender, betas, release.n_vertices, release.n_joints)
    model = load_body_model(out, kind=kind)
    save_derived_files(model, BodyMeshes(model).template, out)
    kind.save(out / KIND_FILE)
    log.info("imported %s (%d vertices) to %s", path.name, kind.n_vertices, out)


def _find_model(folder: Path, release: _Release, gender: BodyGender) -> Path:
    name = release.file_names[gender]
    if not (folder / name).is_file():
        found = sorted(path.name for path in folder.glob(f"*{Path(name).suffix}"))
        raise UserError(
            f"{folder / name}: not found (there: {', '.join(found) or 'nothing of this kind'}). Its licence does not "
            f"let us ship it: register at {release.site}, download {release.title}, and put {name} into {folder}. "
            "Without it, use the open body, which needs no registration."
        )
    return folder / name


def _kid_template(path: Path, release: _Release) -> np.ndarray:
    """(vertices, 3) from the file beside the model; all zeros, which smplfitter takes for none, without one."""
    beside, shape = path.with_name(KID_TEMPLATE_FILE), (release.n_vertices, 3)
    kid = np.load(beside, allow_pickle=False) if beside.is_file() else np.zeros(shape)
    if kid.shape != shape:
        raise UserError(f"{beside}: found an array of shape {kid.shape}, expected {shape}. Remove it, or replace it.")
    return kid


def _read(path: Path, layout: Layout, gender: BodyGender, release: _Release) -> ModelData:
    """The model in the file; raises UserError if it is not the release's."""
    with tempfile.TemporaryDirectory() as folder:  # smplfitter wants a kid template beside the file
        (Path(folder) / path.name).symlink_to(path.resolve())
        np.save(Path(folder) / KID_TEMPLATE_FILE, np.zeros((release.n_vertices, 3)))
        try:
            if path.suffix == ".npz":
                zipfile.ZipFile(path).close()  # numpy leaves a damaged file open
            else:
                check_only_arrays(path)
            data = initialize(layout, gender, model_root=folder)
        except _UNREADABLE as error:
            raise UserError(
                f"{path} could not be read as {release.title} ({_reason(error, path)}). Download it anew from "
                f"{release.site}"
            ) from error
    expected = (release.n_vertices, list(skeleton(release.n_joints)[1]), (release.n_joints - 1) * 9)
    found = (data.num_vertices, list(data.kintree_parents), data.posedirs.shape[-1])
    if found != expected:
        raise UserError(
            f"{path} is not {release.title}: found {found[0]} vertices, {len(found[1])} joints and {found[2]} "
            f"pose-dependent shapes, expected {expected[0]}, {len(expected[1])} and {expected[2]}. "
            f"Download it anew from {release.site}"
        )
    return data


def _reason(error: Exception, path: Path) -> str:
    with path.open("rb") as file:
        if is_web_page(file.read(512)):
            return "it is a web page, such as a login"
    text = str(error).partition("\n")[0]
    if isinstance(error, (pickle.UnpicklingError, EOFError)) and "could run code" not in text:
        return "it is cut off, or something else"
    return f"it lacks {text}" if isinstance(error, KeyError) else text
