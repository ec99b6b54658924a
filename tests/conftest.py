"""What many tests need: body models, the own and those of registered users."""

from pathlib import Path

import pytest
from registered_bodies import write_smpl, write_smplx

from nlf_pipeline.body_models import BodyMeshes, load_body_model
from nlf_pipeline.import_body import import_body

pytest_plugins = ["shared_fixtures"]


@pytest.fixture(scope="session")
def meshes(body_dir: Path) -> BodyMeshes:
    """The open body on the vertices that predictions carry."""
    return BodyMeshes(load_body_model(body_dir, subset=True))


@pytest.fixture(scope="session")
def registered_dir(body_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registered user's body models: stand-ins for the female SMPL and SMPL-X."""
    folder = tmp_path_factory.mktemp("registered")
    write_smpl(folder, body_dir, "female")
    write_smplx(folder, body_dir, "female")
    return folder


@pytest.fixture(scope="session")
def imported_dirs(registered_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same imported, by family."""
    folder = tmp_path_factory.mktemp("imported")
    for family in ("smpl", "smplx"):
        import_body(source=registered_dir, out=folder / family, family=family, gender="female")
    return {family: folder / family for family in ("smpl", "smplx")}
