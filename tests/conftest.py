from pathlib import Path

import pytest

from nlf_pipeline.build_body import build_body

BUILT_BODY = Path(__file__).parents[1] / "resources" / "body_models" / "open"


@pytest.fixture(scope="session")
def body_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The open body: the checkout's where it has been built, else built once for all tests."""
    if (BUILT_BODY / "landmark_regressor.npy").is_file():
        return BUILT_BODY
    folder = tmp_path_factory.mktemp("body_models") / "open"
    build_body(out=folder)
    return folder
