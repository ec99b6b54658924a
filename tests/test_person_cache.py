"""The cache of people's results: whatever a result depends on makes its key, and the folder stays bounded."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlf_pipeline.person_cache import PersonCache, digest, file_digest

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(-2, 2), st.text(max_size=3), st.binary(max_size=3)
)
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3), max_leaves=6)


def shown(tree):
    """Text that differs where values or types differ."""
    return "[" + ",".join(map(shown, tree)) + "]" if isinstance(tree, list) else f"{type(tree).__name__}:{tree!r}"


@given(TREES, TREES)
def test_digests_are_equal_exactly_for_equal_values(first, second):
    assert (digest(first) == digest(second)) == (shown(first) == shown(second))


def test_arrays_differ_by_values_type_and_shape():
    base = np.arange(6, dtype=np.float32)
    others = [base.astype(np.float64), base.reshape(2, 3), base + np.float32(1e-6), base[::-1], base[:5], base.tolist()]
    digests = {digest(array) for array in [base, *others]}
    assert len(digests) == len(others) + 1
    assert digest(base.reshape(2, 3).T) == digest(base.reshape(2, 3).T.copy())


def test_what_was_kept_comes_back_exactly_under_its_key_alone(tmp_path):
    cache = PersonCache(tmp_path / "cache", "clip")
    key = cache.key("motion", 1, "a")
    arrays = {"R": np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32), "n": np.array(7)}
    assert cache.load(key) is None
    cache.save(key, arrays)
    for again in (cache, PersonCache(tmp_path / "cache", "clip")):
        loaded = again.load(again.key("motion", 1, "a"))
        assert loaded is not None and loaded.keys() == arrays.keys()
        for name, array in arrays.items():
            assert loaded[name].dtype == array.dtype
            np.testing.assert_array_equal(loaded[name], array)
    other_clip = PersonCache(tmp_path / "cache", "another clip")
    assert other_clip.load(other_clip.key("motion", 1, "a")) is None
    assert cache.load(cache.key("motion", 2, "a")) is None


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"not a zip"])
def test_damaged_files_count_as_missing_and_are_replaced(tmp_path, content):
    cache = PersonCache(tmp_path)
    key = cache.key("motion")
    (tmp_path / f"{key}.npz").write_bytes(content)
    assert cache.load(key) is None
    cache.save(key, {"x": np.ones(2)})
    assert cache.load(key) is not None


def test_a_file_cut_short_counts_as_missing(tmp_path):
    cache = PersonCache(tmp_path)
    key = cache.key("motion")
    cache.save(key, {"x": np.random.default_rng(0).normal(size=100)})
    whole = (tmp_path / f"{key}.npz").read_bytes()
    for length in range(0, len(whole), 37):
        (tmp_path / f"{key}.npz").write_bytes(whole[:length])
        assert cache.load(key) is None


def test_without_a_folder_nothing_is_kept(tmp_path):
    cache = PersonCache(None)
    cache.save(cache.key("motion"), {"x": np.ones(1)})
    assert cache.load(cache.key("motion")) is None
    cache.prune()
    assert not [*tmp_path.iterdir()]


def test_pruning_keeps_what_was_used_and_as_much_of_the_latest(tmp_path):
    names = [f"{k}" for k in range(10)]
    for k, name in enumerate(names):
        cache = PersonCache(tmp_path)
        cache.save(cache.key("x", name), {"x": np.full(100, k)})
        cache.prune()
    kept = {path.name for path in tmp_path.glob("*.npz")}
    assert kept == {f"{cache.key('x', name)}.npz" for name in names[-2:]}  # the last, and the one before
    again = PersonCache(tmp_path)
    assert again.load(again.key("x", names[-2])) is not None
    again.save(again.key("x", "new"), {"x": np.zeros(100)})
    again.prune()
    assert {path.name for path in tmp_path.glob("*.npz")} == kept | {f"{again.key('x', 'new')}.npz"}


def test_files_differ_by_content_and_not_by_date_or_name(tmp_path):
    paths = [tmp_path / name for name in "abc"]
    for path, content in zip(paths, (b"x" * 3_000_000, b"x" * 3_000_000, b"x" * 2_999_999 + b"y"), strict=True):
        path.write_bytes(content)
    first, same, other = map(file_digest, paths)
    assert first == same != other
    assert len({digest(*order) for order in itertools.permutations([first, other, "z"])}) == 6
