"""From a file's time stamps to milliseconds since the first frame, and back, without rounding twice."""

from dataclasses import dataclass
from fractions import Fraction

# A frame that lies less than this share of a slot before the slot's start counts as in it: 1/3 of a second is
# written as 333 ms by some containers, and as 333.3 by others.
SLOT_SLACK = 1e-6
MAX_RATE = 1000.0


@dataclass(frozen=True)
class Clock:
    """first: the stamp that is 0 ms. base: seconds per tick of a stamp."""

    first: int
    base: Fraction

    def ms(self, stamp: int) -> int:
        """The nearest whole millisecond; below zero before the first frame."""
        numerator, denominator = self.base.numerator, self.base.denominator
        return ((stamp - self.first) * 2000 * numerator + denominator) // (2 * denominator)

    def stamp(self, ms: int) -> int:
        """The last stamp that is not later than this millisecond's end, so that no frame in it is later."""
        return self.first + ((2 * ms + 1) * self.base.denominator) // (2000 * self.base.numerator)


def slot_of(ms: int, frames_per_second: float) -> int:
    """The slot of the analysis rate that a moment lies in, from 0 on."""
    return int(ms * frames_per_second / 1000 + SLOT_SLACK)


def slot_start(slot: int, frames_per_second: float) -> int:
    """The first whole millisecond of a slot."""
    ms = max(0, int(slot * 1000 / frames_per_second) - 1)
    while slot_of(ms, frames_per_second) < slot:
        ms += 1
    return ms


def slots_per_second(frames_per_second: float | None) -> float:
    """The rate of slots: each millisecond, in which times are told, is one where every frame is analysed."""
    return MAX_RATE if frames_per_second is None else min(frames_per_second, MAX_RATE)
