"""HTML and SVG by function calls: whatever is not markup already is escaped."""

import html
from collections.abc import Iterable

_VOID = {"meta", "img", "br", "hr"}


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: str | float | None) -> Markup:
    """An element of HTML or SVG.

    Args:
        name: of the element.
        children: markup, or plain text, which is escaped.
        attributes: `class_` is class, and other underscores become hyphens; None leaves an attribute out.
    """
    words = [name]
    for key, value in attributes.items():
        if value is not None:
            shown = f"{value:.6g}" if isinstance(value, float) else str(value)
            words.append(f'{key.rstrip("_").replace("_", "-")}="{html.escape(shown)}"')
    if name in _VOID:
        return Markup(f"<{' '.join(words)}>")
    return Markup(f"<{' '.join(words)}>{join(children)}</{name}>")


def join(children: Iterable[str]) -> Markup:
    """Children one after the other, plain text escaped."""
    return Markup("".join(child if isinstance(child, Markup) else html.escape(str(child)) for child in children))
