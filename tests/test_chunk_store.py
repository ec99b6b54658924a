"""Chunks come back as they were kept or not at all, and only to whom they belong."""

import errno
import os

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nlf_pipeline.chunk_store import ChunkStore

ARRAYS = st.dictionaries(
    st.sampled_from(["R", "masks", "frames", "x"]),
    hnp.arrays(st.sampled_from([np.uint8, np.int64, np.float32, bool]), hnp.array_shapes(min_dims=0, min_side=0)),
    max_size=3,
)
EXAMPLES = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def same(kept, arrays):
    if kept is None or kept.keys() != arrays.keys():
        return False
    return all(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes() for a, b in pairs(kept, arrays))


def pairs(kept, arrays):
    return [(kept[name], arrays[name]) for name in arrays]


def only_file(folder, pattern="*/*"):
    (path,) = (path for path in folder.glob(pattern) if path.is_file())
    return path


@EXAMPLES
@given(ARRAYS, st.integers(0, 10**7), st.data())
def test_a_chunk_comes_back_or_counts_as_absent_whatever_happens_to_its_bytes(tmp_path, arrays, number, data):
    store = ChunkStore(tmp_path / "store", "clip")
    store.clear()
    assert store.load("a", number) is None
    store.save("a", number, arrays)
    assert same(ChunkStore(tmp_path / "store", "clip").load("a", number), arrays)
    path = only_file(tmp_path / "store")
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytearray(whole)
    flipped[at] ^= data.draw(st.integers(1, 255))
    for damaged in (bytes(flipped), whole[:at], whole + b"\0", b""):
        path.write_bytes(damaged)
        assert store.load("a", number) is None
    store.save("a", number, arrays)
    assert same(store.load("a", number), arrays)


def test_every_single_damaged_byte_of_a_small_chunk_is_noticed(tmp_path):
    store = ChunkStore(tmp_path, "clip")
    store.save("a", 3, {"x": np.arange(3, dtype=np.uint8)})
    path = only_file(tmp_path)
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert store.load("a", 3) is None


def test_chunks_are_told_apart_by_name_number_and_context(tmp_path):
    store = ChunkStore(tmp_path, "clip", 1)
    inner = store.within("options")
    inner.save("a", 0, {"x": np.zeros(1)})
    assert inner.load("a", 0) is not None
    assert inner.load("a", 1) is None and inner.load("b", 0) is None
    assert store.load("a", 0) is None and ChunkStore(tmp_path, "clip", 2).within("options").load("a", 0) is None
    assert ChunkStore(tmp_path, "clip", 1).within("options").load("a", 0) is not None


def test_chunks_of_other_contexts_go_when_the_first_chunk_is_kept(tmp_path):
    old = ChunkStore(tmp_path, "clip", "old options")
    old.save("a", 0, {"x": np.zeros(1)})
    new = ChunkStore(tmp_path, "clip", "new options")
    assert new.load("a", 0) is None
    assert old.load("a", 0) is not None
    new.save("a", 1, {"x": np.ones(1)})
    assert old.load("a", 0) is None and new.load("a", 1) is not None
    assert len([*tmp_path.iterdir()]) == 1


def test_clearing_and_removing(tmp_path):
    store = ChunkStore(tmp_path / "store", "clip")
    for number in range(2):
        store.save("a", number, {"x": np.zeros(1)})
    store.remove("a", 0)
    store.remove("a", 5)
    assert store.load("a", 0) is None and store.load("a", 1) is not None
    store.clear()
    store.clear()
    assert not [*tmp_path.iterdir()]


def test_without_a_folder_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = ChunkStore(None, "clip").within("options")
    store.save("a", 0, {"x": np.zeros(1)})
    store.remove("a", 0)
    store.clear()
    assert not store.keeps and store.load("a", 0) is None and store.find_file("a", 0, ".mp4") is None
    with pytest.raises(RuntimeError, match="keeps no files"), store.writing_file("a", 0, ".mp4"):
        pass
    assert not [*tmp_path.iterdir()]


@EXAMPLES
@given(st.binary(min_size=1, max_size=300), st.data())
def test_whole_files_come_back_or_count_as_absent(tmp_path, content, data):
    store = ChunkStore(tmp_path / "store", "clip")
    store.clear()
    with store.writing_file("part", 2, ".mp4") as path:
        path.write_bytes(content)
        assert store.find_file("part", 2, ".mp4") is None
    kept = ChunkStore(tmp_path / "store", "clip").find_file("part", 2, ".mp4")
    assert kept is not None and kept.suffix == ".mp4" and kept.read_bytes() == content
    assert store.find_file("part", 3, ".mp4") is None and store.find_file("part", 2, ".mkv") is None
    at = data.draw(st.integers(0, len(content) - 1))
    kept.write_bytes(content[:at])
    assert store.find_file("part", 2, ".mp4") is None
    kept.unlink()
    assert store.find_file("part", 2, ".mp4") is None


def test_a_file_that_fails_is_not_kept_and_leaves_the_one_before(tmp_path):
    store = ChunkStore(tmp_path, "clip")
    with store.writing_file("part", 0, ".mp4") as path:
        path.write_bytes(b"first")

    def fail():
        with store.writing_file("part", 0, ".mp4") as path:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space"):
        fail()
    kept = store.find_file("part", 0, ".mp4")
    assert kept is not None and kept.read_bytes() == b"first"
    assert len([*tmp_path.glob("*/*"), *tmp_path.glob("*/.*")]) == 2


def test_a_full_disk_is_reported_and_leaves_nothing_half_written(tmp_path, monkeypatch):
    store = ChunkStore(tmp_path / "store", "clip")
    store.save("a", 0, {"x": np.zeros(9)})

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full)
        with pytest.raises(OSError, match="No space"):
            store.save("a", 1, {"x": np.ones(9)})
    assert only_file(tmp_path / "store").name.startswith("a-000000")
    store.save("a", 1, {"x": np.ones(9)})
    assert same(store.load("a", 1), {"x": np.ones(9)})
