"""What is known of a file of weights: its state, its record, and what is refused."""

import hashlib
import json
import os
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlf_pipeline.errors import UserError
from nlf_pipeline.weights.listing import format_states, weights_state
from nlf_pipeline.weights.records import (
    accept_content,
    check_unchanged,
    current_digest,
    record_path,
    record_use,
    recorded_digest,
    state_of,
)
from nlf_pipeline.weights.registry import Weight, find_weight, load_body_models, load_registry, weights_path

WEIGHT = Weight("thing", "thing.pth", "none", (), "http://127.0.0.1:1/thing.pth")


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / WEIGHT.file
    path.write_bytes(b"weights of old")
    return path


def test_every_weight_has_a_pinned_source_a_licence_and_a_use():
    files = [weight.file for weight in [*load_registry().values(), *load_body_models().values()]]
    assert len(set(files)) == len(files)
    for name, weight in load_registry().items():
        assert weight.name == name and weight.url and weight.url.startswith("https://")
        assert weight.licence and weight.used_by and weight.registration is None
        for digest, digits in ((weight.sha256, 64), (weight.git_blob, 40), (weight.sha256_prefix, 8)):
            assert digest is None or (len(digest) == digits and int(digest, 16) >= 0)
    for weight in load_body_models().values():
        assert weight.url is None and weight.registration is not None and weight.used_by


def test_torchvisions_names_carry_the_digits_that_are_checked():
    for name in ("maskrcnn", "deeplabv3"):
        weight = find_weight(name)
        assert weight.file.endswith(f"-{weight.sha256_prefix}.pth") and weight.url.endswith(f"/{weight.file}")


def test_unknown_name_is_refused_with_the_names_there_are(tmp_path):
    assert weights_path(tmp_path, "stcn") == tmp_path / "stcn.pth"
    with pytest.raises(UserError, match=r"yolo.*stcn, maskrcnn"):
        weights_path(tmp_path, "yolo")


def test_states_from_nothing_to_changed(file):
    content = file.read_bytes()
    file.unlink()
    assert state_of(file, WEIGHT) == "missing"
    check_unchanged(file, WEIGHT)
    file.write_bytes(content)
    assert state_of(file, WEIGHT) == "by hand"
    check_unchanged(file, WEIGHT)
    record_use(file, WEIGHT)
    assert state_of(file, WEIGHT) == "present" and recorded_digest(file) == sha256(content)
    file.write_bytes(b"others")
    assert state_of(file, WEIGHT) == "changed"
    file.write_bytes(content)
    assert state_of(file, WEIGHT) == "present"


@pytest.mark.parametrize(
    "published", [{"sha256": sha256(b"weights of old")}, {"sha256_prefix": sha256(b"weights of old")[:8]}]
)
def test_published_file_is_verified(file, published):
    weight = Weight("thing", "thing.pth", "none", (), **published)
    record_use(file, weight)
    assert state_of(file, weight) == "verified"


def test_record_says_nothing_but_the_digest_so_that_it_stays_the_same(file):
    record_use(file, WEIGHT)
    before = record_path(file).read_bytes()
    assert json.loads(before) == {"file": file.name, "sha256": sha256(file.read_bytes())}
    os.utime(file, ns=(1, 1))
    record_use(file, WEIGHT)
    record_path(file).unlink()
    os.utime(file, ns=(2, 2))
    record_use(file, WEIGHT)
    assert record_path(file).read_bytes() == before


def test_change_is_refused_until_it_is_accepted(file):
    record_use(file, WEIGHT)
    file.write_bytes(b"weights of new")
    for refused in (check_unchanged, record_use):
        with pytest.raises(UserError) as caught:
            refused(file, WEIGHT)
        message = str(caught.value)
        assert f"nlf-pipeline weights accept thing --folder {file.parent}" in message and str(file) in message
        assert sha256(b"weights of old")[:12] in message and sha256(b"weights of new")[:12] in message
    assert accept_content(file, WEIGHT) and not accept_content(file, WEIGHT)
    check_unchanged(file, WEIGHT)
    assert recorded_digest(file) == sha256(b"weights of new")


def test_change_of_a_published_file_is_not_offered_for_acceptance(file):
    weight = Weight("thing", "thing.pth", "none", (), sha256_prefix=sha256(file.read_bytes())[:8])
    record_use(file, weight)
    file.write_bytes(b"weights of new")
    with pytest.raises(UserError, match="weights fetch thing") as caught:
        check_unchanged(file, weight)
    assert "accept" not in str(caught.value)


def test_no_content_that_is_not_the_published_one_can_be_accepted(file):
    weight = Weight("thing", "thing.pth", "none", (), sha256_prefix="01234567")
    for refused in (record_use, accept_content):
        with pytest.raises(UserError, match=f"found {sha256(file.read_bytes())[:8]}, expected 01234567"):
            refused(file, weight)
    assert not record_path(file).exists()


def test_content_is_read_again_only_when_size_or_time_differ(file, monkeypatch):
    record_use(file, WEIGHT)
    monkeypatch.setattr("nlf_pipeline.weights.records.digest_of", lambda _: pytest.fail("was read"))
    assert state_of(file, WEIGHT) == "present"
    monkeypatch.undo()
    status = file.stat()
    file.write_bytes(b"WEIGHTS of old")  # the same size at another time
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert state_of(file, WEIGHT) == "changed"


@given(st.binary(min_size=1, max_size=200), st.binary(min_size=1, max_size=200))
def test_present_exactly_as_long_as_the_bytes_are_the_same(tmp_path_factory, first, second):
    path = tmp_path_factory.mktemp("w") / WEIGHT.file
    path.write_bytes(b"\0" + first)
    record_use(path, WEIGHT)
    path.write_bytes(b"\0" + second)
    os.utime(path, ns=(7, 7))
    assert state_of(path, WEIGHT) == ("present" if first == second else "changed")
    assert current_digest(path) == sha256(b"\0" + second)


def test_link_is_taken_like_a_file_and_a_broken_one_is_told(tmp_path):
    target = tmp_path / "elsewhere.bin"
    target.write_bytes(b"linked")
    link = tmp_path / WEIGHT.file
    link.symlink_to(target)
    record_use(link, WEIGHT)
    assert recorded_digest(link) == sha256(b"linked") and link.is_symlink()
    target.unlink()
    with pytest.raises(UserError, match="found a link to"):
        check_unchanged(link, WEIGHT)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "empty"), (b"<!DOCTYPE html><p>log in", "web page"), (b"PK\3\4 the start of an archive", "cut off")],
)
def test_what_cannot_be_weights_is_not_recorded(file, content, words):
    file.write_bytes(content)
    with pytest.raises(UserError, match=words) as caught:
        record_use(file, WEIGHT)
    assert str(file) in str(caught.value) and not record_path(file).exists()


def test_whole_archive_is_taken(file):
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("data", "x")
    record_use(file, WEIGHT)
    assert state_of(file, WEIGHT) == "present"


@pytest.mark.parametrize("damage", ["", "[]", '{"sha256": 3}', "{"])
def test_damaged_record_counts_as_none(file, damage):
    record_use(file, WEIGHT)
    file.with_name(f".{file.name}.seen.json").write_text(damage)
    assert state_of(file, WEIGHT) == "present"
    record_path(file).write_text(damage)
    assert state_of(file, WEIGHT) == "by hand"
    record_use(file, WEIGHT)
    assert recorded_digest(file) == sha256(file.read_bytes())


def test_table_has_every_file_and_where_to_register(tmp_path):
    (tmp_path / "stcn.pth").write_bytes(b"by hand")
    states = weights_state(tmp_path, tmp_path / "bodies")
    assert {s.weight.name: s.state for s in states}["stcn"] == "by hand"
    assert len(states) == len(load_registry()) + len(load_body_models())
    text = "\n".join(format_states(states))
    for shown in ("stcn", "by hand", "missing", "233 MiB", "unknown", "non-commercial", "https://smpl-x.is.tue.mpg.de"):
        assert shown in text
    assert str(tmp_path / "bodies/smplx") in text
    assert all(s.path is None for s in weights_state(tmp_path) if s.weight.name.startswith("smpl"))


def test_folder_that_cannot_be_written_is_named(file, monkeypatch):
    monkeypatch.setattr(os, "access", lambda _, mode: mode == os.R_OK)
    for refused in (record_use, accept_content):
        with pytest.raises(UserError, match=f"^{file.parent}: cannot be written.*links to the files"):
            refused(file, WEIGHT)
    assert not record_path(file).exists()
