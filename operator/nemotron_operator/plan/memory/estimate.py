"""A number of bytes that nobody publishes exactly: between two ends, and most likely in between."""

from dataclasses import dataclass
from functools import reduce


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes from the least to the most that can be expected."""

    low_bytes: int
    expected_bytes: int
    high_bytes: int

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(
            self.low_bytes + other.low_bytes,
            self.expected_bytes + other.expected_bytes,
            self.high_bytes + other.high_bytes,
        )

    def scale(self, factor: float) -> "Estimate":
        """Multiply all three."""
        return Estimate(int(self.low_bytes * factor), int(self.expected_bytes * factor), int(self.high_bytes * factor))


def exactly(count_bytes: int) -> Estimate:
    """Make an estimate of what is known."""
    return Estimate(count_bytes, count_bytes, count_bytes)


def take_largest(*estimates: Estimate) -> Estimate:
    """Take the largest, end by end."""
    return reduce(
        lambda one, two: Estimate(
            max(one.low_bytes, two.low_bytes),
            max(one.expected_bytes, two.expected_bytes),
            max(one.high_bytes, two.high_bytes),
        ),
        estimates,
    )
