"""Which files settings stand for: what rules read and make. A `{video}` in a name stands for the video's id."""

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlf_pipeline.body_kinds import KIND_FILE, body_name
from nlf_pipeline.files import check_exists
from nlf_pipeline.weights.records import record_path
from nlf_pipeline.weights.registry import load_body_models
from nlf_pipeline.workflow.model_sets import environment, weight_files
from nlf_pipeline.workflow.stage_options import BODY_MODELS_DIR

_PLAYER_PAGE = Path(__file__).resolve().parents[1] / "player_page"
_DIGEST_DIGITS = 16
_MODEL_PARTS = frozenset({"cameras", "images", "points3D", "rigs", "frames"})


def weight_records(settings: Mapping[str, Any], backend: str) -> list[str]:
    """Records of the weights that a backend needs: small files that change only with the weights' content."""
    return [str(record_path(file)) for file in weight_files(settings, backend).values()]


def environment_file(settings: Mapping[str, Any], backend: str) -> str:
    """The conda environment that a backend needs, as it is named from the folder of the rules."""
    return f"../envs/{environment(settings, backend)}.yaml"


def name_of_body(settings: Mapping[str, Any]) -> str:
    """The name of the body model's folder."""
    return body_name(settings["body_model"], settings["body_gender"], settings["body_betas"])


def body_file(settings: Mapping[str, Any]) -> str:
    """The file that stands for the body model's folder."""
    return f"{BODY_MODELS_DIR}/{name_of_body(settings)}/{KIND_FILE}"


def camera_files(settings: Mapping[str, Any]) -> list[str]:
    """The files of a camera of the user's own: those in its folder too, whose date says nothing of them."""
    if not settings["camera_file"]:
        return []
    path = Path(settings["camera_file"])
    folder = path.parent if _is_model_part(path) else path
    parts = sorted(folder.iterdir()) if folder.is_dir() else []
    files = [str(part) for part in parts if _is_model_part(part) or part.name == "transforms.json"]
    return files or [str(path)]


def _is_model_part(path: Path) -> bool:
    """Whether this is, or may become, a file of a COLMAP model."""
    return path.stem in _MODEL_PARTS and path.suffix in (".bin", ".txt")


def shown_clip(settings: Mapping[str, Any]) -> str:
    """The clip behind the rendered bodies."""
    return "results/{video}/clip" + ("" if settings["fps_factor"] == 1 else f"_x{settings['fps_factor']}") + ".mp4"


def interpolated_clip(settings: Mapping[str, Any]) -> str | list[str]:
    """The clip with frames between frames; nothing where there is none."""
    return shown_clip(settings) if settings["fps_factor"] > 1 else []


def for_depth(settings: Mapping[str, Any], name: str) -> str | list[str]:
    """A file of the video, where a network estimates depth; else nothing."""
    return f"results/{{video}}/{name}" if settings["depth"] else []


def given_file(settings: Mapping[str, Any], name: str) -> str | list[str]:
    """A file of the user's own, such as `masks_file`; nothing where there is none."""
    return settings[name] or []


def masks_of_bodies(settings: Mapping[str, Any]) -> str | list[str]:
    """The masks of the people whose bodies the user gives; nothing where bodies are estimated."""
    return given_file(settings, "masks_file") if settings["predictions_file"] else []


def check_registered_body(settings: Mapping[str, Any]) -> None:
    """Refuse settings whose body model is the user's own file, and not where it should be.

    Raises:
        UserError: saying where to get it.
    """
    registered = load_body_models().get(f"{settings['body_model']}-{settings['body_gender']}")
    if registered and registered.registration:
        path, how = Path(settings["body_models_dir"]) / registered.file, registered.registration
        check_exists(path, f"the body model ({how.url}: {how.todo}); body_model=open needs none")


@functools.cache
def page_digest() -> str:
    """Digest of the player's page as it was built, which is no module of this package."""
    files = sorted(path for path in _PLAYER_PAGE.iterdir() if path.suffix in (".js", ".html", ".css"))
    digests = "\n".join(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in files)
    return hashlib.sha256(digests.encode()).hexdigest()[:_DIGEST_DIGITS]
