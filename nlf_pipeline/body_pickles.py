"""Whether a pickled body model holds nothing but arrays, found out without running what it may hold besides."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

_ARRAYS = {
    "numpy": {"ndarray", "dtype"},
    "numpy.core.multiarray": {"_reconstruct", "scalar"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
    "chumpy.ch": {"Ch"},
    "chumpy.reordering": {"Select"},
    "copyreg": {"_reconstructor"},
    "copy_reg": {"_reconstructor"},  # as Python 2 calls it
    "builtins": {"object"},
    "__builtin__": {"object"},
    "_codecs": {"encode"},
}
"""Module -> names in it of which arrays are made."""


def check_only_arrays(path: Path) -> None:
    """Read a pickle with everything in it replaced by something that does nothing.

    Raises:
        pickle.UnpicklingError: if it names anything else than numpy's and scipy's arrays and the classes of chumpy that
            published body models are stored in, or is damaged.
    """
    with path.open("rb") as file:
        _Inspector(file, encoding="latin1").load()


class _Inert:
    """What stands for every class and function: takes anything and does nothing."""

    def __new__(cls, *_: object) -> _Inert:
        return super().__new__(cls)

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...

    def __hash__(self) -> int:
        return id(self)


class _Inspector(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        sparse = module_name.startswith("scipy.sparse") and global_name.endswith(("_matrix", "_array"))
        if not sparse and global_name not in _ARRAYS.get(module_name, ()):
            raise pickle.UnpicklingError(f"it holds {module_name}.{global_name}, which could run code")
        return _Inert
