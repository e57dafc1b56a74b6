"""Every way in which a verification can fail, each with its reason and whether trying again can help.

The reasons are read by the operator and shown in the status: changing one is a change of interface.
"""

from enum import StrEnum

from nemotron_operator.termination.errors import ExplainedError


class Reason(StrEnum):
    """Why a verification failed."""

    NO_ANSWER = "NoAnswer"
    """No answer came, or only a part of one."""

    ADAPTER_REFUSED = "AdapterRefused"
    """The engine does not load an adapter."""

    UNEXPECTED_ANSWER = "UnexpectedAnswer"
    """The answer is whole and lacks the expected text."""


class VerificationError(ExplainedError):
    """A verification that failed; the message says what the server did and what to do about it."""


class UnavailableError(VerificationError):
    """Nothing answers, or not now, or not to the end."""

    reason = Reason.NO_ANSWER
    retryable = True


class RefusedError(VerificationError):
    """The server answers, and says no; it would say it again."""

    reason = Reason.NO_ANSWER


class NoChatTemplateError(RefusedError):
    """The model has no chat template: it completes text, and cannot chat."""


class UnexpectedAnswerError(VerificationError):
    """The model's answer lacks the expected text."""

    reason = Reason.UNEXPECTED_ANSWER


class AdapterRefusedError(VerificationError):
    """The engine says why it does not load an adapter."""

    reason = Reason.ADAPTER_REFUSED
