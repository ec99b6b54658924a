"""Outputs appear whole or not at all, and a killed writer's remains do not pile up."""

import errno
import os
import stat
from pathlib import Path

import pytest

from nlf_pipeline.files import atomic_folder, atomic_path


def test_file_appears_at_the_end_and_not_before(tmp_path):
    path = tmp_path / "made" / "here.json"
    with atomic_path(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists() and temporary.suffix == path.suffix
    assert path.read_text() == "whole" and [*path.parent.iterdir()] == [path]
    umask_file = tmp_path / "plain"
    umask_file.touch()
    assert path.stat().st_mode == umask_file.stat().st_mode


def test_failure_keeps_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and [*tmp_path.iterdir()] == [path]


def test_remains_of_a_killed_writer_are_removed_and_other_files_are_not(tmp_path):
    for name in (".a-abcd1234.json", ".a-abcd1234.tmp_0a1b", ".ab-abcd1234.json", ".a-abcd9999.mp4", "a-abcd1234.json"):
        (tmp_path / name).touch()
    with atomic_path(tmp_path / "a.json") as temporary:
        temporary.write_text("whole")
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {"a.json", ".ab-abcd1234.json", ".a-abcd9999.mp4", "a-abcd1234.json"}


def test_files_of_writers_that_live_and_of_other_outputs_stay(tmp_path):
    with atomic_path(tmp_path / "a.json") as living:
        living.write_text("first")
        (tmp_path / f"{living.stem}.tmp_0a1b").touch()
        with atomic_path(tmp_path / "a-b.json") as other, atomic_path(tmp_path / "a.json") as second:
            other.write_text("other")
            second.write_text("second")
            assert len({living, second, other}) == 3 and living.read_text() == "first"
            assert (tmp_path / f"{living.stem}.tmp_0a1b").exists()
        assert (tmp_path / "a.json").read_text() == "second" and (tmp_path / "a-b.json").read_text() == "other"
    assert (tmp_path / "a.json").read_text() == "first"


def test_an_encoder_may_put_another_file_in_place(tmp_path):
    with atomic_path(tmp_path / "a.mp4") as temporary:
        (tmp_path / "encoded").write_text("whole")
        (tmp_path / "encoded").replace(temporary)
        with atomic_path(tmp_path / "b.mp4") as other:
            other.touch()
    assert (tmp_path / "a.mp4").read_text() == "whole"


def test_content_is_on_the_disk_before_the_name_and_the_name_before_it_goes_on(tmp_path, monkeypatch):
    steps = []
    real_sync, real_replace = os.fsync, Path.replace

    def sync(descriptor):
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "content")
        real_sync(descriptor)

    def replace(self, target):
        steps.append("name")
        return real_replace(self, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", replace)
    with atomic_path(tmp_path / "a.json") as temporary:
        temporary.write_text("whole")
    assert steps == ["content", "name", "folder"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_told_with_the_name_of_the_output(tmp_path, number):
    path = tmp_path / "a.json"
    with pytest.raises(OSError, match="a") as direct, atomic_path(path):
        raise OSError(number, "full")
    with pytest.raises(OSError, match="a") as wrapped, atomic_path(path):
        try:
            raise OSError(number, "full")
        except OSError as error:
            raise RuntimeError("could not encode") from error
    for caught in (direct.value, wrapped.value):
        assert (caught.errno, caught.filename) == (number, str(path))
    assert not [*tmp_path.iterdir()]


def test_descriptors_do_not_pile_up(tmp_path):
    before = len([*Path("/proc/self/fd").iterdir()])
    for number in range(20):
        with atomic_path(tmp_path / "a.json") as temporary:
            temporary.write_text(str(number))
        with pytest.raises(RuntimeError), atomic_path(tmp_path / "a.json"):
            raise RuntimeError
    assert len([*Path("/proc/self/fd").iterdir()]) == before


def listing(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_folder_appears_at_the_end_and_takes_the_place_of_the_old_one(tmp_path):
    path = tmp_path / "made" / "glb"
    for text in ("first", "second"):
        old = listing(path)
        with atomic_folder(path) as folder:
            assert not [*folder.iterdir()]
            (folder / f"{text}.txt").write_text(text)
            (folder / "below").mkdir()
            (folder / "below" / "it.txt").write_text(text)
            assert listing(path) == old
        assert listing(path) == {f"{text}.txt": text, "below/it.txt": text} and [*path.parent.iterdir()] == [path]
    (tmp_path / "plain").mkdir()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_folder_of_no_files_is_an_output_too(tmp_path):
    with atomic_folder(tmp_path / "bvh"):
        pass
    assert (tmp_path / "bvh").is_dir() and [*tmp_path.iterdir()] == [tmp_path / "bvh"]


def test_failure_keeps_the_old_folder_and_nothing_else(tmp_path):
    path = tmp_path / "usd"
    path.mkdir()
    (path / "a.usdc").write_text("old")
    with pytest.raises(RuntimeError), atomic_folder(path) as folder:
        (folder / "a.usdc").write_text("half")
        raise RuntimeError
    assert listing(tmp_path) == {"usd/a.usdc": "old"} and [*tmp_path.iterdir()] == [path]


def test_folder_takes_the_place_of_a_file(tmp_path):
    (tmp_path / "csv").write_text("a file")
    with atomic_folder(tmp_path / "csv") as folder:
        (folder / "a.csv").touch()
    assert listing(tmp_path) == {"csv/a.csv": ""}


def test_folders_of_killed_writers_go_and_those_of_writers_that_live_stay(tmp_path):
    for name in (".glb-abcd1234", ".glb-2-abcd1234", ".usd-abcd1234", "glb-abcd1234"):
        (tmp_path / name / "new").mkdir(parents=True)
    with atomic_folder(tmp_path / "glb") as living:
        (living / "a.glb").write_text("first")
        with atomic_folder(tmp_path / "glb") as second:
            (second / "a.glb").write_text("second")
        assert (living / "a.glb").exists() and listing(tmp_path / "glb") == {"a.glb": "second"}
    assert listing(tmp_path / "glb") == {"a.glb": "first"}
    assert {path.name for path in tmp_path.iterdir()} == {"glb", ".glb-2-abcd1234", ".usd-abcd1234", "glb-abcd1234"}


def test_a_full_disk_is_told_with_the_name_of_the_folder(tmp_path):
    path = tmp_path / "glb"
    with pytest.raises(OSError, match="glb") as caught, atomic_folder(path):
        raise OSError(errno.ENOSPC, "full")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path)) and not [*tmp_path.iterdir()]


def test_files_of_a_folder_are_on_the_disk_before_its_name(tmp_path, monkeypatch):
    steps = []
    real_sync, real_rename = os.fsync, Path.rename

    def sync(descriptor):
        steps.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real_sync(descriptor)

    def rename(self, target):
        steps.append(f"{self.name} to {Path(target).name}")
        return real_rename(self, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "rename", rename)
    with atomic_folder(tmp_path / "glb") as folder:
        (folder / "a.glb").touch()
    assert steps == ["a.glb", "new", "new to glb", tmp_path.name]


def test_descriptors_of_folders_do_not_pile_up(tmp_path):
    before = len([*Path("/proc/self/fd").iterdir()])
    for _ in range(5):
        with atomic_folder(tmp_path / "glb"):
            pass
        with pytest.raises(RuntimeError), atomic_folder(tmp_path / "glb"):
            raise RuntimeError
    assert len([*Path("/proc/self/fd").iterdir()]) == before
