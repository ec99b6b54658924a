"""What `export_fbx` says where Blender is missing or fails; tests_reference opens its files in Blender."""

import importlib.util
import sys
from pathlib import Path

import pytest

from nlf_pipeline import export_fbx as stage
from nlf_pipeline.errors import UserError


@pytest.fixture
def glb_folder(tmp_path: Path) -> Path:
    (tmp_path / "glb").mkdir()
    (tmp_path / "glb/walk.glb").touch()
    return tmp_path / "glb"


@pytest.fixture
def blender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that has a shell script take Blender's place."""

    def place(script: str) -> None:
        python = tmp_path / "python"
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
        monkeypatch.setattr(sys, "executable", str(python))

    return place


def test_without_blender_the_cure_is_told(glb_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"bpy is not installed.*pip install -e '\.\[fbx\]'|Python 3\.11"):
        stage.export_fbx(glb=glb_folder, out=tmp_path / "fbx")
    assert not (tmp_path / "fbx").exists()


def test_without_a_gltf_file_it_is_asked_for(tmp_path):
    (tmp_path / "glb").mkdir()
    with pytest.raises(UserError, match="found 0 files"):
        stage.export_fbx(glb=tmp_path / "glb", out=tmp_path / "fbx")


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="elsewhere another Python is the cure")
def test_missing_libraries_are_told_as_a_users_matter(glb_folder, tmp_path, blender):
    blender("echo 'ImportError: libXi.so.6: cannot open shared object file' >&2; exit 1")
    with pytest.raises(UserError, match=r"libXi\.so\.6.*apt-get install .*libxi6"):
        stage.export_fbx(glb=glb_folder, out=tmp_path / "fbx")


def test_what_blender_said_last_is_told(glb_folder, tmp_path, blender):
    blender("echo drawing; echo 'RuntimeError: no bones' >&2; exit 3")
    with pytest.raises(RuntimeError, match=r"ended with 3(.|\n)*no bones"):
        stage.export_fbx(glb=glb_folder, out=tmp_path / "fbx")
    assert not (tmp_path / "fbx").exists()


def test_files_replace_those_that_were_there(glb_folder, tmp_path, blender):
    blender('[ "$2" = nlf_pipeline.exporters.fbx_in_blender ] && cp "$3" "$4/walk.fbx"')
    (tmp_path / "fbx").mkdir()
    (tmp_path / "fbx/old.fbx").touch()
    stage.export_fbx(glb=glb_folder, out=tmp_path / "fbx")
    assert [path.name for path in (tmp_path / "fbx").iterdir()] == ["walk.fbx"]
