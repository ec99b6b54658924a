"""`nlf-pipeline weights`: what it prints, its exit status, and the cures it names."""

import hashlib

import pytest

from nlf_pipeline.cli import main

CONTENT = b"not really weights"


def run(capsys, *words):
    """Exit status and what was printed, messages included."""
    try:
        main(["weights", *map(str, words)])
        status = 0
    except SystemExit as stop:
        status = stop.code
    printed = capsys.readouterr()
    return status, printed.out + printed.err


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "stcn.pth").write_bytes(CONTENT)
    return tmp_path


def test_list_fetch_verify_accept_in_turn(folder, capsys):
    here = ("--folder", folder)
    status, text = run(capsys, "list", *here)
    assert status == 0 and "by hand" in text
    assert run(capsys, "fetch", "stcn", *here)[0] == 0  # it is there: nothing is downloaded
    assert "present" in run(capsys, "list", *here)[1]
    status, text = run(capsys, "verify", *here)
    assert status == 0 and hashlib.sha256(CONTENT).hexdigest() in text
    (folder / "stcn.pth").write_bytes(b"another")
    assert "changed" in run(capsys, "list", *here)[1]
    status, text = run(capsys, "verify", *here)
    assert status == 1 and f"weights accept stcn --folder {folder}" in text and "Traceback" not in text
    status, text = run(capsys, "accept", "stcn", *here)
    assert status == 0 and hashlib.sha256(b"another").hexdigest() in text and "accepted" in text
    assert run(capsys, "verify", "stcn", *here)[0] == 0


def test_verify_names_everything_that_is_wrong(folder, capsys):
    (folder / "maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth").write_bytes(b"something else")
    (folder / "droid.pth").write_bytes(b"<html>")
    status, text = run(capsys, "verify", "--folder", folder)
    assert status == 1 and "expected bf2d0c1e" in text and "web page" in text
    status, text = run(capsys, "verify", "rife", "--folder", folder)
    assert status == 1 and "flownet.pkl: not found" in text


@pytest.mark.parametrize("command", ["fetch", "verify", "accept"])
def test_unknown_name_is_one_message(folder, capsys, command):
    status, text = run(capsys, command, "yolo", "--folder", folder)
    assert status == 1 and "yolo" in text and "deeplabv3" in text and "Traceback" not in text


def test_registered_file_is_not_fetched_but_explained(folder, capsys):
    status, text = run(capsys, "fetch", "smplx-female", "--folder", folder)
    assert status == 1 and "https://smpl-x.is.tue.mpg.de" in text and "smplx/SMPLX_FEMALE.npz" in text


def test_one_file_that_fails_does_not_keep_the_others_back(folder, capsys):
    (folder / "droid.pth").write_bytes(b"")
    status, text = run(capsys, "fetch", "droid", "stcn", "--folder", folder)
    assert status == 1 and "droid.pth: is empty" in text
    assert (folder / "stcn.pth.sha256.json").is_file() and not (folder / "droid.pth.sha256.json").exists()


def test_accept_wants_a_file_and_a_name(folder, capsys):
    status, text = run(capsys, "accept", "rife", "--folder", folder)
    assert status == 1 and "flownet.pkl: not found" in text
    assert run(capsys, "accept", "--folder", folder)[0] != 0


def test_every_command_explains_itself():
    import tyro

    from nlf_pipeline import cli

    for function in cli.load_group("weights").values():
        text = " ".join(tyro.extras.get_parser(function).format_help().split())
        assert function.__doc__ and function.__doc__.splitlines()[0].rstrip(".") in text
