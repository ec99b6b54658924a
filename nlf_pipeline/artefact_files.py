"""How artefacts lie on disk: npz files without pickles, and JSON."""

import dataclasses
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any, ClassVar, Self

import dacite
import numpy as np

from nlf_pipeline.errors import ArtefactError
from nlf_pipeline.files import atomic_path

_STRICT = dacite.Config(strict=True, cast=[tuple])


def missing_artefact(path: Path, kind: type) -> ArtefactError:
    """The error for a file that an earlier stage should have written."""
    return ArtefactError(f"{path}: not found, expected a {kind.__name__} file. Run the workflow again to make it.")


class ArrayArtefact:
    """Saving to and loading from npz, by field name."""

    format_version: ClassVar[int] = 1

    def save(self, path: Path) -> None:
        """Write the fields to `path` (npz), atomically."""
        arrays = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}  # type: ignore[arg-type]
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, format_version=np.array(self.format_version), **arrays)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read `path`; raises ArtefactError if it is missing, damaged or of another kind or version."""
        if not Path(path).is_file():
            raise missing_artefact(path, cls)
        try:
            with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as archive:
                values = dict(archive)
        except (ValueError, OSError, EOFError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
            raise ArtefactError(f"{path} is not a readable npz file ({error}). Delete it and run again.") from error
        version = int(values.pop("format_version", np.array(-1)))
        kinds = {f.name: f.type for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        if version != cls.format_version or kinds.keys() != values.keys():
            raise ArtefactError(
                f"{path} is not a {cls.__name__} of format {cls.format_version}: found format {version}, "
                f"missing {sorted(kinds.keys() - values.keys())}, unexpected {sorted(values.keys() - kinds.keys())}. "
                "Delete it and run again."
            )
        return cls(**{name: value if kinds[name] is np.ndarray else value.item() for name, value in values.items()})


class JsonArtefact:
    """Saving to and loading from JSON, by field name."""

    format_version: ClassVar[int] = 1

    def save(self, path: Path) -> None:
        """Write the fields to `path` (JSON, sorted by field order), atomically."""
        write_json({"format_version": self.format_version, **dataclasses.asdict(self)}, path)  # type: ignore[call-overload]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read `path`; raises ArtefactError if it is missing, damaged or of another kind or version."""
        values = read_json(path, cls)
        found = values.pop("format_version", None)
        try:
            if found != cls.format_version:
                raise dacite.DaciteError(f"found format {found}")
            return dacite.from_dict(cls, values, _STRICT)
        except dacite.DaciteError as error:
            raise ArtefactError(
                f"{path} is not a {cls.__name__} of format {cls.format_version} ({error}). Delete it and run again."
            ) from error


def write_json(values: dict[str, Any], path: Path) -> None:
    """Write `values` to `path` as indented JSON, atomically. NaN is refused."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(values, indent=1, allow_nan=False) + "\n")


def read_json(path: Path, kind: type) -> dict[str, Any]:
    """The object in the JSON file `path`; raises ArtefactError naming `kind` if there is none."""
    if not Path(path).is_file():
        raise missing_artefact(path, kind)
    try:
        values = json.loads(Path(path).read_text())
    except (ValueError, UnicodeDecodeError) as error:
        raise ArtefactError(f"{path} is not readable JSON ({error}). Delete it and run again.") from error
    if not isinstance(values, dict):
        raise ArtefactError(
            f"{path} is not a {kind.__name__}: found a {type(values).__name__}. Delete it and run again."
        )
    return values
