"""A working directory in which the workflow runs. The stages are stand-ins that only write their outputs."""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np

from nlf_pipeline.artefact_files import write_json
from nlf_pipeline.artefacts import (
    Bodies,
    CameraReport,
    CameraWindow,
    Floor,
    Ground,
    Intrinsics,
    SceneCameras,
    VideoFacts,
)
from nlf_pipeline.reporting.quality import CameraQuality, QualityReport

REPOSITORY = Path(__file__).resolve().parents[1]
STAND_IN = """#!{python} -ISs
import ctypes, os, pathlib, shutil, sys, time
words = [part for word in sys.argv[1:] for part in (word.split("=", 1) if word.startswith("--") else [word])]
options = dict(zip(words, words[1:]))
stage = next(word for word in words[::2] if not word.startswith("--"))
if stage == "weights":  # the real command
    os.execv(sys.executable, [sys.executable, "-m", "nlf_pipeline.cli", *sys.argv[1:]])
pathlib.Path(options["--log"]).write_text(options["--key"] + "\\n")
with open("calls.log", "a") as calls:
    calls.write(stage + "\\n")
if pathlib.Path("fail_at").exists() and pathlib.Path("fail_at").read_text() == stage:
    log = "2026-01-01 00:00:00,0 ERROR nlf_pipeline: it broke\\n  - badly\\n2026-01-01 00:00:01,0 INFO x: end\\n"
    pathlib.Path(options["--log"]).write_text(log)
    sys.exit(1)
if pathlib.Path("wait_at").exists() and pathlib.Path("wait_at").read_text() == stage:
    ctypes.CDLL(None).prctl(1, 9)  # die with the parent, as the real command does
    pathlib.Path("waiting").touch()
    time.sleep(60)
outputs = [options[key] for key in ("--out", "--facts-out", "--bystanders-out", "--doubts-out", "--out-intrinsics",
                                    "--out-path", "--out-report", "--bodies-out", "--cameras-out",
                                    "--html-out", "--json-out", "--image-out", "--video-out") if key in options]
if stage in ("build-body", "import-body"):
    names = {body_files}
    outputs = [options["--out"] + "/" + name for name in names]
if stage in ("write-export", "export-fbx", "export-reference"):
    outputs = [options["--out"] + "/file"]
if stage == "render-demo":
    outputs += [options["--truth"] + "/" + name for name in ("bodies.npz", "world_cameras.npz", "masks.json")]
for output in outputs:
    template = pathlib.Path({templates!r}, pathlib.Path(output).name)
    pathlib.Path(output).parent.mkdir(parents=True, exist_ok=True)
    if template.exists():
        shutil.copyfile(template, output)
    else:
        pathlib.Path(output).write_text(" ".join(sys.argv))
"""
BODY_FILES = [
    "body.json", "basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl", "kid_template.npy", "vertex_subset_1024.npz",
    "vertex_subset_joint_regr_post_lbs_1024.npy", "landmark_regressor.npy", "base_mesh.npz",
]  # fmt: skip


def write_templates(folder):
    VideoFacts("v", 64, 48, 30.0, 3, warnings=["a note"]).save(folder / "video.json")
    empty = np.zeros((0, 3, 24, 3))
    Bodies(
        person_ids=np.zeros(0, int),
        fps=30.0,
        body_model="open",
        pose_rotvecs=empty,
        betas=np.zeros((0, 10)),
        trans=np.zeros((0, 3, 3)),
        joints=empty,
        visible=np.zeros((0, 3), bool),
        filled=np.zeros((0, 3), bool),
        foot_contacts=np.zeros((0, 3, 2), bool),
    ).save(folder / "bodies.npz")
    Intrinsics((64, 48), (55.0, 55.0), (31.5, 23.5), [], "assumed").save(folder / "intrinsics.json")
    window = CameraWindow(0, 3, "static", "assumed", 12.5, None, None, 1.0, [], ["a doubt"])
    CameraReport([window]).save(folder / "camera_report.json")
    still, K = np.tile(np.eye(4), (3, 1, 1)), np.tile(np.eye(3), (3, 1, 1))
    SceneCameras(still, K, np.zeros(0), np.array([64, 48]), np.ones(1), np.zeros(1), np.ones(0)).save(
        folder / "cameras.npz"
    )
    Ground([Floor((0.0, -1.0, 0.0), -1.6, "camera", 0.0, 0.0, 0)]).save(folder / "ground.json")
    row = {"name": "PA-MPJPE", "value": 50.0, "unit": "mm", "target": "<= 65", "reached": True}
    write_json({"format_version": 1, "measurements": [row]}, folder / "evaluation.json")
    camera = CameraQuality("check", "static", 55.0, 60.0, "assumed", 1.0, 1.0, None, 0.0, [], [], ["a doubt"], [])
    QualityReport("v", "check", "nobody was found", [], 3, 30.0, (64, 48), 1, ["a note"], [], camera, [], []).save(
        folder / "report.json"
    )


def clone_workflow(folder: Path) -> Path:
    """A copy of the workflow and the package, which a test may change."""
    folder.mkdir(parents=True)
    for name in ("Snakefile", "config.yaml", "config.schema.yaml", "rules", "profiles", "envs", "nlf_pipeline"):
        copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copyfile
        copy(REPOSITORY / name, folder / name)
    return folder


class Run:
    """A working directory in which the workflow runs with stand-ins for the stages."""

    def __init__(self, folder: Path, workflow: Path = REPOSITORY) -> None:
        self.folder, self.workflow = folder / "work", workflow
        templates, tools = folder / "templates", folder / "tools"
        for path in (self.folder / "videos_in", templates, tools):
            path.mkdir(parents=True)
        write_templates(templates)
        tool = tools / "nlf-pipeline"
        tool.write_text(STAND_IN.format(python=sys.executable, body_files=BODY_FILES, templates=str(templates)))
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
        path = f"{tools}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "PYTHONPATH": str(self.workflow)}

    def add_video(self, name: str) -> None:
        (self.folder / "videos_in" / name).write_text(name)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", "-s", str(self.workflow / "Snakefile"), *arguments]

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def stages(self, *settings: str) -> set[str]:
        """Run the workflow to its end; the stages it called."""
        log = self.folder / "calls.log"
        log.unlink(missing_ok=True)
        result = self.snakemake("--config", *settings)
        assert result.returncode == 0, result.stderr
        return set(log.read_text().split()) if log.exists() else set()

    def planned(self, *settings: str) -> set[str]:
        """The rules that a run with these settings would call."""
        result = self.snakemake("--dry-run", "--config", *settings)
        assert result.returncode == 0, result.stderr
        told = result.stdout + result.stderr
        if "Nothing to be done" in told:
            return set()
        lines = told.partition("Job stats:")[2].partition("total")[0].splitlines()
        return {line.split()[0] for line in lines if re.fullmatch(r"\w+ +\d+", line)} - {"all"}

    def refuses(self, *settings: str) -> str:
        """The message with which the workflow refuses settings, before any stage runs."""
        result = self.snakemake("--config", *settings)
        assert result.returncode != 0 and not (self.folder / "calls.log").exists()
        assert "Traceback" not in result.stderr
        return result.stderr
