"""Arrays and plain values out of what `restricted_pickles` reads: every size is checked against the bytes there are."""

import math
import re
from typing import Any

import numpy as np

from nlf_pipeline.reference_files.restricted_pickles import Record

_NUMBERS = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248])")


class WrongValueError(ValueError):
    """A value is not what it should be; the text completes 'found ...'."""


def as_array(value: Any) -> np.ndarray:
    """An array of numbers.

    Args:
        value: what a pickle holds in its place: an array of numpy or deltacamera, one number, or lists of numbers.

    Raises:
        WrongValueError: if it is anything else, or its shape does not fit its bytes.
    """
    if isinstance(value, np.ndarray):
        return value
    if not isinstance(value, Record):
        return _from_numbers(value)
    arguments = value.arguments
    match value.name, len(arguments):
        case "_reconstruct", _ if isinstance(value.state, tuple) and len(value.state) == 5:
            _, shape, dtype, is_fortran, content = value.state
            return array_from_bytes(_bytes(content), _dtype_name(dtype), shape, "F" if is_fortran else "C")
        case "_frombuffer", 4:
            content, dtype, shape, order = arguments
            return array_from_bytes(_bytes(content), _dtype_name(dtype), shape, "F" if order == "F" else "C")
        case "_reconstruct_array", 3:
            content, dtype, shape = arguments
            return array_from_bytes(_bytes(content), dtype, shape)
        case "scalar", 2:
            return array_from_bytes(_bytes(arguments[1]), _dtype_name(arguments[0]), ())
    raise WrongValueError(f"{value.name} where numbers should be")


def array_from_bytes(content: bytes, dtype: Any, shape: Any, order: str = "C") -> np.ndarray:
    """An array of numbers, if its bytes are as many as it says.

    Raises:
        WrongValueError: if they are not, or it is not of numbers.
    """
    if not isinstance(dtype, str) or not _NUMBERS.fullmatch(dtype):
        raise WrongValueError(f"an array of {dtype!r}, which is not of numbers")
    sides = (shape,) if isinstance(shape, int) else shape
    if not isinstance(sides, list | tuple) or not all(type(n) is int and 0 <= n < 2**31 for n in sides):
        raise WrongValueError(f"an array of shape {shape!r}")
    if len(sides) > 8 or math.prod(sides) * np.dtype(dtype).itemsize != len(content):
        raise WrongValueError(f"an array of shape {tuple(sides)} of which there are {len(content)} bytes")
    return np.frombuffer(content, dtype).reshape(tuple(sides), order="F" if order == "F" else "C").copy()


def fields(value: Any, *names: str) -> dict[str, Any]:
    """The entries of a dict, or of an object's state, which must have these names.

    Raises:
        WrongValueError: if it is none, or a name is missing.
    """
    found = value.state if isinstance(value, Record) else value
    if not isinstance(found, dict):
        raise WrongValueError(f"{type(found).__name__} where {', '.join(names)} should be")
    if missing := [name for name in names if name not in found]:
        raise WrongValueError(f"an entry without {', '.join(missing)}")
    return found


def as_list(value: Any) -> list[Any]:
    """A list.

    Raises:
        WrongValueError: if it is none.
    """
    if not isinstance(value, list | tuple):
        raise WrongValueError(f"{type(value).__name__} where a list should be")
    return list(value)


def as_bytes(value: Any) -> bytes:
    """Bytes, which older pickles hold as text.

    Raises:
        WrongValueError: if it is none.
    """
    return _bytes(value)


def _bytes(content: Any) -> bytes:
    if isinstance(content, Record) and content.name == "encode":
        match content.arguments:
            case (str() as text, "latin1" | "latin-1"):
                return text.encode("latin-1", errors="replace")
    if isinstance(content, Record) and content.name == "bytes" and not content.arguments:
        return b""
    if isinstance(content, bytes | bytearray):
        return bytes(content)
    raise WrongValueError("an array of objects" if isinstance(content, list) else f"{type(content).__name__} for bytes")


def _dtype_name(dtype: Any) -> str:
    """Such as '<f4'."""
    if not isinstance(dtype, Record) or dtype.name != "dtype" or not dtype.arguments:
        raise WrongValueError("an array of an unknown type")
    name, state = dtype.arguments[0], dtype.state
    order = state[1] if isinstance(state, tuple) and len(state) > 1 else "<"
    return f"{order}{name}" if isinstance(name, str) and order in ("<", ">", "|", "=") else repr(name)


def _from_numbers(value: Any) -> np.ndarray:
    if isinstance(value, list | tuple) and len(value) <= 64:
        rows = [_from_numbers(part) for part in value]
        if len({row.shape for row in rows}) > 1:
            raise WrongValueError("a list of lists of different lengths")
        return np.array(rows)
    if isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**53):
        return np.array(value, dtype=np.float64)
    raise WrongValueError(f"{type(value).__name__} where numbers should be")
