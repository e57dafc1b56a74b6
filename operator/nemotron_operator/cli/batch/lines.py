"""From what a person writes, a line for each prompt, to the lines that vLLM's `run-batch` takes."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from nemotron_operator.errors import OperatorError

CHAT_URL = "/v1/chat/completions"
"""Where plain lines go."""

RUN_BATCH_URLS = frozenset({CHAT_URL, "/v1/embeddings", "/score", "/v1/score", "/rerank", "/v1/rerank", "/v2/rerank"})
"""What vLLM's `run-batch` answers of a model that reads text."""

SERVER_URLS = RUN_BATCH_URLS | {"/v1/completions"}
"""What a server answers beside that."""

_FORMS = (
    'A line is {"prompt": "..."}, {"messages": [...]}, or the batch format of OpenAI: custom_id, method, url and body.'
)

_ASKS = "Give a text that is not empty, or leave out the line."

_CHATS = 'Give a list of objects such as {"role": "user", "content": "..."}, one at least.'

_ROLES_OF_SYSTEM = frozenset({"system", "developer"})

SHOWN_CHARACTERS = 80
"""How much of a value a message quotes."""


class InvalidLineError(OperatorError):
    """A line of the input cannot be asked; the message names it and the way out."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the model and the way to it make of a line."""

    source: str
    """Name of the file, for messages."""
    served_names: tuple[str, ...]
    """By which the model, or one of its adapters, is asked for; the first is meant where a line names none."""
    urls: frozenset[str]
    system_prompt: str
    """Put before plain lines that have none; empty for none."""
    sampling: dict[str, Any]
    """Values of the body for plain lines that name none."""
    longest_tokens: int
    """The most that an answer may have, and what it has where a line says nothing."""


def convert_lines(lines: Iterable[bytes], rules: Rules) -> Iterator[bytes]:
    """Convert all lines, with their line ends; empty ones are left out.

    Raises
    ------
    InvalidLineError
        A line cannot be asked.
    """
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        request = _convert(_parse(line, number, rules), number, rules)
        custom_id = request["custom_id"]
        if custom_id in seen:
            raise _refuse(
                number,
                rules,
                f"custom_id {custom_id!r} is that of line {seen[custom_id]} too. Give each line its own.",
            )
        seen[custom_id] = number
        yield json.dumps(request).encode() + b"\n"
    if not seen:
        raise InvalidLineError(f"{rules.source}: has no line. {_FORMS}")


def _parse(line: bytes, number: int, rules: Rules) -> dict[str, Any]:
    try:
        # Without its end: what stops there is told by a column of this line, not by one of the next.
        content = json.loads((line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line).rstrip())
    except UnicodeDecodeError as error:
        raise _refuse(number, rules, "is not UTF-8. Save the file as UTF-8.") from error
    except json.JSONDecodeError as error:
        what = f"is not JSON: {error.msg} at column {error.colno}"
        raise _refuse(number, rules, f"{what}. Each line is one JSON object.") from error
    except ValueError as error:
        raise _refuse(number, rules, f"is not JSON: {error}. Each line is one JSON object.") from error
    if not isinstance(content, dict):
        raise _refuse(number, rules, f"is {_show(content)}, and not a JSON object. {_FORMS}")
    return content


def _convert(content: dict[str, Any], number: int, rules: Rules) -> dict[str, Any]:
    if "body" in content or "url" in content or "method" in content:
        return _check_batch_line(content, number, rules)
    return _convert_plain(content, number, rules)


def _check_batch_line(content: dict[str, Any], number: int, rules: Rules) -> dict[str, Any]:
    """Check a line of the batch format; only a model that is not named is added."""
    for key in ("custom_id", "url", "body"):
        if key not in content:
            raise _refuse(number, rules, f"has no {key}. {_FORMS}")
    _check_custom_id(content["custom_id"], number, rules)
    method, url, body = content.get("method", "POST"), content["url"], content["body"]
    if method != "POST":
        raise _refuse(number, rules, f"method is {_show(method)}. Only POST is supported: leave method out.")
    if not isinstance(url, str) or url not in rules.urls:
        raise _refuse(number, rules, f"url {_show(url)} is not supported. Supported: {_list_urls(rules)}.")
    if not isinstance(body, dict):
        raise _refuse(number, rules, f"body is {_show(body)}, and not a JSON object. {_FORMS}")
    return {"custom_id": content["custom_id"], "method": "POST", "url": url, "body": _with_model(body, number, rules)}


def _convert_plain(content: dict[str, Any], number: int, rules: Rules) -> dict[str, Any]:
    """Make a chat of a plain line; what else it says, such as max_tokens, goes along."""
    custom_id = content.get("custom_id", f"line-{number}")
    _check_custom_id(custom_id, number, rules)
    rest = {key: value for key, value in content.items() if key not in {"custom_id", "prompt", "messages"}}
    if ("prompt" in content) == ("messages" in content):
        which = "both prompt and messages" if "prompt" in content else "neither prompt nor messages"
        raise _refuse(number, rules, f"has {which}. {_FORMS}")
    messages = _make_messages(content, number, rules)
    body = {**rules.sampling, **rest, "messages": messages}
    return {"custom_id": custom_id, "method": "POST", "url": CHAT_URL, "body": _with_model(body, number, rules)}


def _make_messages(content: dict[str, Any], number: int, rules: Rules) -> list[Any]:
    system = [{"role": "system", "content": rules.system_prompt}] if rules.system_prompt else []
    if "prompt" in content:
        if not isinstance(content["prompt"], str) or not content["prompt"]:
            raise _refuse(number, rules, f"prompt is {_show(content['prompt'])}. {_ASKS}")
        return [*system, {"role": "user", "content": content["prompt"]}]
    messages = content["messages"]
    if not isinstance(messages, list) or not messages or not all(isinstance(each, dict) for each in messages):
        raise _refuse(number, rules, f"messages is {_show(messages)}. {_CHATS}")
    has_system = any(message.get("role") in _ROLES_OF_SYSTEM for message in messages)
    return messages if has_system else [*system, *messages]


def _with_model(body: dict[str, Any], number: int, rules: Rules) -> dict[str, Any]:
    model = body.get("model", rules.served_names[0])
    if model not in rules.served_names:
        names = ", ".join(rules.served_names)
        what = f"model {_show(model)} is none of this resource. It serves: {names}"
        raise _refuse(number, rules, f"{what}. Give one of these, or leave model out.")
    if body.get("stream"):
        raise _refuse(number, rules, f"stream is {_show(body['stream'])}, and a batch does not stream. Leave it out.")
    return {**body, "model": model}


def _check_custom_id(custom_id: object, number: int, rules: Rules) -> None:
    if not isinstance(custom_id, str) or not custom_id:
        what = f"custom_id is {_show(custom_id)}. Give a text that no other line has"
        raise _refuse(number, rules, f"{what}, such as 'line-{number}'.")


def _list_urls(rules: Rules) -> str:
    listed, beyond = (", ".join(sorted(urls)) for urls in (rules.urls, SERVER_URLS - rules.urls))
    return f"{listed}; with --through-server also {beyond}" if beyond else listed


def _show(value: object) -> str:
    """Quote a value as the file has it, in quotes as all messages have them, and not without end."""
    text = repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."


def _refuse(number: int, rules: Rules, what: str) -> InvalidLineError:
    return InvalidLineError(f"{rules.source}: line {number}: {what}")
