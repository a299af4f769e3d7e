"""A picture and its halvings, from which every part of the engine resamples."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ml_models.types import Picture

# Threads are used for pictures beside each other, not within the resampling of one.
cv2.setNumThreads(1)


class Levels:
    """A picture, its half, its quarter ... as uint8 (h, w, 3), each made when it is first needed.

    Resampling to much less than a level's size by bilinear interpolation skips pixels; from the nearest
    halving it does not. Made for one picture; threads may share it; one third more memory than the picture.
    """

    def __init__(self, picture: Picture) -> None:
        self._levels: list[NDArray[np.uint8]] = [np.ascontiguousarray(picture)]
        self._lock = threading.Lock()

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the picture."""
        rows, columns = self._levels[0].shape[:2]
        return rows, columns

    def level(self, number: int) -> NDArray[np.uint8]:
        """The picture halved so many times, or fewer where a side would vanish."""
        with self._lock:
            while len(self._levels) <= number and min(self._levels[-1].shape[:2]) >= 2:
                last = self._levels[-1]
                rows, columns = last.shape[:2]
                half = cv2.resize(last, (columns // 2, rows // 2), interpolation=cv2.INTER_AREA)
                self._levels.append(np.asarray(half, dtype=np.uint8))
        return self._levels[min(number, len(self._levels) - 1)]

    def nearest(self, scale: float) -> NDArray[np.uint8]:
        """The smallest level of at least `scale` times the picture's size; the picture for scales above 1."""
        number = 0
        while 0.5 ** (number + 1) >= scale:
            number += 1
        return self.level(number)
