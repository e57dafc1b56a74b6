"""Every way in which work on a batch can fail."""

from enum import StrEnum

from nemotron_operator.termination.errors import UNEXPECTED, ExplainedError


class Reason(StrEnum):
    """Why work on a batch failed."""

    NO_REQUESTS = "NoRequests"
    """The volume holds no requests."""

    CUT = "Cut"
    """What came is not what was sent."""

    NO_SPACE = "NoSpace"
    """The volume is full."""

    SERVER_UNAVAILABLE = "ServerUnavailable"
    """The server does not answer, or answers nobody for now."""

    SERVER_REFUSES = "ServerRefuses"
    """The server refuses every request for a cause that is not in the request: the API key, the path."""

    UNEXPECTED = UNEXPECTED
    """A cause that nobody foresaw: the log has its traceback."""


class BatchError(ExplainedError):
    """Work on a batch that failed for a known reason."""


class NoRequestsError(BatchError):
    """There is nothing to answer."""

    reason = Reason.NO_REQUESTS


class CutError(BatchError):
    """Less came than was sent, or something else."""

    reason = Reason.CUT
    retryable = True


class NoSpaceError(BatchError):
    """The volume holds no more."""

    reason = Reason.NO_SPACE


class ServerUnavailableError(BatchError):
    """Nobody answers for longer than is waited."""

    reason = Reason.SERVER_UNAVAILABLE
    retryable = True


class ServerRefusesError(BatchError):
    """It would refuse every other request too."""

    reason = Reason.SERVER_REFUSES
