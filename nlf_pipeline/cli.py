"""`nlf-pipeline [--log FILE] [--key JSON] ... COMMAND ...`: every stage on the command line, made of its signature."""

import contextlib
import difflib
import errno
import importlib
import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import tyro

from nlf_pipeline.command_overview import overview, summaries
from nlf_pipeline.errors import UserError
from nlf_pipeline.workflow.job_options import USAGE, JobOptions, take_job_options
from nlf_pipeline.workflow.job_records import recording
from nlf_pipeline.workflow.joblog import die_with_parent, show_our_lines, writing_log

COMMANDS = {
    "view": "view",
    "export": "export_video",
    "import": "import_results",
    "status": "status",
    "doctor": "doctor",
}
"""What people type -> module of this package, whose last part is also its function's name."""
STAGES = {
    "download": "download",
    "fetch": "fetch",
    "segment": "segment",
    "edit-tracks": "edit_tracks",
    "semantic-masks": "semantic_masks",
    "track-camera": "track_camera",
    "build-body": "build_body",
    "import-body": "import_body",
    "estimate": "estimate",
    "scale-camera": "scale_camera",
    "fit": "fit",
    "ground": "ground",
    "world": "world",
    "plan-view": "plan_view",
    "interpolate": "interpolate",
    "render": "render",
    "preview": "preview",
    "evaluate": "evaluate",
    "report": "report",
    "player": "player",
    "write-export": "export",
    "export-reference": "export_reference",
    "export-fbx": "export_fbx",
    "render-demo": "render_demo",
}
"""What the workflow calls, likewise."""
GROUPS = {
    "tracks": (
        "repair.commands",
        {
            "show": "show",
            "list": "list_people",
            "swap": "swap",
            "split": "split",
            "merge": "merge",
            "drop": "drop",
            "name": "name",
        },
    ),
    "weights": (
        "weights.commands",
        {"list": "list_weights", "fetch": "fetch", "verify": "verify", "accept": "accept"},
    ),
}
"""Word before a command -> module of this package, and command -> function in it."""
_GROUPS_DO = {
    "tracks": "Look at who is who, and correct it: show, list, swap, split, merge, drop, name.",
    "weights": "Files of the reference models: list, fetch, verify, accept.",
}
"""What the help says of them."""
_CURES = {
    errno.EACCES: "Change its permissions",
    errno.EPERM: "Change its permissions",
    errno.EROFS: "Choose a working directory that can be written",
    errno.ENOTDIR: "Put no file where a folder is expected",
    errno.EEXIST: "Put no file where a folder is expected",
    errno.ENOSPC: "Free some space",
    errno.EDQUOT: "Free some space",
    errno.EFBIG: "Allow larger files (ulimit -f), or choose a disk whose file system has them",
}
"""What to do about errors that are the machine's, not ours."""
_NAME = "nlf-pipeline"
_INTERRUPTED = 130
log = logging.getLogger("nlf_pipeline")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one stage; the exit status is 1 after an error and 2 after wrong options."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    rest, job = list(given), JobOptions()
    with contextlib.ExitStack() as stack:
        try:
            try:
                job = take_job_options(rest)
            finally:
                known = rest[:1] and rest[0] in (*COMMANDS, *STAGES, *GROUPS)
                show_our_lines(prefix=rest[0] if known else _NAME)
            if job.log is not None:
                die_with_parent()
            if job.key is not None:
                _change_environment(job.key, given)
            with recording(job.log) if job.log is not None else contextlib.nullcontext():
                if job.log is not None:
                    stack.enter_context(writing_log(job.log, first_line=job.key))
                if job.gpus > 0:  # before torch is imported, which looks at the GPUs once
                    stack.enter_context(_leasing_gpus(job, rest))
                if job.key is not None:
                    rest = with_options_of(job.key, rest)
                _run(rest)
        except KeyboardInterrupt:
            sys.exit(_INTERRUPTED)
        except BrokenPipeError:  # who reads what is printed has seen enough, as in: weights list | head -3
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except Exception as error:
            _report(error, job.log)
            sys.exit(1)


def _leasing_gpus(job: JobOptions, arguments: list[str]) -> contextlib.AbstractContextManager[object]:
    """GPUs of its own for a job, which those who wait for them read of as `video: stage`."""
    from nlf_pipeline.workflow.gpus.lease import leasing_gpus

    name = f"{job.log.parent.name}: {job.log.stem}" if job.log else " ".join(arguments[:1])
    return leasing_gpus(job.gpus, job.vram_mb, name)


def _change_environment(key: str, arguments: list[str]) -> None:
    """Go on as the command of another virtual environment if the job of a key needs one; before anything is opened."""
    from nlf_pipeline.workflow.other_python import python_for

    with contextlib.suppress(UserError):  # which is raised again once there is a log
        python = python_for(key, os.environ)
        if python is not None:
            os.execv(python, [str(python), "-m", "nlf_pipeline.cli", *arguments])


def with_options_of(key: str, arguments: list[str]) -> list[str]:
    """The command line of a stage with the options that its key stands for; those without a value are left out."""
    from nlf_pipeline.workflow.other_python import python_for
    from nlf_pipeline.workflow.stage_keys import read_key
    from nlf_pipeline.workflow.stage_options import read_execution

    python_for(key, os.environ)
    n_words = 2 if arguments[:1] and arguments[0] in GROUPS else 1
    command = STAGES.get(arguments[0], arguments[0]) if arguments else ""
    words = read_key(key, command).words(read_execution(os.environ))
    files = [word for word in arguments[n_words:] if not (word.startswith("--") and word.endswith("="))]
    return [*arguments[:n_words], *words, *files]


def _run(arguments: list[str]) -> None:
    first, rest = (arguments[0], arguments[1:]) if arguments else ("--help", [])
    if first in GROUPS:
        tyro.extras.subcommand_cli_from_dict(load_group(first), prog=f"{_NAME} {first}", args=rest)
    elif first in COMMANDS or first in STAGES:  # only the chosen one is imported, which keeps start-up fast
        prog = USAGE if first in STAGES else _NAME
        tyro.cli(load_stage(first), prog=f"{prog} {first}", args=rest)
    elif first in ("--help", "-h"):
        print(_overview())
    else:
        names = [*COMMANDS, *GROUPS, *STAGES]
        near = difflib.get_close_matches(first, names, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        print(f"error: no command {first!r}.{hint} There are: {', '.join(names)}", file=sys.stderr)
        sys.exit(2)


def _overview() -> str:
    """The help on everything."""
    groups = {
        "Videos are worked on by: snakemake --config video_id=ID. Besides:": summaries(COMMANDS) | _GROUPS_DO,
        "Stages, which the workflow calls with the settings of config.yaml:": summaries(STAGES),
    }
    return overview(f"{_NAME} COMMAND ... ({_NAME} COMMAND --help tells its options)", groups)


def load_stage(name: str) -> Callable[..., None]:
    """The function of the stage that the command line calls `name`, its module imported only now."""
    module = COMMANDS.get(name) or STAGES[name]
    return getattr(importlib.import_module(f"nlf_pipeline.{module}"), module.rpartition(".")[2])


def load_group(name: str) -> dict[str, Callable[..., None]]:
    """The functions of the commands behind the word `name`, their module imported only now."""
    module_name, commands = GROUPS[name]
    module = importlib.import_module(f"nlf_pipeline.{module_name}")
    return {command: getattr(module, function) for command, function in commands.items()}


def _report(error: Exception, log_path: Path | None) -> None:
    """One message on the terminal and in the log; the traceback of a defect goes to the log, where there is one."""
    if isinstance(error, UserError):
        log.error("%s", error)
    elif isinstance(error, OSError) and error.errno in _CURES:
        name = error.filename or "a file could not be written"
        log.error("%s: %s. %s, then run again.", name, error.strerror, _CURES[error.errno])
    elif log_path is None:
        traceback.print_exception(error)
    else:
        logging.getLogger().error("traceback:", exc_info=error)
        log.error("unexpected %s: %s (a defect; its traceback is in %s)", type(error).__name__, error, log_path)


if __name__ == "__main__":
    main()
