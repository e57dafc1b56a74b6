"""The streamed answer: lines of server-sent events to what each tells. Pure: it knows no connection and no clock."""

import json
from dataclasses import dataclass
from typing import Any

from nemotron_operator.verifier.errors import UnavailableError

WORDS_LENGTH = 300
"""How much of a server's own words a message repeats, in characters."""

_PREFIX = "data:"
_END = "[DONE]"


@dataclass(frozen=True)
class Event:
    """What one line of the stream tells."""

    text: str = ""
    """What it adds to the answer."""

    has_token: bool = False
    """Whether it carries tokens: of the answer, or of the reasoning before it."""

    finish_reason: str = ""
    """Why the answer ends here; empty while it goes on."""

    completion_tokens: int | None = None
    """Tokens of the whole answer, which the last event but one tells."""

    is_end: bool = False
    """Whether the stream is over."""


def read_event(line: str) -> Event | None:
    """Read one line; None for what carries nothing: empty lines and comments.

    Raises
    ------
    UnavailableError
        The line is no event, or tells of an error of the server.
    """
    if not line.startswith(_PREFIX):
        return None
    content = line.removeprefix(_PREFIX).strip()
    if content == _END:
        return Event(is_end=True)
    try:
        return _read_chunk(json.loads(content))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnavailableError(f"The server sent what is no part of a chat completion: {quote(content)}.") from error


def read_words(text: str) -> str:
    """Read what a server says in place of an answer: the message inside its JSON, else the text itself."""
    try:
        said = json.loads(text)
    except ValueError:
        return quote(text)
    while isinstance(said, dict) and (inner := said.get("error") or said.get("message") or said.get("detail")):
        said = inner
    return quote(said if isinstance(said, str) else text)


def quote(text: str) -> str:
    """Repeat a text in one line, cut where it gets long."""
    words = " ".join(text.split())
    return repr(words if len(words) <= WORDS_LENGTH else f"{words[:WORDS_LENGTH]}...")


def _read_chunk(chunk: dict[str, Any]) -> Event:
    if error := chunk.get("error"):
        raise UnavailableError(f"The server broke off its answer: {read_words(json.dumps(error))}.")
    usage = chunk.get("usage") or {}
    choices = chunk["choices"]
    if not choices:
        return Event(completion_tokens=usage.get("completion_tokens"))
    delta = choices[0].get("delta") or {}
    # A completion that is no chat has its text beside the delta that it lacks.
    text = delta.get("content") or choices[0].get("text") or ""
    # vLLM calls it `reasoning`, and called it `reasoning_content` before.
    is_reasoning = bool(delta.get("reasoning") or delta.get("reasoning_content"))
    return Event(
        text=text,
        has_token=bool(text) or is_reasoning,
        finish_reason=choices[0].get("finish_reason") or "",
        completion_tokens=usage.get("completion_tokens"),
    )
