"""Khronos's glTF validator, on node."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from player_bundle import node_of_wheel, node_on_path

_VALIDATOR = Path(__file__).parents[1] / "player/node_modules/gltf-validator"
_SCRIPT = """
const validator = require(process.argv[1]), {readFileSync} = require("node:fs");
Promise.all(process.argv.slice(2).map(async (path) =>
  [path, (await validator.validateBytes(new Uint8Array(readFileSync(path)))).issues]
)).then((found) => console.log(JSON.stringify(Object.fromEntries(found))));
"""


def validated(paths: Sequence[Path]) -> dict[Path, dict[str, Any]]:
    """What the validator finds in each file.

    Without it the test is skipped, or fails where the variable NLF_PIPELINE_NEEDS_BROWSER says that all is there.
    """
    node = node_on_path() or node_of_wheel()
    if node is None or not _VALIDATOR.is_dir():
        missing = "needs node and the glTF validator: make .venv/installed-dev"
        pytest.fail(missing) if os.environ.get("NLF_PIPELINE_NEEDS_BROWSER") else pytest.skip(missing)
    command = [node.node, "-e", _SCRIPT, str(_VALIDATOR), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {Path(path): issues for path, issues in json.loads(done.stdout).items()}
