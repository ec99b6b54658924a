"""The Python of another virtual environment, for the one stage that may need it."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from nlf_pipeline.errors import UserError
from nlf_pipeline.workflow.stage_keys import read_key
from nlf_pipeline.workflow.stage_options import read_execution


def python_for(text: str, environment: Mapping[str, str]) -> Path | None:
    """The Python that a key's job needs, None if it is the one that runs this.

    Args:
        text: the key.
        environment: the environment variables.

    Raises:
        UserError: if the key or the execution settings are of wrong form, or there is no such Python.
    """
    settings, execution = read_key(text).settings, read_execution(environment)
    if settings.get("camera") != "droid" or not execution.get("droid_env"):
        return None
    python = python_of(execution["droid_env"])
    return None if python.parents[1].resolve() == Path(sys.prefix).resolve() else python


def python_of(environment: str) -> Path:
    """The Python of another virtual environment that holds this package too.

    Raises:
        UserError: if there is no Python in the folder `environment`, or none with this package.
    """
    python = Path(environment) / "bin" / "python"
    if not python.is_file():
        raise UserError(
            f"{python}: not found, expected the Python of a virtual environment (setting droid_env). Make one with: "
            f"python3 -m venv {environment}, and install DROID-SLAM and this package into it."
        )
    if not python.with_name("nlf-pipeline").is_file():
        here = Path(__file__).parents[2]
        raise UserError(
            f"{environment}: found a virtual environment without this package, expected both DROID-SLAM and it "
            f"(setting droid_env). Install it with: {shlex.quote(str(python))} -m pip install --no-deps -e {here}"
        )
    return python.absolute()
