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


def progress(items: Iterable[T], total: int, what: str, unit: str = "frames") -> Iterator[T]:
    """Yield from `items` while showing how many there are per second and the time left.

    A bar on the terminal where there is one, and a line in the log every ten seconds.

    Args:
        items: what to loop over.
        total: how many there are.
        what: the stage's name.
        unit: what one item is, in the plural.
    """
    started = last_line = time.monotonic()
    bar = tqdm(items, desc=what, total=total, unit=f" {unit}", dynamic_ncols=True, disable=not sys.stderr.isatty())
    for done, item in enumerate(bar, start=1):
        yield item
        now = time.monotonic()
        if now - last_line > _SECONDS_BETWEEN_LOG_LINES:
            last_line = now
            rate = done / (now - started)
            left_s = (total - done) / rate
            log.info("%s: %d/%d %s, %.1f %s/s, %.0f s left", what, done, total, unit, rate, unit, left_s)
    seconds = time.monotonic() - started
    rate = total / max(seconds, 1e-9)
    log.info("%s: %d %s in %.1f s (%.1f %s/s)", what, total, unit, seconds, rate, unit)
