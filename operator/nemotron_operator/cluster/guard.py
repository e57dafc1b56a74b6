"""What keeps a resource that cannot be read from the others."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from nemotron_operator.cluster.cache import Key

Guard = Callable[[Key], AbstractContextManager[None]]
"""Wraps the work on one resource; it may take an exception, so that the next resource has its turn."""


def unguarded(_key: Key) -> AbstractContextManager[None]:
    """Let every exception through."""
    return nullcontext()
