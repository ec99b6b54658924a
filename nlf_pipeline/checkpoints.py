"""Reading models' weights: what is wrong with a file is said in one line, and no pickle of others runs code."""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

from nlf_pipeline.errors import UserError
from nlf_pipeline.files import check_readable
from nlf_pipeline.gpu_limits import lacks_memory
from nlf_pipeline.weights.registry import weights_command

_SHOWN_KEYS = 3
_ZIP_START = b"PK"
_OLD_START = b"\x80\x02"
"""Of the pickles that torch wrote until version 1.5."""
_MARKUP_STARTS = (b"<!doctype", b"<html", b"<?xml")
_LONGEST_START = 512


def read_state_dict(path: Path, model: str) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint by name, on the CPU.

    Args:
        path: file written by torch.save: tensors by name. Anything but tensors and plain containers is refused.
        model: what it belongs to, for messages, such as "STCN".

    Raises:
        UserError: if the file is missing, cut off, a web page, or holds something else.
    """
    import torch

    check_weights_file(path, model)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about files that are refused anyway
            values = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise _damaged(path, model, error, scripted=False) from error
    if not isinstance(values, Mapping) or not all(isinstance(v, torch.Tensor) for v in values.values()):
        raise UserError(f"{path}: found no tensors by name, expected the weights of {model}. {_fetch_cure(path)}")
    return dict(values)


def load_weights(module: torch.nn.Module, values: Mapping[str, torch.Tensor], path: Path, model: str) -> None:
    """Copy `values` into `module`, all of them and to every parameter.

    Raises:
        UserError: naming keys that are missing, unexpected, of another shape, or not finite.
    """
    expected = module.state_dict()
    # Counters of batches do not matter to inference, and old checkpoints lack them.
    missing = [key for key in expected if key not in values and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in values if key not in expected]
    misshapen = [
        f"{key} {tuple(values[key].shape)} instead of {tuple(expected[key].shape)}"
        for key in expected
        if key in values and values[key].shape != expected[key].shape
    ]
    broken = [key for key, tensor in values.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    kinds = {"missing": missing, "unexpected": unexpected, "of another shape": misshapen, "not finite": broken}
    problems = [f"{len(keys)} {kind} ({_some(keys)})" for kind, keys in kinds.items() if keys]
    if problems:
        raise UserError(f"{path}: these are not the weights of {model}: {'; '.join(problems)}. {_fetch_cure(path)}")
    module.load_state_dict(dict(values), strict=False)


def load_torchscript(
    path: Path, device: torch.device, model: str, edit_code: Callable[[str], str] | None = None
) -> torch.jit.ScriptModule:
    """A TorchScript module for inference on `device`.

    Args:
        path: file written by torch.jit.save.
        device: where its tensors go.
        model: what it belongs to, for messages.
        edit_code: what to make of each of its source files before they are compiled.

    Raises:
        UserError: if the file is missing, cut off, a web page, or no TorchScript.
        RuntimeError: if the GPU's memory does not suffice.
    """
    import torch

    check_weights_file(path, model)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # what is published as TorchScript stays so
            source = str(path) if edit_code is None else _with_code_edited(path, edit_code)
            return torch.jit.load(source, map_location=device).eval()
    except (RuntimeError, ValueError, OSError, zipfile.BadZipFile) as error:
        if lacks_memory(error):
            raise
        raise _damaged(path, model, error, scripted=True) from error


def _with_code_edited(path: Path, edit_code: Callable[[str], str]) -> io.BytesIO:
    """The archive of a TorchScript module, its tensors as they are."""
    edited = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(edited, "w") as copy:
        for entry in archive.infolist():
            content = archive.read(entry)
            if entry.filename.endswith(".py"):
                content = edit_code(content.decode()).encode()
            copy.writestr(entry.filename, content)
    edited.seek(0)
    return edited


def check_weights_file(path: Path, model: str) -> None:
    """Raise UserError unless there is a file at `path` that could be weights of `model`."""
    if not path.exists() and not path.is_symlink():
        raise UserError(
            f"{path}: not found, expected the weights of {model}. Get it with: {weights_command('fetch', path)}, or "
            "put it there"
        )
    check_readable(path, f"the weights of {model}")
    with path.open("rb") as file:
        start = file.read(_LONGEST_START)
    if not start:
        raise UserError(f"{path}: is empty, expected the weights of {model}. {_fetch_cure(path)}")
    if is_web_page(start):
        raise UserError(
            f"{path}: is a web page, expected the weights of {model}; a login page or an error was saved instead. "
            + _fetch_cure(path)
        )


def is_web_page(start: bytes) -> bool:
    """Whether a file that starts like this is a page for people, as servers send in place of a file."""
    return start[:_LONGEST_START].lstrip().lower().startswith(_MARKUP_STARTS)


def _damaged(path: Path, model: str, error: Exception, scripted: bool) -> UserError:
    reason = _container_flaw(path, scripted)
    if reason is None and isinstance(error, pickle.UnpicklingError):  # torch's own words advise to read it unsafely
        reason = "it holds more than tensors"
    reason = reason or str(error).strip().partition("\n")[0][:200] or type(error).__name__
    return UserError(f"{path}: cannot be read as weights of {model} ({reason}). {_fetch_cure(path)}")


def _container_flaw(path: Path, scripted: bool) -> str | None:
    """What is wrong with a file seen from outside; of that, torch's own words tell only insiders anything."""
    with path.open("rb") as file:
        start = file.read(_LONGEST_START)
    if not start.startswith(_ZIP_START):
        return None if start.startswith(_OLD_START) and not scripted else "it is no file of torch's"
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        return "it is cut off"
    inside = {name.partition("/")[2] for name in names}
    if "data.pkl" not in inside:
        return f"it is an archive of other files: {_some(names)}; if the weights are among them, unpack them"
    if scripted == ("constants.pkl" in inside):
        return None
    return "it holds tensors, but no TorchScript module" if scripted else "it is a TorchScript module"


def _fetch_cure(path: Path) -> str:
    return f"Delete it and get it anew: {weights_command('fetch', path)}, or put the right file at {path}"


def _some(keys: list[str]) -> str:
    rest = len(keys) - _SHOWN_KEYS
    return ", ".join(keys[:_SHOWN_KEYS]) + (f" and {rest} more" if rest > 0 else "")
