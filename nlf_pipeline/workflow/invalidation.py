"""What a change makes anew: the table of docs/invalidation.md, from what stages' keys hold and which files rules read.

python -m nlf_pipeline.workflow.invalidation REPOSITORY writes it.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from nlf_pipeline.files import atomic_path
from nlf_pipeline.weights.registry import load_registry
from nlf_pipeline.workflow.model_sets import BACKEND_SETTINGS, DECIDED_SETTINGS, EXECUTION_SETTINGS, MODEL_OPTIONS
from nlf_pipeline.workflow.stage_options import BODY_SETTINGS, BODY_STAGES, FILE_SETTINGS, STAGE_OPTIONS

FILE = Path("docs/invalidation.md")
WITHOUT_EFFECT = EXECUTION_SETTINGS | {"video_id", "videos", "shard", "export", "player", "views", "previews"}
"""Settings that make nothing anew: how jobs compute, which videos there are, and what is made of each."""
RULES = (
    "download", "render_demo", "fetch", "segment", "edit_tracks", "semantic_masks", "track_camera", "build_body",
    "import_body", "estimate", "scale_camera", "fit", "ground", "world", "plan_view", "interpolate", "render",
    "evaluate", "report", "player", "export", "export_fbx", "export_reference", "preview",
)  # fmt: skip
"""In the order in which they run; `import_body` stands for one rule per family."""
_FAMILIES = {"build_body": "open, anny", "import_body": "smpl, smplx"}
_VIDEOS = """video_id,fps_factor,depth,body_model,player,export,previews
clip,2,zoedepth,,true,"[fbx,reference]","[masks,camera,predictions]"
other,,,smpl,,,
demo,2,,,,,
dQw4w9WgXcQ,2,,,,,
"""
"""Together they need every rule."""
_EDGE = re.compile(r"^\s*(\d+) -> (\d+)", re.MULTILINE)
_NODE = re.compile(r'^\s*(\d+)\[label = "(\w+)"', re.MULTILINE)
_KEY_MARK, _FILE_MARK = "●", "○"
_HEAD = f"""# What a change computes anew

Made by `make invalidation`; `tests/test_invalidation.py` compares every row with what the workflow does.

- {_KEY_MARK} the rule's key has changed, or its file has another name: it runs.
- {_FILE_MARK} a file that it reads is made anew by another rule: it runs, too.
- Where *only with* names a backend, others do not read the setting, and a change of it runs nothing.
- A rule that a run does not have anyway (such as `evaluate` for videos without truth) does not run.
- `export`, `player`, `views` and `previews` say what a run makes: what is not there yet. The code of one format is in
  the keys of that format's exports only.
- A rule's key holds its settings, a digest of its code and digests of its weights; it is the first line of its log
  file. `snakemake --dry-run` prints behind each rule in what its key differs.
- Versions of other packages are in no key: an upgrade runs nothing. `snakemake --forcerun RULE` does a rule anew, and
  all that reads its files.
"""


@dataclass(frozen=True)
class Row:
    """One change."""

    what: str
    condition: tuple[str, tuple[str, ...]] | None
    """Setting and its values with which the change counts; None: always."""
    direct: frozenset[str]
    """Rules whose keys or names of files it changes."""

    @property
    def condition_text(self) -> str:
        """The condition as it is shown."""
        return f"{self.condition[0]}: {', '.join(self.condition[1])}" if self.condition else ""


def setting_rows(settings: Iterable[str]) -> list[Row]:
    """Rows of settings, in their order; one that only some backends read has a row for each.

    Raises:
        ValueError: if a setting is neither read by any stage nor known to make nothing anew.
    """
    rows: list[Row] = []
    for setting in settings:
        readers = _readers(setting)
        if not readers and setting not in WITHOUT_EFFECT:
            raise ValueError(f"{setting}: no stage reads it, expected it in STAGE_OPTIONS, MODEL_OPTIONS or elsewhere")
        always = frozenset(readers.pop(None, ()))
        rows += [Row(setting, condition, always | rules) for condition, rules in readers.items() if rules - always]
        if always or not readers:
            rows.append(Row(setting, None, always))
    return rows


def other_rows() -> tuple[list[Row], list[Row], list[Row]]:
    """Rows of the user's files, of weights, and of the code of stages."""
    files = [
        Row("the video's file", None, frozenset({"fetch"})),
        Row("edits in tracks.yaml", None, frozenset({"edit_tracks"})),
        Row("names in tracks.yaml", None, frozenset({"report", "player", "export"})),
    ]
    stages = {setting: stage for stage, setting in BACKEND_SETTINGS.items()}
    weights = []
    for name, weight in load_registry().items():
        for uses in weight.used_by:
            setting, backend = uses.split()[0].split(":")
            weights.append(Row(name, (setting, (backend,)), frozenset({stages[setting]})))
    return files, weights, [Row(rule, None, frozenset({rule})) for rule in RULES]


def rerun(direct: Iterable[str], graph: Mapping[str, frozenset[str]], rules: Iterable[str] = RULES) -> set[str]:
    """All rules that run when some have to.

    Args:
        direct: those that have to.
        graph: rule -> the rules that read its files.
        rules: those that there are in the run.
    """
    there = set(rules)
    found, waiting = set(), [rule for rule in direct if rule in there]
    while waiting:
        rule = waiting.pop()
        if rule not in found:
            found.add(rule)
            waiting += [reader for reader in graph.get(rule, ()) if reader in there]
    return found


def without_demo(graph: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """The graph as it is for settings: the demo is rendered with the default body, whatever they say."""
    return {rule: readers - {"render_demo"} for rule, readers in graph.items()}


def rule_graph(repository: Path) -> dict[str, frozenset[str]]:
    """Rule -> the rules that read its files, as the rules declare them."""
    with tempfile.TemporaryDirectory() as folder:
        videos = Path(folder, "videos_in")
        videos.mkdir()
        for name in ("clip", "other"):
            (videos / f"{name}.mp4").touch()
        Path(folder, "videos.csv").write_text(_VIDEOS)
        snakefile = str((repository / "Snakefile").resolve())
        command = [sys.executable, "-m", "snakemake", "-s", snakefile, "--directory", folder, "--rulegraph", "dot"]
        settings = [f"videos={folder}/videos.csv", f"body_models_dir={folder}"]
        environment = {**os.environ, "PYTHONPATH": str(repository.resolve())}
        done = subprocess.run(
            [*command, "--config", *settings], capture_output=True, text=True, check=False, env=environment
        )
    if done.returncode:
        raise RuntimeError(done.stderr)
    names = {number: re.sub("^import_.*", "import_body", rule) for number, rule in _NODE.findall(done.stdout)}
    readers: dict[str, set[str]] = {}
    for source, reader in _EDGE.findall(done.stdout):
        readers.setdefault(names[source], set()).add(names[reader])
    return {rule: frozenset(found) for rule, found in readers.items()}


def invalidation_table(settings: Iterable[str], graph: Mapping[str, frozenset[str]]) -> str:
    """The text of docs/invalidation.md.

    Args:
        settings: all, in order.
        graph: rule -> the rules that read its files.
    """
    files, weights, code = other_rows()
    parts = [
        ("Settings", setting_rows(settings), without_demo(graph)),
        ("Files of the user", files, graph),
        ("Weights, by their names in `nlf-pipeline weights list`", weights, graph),
        ("Code of a rule's stage, or of a module that it imports; comments and formatting do not count", code, graph),
    ]
    return "\n".join([_HEAD, *(line for title, rows, graph in parts for line in _lines(title, rows, graph))])


def _lines(title: str, rows: Sequence[Row], graph: Mapping[str, frozenset[str]]) -> Iterable[str]:
    yield f"## {title}\n"
    yield f"| change | only with | {' | '.join(RULES)} |"
    yield f"|---|---|{'|'.join([':-:'] * len(RULES))}|"
    for row in rows:
        found = rerun(row.direct, graph)
        marks = [_KEY_MARK if r in row.direct else _FILE_MARK if r in found else "" for r in RULES]
        yield f"| {row.what} | {row.condition_text} | {' | '.join(marks)} |"
    yield ""


def _readers(setting: str) -> dict[tuple[str, tuple[str, ...]] | None, set[str]]:
    """Condition -> rules whose keys or names of files change with a setting."""
    found: dict[tuple[str, tuple[str, ...]] | None, set[str]] = {}
    for stage, options in STAGE_OPTIONS.items():
        if setting in options.values():
            family = _FAMILIES.get(stage)
            condition = ("body_model", tuple(family.split(", "))) if family else None
            found.setdefault(condition, set()).add(stage)
        if setting == BACKEND_SETTINGS.get(stage) or setting in FILE_SETTINGS.get(stage, ()):
            found.setdefault(None, set()).add(stage)
        if setting in BODY_SETTINGS and stage in BODY_STAGES:
            found.setdefault(None, set()).add(stage)
    stages = {chooses: stage for stage, chooses in BACKEND_SETTINGS.items()}
    for (chooses, backend), options in MODEL_OPTIONS.items():
        if setting in options.values() and setting not in EXECUTION_SETTINGS:
            found.setdefault((chooses, (backend,)), set()).add(stages[chooses])
    for decided in DECIDED_SETTINGS.get(setting, ()):
        for condition, rules in _readers(decided).items():
            if condition is None or condition[0] == "body_model":
                found.setdefault(None, set()).update(rules)
    return found


def main(repository: Path) -> None:
    """Write docs/invalidation.md of a repository."""
    settings = yaml.safe_load((repository / "config.yaml").read_text())
    with atomic_path(repository / FILE) as temporary:
        temporary.write_text(invalidation_table(settings, rule_graph(repository)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
