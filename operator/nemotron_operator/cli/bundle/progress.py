"""How far a transfer is, told to a person now and then."""

from collections.abc import Callable
from dataclasses import dataclass, field

from nemotron_operator.cli.tables import format_gib, format_seconds
from nemotron_operator.units import MIB

QUIET_SECONDS = 10.0
"""How long it is quiet between two lines."""


@dataclass(slots=True)
class TransferProgress:
    """Counts what is sent, and tells of it."""

    verb: str
    """What happens to the bytes, such as `Sent`."""
    total_bytes: int
    say: Callable[[str], None]
    clock: Callable[[], float]
    """Gives seconds that never go back."""
    sent_bytes: int = 0
    _started: float = field(init=False)
    _told: float = field(init=False)

    def __post_init__(self) -> None:
        self._started = self._told = self.clock()

    def add(self, sent_bytes: int) -> None:
        """Count, and tell if it was quiet for long enough."""
        self.sent_bytes += sent_bytes
        now = self.clock()
        if now - self._told >= QUIET_SECONDS:
            self._told = now
            rate = self.sent_bytes / (now - self._started)
            self.say(describe_progress(self.verb, self.sent_bytes, self.total_bytes, rate))


def describe_progress(verb: str, done_bytes: int, total_bytes: int, bytes_per_second: float) -> str:
    """Write how far it is: share, size, rate, and how long the rest takes."""
    percent = 100 if not total_bytes else 100 * done_bytes // total_bytes
    left = ""
    if bytes_per_second > 0:
        seconds = round((total_bytes - done_bytes) / bytes_per_second)
        left = f", {bytes_per_second / MIB:,.0f} MiB/s, {format_seconds(max(0, seconds))} left"
    return f"{verb} {percent} % of {format_gib(total_bytes)}{left}."
