"""Whether a file of weights is what was published, and what it was when it was first used.

Beside FILE lie FILE.sha256.json, which says nothing but the digest, so that it stays the same bytes as long as the
weights do, and .FILE.seen.json with size and time of the file at that digest, which spare reading it again.
"""

import contextlib
import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from nlf_pipeline.checkpoints import check_weights_file
from nlf_pipeline.errors import UserError
from nlf_pipeline.files import atomic_path, check_readable
from nlf_pipeline.weights.registry import Weight, weights_command

State = Literal["missing", "by hand", "present", "verified", "changed"]
"""`by hand`: not used yet, so nothing is recorded; `present`: as it was at first use; `verified`: and as published."""
_ZIP_START = b"PK"
_SHOWN_DIGITS = 12


@dataclass(frozen=True)
class _Sight:
    """A file as it was when its digest was computed."""

    sha256: str
    size: int
    """Bytes."""
    mtime_ns: int


def record_path(file: Path) -> Path:
    """Where the digest of a file of weights is recorded."""
    return file.with_name(f"{file.name}.sha256.json")


def recorded_digest(file: Path) -> str | None:
    """The SHA-256 that was recorded for a file, None if none was."""
    digest = _read_json(record_path(file)).get("sha256")
    return digest if isinstance(digest, str) else None


def current_digest(file: Path) -> str:
    """The SHA-256 of a file's content, from the last time if size and time of the file are still the same."""
    seen = _read_json(_seen_path(file))
    sight = _sight(file, seen.get("sha256", ""))
    if asdict(sight) != seen:
        sight = _sight(file, digest_of(file))
        with contextlib.suppress(OSError):  # where this cannot be written it is computed each time
            _write_json(asdict(sight), _seen_path(file))
    return sight.sha256


def digest_of(file: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def state_of(file: Path, weight: Weight) -> State:
    """How it stands with the file of a weight; reads its content only if size or time differ from the last time."""
    if not file.is_file():
        return "missing"
    recorded = recorded_digest(file)
    if recorded is None:
        return "by hand"
    if current_digest(file) != recorded:
        return "changed"
    return "verified" if _is_published(weight) else "present"


def check_unchanged(file: Path, weight: Weight) -> None:
    """Refuse weights that are not those of the first use. A file that is not there, or not yet used, is no error.

    Raises:
        UserError: saying how to go on with the new content, or a link that leads nowhere.
    """
    if file.is_symlink():
        check_readable(file, f"the weights {weight.name}")
    if state_of(file, weight) == "changed":
        raise changed_error(file, weight, current_digest(file))


def changed_error(file: Path, weight: Weight, found: str) -> UserError:
    """The error for a file whose digest `found` is not the recorded one."""
    accept = (
        "To go on with the new one, which computes anew what depends on it: "
        f"{weights_command('accept', file, weight.name)}. Otherwise put"
    )
    return UserError(
        f"{file}: is not the file that was used so far (SHA-256 {_short(recorded_digest(file))} then, {_short(found)} "
        f"now). {'Put' if _is_published(weight) else accept} the old one back, or delete it and get it anew: "
        + weights_command("fetch", file, weight.name)
    )


def record_use(file: Path, weight: Weight) -> None:
    """Record the digest of a file at its first use; later, refuse another content.

    Raises:
        UserError: if it is not what was published, cut off, a web page, or not what was recorded, or if nothing can be
            recorded there.
    """
    check_unchanged(file, weight)
    if recorded_digest(file) is None:
        check_content(file, weight)
        check_folder(file.parent)
        _write_json({"file": file.name, "sha256": current_digest(file)}, record_path(file))


def accept_content(file: Path, weight: Weight) -> bool:
    """Record the present content of a file in place of what was recorded.

    Returns:
        Whether that changed the record.

    Raises:
        UserError: if the file is missing, not what was published, cut off, or a web page, or if nothing can be
            recorded there.
    """
    check_content(file, weight)
    digest = current_digest(file)
    if digest == recorded_digest(file):
        return False
    check_folder(file.parent)
    _write_json({"file": file.name, "sha256": digest}, record_path(file))
    return True


def check_folder(folder: Path) -> None:
    """Raise UserError unless this user can write into `folder`, or make it."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if existing.is_dir() and not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(
            f"{existing}: cannot be written (no permission, or a read-only disk), but beside weights their digests are "
            "recorded. Make it writable, or make a folder of your own with links to the files in it."
        )


def check_content(file: Path, weight: Weight) -> None:
    """Raise UserError unless a file can be the weights: a file at all, not cut off, and as published."""
    check_weights_file(file, weight.name)
    with file.open("rb") as content:
        zipped = content.read(len(_ZIP_START)) == _ZIP_START
    if zipped and not zipfile.is_zipfile(file):
        raise UserError(
            f"{file}: is cut off, expected the whole file of the weights {weight.name}. {_cure(file, weight)}"
        )
    for kind, published, found in _compared(file, weight):
        if not found.startswith(published):
            raise UserError(
                f"{file}: is not the published file ({kind} found {found[: len(published)]}, expected {published}). "
                + _cure(file, weight)
            )


def _is_published(weight: Weight) -> bool:
    """Whether a digest is published, so that no other content can be accepted."""
    return bool(weight.sha256 or weight.sha256_prefix or weight.git_blob)


def _compared(file: Path, weight: Weight) -> list[tuple[str, str, str]]:
    """What is published about a file: kind of digest, the published one, the file's."""
    pairs = []
    for published in (weight.sha256, weight.sha256_prefix):
        if published:
            pairs.append(("SHA-256", published, digest_of(file)))
    if weight.git_blob:
        pairs.append(("git's digest", weight.git_blob, _git_blob_of(file)))
    return pairs


def _git_blob_of(file: Path) -> str:
    digest = hashlib.sha1(b"blob %d\0" % file.stat().st_size, usedforsecurity=False)
    with file.open("rb") as content:
        while block := content.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _sight(file: Path, sha256: str) -> _Sight:
    status = file.stat()
    return _Sight(sha256, status.st_size, status.st_mtime_ns)


def _seen_path(file: Path) -> Path:
    return file.with_name(f".{file.name}.seen.json")


def _read_json(path: Path) -> Mapping[str, Any]:
    """An object of a JSON file; empty if there is none or it is damaged, as after a full disk."""
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _write_json(values: Mapping[str, Any], path: Path) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(values, indent=1) + "\n")


def _cure(file: Path, weight: Weight) -> str:
    source = f" ({weight.url})" if weight.url else ""
    return (
        f"Delete it and get it anew: {weights_command('fetch', file, weight.name)}, or put the right file there{source}"
    )


def _short(digest: str | None) -> str:
    return (digest or "none")[:_SHOWN_DIGITS]
