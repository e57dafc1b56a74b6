"""Where a batch lies on its volume: the requests, what one attempt works on, and a part of answers for each attempt."""

from dataclasses import dataclass
from pathlib import Path

ARRIVING = "arriving-"
"""How the names of files begin that are not whole yet."""


@dataclass(frozen=True, slots=True)
class Place:
    """The directory of one batch. What a part holds is never changed, so what was answered stays."""

    directory: Path

    @property
    def requests(self) -> Path:
        """All requests, in the order in which their answers are given."""
        return self.directory / "input.jsonl"

    @property
    def work(self) -> Path:
        """What the running attempt needs; the next one writes it anew."""
        return self.directory / "work"

    @property
    def remaining(self) -> Path:
        """The requests of the running attempt."""
        return self.work / "input.jsonl"

    @property
    def attempt(self) -> Path:
        """Which attempt it is."""
        return self.work / "attempt.json"

    def list_parts(self) -> list[Path]:
        """List the parts that attempts left, the oldest first."""
        return sorted((self.directory / "parts").glob("*.jsonl"))

    def name_part(self, number: int) -> Path:
        """Name the part of an attempt."""
        return self.directory / "parts" / f"{number:04}.jsonl"

    def count_attempts(self) -> int:
        """Count the attempts before this one by what they left."""
        return max((int(part.name[:4]) for part in self.list_parts()), default=0)

    @staticmethod
    def name_end(part: Path) -> Path:
        """Name the mark beside a part of an engine that was alive when its attempt came to its end."""
        return part.with_suffix(".ended")

    def remove_arriving(self) -> None:
        """Remove what was left by transfers that were killed."""
        for path in self.directory.glob(f"{ARRIVING}*"):
            path.unlink(missing_ok=True)

    def make(self) -> None:
        """Make the directories that are not there."""
        self.name_part(0).parent.mkdir(parents=True, exist_ok=True)
        self.work.mkdir(exist_ok=True)
