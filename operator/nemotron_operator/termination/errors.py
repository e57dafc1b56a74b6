"""The errors that a program foresees: each has a reason, a message with the way out, and may be worth another try."""

from typing import ClassVar, Final

UNEXPECTED: Final = "Unexpected"
"""The reason of a failure that nobody foresaw; trying again may help."""


class ExplainedError(Exception):
    """An end for a known cause; the message says what to do about it."""

    reason: ClassVar[str]
    """The reason that the operator shows, one word. Changing one is a change of interface."""

    retryable: ClassVar[bool] = False
    """Whether the same command may succeed later without a change by a person."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
