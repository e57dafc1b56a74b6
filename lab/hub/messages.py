"""What goes over the wire: requests as they arrived, answers as they shall leave, and what of them left."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SeenRequest:
    """A request as it arrived."""

    method: str
    path: str
    """The path without the query, unquoted."""
    query: Mapping[str, list[str]]
    token: str | None
    first_byte: int
    """Where a range began; 0 without one."""
    last_byte: int | None = None
    """Where a range ended, that byte included; None is the end of the file."""


@dataclass(frozen=True)
class Answer:
    """What the hub says to a request."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | memoryview = b""
    commit: str = ""
    """The commit that the body is of, if it is that of a file."""
    file: str | None = None
    """The path in the repository, if the body is that of a file."""
    first_byte: int = 0
    """Where in the file the body begins."""
    misstated_bytes: int = 0
    """How much longer than the body Content-Length says that it is."""


@dataclass
class SentRange:
    """Bytes of a file that leave by one answer."""

    commit: str
    """Which content of the file."""
    file: str
    """The path in the repository."""
    first_byte: int
    """Where in the file they begin."""
    size_bytes: int = 0
    """How many they are so far."""
