"""The requests of a batch, as they are sent: converted once into a file of their own, with their digest."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nemotron_operator.cli.batch.answer_size import count_answer_bytes
from nemotron_operator.cli.batch.lines import Rules, convert_lines
from nemotron_operator.errors import OperatorError


@dataclass(frozen=True, slots=True)
class PreparedRequests:
    """All requests, one a line."""

    path: Path
    sha256: str
    requests: int
    size_bytes: int
    answer_bytes: int
    """What is counted for all answers."""


@contextmanager
def prepared(source: Path, rules: Rules) -> Iterator[PreparedRequests]:
    """Convert a file, for as long as the block lasts.

    Raises
    ------
    OperatorError
        It cannot be read, or a line of it cannot be asked; the message names the way out.
    """
    with tempfile.TemporaryDirectory(prefix="nemoctl-batch-") as directory:
        path = Path(directory) / "input.jsonl"
        digest, requests, answer_bytes = hashlib.sha256(), 0, 0
        try:
            with source.open("rb") as lines, path.open("wb") as file:
                for line in convert_lines(lines, rules):
                    digest.update(line)
                    file.write(line)
                    requests += 1
                    answer_bytes += count_answer_bytes(line, rules.longest_tokens)
        except OSError as error:
            raise OperatorError(f"{source}: cannot be read: {error.strerror}.") from error
        yield PreparedRequests(path, digest.hexdigest(), requests, path.stat().st_size, answer_bytes)
