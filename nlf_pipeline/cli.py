"""`nlf-pipeline [--log FILE] STAGE ...`: every stage on the command line, built from its signature."""

import contextlib
import errno
import importlib
import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import tyro

from nlf_pipeline.errors import UserError
from nlf_pipeline.workflow.joblog import die_with_parent, show_our_lines, writing_log

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
    "evaluate": "evaluate",
    "report": "report",
    "render-demo": "render_demo",
    "doctor": "doctor",
}
"""Command -> module of this package, whose last part is also its function's name."""
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
_USAGE = "nlf-pipeline [--log FILE]"
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
_INTERRUPTED = 130
log = logging.getLogger("nlf_pipeline")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one stage; the exit status is 1 after an error and 2 after wrong options."""
    rest = list(sys.argv[1:] if arguments is None else arguments)
    log_path = _take_log_option(rest)
    with contextlib.ExitStack() as stack:
        try:
            show_our_lines(prefix=rest[0] if rest[:1] and rest[0] in (*STAGES, *GROUPS) else "nlf-pipeline")
            if log_path is not None:
                die_with_parent()
                stack.enter_context(writing_log(log_path))
            _run(rest)
        except KeyboardInterrupt:
            sys.exit(_INTERRUPTED)
        except BrokenPipeError:  # who reads what is printed has seen enough, as in: weights list | head -3
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except Exception as error:
            _report(error, log_path)
            sys.exit(1)


def _run(arguments: list[str]) -> None:
    # Only the chosen stage is imported, which keeps help and start-up fast.
    first = arguments[0] if arguments else ""
    if first in GROUPS:
        tyro.extras.subcommand_cli_from_dict(load_group(first), prog=f"{_USAGE} {first}", args=arguments[1:])
        return
    chosen = [name for name in arguments[:1] if name in STAGES]
    commands = {name: load_stage(name) for name in chosen or STAGES} | (
        {} if chosen else {f.__name__: f for f in _HEADS}
    )
    tyro.extras.subcommand_cli_from_dict(commands, prog=_USAGE, args=arguments)


def tracks() -> None:
    """Look at who is who, and correct it: show, list, swap, split, merge, drop, name."""


def weights() -> None:
    """Files of the reference models: list, fetch, verify, accept."""


_HEADS = (tracks, weights)
"""What the help says of the groups."""


def _take_log_option(arguments: list[str]) -> Path | None:
    """Remove a leading `--log FILE` from the arguments and return the file."""
    if arguments[:1] != ["--log"]:
        return None
    if len(arguments) < 2:
        sys.exit(f"usage: {_USAGE} STAGE ...")
    path = Path(arguments[1])
    del arguments[:2]
    return path


def load_stage(name: str) -> Callable[..., None]:
    """The function of the stage that the command line calls `name`, its module imported only now."""
    module = STAGES[name]
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
