"""Stages in processes of their own, which are killed at chosen moments."""

import multiprocessing
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["nlf_pipeline.segmenters.blazepose", "nlf_pipeline.estimators.blazepose"])


def run(work: Callable[..., None], counter: Path, arguments: dict[str, Any], kill_at: int | None = None) -> bool:
    """Call `work(counter, **arguments)` in another process; say whether it came to its end.

    Args:
        work: a function of a module; it calls `count` with its first argument.
        counter: a file.
        arguments: of `work`.
        kill_at: how often it may count in this process before it is killed, at whatever it is doing then.
    """
    before = len(counts(counter))
    process = _CONTEXT.Process(target=_work, args=(work, counter, arguments))
    process.start()
    while process.exitcode is None:
        if kill_at is not None and len(counts(counter)) - before >= kill_at:
            process.kill()
        process.join(0.001)
    code = process.exitcode
    process.close()
    assert code == 0 or (kill_at is not None and code == -signal.SIGKILL), code
    return code == 0


def _work(work: Callable[..., None], counter: Path, arguments: dict[str, Any]) -> None:
    torch.set_num_threads(1)
    work(counter, **arguments)


def count(counter: Path, what: str) -> None:
    """Note that something was done, by one letter."""
    with counter.open("a") as file:
        file.write(what)


def counts(counter: Path) -> str:
    """What was done so far."""
    return counter.read_text() if counter.exists() else ""
