"""Progress of long loops, on the terminal and in the log."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
_SECONDS_BETWEEN_LOG_LINES = 10.0
log = logging.getLogger(__name__)


def progress(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """Yield from `items` while showing frames/s and the time left.

    A bar on the terminal where there is one, and a line in the log every ten seconds.

    Args:
        items: what to loop over.
        total: how many there are.
        what: the stage's name.
    """
    started = last_line = time.monotonic()
    bar = tqdm(items, desc=what, total=total, unit=" frames", dynamic_ncols=True, disable=not sys.stderr.isatty())
    for done, item in enumerate(bar, start=1):
        yield item
        now = time.monotonic()
        if now - last_line > _SECONDS_BETWEEN_LOG_LINES:
            last_line = now
            rate = done / (now - started)
            log.info("%s: %d/%d frames, %.1f frames/s, %.0f s left", what, done, total, rate, (total - done) / rate)
    seconds = time.monotonic() - started
    log.info("%s: %d frames in %.1f s (%.1f frames/s)", what, total, seconds, total / max(seconds, 1e-9))
