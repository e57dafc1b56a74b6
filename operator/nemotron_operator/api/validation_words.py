"""What is wrong with a file or a resource, in the words of whoever writes YAML where pydantic speaks of Python."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, BeforeValidator, ValidationError

from nemotron_operator.api.pattern_words import describe_pattern

MAX_QUOTED_LENGTH = 200
"""How much of a wrong value a message repeats."""

MAX_ERRORS = 5
"""How many mistakes a message tells."""


def describe_errors(error: ValidationError, model: type[BaseModel], owner: str, root: str = "") -> str:
    """Name every field that is wrong, its value, and what would be right.

    Parameters
    ----------
    model
        What was read: its fields are offered where a name is close to one of them.
    owner
        What a field that nobody knows is no field of.
    root
        Where in the file the model stands; empty for all of it.
    """
    mistakes = _drop_consequences(error.errors())
    told = [_describe(details, model, owner, root) for details in mistakes[:MAX_ERRORS]]
    more = [f"and {len(mistakes) - MAX_ERRORS} more"] if len(mistakes) > MAX_ERRORS else []
    return "; ".join([*told, *more])


def whole_percent(lowest: int, highest: int) -> BeforeValidator:
    """Make a check that says of a fraction which percentage it is: vLLM's own option takes a fraction."""

    def read(value: object) -> object:
        is_outside = type(value) is int and not lowest <= value <= highest
        is_fraction = isinstance(value, float) and not value.is_integer()
        if not is_outside and not is_fraction:
            return value  # whether it is a number at all is asked next
        message = f"must be whole percent from {lowest} to {highest}"
        if isinstance(value, float) and 0 < value < 1 and lowest <= (percent := round(100 * value)) <= highest:
            message += f": did you mean {percent}?"
        raise ValueError(message)

    return BeforeValidator(read)


def shorten(text: str) -> str:
    """Repeat of a value what fits into a message."""
    return text if len(text) <= MAX_QUOTED_LENGTH else f"{text[:MAX_QUOTED_LENGTH]}..."


def _drop_consequences(mistakes: Sequence[Any]) -> list[Any]:
    """Drop that a list is too short where that is so only because its items are wrong."""
    lists = {
        details["loc"][:place]
        for details in mistakes
        for place, part in enumerate(details["loc"])
        if isinstance(part, int)
    }
    return [details for details in mistakes if details["type"] != "too_short" or details["loc"] not in lists]


def _describe(details: Any, model: type[BaseModel], owner: str, root: str) -> str:  # noqa: ANN401 - pydantic's ErrorDetails lives in pydantic_core
    field = _join(root, details["loc"])
    if details["type"] == "extra_forbidden":
        return f"{field}: is not a field of {owner}; {_correct(model, details['loc'])}"
    if details["type"] == "missing":
        return f"{field}: is required"
    if isinstance(details["input"], Mapping):  # a rule about several fields, which it names
        return f"{field}: {_explain(details)}"
    example = _make_list(details["input"]) if _wants_texts(details, model) else ""
    return f"{field}: {_explain(details)}{example} (found {shorten(repr(details['input']))})"


def _correct(model: type[BaseModel], location: Sequence[str | int]) -> str:
    *parents, name = location
    close = get_close_matches(str(name), sorted(_list_fields(model, parents)), n=1)
    return f"did you mean {close[0]}?" if close else "remove it or correct its spelling"


def _join(root: str, location: Sequence[str | int]) -> str:
    """Write a place as a person would: `spec.engine.env[0].name`."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in location]
    return "".join([root, *parts]).removeprefix(".")


def _list_fields(model: type[BaseModel], location: Sequence[str | int]) -> set[str]:
    """List the names that a field may have at a place."""
    models = [model]
    for part in location:
        inside = [found for each in models for found in _find_inside(each, part)]
        models = inside or models  # an index, or a key of a map, is no field: what is behind it has the same form
    return {field.alias or name for each in models for name, field in each.model_fields.items()}


def _find_inside(model: type[BaseModel], name: str | int) -> Iterator[type[BaseModel]]:
    for field in model.model_fields.values():
        if field.alias == name:
            yield from _find_models(field.annotation)


def _find_models(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - whatever a field is annotated with
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _find_models(part)


def _explain(details: Any) -> str:  # noqa: ANN401 - as above
    """Say what would be right."""
    match details["type"]:
        case "string_pattern_mismatch" if words := describe_pattern(details["ctx"]["pattern"]):
            return f"must be {words}"
        case "string_type" if isinstance(details["input"], int | float):
            return "must be text: write it in quotes"
        case "model_type":
            return "must be a mapping with fields of its own"
        case "dict_type" | "mapping_type":
            return "must be a mapping"
        case "tuple_type" | "list_type":
            return "must be a list"
        case _:
            return str(details["msg"]).removeprefix("Value error, ")


def _make_list(value: object) -> str:
    """Show the list that somebody meant who wrote one value."""
    if not isinstance(value, str):  # a number may stand for text or for itself
        return ""
    is_plain = re.fullmatch(r"[\w./=-]+", value) is not None
    return f", such as [{shorten(value) if is_plain else json.dumps(shorten(value))}]"


def _wants_texts(details: Any, model: type[BaseModel]) -> bool:  # noqa: ANN401 - as above
    """Tell whether a list is missing whose items have no fields of their own."""
    models = [model]
    for part in details["loc"]:
        models = [found for each in models for found in _find_inside(each, part)]
    return details["type"] in {"tuple_type", "list_type"} and not models
