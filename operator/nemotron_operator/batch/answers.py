"""Reading the parts: which request has an answer, which was refused for good, and which may be tried again."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from nemotron_operator.batch.place import Place

TRIES = 3
"""How often a request is sent to an engine that fails at it."""

_BAD_REQUEST, _SERVER_ERROR = 400, 500

_PASSING = frozenset({408, 425, 429})
"""Refusals that may not be repeated, beside those of 500 and above."""


class Verdict(IntEnum):
    """What a line says of its request; of several lines of one request the highest counts."""

    FAILED = 0
    """The engine failed; another try may help."""
    REFUSED = 1
    """The request itself is at fault, and would be refused again."""
    ANSWERED = 2


@dataclass(frozen=True, slots=True)
class Line:
    """One whole line of a part."""

    custom_id: str
    verdict: Verdict
    part: Path
    offset: int
    """Where it begins in the part, in bytes."""
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Answers:
    """What all attempts so far came to."""

    best: dict[str, Line]
    """The line that counts, by request."""
    failures: Counter[str]
    """How often each request failed in attempts that came to their end with a living engine."""

    def is_settled(self, custom_id: str) -> bool:
        """Tell whether nothing is to be asked any more."""
        line = self.best.get(custom_id)
        return line is not None and (line.verdict > Verdict.FAILED or self.failures[custom_id] >= TRIES)


def read_answers(parts: list[Path]) -> Answers:
    """Read what there is. A line that was cut, as an attempt was killed, is none."""
    best: dict[str, Line] = {}
    failures: Counter[str] = Counter()
    for part in parts:
        lines = list(_read_lines(part))
        for line in lines:
            before = best.get(line.custom_id)
            if before is None or line.verdict >= before.verdict:
                best[line.custom_id] = line
        # An engine that died failed at every request that it had. That it lives shows by its mark, and not by answers:
        # what is left for a late attempt may be the failing requests alone.
        if Place.name_end(part).exists():
            failures.update(line.custom_id for line in lines if line.verdict == Verdict.FAILED)
    return Answers(best, failures)


def judge(content: dict[str, Any]) -> Verdict:
    """Judge one line as vLLM's `run-batch` writes it: an error stands beside a response with an HTTP status."""
    status = (content.get("response") or {}).get("status_code") or _SERVER_ERROR
    if content.get("error") is None and status < _BAD_REQUEST:
        return Verdict.ANSWERED
    is_final = _BAD_REQUEST <= status < _SERVER_ERROR and status not in _PASSING
    return Verdict.REFUSED if is_final else Verdict.FAILED


def _read_lines(part: Path) -> Iterator[Line]:
    offset = 0
    with part.open("rb") as file:
        for text in file:
            content = _parse(text) if text.endswith(b"\n") else {}
            if isinstance(custom_id := content.get("custom_id"), str):
                yield Line(custom_id, judge(content), part, offset, len(text))
            offset += len(text)


def _parse(text: bytes) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
