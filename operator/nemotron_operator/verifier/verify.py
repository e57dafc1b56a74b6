"""Ask until there is an answer or patience ends, and judge it."""

import asyncio
import logging
import time
from dataclasses import dataclass

from nemotron_operator.verifier.conversation import Answer, ask
from nemotron_operator.verifier.errors import UnexpectedAnswerError, VerificationError
from nemotron_operator.verifier.question import Question, redact
from nemotron_operator.verifier.stream import quote

PAUSE_SECONDS = 0.5
"""Time between two attempts: endpoints and proxies learn of a new pod within a second or two."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """How long the model is given, in seconds."""

    answer_seconds: float
    """For one answer, from the request to its end."""

    retry_seconds: float
    """For attempts that may be followed by another, all together."""


async def verify(question: Question, patience: Patience) -> Answer:
    """Ask, again where that may help, and hold the answer against what is expected.

    Raises
    ------
    VerificationError
        There is no answer, or not the expected one.
    """
    answer = await _ask_patiently(question, patience)
    if not question.is_answered_by(answer.text):
        raise UnexpectedAnswerError(
            f"Asked {quote(question.prompt)}, the model answered {quote(answer.text)}, which lacks "
            f"{quote(question.expect)}. If the answer is right, correct spec.verification.expect; if not, compare the "
            "weights, the quantisation and the chat template with the model's card."
        )
    return answer


async def _ask_patiently(question: Question, patience: Patience) -> Answer:
    deadline = time.monotonic() + patience.retry_seconds
    while True:
        try:
            return await ask(question, patience.answer_seconds)
        except VerificationError as error:
            if not error.retryable or time.monotonic() + PAUSE_SECONDS > deadline:
                raise
            logger.warning("%s Asking again.", redact(error.message, question.api_key))
        await asyncio.sleep(PAUSE_SECONDS)
