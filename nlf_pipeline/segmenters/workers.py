"""BlazePose in several threads: each call borrows a detector and a landmarker that no other thread uses."""

import queue
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

from nlf_pipeline.blazepose import PoseDetector, PoseLandmarker

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Models:
    """One thread's models."""

    detector: PoseDetector
    landmarker: PoseLandmarker


class Workers:
    """A pool of threads with models of their own. Use as a context manager."""

    def __init__(self, count: int) -> None:
        """Load `count` pairs of models."""
        self._idle: queue.SimpleQueue[Models] = queue.SimpleQueue()
        for _ in range(count):
            self._idle.put(Models(PoseDetector(), PoseLandmarker(masks=True)))
        self._pool = ThreadPoolExecutor(count)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()

    def map(self, work: Callable[[Models, Item], Result], items: Iterable[Item]) -> list[Result]:
        """`work(models, item)` for every item, in parallel; results in the order of the items."""
        return list(self._pool.map(lambda item: self.run(work, item), items))

    def run(self, work: Callable[[Models, Item], Result], item: Item) -> Result:
        """`work(models, item)`, in this thread."""
        models = self._idle.get()
        try:
            return work(models, item)
        finally:
            self._idle.put(models)
