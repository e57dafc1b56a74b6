"""How many requests may be under way at a server that others use too: as many as nobody waits for."""

from dataclasses import dataclass

FIRST = 4
"""How many it begins with, before anything is known of the server."""

_GROWTH = 8
"""By which part of itself the limit grows at each look while nobody waits."""


@dataclass(frozen=True, slots=True)
class Load:
    """What the server says of its requests."""

    running: int
    waiting: int
    """Those that wait for a place, ours and those of others."""


def choose_limit(limit: int, load: Load | None, most: int) -> int:
    """Choose how many may be under way from now on.

    Notes
    -----
    A queue means that somebody waits longer because of us: half of ours are not followed by another, down to none. A
    server that says nothing of its load keeps what it has, and at least one: whether it answers shows only to those who
    ask.
    """
    if load is None:
        return max(1, min(limit, most))
    if load.waiting > 0:
        return limit // 2
    return min(most, limit + max(1, limit // _GROWTH))
