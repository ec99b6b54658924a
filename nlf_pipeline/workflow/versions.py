"""What a stage's results depend on besides its files: a digest of its code.

Snakemake compares the digest with the one a result was made with, so that an edit reruns the
stages it touches and no others. Comments, docstrings and formatting do not count.
"""

import ast
import functools
import hashlib
from pathlib import Path

from nlf_pipeline.workflow.kept_digests import CodeDigest, digest_name, find_digest, keep_digests

PACKAGE = "nlf_pipeline"
_ROOT = Path(__file__).resolve().parents[1]


def code_version(module: str) -> str:
    """Digest of the code of a module and of every module of this package that it imports, directly or not.

    Imports inside functions count too, so a stage depends on all its backends. Third-party packages do not.

    Args:
        module: dotted name within the package, such as "segment" or "demo.scene".

    Returns:
        16 hexadecimal digits.

    Raises:
        FileNotFoundError: if there is no such module.
    """
    name = f"{PACKAGE}.{module}"
    if _source(name) is None:
        raise FileNotFoundError(f"{name}: no such module in {_ROOT}")
    modules = [(reached, *_read(reached)) for reached in sorted(_reachable(name))]
    keep_digests({kept_as: code for _, kept_as, code in modules})
    parts = [f"{reached} {code.digest}" for reached, _, code in modules]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _reachable(name: str) -> set[str]:
    """Modules of this package reached from `name` through imports, `name` included."""
    reached, waiting = set(), [name]
    while waiting:
        current = waiting.pop()
        if current not in reached:
            reached.add(current)
            waiting.extend(_ours(_read(current)[1].imports))
    return reached


@functools.cache
def _source(name: str) -> Path | None:
    """The file of a module or package of ours; None if there is none of that name."""
    base = _ROOT.joinpath(*name.split(".")[1:])
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


@functools.cache
def _read(name: str) -> tuple[str, CodeDigest]:
    """By which name a module's digest is kept, and what it is."""
    path = _source(name)
    assert path is not None, name
    source = path.read_bytes()
    kept_as = digest_name(source, _made_by())
    return kept_as, find_digest(kept_as) or _digest_of(source)


@functools.cache
def _made_by() -> str:
    """Digest of this module."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


def _digest_of(source: bytes) -> CodeDigest:
    """What the source of one module says."""
    tree = ast.parse(source)
    imported: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imported += _imported_names(node)
        elif isinstance(getattr(node, "body", None), list):
            node.body = [part for part in node.body if not _is_text(part)]  # type: ignore[attr-defined]
    return CodeDigest(hashlib.sha256(ast.dump(tree).encode()).hexdigest(), tuple(sorted(set(imported))))


def _ours(imported: tuple[str, ...]) -> list[str]:
    """Modules of this package among imported names."""
    return [found for found in imported if found.partition(".")[0] == PACKAGE and _source(found) is not None]


def _imported_names(node: ast.Import | ast.ImportFrom) -> list[str]:
    """Dotted names that an import statement may mean; some may be attributes of modules."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    assert node.level == 0, "relative imports are not used in this package"
    return [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]


def _is_text(statement: ast.AST) -> bool:
    """Whether a statement is a docstring."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
