"""The command line: typed options, one clean message for a user's mistake, everything in the log."""

import json
import os
import re
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import tyro

from nlf_pipeline import cli


def run(*arguments, **options):
    command = [sys.executable, "-m", "nlf_pipeline.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)


def test_users_mistake_is_one_message_on_the_terminal_and_in_the_log(tmp_path):
    log = tmp_path / "logs" / "fetch.log"
    text = tmp_path / "text.mp4"
    text.write_text("no video\n")
    result = run("--log", log, "fetch", "--video-id=x", "--source", text, "--out", tmp_path / "clip.mp4",
                 "--facts-out", tmp_path / "video.json")  # fmt: skip
    assert result.returncode == 1 and result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    for shown in (result.stderr, log.read_text()):
        assert str(text) in shown and "text file" in shown and "Traceback" not in shown
    assert sorted(path.name for path in tmp_path.iterdir()) == ["logs", "text.mp4"]


def test_wrong_option_has_status_2_and_names_it(tmp_path):
    result = run("plan-view", "--nonsense", "3")
    assert result.returncode == 2 and "--nonsense" in result.stderr


def test_unknown_stage_lists_the_stages(tmp_path):
    result = run("feth")
    assert result.returncode == 2 and "Did you mean fetch?" in result.stderr and "segment" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_the_overview_names_everything_and_what_people_need_first(arguments):
    result = run(*arguments)
    assert result.returncode == 0
    told = re.findall(r"^  ([a-z-]+)  +(\S.*)", result.stdout, re.MULTILINE)
    assert [name for name, _ in told] == [*cli.COMMANDS, *cli.GROUPS, *cli.STAGES]
    assert [name for name, _ in told][:3] == ["view", "export", "import"]
    assert dict(told)["ground"].startswith("Find the floor of every shot")


def test_the_overview_imports_no_stage():
    code = (
        "import sys; from nlf_pipeline.cli import main; main([])\nprint({'numpy', 'torch', 'cv2'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == "set()"


def test_reader_who_has_seen_enough_is_no_error(tmp_path):
    many = f"{sys.executable} -m nlf_pipeline.cli weights list --folder {tmp_path}"
    result = subprocess.run(f"{many} | true", shell=True, capture_output=True, text=True, timeout=60, check=True)
    assert result.stderr == ""


def test_file_in_place_of_a_folder_is_no_defect(tmp_path):
    (tmp_path / "file").touch()
    result = run("weights", "fetch", "nlf_s", "--folder", tmp_path / "file")
    assert result.returncode == 1 and "folder is expected" in result.stderr and "Traceback" not in result.stderr


@pytest.fixture
def noisy_stage(tmp_path, monkeypatch):
    """A stage that prints, warns, writes to descriptor 2 as native libraries do, and can fail."""
    module = tmp_path / "noisy_stage.py"
    module.write_text(
        textwrap.dedent('''
        import logging, os, sys, warnings, time
        from pathlib import Path
        from nlf_pipeline.progress import progress

        def noisy_stage(*, fail: str = "", wait_s: float = 0) -> None:
            """Be noisy."""
            print("printed")
            os.write(2, b"native noise\\n")
            warnings.warn("deprecated something")
            logging.getLogger("other").warning("library line")
            logging.getLogger("nlf_pipeline.noisy").info("our line")
            sum(progress(range(3), 3, "noisy"))
            if wait_s:
                Path("started").touch()
                time.sleep(wait_s)
            if fail == "bug":
                raise ValueError("a defect")
            if fail == "disk":
                open("/dev/full", "w").write("x" * 100_000)
        ''')
    )
    runner = tmp_path / "runner.py"
    runner.write_text(
        "import sys, types, nlf_pipeline\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "import noisy_stage\n"
        "sys.modules['nlf_pipeline.noisy_stage'] = noisy_stage\n"
        "from nlf_pipeline import cli\n"
        "cli.STAGES['noisy-stage'] = 'noisy_stage'\n"
        "cli.main()\n"
    )
    return [sys.executable, str(runner), "--log", str(tmp_path / "stage.log"), "noisy-stage"]


def test_noise_goes_to_the_log_and_our_lines_also_to_the_terminal(noisy_stage, tmp_path):
    result = subprocess.run(noisy_stage, capture_output=True, text=True, check=True)
    log = (tmp_path / "stage.log").read_text()
    for line in ("printed", "native noise", "deprecated something", "library line", "our line"):
        assert line in log, line
    assert "our line" in result.stderr
    for line in ("printed", "native noise", "deprecated something", "library line"):
        assert line not in result.stderr + result.stdout, line


def test_defect_has_its_traceback_in_the_log_only(noisy_stage, tmp_path):
    result = subprocess.run([*noisy_stage, "--fail", "bug"], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "Traceback" in (tmp_path / "stage.log").read_text()
    assert "Traceback" not in result.stderr and "a defect" in result.stderr and "stage.log" in result.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_is_no_defect(noisy_stage, tmp_path):
    result = subprocess.run([*noisy_stage, "--fail", "disk"], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "No space left" in result.stderr and "Free some space" in result.stderr
    assert "Traceback" not in (tmp_path / "stage.log").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="the parent's death is told by Linux only")
def test_job_dies_with_the_process_that_started_it(noisy_stage, tmp_path):
    parent = tmp_path / "parent.py"
    parent.write_text(f"import subprocess\nsubprocess.run({[*noisy_stage, '--wait-s', '60']!r})\n")
    process = subprocess.Popen([sys.executable, str(parent)], cwd=tmp_path, stderr=subprocess.PIPE)
    wait_until((tmp_path / "started").exists)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.kill()
    process.communicate()
    assert children
    wait_until(lambda: not any(is_alive(pid) for pid in children))


def is_alive(pid):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def wait_until(condition, patience_s=30):
    end = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


@pytest.mark.parametrize("command", sorted(cli.COMMANDS | cli.STAGES))
def test_every_stage_explains_its_options(command):
    function = cli.load_stage(command)
    help_text = tyro.extras.get_parser(function).format_help()
    assert function.__doc__ and function.__doc__.splitlines()[0].rstrip(".") in " ".join(help_text.split())
    for line in function.__doc__.partition("Args:")[2].partition("Raises:")[0].strip().splitlines():
        assert not line.strip().endswith(": ."), line


def test_starting_one_stage_does_not_import_the_others():
    code = "import sys; from nlf_pipeline import cli\ntry: cli.main(['fetch', '--help'])\nexcept SystemExit: pass\n"
    code += "print([m for m in ('torch', 'mediapipe', 'moderngl', 'sklearn') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_key_becomes_options_and_is_the_logs_first_line(tmp_path):
    log = tmp_path / "fit.log"
    key = '{"stage": "fit", "settings": {"smoothing": 7, "max_gap": 0.25}}'
    files = ["--predictions", "none.xz", "--cameras=", "--video-facts", "none.json", "--out", tmp_path / "fits.npz"]
    result = run("--log", log, "--key", key, "fit", *files, "--body", "body")
    assert log.read_text().splitlines()[0] == key
    assert result.returncode == 2 and "--cameras" in result.stderr  # which was given no value
    with_cameras = [word if word != "--cameras=" else "--cameras=none.npz" for word in files]
    result = run("--log", log, "--key", key, "fit", *with_cameras, "--body", "body")
    assert result.returncode == 1 and "none." in result.stderr
    assert cli.with_options_of(key, ["fit", "--x", "y"]) == ["fit", "--smoothing-s=7", "--max-gap-s=0.25", "--x", "y"]


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (["--key", "{", "fit"], "--key: found '{', expected a JSON object"),
        (["--key", '{"stage": "ground", "settings": {}}', "fit"], "key of 'ground', expected that of 'fit'"),
        (["--key", '{"stage": "fit", "settings": {"fov": 3}}', "fit"], "fit has no setting fov here"),
        (["--gpus", "many", "fit"], "--gpus: found 'many', expected a whole number"),
        (["--log"], "--log: found nothing behind it"),
    ],
)
def test_wrong_job_options_are_one_message(options, shown, tmp_path):
    result = run(*options, cwd=tmp_path)
    assert result.returncode == 1 and shown in result.stderr and len(result.stderr.splitlines()) == 1


def test_wrong_job_options_are_in_the_log_too(tmp_path):
    result = run("--log", tmp_path / "log", "--key", "{", "fit")
    assert (
        result.returncode == 1 and "--key: found" in result.stderr and "--key: found" in (tmp_path / "log").read_text()
    )


def test_droid_runs_in_the_environment_that_is_named(tmp_path):
    python = tmp_path / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nfor word in "$@"; do echo "$word" >> words; done\n')
    python.chmod(0o755)
    key = '{"stage": "track_camera", "settings": {"camera": "droid"}}'
    words = ["--log", "log", "--key", key, "track-camera", "--video=x.mp4"]
    environment = {**os.environ, "NLF_PIPELINE_EXECUTION": json.dumps({"droid_env": str(tmp_path / "env")})}
    refused = run(*words, cwd=tmp_path, env=environment)
    assert refused.returncode == 1 and "without this package" in refused.stderr + (tmp_path / "log").read_text()
    (tmp_path / "log").unlink()
    python.with_name("nlf-pipeline").touch()
    assert run(*words, cwd=tmp_path, env=environment).returncode == 0
    assert (tmp_path / "words").read_text().splitlines() == ["-m", "nlf_pipeline.cli", *words]
    assert not (tmp_path / "log").exists(), "it is for the other Python to write"
