"""docs/invalidation.md is true: every row is compared with what the workflow would run, and what it would not.

One folder of finished videos, in which stand-ins made everything, is asked about every change. Each of two copies of
it is asked half, by a copy of the workflow of its own.
"""

import copy
import csv
import json
import queue
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml
from workflow_runs import REPOSITORY, Run, clone_workflow

from nlf_pipeline.body_kinds import body_name
from nlf_pipeline.weights.records import record_path
from nlf_pipeline.weights.registry import WEIGHTS_DIR, load_registry, weights_path
from nlf_pipeline.workflow.invalidation import (
    FILE,
    RULES,
    WITHOUT_EFFECT,
    invalidation_table,
    other_rows,
    rerun,
    rule_graph,
    setting_rows,
    without_demo,
)
from nlf_pipeline.workflow.model_sets import DECIDED_SETTINGS
from nlf_pipeline.workflow.settings import completed_settings

DEFAULTS = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
SCHEMA = yaml.safe_load((REPOSITORY / "config.schema.yaml").read_text())["properties"]
NETWORKS = {
    "segmenter": "stcn", "semantics": "deeplabv3", "camera": "droid", "estimator": "nlf", "interpolator": "rife",
    "depth": "zoedepth", "renderer": "blendipose",
}  # fmt: skip
YOUTUBE = "dQw4w9WgXcQ"
VIDEOS = {
    "plain": {},
    "full": {
        "fps_factor": 2,
        "player": True,
        "export": ["csv", "fbx", "reference"],
        "previews": ["masks", "camera", "predictions"],
    },
    "networks": {**NETWORKS, "fps_factor": 2},
    "nlf": {"segmenter": "nlf"},
    "own_camera": {"camera_file": "poses.npz"},
    "static": {"static_camera": True},
    "own_masks": {"masks_file": "masks.json"},
    "imported": {"masks_file": "masks.json", "predictions_file": "bodies.xz"},
    "smpl": {"body_model": "smpl", "body_gender": "female"},
    "smpl_betas": {"body_model": "smpl", "body_betas": 20},
    "demo": {"fps_factor": 2},
    YOUTUBE: {"fps_factor": 2},
}
"""With settings of their own, so that every rule runs for some and every backend is chosen by some."""
LOCAL = [video for video in VIDEOS if video not in ("demo", YOUTUBE)]
WITH_TRUTH = ("full", "networks", "demo")
ALWAYS = {"videos": "videos.csv", "body_models_dir": "licensed"}
OTHER_VALUES = {
    "video_id": ["plain", "full"], "videos": "same.csv", "shard": "1/1", "time_range": [0, 1.5], "models": "reference",
    "segmenter": "nlf", "semantics": "deeplabv3", "camera": "static", "estimator": "nlf", "interpolator": "rife",
    "depth": "zoedepth", "device": "cpu", "select_points": [[1, 2]], "seg_init_time": 1, "camera_file": "other.npz",
    "masks_file": "other.json", "predictions_file": "other.xz", "fits_file": "other.npz",
    "droid_fov_min": 40, "fov": 70, "person_height": 1.8, "measured_distance": [2, 1, 2, 3, 4, 1.5], "droid_env": "env",
    "body_model": "anny", "body_models_dir": "licensed2", "resolution": [64, 48], "renderer": "poseviz",
    "export": [], "views": ["camera"], "previews": [],
}  # fmt: skip
"""Where the schema does not tell which other value a setting can have."""
REFUSED = {
    "camera": {"own_camera"}, "camera_file": {"static", "networks"}, "static_camera": {"own_camera", "networks"},
    "device": {"networks"}, "segmenter": {"own_masks", "imported"}, "estimator": {"imported"},
    "masks_file": {"networks", "nlf"}, "predictions_file": set(VIDEOS) - {"own_masks", "imported"},
}  # fmt: skip
"""Setting -> the videos with settings of which it makes no sense."""
GRAPH = rule_graph(REPOSITORY)
FILES_OF_ONE_RULE = re.compile("^(render|interpolate|export|preview)_(?!demo|fbx|reference).*")
"""Names of logs in which the name of a rule is followed by that of a file."""


def other_value(setting):
    """A value that is not the one in config.yaml."""
    if setting in OTHER_VALUES:
        return OTHER_VALUES[setting]
    default, allowed = DEFAULTS[setting], SCHEMA[setting]
    if "enum" in allowed:
        return next(value for value in allowed["enum"] if value != default)
    if allowed["type"] == "boolean":
        return not default
    if allowed["type"] == "integer":
        return default + 1 if default + 1 <= allowed.get("maximum", default + 1) else default - 1
    assert allowed["type"] == "number", f"{setting}: tell a value in OTHER_VALUES"
    return (default + allowed["maximum"]) / 2


def words(settings):
    return [f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in settings.items()]


class Workplace:
    """A folder in which all videos are finished, with a workflow of its own."""

    def __init__(self, run):
        self.run = run

    def copied(self, folder):
        """The same, where changes are for oneself."""
        run = copy.copy(self.run)
        run.folder = shutil.copytree(self.run.folder, folder / "work", symlinks=True)
        run.workflow = clone_workflow(folder / "clone")
        run.environment = {**run.environment, "PYTHONPATH": str(run.workflow)}
        return Workplace(run)

    def planned(self, settings):
        """Video -> rules that would run for it."""
        told = self.run.snakemake("--dry-run", "--printshellcmds", "--config", *words({**ALWAYS, **settings}))
        assert told.returncode == 0, told.stderr
        found = {video: set() for video in VIDEOS}
        for folder, name in re.findall(r"--log logs/(\S+)/(\S+)\.log --key", told.stdout):
            if folder in found:
                found[folder].add(FILES_OF_ONE_RULE.sub(r"\1", name))
            else:
                rule, body = "_".join(name.split("_")[:2]), "_".join(name.split("_")[2:])
                for video in VIDEOS:
                    if name_of_body(chosen(video, settings)) == body:
                        found[video].add(rule)
        return found


def chosen(video, settings):
    """Complete settings of a video."""
    return completed_settings({**DEFAULTS, **ALWAYS, **settings, **VIDEOS[video]})


def name_of_body(settings):
    return body_name(settings["body_model"], settings["body_gender"], settings["body_betas"])


def finish_all(folder):
    """The workplace after a run of all videos."""
    run = Run(folder)
    for video in LOCAL:
        run.add_video(f"{video}.mp4")
    for video in set(WITH_TRUTH) - {"demo"}:
        (run.folder / "truth" / video).mkdir(parents=True)
        for name in ("bodies.npz", "world_cameras.npz", "masks.json"):
            (run.folder / "truth" / video / name).touch()
    own_files = ["poses.npz", "other.npz", "masks.json", "other.json", "bodies.xz", "other.xz"]
    for name in (*own_files, "env/bin/python", "env/bin/nlf-pipeline", *(
        f"{licensed}/smpl/basicmodel_{gender}_lbs_10_207_0_v1.1.0.pkl"
        for licensed in ("licensed", "licensed2") for gender in ("neutral", "f", "female")
    )):  # fmt: skip
        (run.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (run.folder / name).touch()
    for name in load_registry():
        put_weights(run, name, "first")
    columns = sorted({name for own in VIDEOS.values() for name in own})
    for name in ("videos.csv", "same.csv"):
        with (run.folder / name).open("w", newline="") as file:
            table = csv.DictWriter(file, ["video_id", *columns])
            table.writeheader()
            table.writerows([{"video_id": video, **{k: json.dumps(v).strip('"') for k, v in own.items()}}
                             for video, own in VIDEOS.items()])  # fmt: skip
    run.stages(*words(ALWAYS))
    return Workplace(run)


def put_weights(run, name, content):
    """A file of weights, recorded as one that was used before."""
    file = run.folder / weights_path(WEIGHTS_DIR, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    digest = content.encode().hex().ljust(64, "0")
    record_path(file).write_text(json.dumps({"file": file.name, "sha256": digest}))
    status = file.stat()
    seen = {"sha256": digest, "size": status.st_size, "mtime_ns": status.st_mtime_ns}
    file.with_name(f".{file.name}.seen.json").write_text(json.dumps(seen))


def ask_setting(setting):
    def ask(place):
        left = [video for video in VIDEOS if video not in REFUSED.get(setting, ())]
        settings = {"video_id": left, setting: other_value(setting)}
        return {video: rules for video, rules in place.planned(settings).items() if video in settings["video_id"]}

    return ask


def ask_edited(path, text):
    """What runs after a text is added to a file in the workplace or the workflow."""

    def ask(place):
        file = place.run.folder / path if not path.startswith("nlf_pipeline") else place.run.workflow / path
        kept = file.with_name("kept")
        if file.exists():
            shutil.copy2(file, kept)
        file.write_bytes((file.read_bytes() if kept.exists() else b"") + text.encode())
        found = place.planned({})
        file.unlink()
        if kept.exists():
            kept.rename(file)
        return found

    return ask


def ask_weights(name):
    def ask(place):
        put_weights(place.run, name, "second")
        found = place.planned({})
        put_weights(place.run, name, "first")
        return found

    return ask


FILES, WEIGHTS, CODE = other_rows()
PATHS = {
    "the video's file": ("videos_in/plain.mp4", "more"),
    "edits in tracks.yaml": ("results/plain/tracks.yaml", "edits:\n  - swap: [1, 2]\n    from: 3.2\n"),
    "names in tracks.yaml": ("results/plain/tracks.yaml", "people:\n  1: Anna\n"),
}
QUESTIONS = {
    **{("setting", name): ask_setting(name) for name in DEFAULTS},
    **{("file", row.what): ask_edited(*PATHS[row.what]) for row in FILES},
    **{("weights", name): ask_weights(name) for name in load_registry() if name != "nlf_s"},
    **{("code", rule): ask_edited(f"nlf_pipeline/{rule}.py", "\nANSWER = 42\n") for rule in RULES},
    ("code", "a comment"): ask_edited("nlf_pipeline/fit.py", "\n# an answer\n"),
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """A question's answer: video -> the rules that would run."""
    folder = tmp_path_factory.mktemp("invalidation")
    finished = finish_all(folder / "finished")
    assert not any(finished.planned({}).values())
    free = queue.SimpleQueue()
    for name in ("first", "second"):
        free.put(finished.copied(folder / name))

    def answer(ask):
        place = free.get()
        try:
            return ask(place)
        finally:
            free.put(place)

    with ThreadPoolExecutor(2) as pool:
        futures = {question: pool.submit(answer, ask) for question, ask in QUESTIONS.items()}
    return lambda *question: futures[question].result()


def rules_of(settings, video):
    """The rules that a run of this video has."""
    registered = settings["body_model"] in ("smpl", "smplx")
    missing = {"build_body" if registered else "import_body"}
    missing |= set() if video == "demo" else {"render_demo"}
    missing |= set() if video == YOUTUBE else {"download"}
    missing |= set() if video in WITH_TRUTH else {"evaluate"}
    missing |= set() if settings["fps_factor"] > 1 else {"interpolate"}
    missing |= set() if settings["player"] else {"player"}
    missing |= set() if set(settings["export"]) - {"reference"} else {"export"}
    missing |= set() if "fbx" in settings["export"] else {"export_fbx"}
    missing |= set() if settings["previews"] else {"preview"}
    missing |= set() if "reference" in settings["export"] else {"export_reference"}
    return set(RULES) - missing


def holds(row, settings):
    return row.condition is None or settings[row.condition[0]] in row.condition[1]


def expected(changed, settings, video):
    """What the table says about a video for which these settings are other ones.

    Of a setting's rows the first that holds counts, which are those of backends. Settings that decide others, such as
    `models`, count through those that they change.
    """
    direct = set()
    for name in set(changed) - set(DECIDED_SETTINGS):
        direct |= next((row.direct for row in setting_rows([name]) if holds(row, settings)), set())
    return rerun(direct, without_demo(GRAPH), rules_of(settings, video))


@pytest.mark.parametrize("setting", DEFAULTS)
def test_setting_reruns_what_the_table_says_and_nothing_else(answers, setting):
    found = answers("setting", setting)
    assert found
    for video, rules in found.items():
        before, now = chosen(video, {}), chosen(video, {setting: other_value(setting)})
        changed = [name for name in DEFAULTS if before[name] != now[name]]
        assert rules == expected(changed, now, video), video


SEEN_WITH_ANOTHER = {("body_model", ("body_model", ("smpl", "smplx")))}
"""Rows that a change of another setting, `models`, makes true."""


@pytest.mark.parametrize("setting", [name for name in DEFAULTS if name not in WITHOUT_EFFECT])
def test_every_row_of_a_setting_was_seen_to_be_true(answers, setting):
    for row in setting_rows([setting]):
        seen = [
            video
            for video, rules in answers("setting", setting).items()
            if holds(row, chosen(video, {setting: other_value(setting)})) and row.direct & rules
        ]
        assert seen or (setting, row.condition) in SEEN_WITH_ANOTHER, row


@pytest.mark.parametrize("row", FILES, ids=lambda row: row.what)
def test_file_of_the_user_reruns_what_the_table_says(answers, row):
    for video, rules in answers("file", row.what).items():
        direct = row.direct if video == "plain" else set()
        assert rules == rerun(direct, GRAPH, rules_of(chosen(video, {}), video)), video


@pytest.mark.parametrize("row", WEIGHTS, ids=lambda row: f"{row.what} {row.condition_text}")
def test_weights_rerun_what_the_table_says(answers, row):
    if row.what == "nlf_s":  # whose rows are nlf_l's
        return
    seen = False
    for video, rules in answers("weights", row.what).items():
        settings = chosen(video, {})
        direct = set().union(*(other.direct for other in WEIGHTS if other.what == row.what and holds(other, settings)))
        assert rules == rerun(direct, GRAPH, rules_of(settings, video)), video
        seen |= holds(row, settings) and row.direct <= rules
    assert seen


@pytest.mark.parametrize("row", CODE, ids=lambda row: row.what)
def test_code_reruns_what_the_table_says(answers, row):
    for video, rules in answers("code", row.what).items():
        graph = GRAPH if row.what != "build_body" or video == "demo" else without_demo(GRAPH)
        assert rules == rerun(row.direct, graph, rules_of(chosen(video, {}), video)), video
    assert any(answers("code", row.what).values())


def test_comment_reruns_nothing(answers):
    assert not any(answers("code", "a comment").values())


def test_table_in_the_documentation_is_the_generated_one():
    assert (REPOSITORY / FILE).read_text() == invalidation_table(DEFAULTS, GRAPH), "make invalidation"


def test_setting_that_nobody_reads_is_refused():
    with pytest.raises(ValueError, match="colour: no stage reads it"):
        setting_rows(["colour"])
