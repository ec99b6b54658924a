"""What may be in a pickled body model, and that nothing of it runs before that is known."""

import os
import pickle
import sys
import types

import numpy as np
import pytest
import scipy.sparse as sp

from nlf_pipeline.body_pickles import check_only_arrays


class Makes:
    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.fixture
def chumpy_array(monkeypatch):
    """An object that is pickled as chumpy's arrays are."""
    ch = type("Ch", (), {"__module__": "chumpy.ch"})
    for name in ("chumpy", "chumpy.ch"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setattr(sys.modules["chumpy.ch"], "Ch", ch, raising=False)
    array = ch()
    vars(array)["x"] = np.ones((4, 3))
    return array


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL))
def test_arrays_pass_in_every_protocol(tmp_path, chumpy_array, protocol):
    values = {
        "v_template": np.ones((6, 3)),
        "J_regressor": sp.csc_matrix(np.eye(3)),
        "shapedirs": chumpy_array,
        "kintree_table": np.arange(4, dtype=np.uint32),
        "scale": np.float64(2),
        "bs_type": "lrotmin",
    }
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(values, protocol))
    check_only_arrays(path)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL))
def test_code_is_named_and_does_not_run(tmp_path, protocol):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"v_template": Makes(tmp_path / "made")}, protocol))
    with pytest.raises(pickle.UnpicklingError, match=r"posix\.mkdir"):
        check_only_arrays(path)
    assert not (tmp_path / "made").exists()


def test_ways_around_are_closed(tmp_path):
    path = tmp_path / "model.pkl"
    for code in (
        b"cnumpy.testing._private.utils\nrunstring\n.",
        b"cbuiltins\ngetattr\n.",
        b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.",
        b"cscipy.sparse\nload_npz\n.",
    ):
        path.write_bytes(code)
        with pytest.raises(pickle.UnpicklingError, match="could run code"):
            check_only_arrays(path)
