"""What a stage's results depend on besides its files: a digest of its code.

Snakemake compares the digest with the one a result was made with, so that an edit reruns the
stages it touches and no others. Comments, docstrings and formatting do not count.
"""

import ast
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "nlf_pipeline"
_ROOT = Path(__file__).resolve().parent


def code_digest(module: str) -> str:
    """Digest of a module and of every module of this package that it imports, directly or not.

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
    parts = [f"{reached} {_digest_of_one(reached)}" for reached in sorted(_reachable(name))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _reachable(name: str) -> set[str]:
    """Modules of this package reached from `name` through imports, `name` included."""
    reached, waiting = set(), [name]
    while waiting:
        current = waiting.pop()
        if current not in reached:
            reached.add(current)
            waiting.extend(_imports(current))
    return reached


@functools.cache
def _source(name: str) -> Path | None:
    """The file of a module or package of ours; None if there is none of that name."""
    base = _ROOT.joinpath(*name.split(".")[1:])
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


@functools.cache
def _tree(name: str) -> ast.Module:
    path = _source(name)
    assert path is not None, name
    return ast.parse(path.read_bytes(), filename=str(path))


@functools.cache
def _imports(name: str) -> tuple[str, ...]:
    return tuple(found for found in _imported_names(_tree(name)) if _source(found) is not None)


def _imported_names(tree: ast.Module) -> Iterator[str]:
    """Dotted names within this package that a module imports; some may be attributes, not modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports are not used in this package"
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name == PACKAGE or name.startswith(f"{PACKAGE}."))


@functools.cache
def _digest_of_one(name: str) -> str:
    bare = _WithoutText().visit(_tree(name))
    return hashlib.sha256(ast.dump(bare).encode()).hexdigest()


class _WithoutText(ast.NodeTransformer):
    """Drops docstrings."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        """Keep every expression statement but bare strings."""
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else node
