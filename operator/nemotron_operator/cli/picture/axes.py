"""Axes of pictures: from amounts to places, and where the ticks stand."""

import math
from dataclasses import dataclass
from itertools import takewhile

_STEPS = (1, 2, 2.5, 5, 10)
"""Distances of ticks that people count in, times a power of ten."""


@dataclass(frozen=True, slots=True)
class LinearAxis:
    """Equal distances for equal differences, from nothing to `high`."""

    high: float
    start: float
    end: float
    """Places of 0 and of `high`."""

    def place(self, amount: float) -> float:
        """Tell where an amount stands; what is more than `high` stands at its end."""
        share = min(max(amount / self.high, 0.0), 1.0)
        return self.start + share * (self.end - self.start)

    def list_ticks(self, most: int) -> list[float]:
        """List round amounts, at most so many beside 0."""
        rough = self.high / most
        magnitude = 10.0 ** math.floor(math.log10(rough))
        step = next(each * magnitude for each in _STEPS if each * magnitude >= rough)
        return [min(number * step, self.high) for number in range(math.floor(self.high / step) + 1)]


@dataclass(frozen=True, slots=True)
class LogAxis:
    """Equal distances for equal ratios."""

    low: float
    high: float
    start: float
    end: float
    """Places of `low` and of `high`."""

    def place(self, amount: float) -> float:
        """Tell where an amount stands; what is outside stands at the nearer end."""
        inside = min(max(amount, self.low), self.high)
        share = math.log(inside / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)

    def list_powers(self, base: int) -> list[int]:
        """List the powers of a whole number on the axis."""
        first = math.ceil(math.log(self.low, base) - 1e-9)
        powers = (base**exponent for exponent in range(first, first + 64))
        return list(takewhile(lambda power: power <= self.high * (1 + 1e-9), powers))

    def list_points(self, count: int) -> list[float]:
        """List amounts at equal distances, both ends included."""
        ratio = self.high / self.low
        return [self.low * ratio ** (number / (count - 1)) for number in range(count)]


def spread(places: list[float], distance: float, low: float, high: float) -> list[float]:
    """Move labels apart that stand closer than a distance, the order kept, within bounds where there is room."""
    order = sorted(range(len(places)), key=places.__getitem__)
    moved = list(places)
    floor = low
    for index in order:
        moved[index] = max(moved[index], floor)
        floor = moved[index] + distance
    ceiling = high
    for index in reversed(order):
        moved[index] = min(moved[index], ceiling)
        ceiling = moved[index] - distance
    return moved
