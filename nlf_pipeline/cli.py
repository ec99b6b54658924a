"""`nlf-pipeline [--log FILE] STAGE ...`: every stage on the command line, built from its signature."""

import contextlib
import errno
import importlib
import logging
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import tyro

from nlf_pipeline.errors import UserError
from nlf_pipeline.joblog import die_with_parent, show_our_lines, writing_log

STAGES = {
    "download": "download",
    "fetch": "fetch",
    "segment": "segment",
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
    "render-demo": "render_demo",
    "check-system": "check_system",
}
"""Command -> module of this package, whose last part is also its function's name."""
_USAGE = "nlf-pipeline [--log FILE]"
_THE_MACHINES_FAULT = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT}
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one stage; the exit status is 1 after an error and 2 after wrong options."""
    rest = list(sys.argv[1:] if arguments is None else arguments)
    log_path = _take_log_option(rest)
    chosen = [name for name in rest[:1] if name in STAGES] or list(STAGES)
    # Only the chosen stage is imported, which keeps help and start-up fast.
    stages = {name: load_stage(name) for name in chosen}
    show_our_lines(prefix=chosen[0] if len(chosen) == 1 else "nlf-pipeline")
    with contextlib.ExitStack() as stack:
        try:
            if log_path is not None:
                die_with_parent()
                stack.enter_context(writing_log(log_path))
            tyro.extras.subcommand_cli_from_dict(stages, prog=_USAGE, args=rest)
        except UserError as error:
            logging.getLogger("nlf_pipeline").error("%s", error)
            sys.exit(1)
        except KeyboardInterrupt:
            sys.exit(_INTERRUPTED)
        except Exception as error:
            if isinstance(error, OSError) and error.errno in _THE_MACHINES_FAULT:
                logging.getLogger("nlf_pipeline").error("%s: %s", error.filename or "disk", error.strerror)
                sys.exit(1)
            _report_defect(error, log_path)
            sys.exit(1)


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


def _report_defect(error: Exception, log_path: Path | None) -> None:
    """The traceback goes to the log where there is one, one line to the terminal."""
    if log_path is None:
        traceback.print_exception(error)
        return
    logging.getLogger().error("unexpected error", exc_info=error)
    print(f"unexpected {type(error).__name__}: {error} (traceback in {log_path})", file=sys.stderr)


if __name__ == "__main__":
    main()
