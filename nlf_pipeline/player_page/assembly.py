"""The page: a template, the bundle of scripts, and what they show, in one html file that needs nothing else."""

import html
import importlib.resources
import json
import re
from typing import Any

from nlf_pipeline.errors import UserError
from nlf_pipeline.reporting.markup import Markup, element

_PACKAGE = "nlf_pipeline.player_page"
_TEMPLATE, _BUNDLE = "index.html", "bundle.js"
_POLICY_ALONE = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "media-src data: blob:; connect-src data: blob:"
)
"""Browsers load nothing from anywhere, whatever a name may contain."""
_POLICY_SERVED = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data: blob:; "
    "media-src 'self' data: blob:; connect-src 'self' data: blob:"
)
_CURE = "make player, or install this package again (docs/installation.md)"


def has_bundle() -> bool:
    """Whether the player was bundled when this package was installed."""
    folder = importlib.resources.files(_PACKAGE)
    return all(folder.joinpath(name).is_file() for name in (_TEMPLATE, _BUNDLE))


def check_bundle() -> None:
    """Refuse to go on without it."""
    if not has_bundle():
        raise UserError(f"the player's scripts are missing: the package was installed without them. Cure: {_CURE}")


def make_page(title: str, scene: dict[str, Any] | None) -> str:
    """The whole page; the same scene gives the same bytes.

    Args:
        title: of the window.
        scene: what to show; None: the page fetches scene.json, from where it comes from itself.

    Raises:
        UserError: if there is no bundle.
    """
    check_bundle()
    folder = importlib.resources.files(_PACKAGE)
    template, bundle = (folder.joinpath(name).read_text(encoding="utf-8") for name in (_TEMPLATE, _BUNDLE))
    policy = _POLICY_SERVED if scene is None else _POLICY_ALONE
    parts = {
        "TITLE": html.escape(title),
        "SCENE": "" if scene is None else _embeddable(scene),
        "BUNDLE": re.sub("</(script)", r"<\\/\1", bundle, flags=re.IGNORECASE),
    }
    page = re.sub("__(TITLE|SCENE|BUNDLE)__", lambda found: parts[found[1]], template)
    meta = f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}" />'
    return page.replace("<head>", f"<head>\n    {meta}", 1)


def _embeddable(scene: dict[str, Any]) -> str:
    """JSON that no browser takes for the end of its element, whatever texts it holds."""
    return json.dumps(scene, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e")


def make_refusal(video_id: str, size_mb: float, max_mb: float) -> str:
    """A page for a clip that is too long for one page: it says how to look at it."""
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        "<!DOCTYPE html>\n"
        + element(
            "html",
            element(
                "head",
                element("meta", charset="utf-8"),
                element("meta", http_equiv="Content-Security-Policy", content=policy),
                element("title", video_id),
                element("style", Markup("body { font: 16px sans-serif; margin: 3em auto; max-width: 40em }")),
            ),
            element(
                "body",
                element("h1", video_id),
                element(
                    "p", f"This clip is too long for one page: it would take {size_mb:.0f} MB, {max_mb:g} are allowed."
                ),
                element("p", "Look at it with this command, in the folder where the workflow ran:"),
                element("pre", f"nlf-pipeline view {video_id}"),
            ),
            lang="en",
        )
        + "\n"
    )
