"""Digests of source files that were computed once, found again by the very bytes of the file.

Parsing the whole package takes as long as all else in a run with nothing to do.
"""

import contextlib
import functools
import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from nlf_pipeline.files import atomic_path

KEPT = Path(".snakemake") / "nlf_pipeline_code.json"
"""In Snakemake's own folder, which is not made for it."""


@dataclass(frozen=True)
class CodeDigest:
    """What one source file says."""

    digest: str
    """Of its syntax tree."""
    imports: tuple[str, ...]
    """Dotted names that its import statements may mean."""


def digest_name(source: bytes, made_by: str) -> str:
    """The name by which a digest is kept; a syntax tree depends on the version of Python, too.

    Args:
        source: the file's bytes.
        made_by: digest of the code that makes digests.
    """
    return hashlib.sha256(f"{sys.version}\n{made_by}\n".encode() + source).hexdigest()


def find_digest(name: str) -> CodeDigest | None:
    """What was kept by a name, None if nothing was."""
    try:
        entry = _kept()[name]
        return CodeDigest(str(entry["digest"]), tuple(map(str, entry["imports"])))
    except (TypeError, KeyError):
        return None


def keep_digests(found: Mapping[str, CodeDigest]) -> None:
    """Keep digests by their names beside those that were kept. A folder that cannot be written does no harm."""
    new = {name: asdict(code) for name, code in found.items() if name not in _kept()}
    if new and KEPT.parent.is_dir():
        with contextlib.suppress(OSError), atomic_path(KEPT) as path:
            path.write_text(json.dumps({**_kept(), **new}))
        _kept.cache_clear()


@functools.cache
def _kept() -> Mapping[str, dict]:
    try:
        kept = json.loads(KEPT.read_text())
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
