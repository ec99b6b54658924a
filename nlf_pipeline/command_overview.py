"""What `nlf-pipeline --help` prints: every command with its first sentence, which is read off the source.

So no stage is imported for it, which would take seconds.
"""

import ast
import shutil
import textwrap
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).resolve().parent
_INDENT, _GAP, _WIDEST = 2, 2, 110


def overview(usage: str, groups: Mapping[str, Mapping[str, str]]) -> str:
    """All commands in their groups, each with what it does.

    Args:
        usage: first line.
        groups: heading -> command -> what it does.
    """
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    column = _INDENT + max(len(name) for commands in groups.values() for name in commands) + _GAP
    lines = [f"usage: {usage}"]
    for heading, commands in groups.items():
        lines += ["", *textwrap.wrap(heading, width)]
        for name, text in commands.items():
            lines += textwrap.wrap(
                text, width, initial_indent=f"{'':{_INDENT}}{name}".ljust(column), subsequent_indent=" " * column
            )
    return "\n".join(lines)


def summaries(commands: Mapping[str, str]) -> dict[str, str]:
    """What commands do: the first sentence of their functions.

    Args:
        commands: command -> module of this package, whose last part is also the function's name.
    """
    return {name: _first_sentence(module, module.rpartition(".")[2]) for name, module in commands.items()}


@cache
def _first_sentence(module: str, function: str) -> str:
    tree = ast.parse(_ROOT.joinpath(*module.split(".")).with_suffix(".py").read_bytes())
    return " ".join(_docstring(tree.body, function).partition("\n\n")[0].split())


def _docstring(body: Iterable[ast.stmt], function: str) -> str:
    found = (node for node in body if isinstance(node, ast.FunctionDef) and node.name == function)
    return ast.get_docstring(next(found)) or ""
