"""Runtime: which object a line of the log is about. Whatever runs inside says so by itself, also a library's lines."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple


class Subject(NamedTuple):
    """The object that is worked on."""

    namespace: str
    name: str


_subject: ContextVar[Subject | None] = ContextVar("subject", default=None)


@contextmanager
def about(namespace: str, name: str) -> Iterator[None]:
    """Let every line that is logged inside be about this object."""
    token = _subject.set(Subject(namespace, name))
    try:
        yield
    finally:
        _subject.reset(token)


def current_subject() -> Subject | None:
    """Tell what is worked on here; None where it is no single object."""
    return _subject.get()
