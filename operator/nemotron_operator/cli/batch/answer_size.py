"""How much room the answers of a batch need on its volume."""

import json
from typing import Any

ANSWER_BYTES = 16 * 1024
"""What is counted at least for the answer to one request, with all that stands around it."""

TOKEN_BYTES = 8
"""What is counted for a token: four to five letters of English, or one to two Chinese characters, which JSON may write
with six bytes each."""

UNSAID_TOKENS = 8192
"""What is counted at most for a request that does not say how long its answer may be: few answers use up a limit that
nobody chose, and a volume may grow."""

MOST_CHOICES = 16_384
"""The most answers to one request that vLLM gives (its VLLM_MAX_N_SEQUENCES): whoever asks for more is refused."""


def count_answer_bytes(line: bytes, longest_tokens: int) -> int:
    """Count what the answer to one request may take.

    Parameters
    ----------
    longest_tokens
        The most that the engine gives any request.
    """
    body = json.loads(line)["body"]
    limits = (body.get("max_completion_tokens"), body.get("max_tokens"))
    said = next((limit for limit in limits if _is_count(limit)), UNSAID_TOKENS)
    choices = body.get("n") if _is_count(body.get("n")) else 1
    if choices > MOST_CHOICES:
        return ANSWER_BYTES
    return max(ANSWER_BYTES, min(said, longest_tokens) * TOKEN_BYTES * choices)


def _is_count(value: Any) -> bool:  # noqa: ANN401 - of a body that vLLM checks
    return isinstance(value, int) and value > 0
