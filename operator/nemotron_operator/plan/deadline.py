"""How long a Job that goes through all the weights may take, all its attempts together."""

from nemotron_operator.units import MIB

SLOWEST_BYTES_PER_SECOND = 4 * MIB
"""What is slower than this counts as stuck: 70 GB then take five hours."""

SHORTEST_DEADLINE_SECONDS = 3600
"""No Job is given less than this: a node may have to come up first."""


def choose_deadline(size_bytes: int) -> int:
    """Choose the deadline in seconds of a Job that fetches or reads so many bytes."""
    return max(SHORTEST_DEADLINE_SECONDS, size_bytes // SLOWEST_BYTES_PER_SECOND)
