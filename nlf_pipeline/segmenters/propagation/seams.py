"""What the tracker of a shot needs of its models: somebody to find people, and somebody to follow their pixels."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from rlemasklib import RLEMask


@dataclass(frozen=True)
class Detection:
    """Somebody found in one frame."""

    mask: RLEMask
    """At the clip's size."""
    score: float
    """0-1."""


class PersonDetector(Protocol):
    """Finds people in one frame."""

    def detect(self, image: np.ndarray) -> list[Detection]:
        """People in a (height, width, 3) uint8 RGB frame of the clip, best first; no pixel is two people's."""
        ...


class Propagator(Protocol):
    """Follows the pixels of people, whom it numbers from 1 in the order in which it came to know them."""

    def start(self, image: np.ndarray, masks: np.ndarray, others: np.ndarray) -> None:
        """Get to know more people.

        Args:
            image: (height, width, 3) uint8 RGB, small, as are all pictures that it sees.
            masks: (new people, height, width) bool.
            others: (other people, height, width) bool.
        """
        ...

    def burn_in(self, images: Iterable[np.ndarray]) -> None:
        """Look at frames in any order and remember them; from then on remember only the newest besides these."""
        ...

    def follow(self, images: Sequence[np.ndarray], taken: np.ndarray | None = None) -> np.ndarray:
        """Whose each pixel is, in neighbouring frames of which the last is remembered.

        Args:
            images: (height, width, 3) uint8 RGB each.
            taken: (images, height, width) bool, pixels of people whom this propagator does not know.

        Returns:
            (images, clip's height, clip's width) uint8, numbers of people; 0: nobody's.
        """
        ...

    def lasting_memory(self) -> dict[str, np.ndarray]:
        """What it remembers of burn-in passes, by name; empty if there were none. It does not change any more."""
        ...

    def changing_memory(self) -> dict[str, np.ndarray]:
        """All else that it knows, by name."""
        ...

    def remember(self, lasting: Mapping[str, np.ndarray], changing: Mapping[str, np.ndarray]) -> None:
        """Know what another one knew, and nothing else."""
        ...


@dataclass(frozen=True)
class Models:
    """The models of one clip."""

    detector: PersonDetector
    propagator: Callable[[], Propagator]
    """Makes one that knows nobody."""
    version: str = ""
    """Digest of all about them that results depend on."""
