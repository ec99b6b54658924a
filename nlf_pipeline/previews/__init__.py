"""What a stage found, drawn over the clip, before the chain is finished."""

from typing import Literal, Protocol

import numpy as np

PreviewKind = Literal["masks", "camera", "predictions"]


class Painter(Protocol):
    """Draws what one stage found over frames of the clip."""

    @property
    def caption(self) -> str:
        """What is shown, in one line."""
        ...

    def paint(self, frame: int, picture: np.ndarray) -> None:
        """Draw over a frame, in place.

        Args:
            frame: its index; from call to call it grows.
            picture: (height, width, 3) uint8 RGB of the clip's shape, of any size.
        """
        ...
