"""Files of odd clips, exported in all formats as a run does it, are valid for each format's own readers."""

import csv
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import c3d
import ezc3d
import numpy as np
import pycolmap
import pytest
import trimesh
from gltf_validator import validated
from player_results import Shown, write_results
from pxr import Usd, UsdValidation
from trc import TRCData

from nlf_pipeline.export import export
from nlf_pipeline.exporters import EXPORT_FORMATS
from nlf_pipeline.exporters.loading import load_motion
from nlf_pipeline.exporters.motion import Motion
from nlf_pipeline.repair.edit_file import read_names

with warnings.catch_warnings():
    warnings.simplefilter("ignore", PendingDeprecationWarning)  # of what bvhio imports
    import bvhio

ODD_NAMES = {
    1: 'Zoë "Q" <b>bold</b> 🕺🏽',
    2: "</script><script>alert(1)</script>",
    3: "\u05e9\u05dc\u05d5\u05dd \u200f(b)",
    4: "camera",
    5: "../../x\\y: {z} 100 %",
    6: "n" * 500,
    7: "👩\u200d👩\u200d👧",
    8: " a  b' ",
}
SMALL = (64, 48)
CLIPS = {
    "nobody": Shown(n_people=0, n_frames=4, size_px=SMALL),
    "three_frames": Shown(n_people=1, n_frames=12, size_px=SMALL, visible=np.arange(12)[None] // 3 == 2),
    "never_seen": Shown(n_people=1, n_frames=4, size_px=SMALL, visible=np.zeros((1, 4), bool)),
    "one_frame": Shown(n_people=2, n_frames=1, size_px=SMALL),
    "twelve": Shown(n_people=12, n_frames=4, size_px=SMALL),
    "names": Shown(n_people=8, n_frames=3, size_px=SMALL, names=ODD_NAMES),
    "cut": Shown(
        n_people=2,
        n_frames=8,
        size_px=(48, 64),
        fps=30000 / 1001,
        cuts=(4,),
        visible=np.repeat([[1, 0], [0, 1]], 4, axis=1).astype(bool),
        video_id="0-_x",
    ),
}


@dataclass(frozen=True)
class Exported:
    """A clip in all formats, in folders named like them, and what they should hold."""

    motion: Motion
    folder: Path

    def per_person(self, form: str, *others: str) -> list[Path]:
        """Everybody's file in order; fails if other files are there than these and `others`."""
        paths = [self.folder / form / f"{person.file_stem}.{SUFFIXES.get(form, form)}" for person in self.motion.people]
        self.check_files(form, *[path.name for path in paths], *others)
        return paths

    def check_files(self, form: str, *names: str) -> None:
        found = [path.name for path in (self.folder / form).iterdir() if not path.name.startswith(".snakemake")]
        assert sorted(found) == sorted(names)


SUFFIXES = {"amass": "npz"}


def check_amass(files: Exported) -> None:
    for person, path in zip(files.motion.people, files.per_person("amass"), strict=True):
        with np.load(path, allow_pickle=False) as arrays:
            assert str(arrays["person_name"]) == person.name
            assert arrays["poses"].shape == (files.motion.n_frames, 156)
            assert all(np.isfinite(arrays[key]).all() for key in arrays if arrays[key].dtype.kind == "f")


def check_smpl(files: Exported) -> None:
    files.check_files("smpl", f"{files.motion.video_id}.npz")
    with np.load(files.folder / f"smpl/{files.motion.video_id}.npz", allow_pickle=False) as arrays:
        assert arrays["person_names"].tolist() == [person.name for person in files.motion.people]
        assert arrays["joints"].shape == (len(files.motion.people), files.motion.n_frames, 24, 3)
        assert all(np.isfinite(arrays[key]).all() for key in arrays if arrays[key].dtype.kind == "f")


def check_glb(files: Exported) -> None:
    """The specification's validator stays out of here: it checks all clips at once."""
    files.check_files("glb", f"{files.motion.video_id}.glb")
    path = files.folder / f"glb/{files.motion.video_id}.glb"
    scene = trimesh.load_scene(path)
    bodies = [mesh for mesh in scene.geometry.values() if len(mesh.faces) == len(files.motion.skin.faces)]
    assert len(bodies) == len(files.motion.people) and all(np.isfinite(mesh.vertices).all() for mesh in bodies)


def check_usd(files: Exported) -> None:
    files.check_files("usd", f"{files.motion.video_id}.usdc")
    stage = Usd.Stage.Open(str(files.folder / f"usd/{files.motion.video_id}.usdc"))
    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    errors = UsdValidation.ValidationContext(validators).Validate(stage)
    assert [f"{error.GetName()}: {error.GetMessage()}" for error in errors] == []
    people = stage.GetPrimAtPath("/World/People").GetChildren()
    assert [prim.GetDisplayName() for prim in people] == [person.name for person in files.motion.people]
    assert stage.GetEndTimeCode() == files.motion.n_frames - 1


def check_bvh(files: Exported) -> None:
    for person, path in zip(files.motion.people, files.per_person("bvh"), strict=True):
        file = bvhio.readAsBvh(str(path))
        assert file.FrameCount == files.motion.n_frames
        assert file.FrameTime == pytest.approx(1 / files.motion.fps, abs=1e-6)
        pelvis = np.array([np.array(key.Position) for key in file.Root.Keyframes])
        assert np.abs(pelvis - person.joints[:, 0]).max() < 1e-3


def check_trc(files: Exported) -> None:
    for person, path in zip(files.motion.people, files.per_person("trc"), strict=True):
        file = TRCData()
        file.load(path)
        pelvis = np.array(file["pelvis"])
        assert file["NumFrames"] == files.motion.n_frames == len(pelvis)
        check_points(pelvis, person.joints[:, 0], person.visible)


def check_c3d(files: Exported) -> None:
    for person, path in zip(files.motion.people, files.per_person("c3d"), strict=True):
        points = ezc3d.c3d(str(path))["data"]["points"]
        check_points(points[:3, 0].T / 1000, person.joints[:, 0], person.visible)
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # no analog data
            assert len(list(c3d.Reader(file).read_frames())) == files.motion.n_frames


def check_csv(files: Exported) -> None:
    n_frames = files.motion.n_frames
    for person, path in zip(files.motion.people, files.per_person("csv", "camera.csv"), strict=True):
        rows = read_rows(path)
        pelvis = np.array([[float(row[f"pelvis_{axis}_m"] or "nan") for axis in "xyz"] for row in rows])
        check_points(pelvis, person.joints[:, 0], person.visible)
    assert len(read_rows(files.folder / "csv/camera.csv")) == n_frames


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def check_points(found: np.ndarray, expected: np.ndarray, visible: np.ndarray) -> None:
    assert found.shape == expected.shape and np.isnan(found[~visible]).all()
    assert np.abs(found - expected)[visible].max(initial=0) < 1e-3


def check_colmap(files: Exported) -> None:
    model = pycolmap.Reconstruction(str(files.folder / "colmap"))
    assert len(model.images) == files.motion.n_frames
    for camera in model.cameras.values():
        assert (camera.width, camera.height) == tuple(files.motion.cameras.size_px)


def check_nerfstudio(files: Exported) -> None:
    text = (files.folder / "nerfstudio/transforms.json").read_text(encoding="utf-8")
    content = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert len(content["frames"]) == files.motion.n_frames


CHECKS: dict[str, Callable[[Exported], None]] = {
    "amass": check_amass, "smpl": check_smpl, "glb": check_glb, "usd": check_usd, "bvh": check_bvh, "trc": check_trc,
    "c3d": check_c3d, "csv": check_csv, "colmap": check_colmap, "nerfstudio": check_nerfstudio,
}  # fmt: skip


def of_results(results: Path, body: Path, folder: Path) -> Exported:
    """What was exported of a run's results."""
    motion = load_motion(
        bodies=results / "bodies.npz", world_cameras=results / "world_cameras.npz",
        video_facts=results / "video.json", body=body, edits=results / "tracks.yaml",
    )  # fmt: skip
    return Exported(motion, folder)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, body_dir: Path) -> dict[str, Exported]:
    """All clips, by name."""
    found = {}
    for name, clip in CLIPS.items():
        results = write_results(tmp_path_factory.mktemp(name), clip)
        for form in EXPORT_FORMATS:
            export(
                format=form,
                bodies=results / "bodies.npz",
                world_cameras=results / "world_cameras.npz",
                video_facts=results / "video.json",
                body=body_dir,
                out=results / "export" / form,
                edits=results / "tracks.yaml",
            )
        found[name] = of_results(results, body_dir, results / "export")
    return found


def test_every_format_is_checked():
    assert sorted(CHECKS) == sorted(EXPORT_FORMATS)


@pytest.mark.parametrize("form", EXPORT_FORMATS)
@pytest.mark.parametrize("clip", CLIPS)
def test_files_are_valid_and_say_who_was_where(exported, clip, form):
    CHECKS[form](exported[clip])


def test_names_stay_as_they_were_given_and_files_stay_in_their_folder(exported):
    files = exported["names"]
    assert {person.person_id: person.name for person in files.motion.people} == ODD_NAMES
    assert read_names(files.folder.parent / "tracks.yaml") == ODD_NAMES
    stems = [person.file_stem for person in files.motion.people]
    assert len({stem.casefold() for stem in stems}) == len(stems) and max(map(len, stems)) < 50
    assert "camera" not in stems and all(set(stem) <= {*map(chr, range(128))} - {*"./\\ "} for stem in stems)


def test_gltfs_validator_finds_nothing(exported):
    paths = [files.folder / f"glb/{files.motion.video_id}.glb" for files in exported.values()]
    issues = validated(paths)
    assert sorted(issues) == sorted(paths)
    for found in issues.values():
        assert found["numErrors"] == found["numWarnings"] == 0, found["messages"]
