"""A batch on a volume, without vLLM: requests, and lines as its `run-batch` writes them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nemotron_operator.batch.place import Place


def a_request(custom_id: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"What is {custom_id}?"}]
    body = {"model": "tiny", "messages": messages}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}


def make_place(directory: Path, custom_ids: Sequence[str] = ("a", "b", "c")) -> Place:
    """Make a volume to which the requests came."""
    place = Place(directory)
    place.make()
    place.requests.write_text("".join(json.dumps(a_request(custom_id)) + "\n" for custom_id in custom_ids))
    return place


def an_answer(custom_id: str, text: str = "an answer") -> str:
    body = {"choices": [{"message": {"content": text}}]}
    return _line(custom_id, 200, body, None)


def a_failure(custom_id: str, status: int = 500) -> str:
    return _line(custom_id, status, None, {"error": {"message": "it failed", "code": status}})


def leave(place: Place, number: int, *lines: str, cut: str = "") -> None:
    """Leave what an attempt left; a cut line is one that was being written when the pod was killed."""
    place.name_part(number).write_text("".join(f"{line}\n" for line in lines) + cut)


def mark_end(place: Place, number: int) -> None:
    """Leave the mark of an engine that was alive at the end of an attempt."""
    place.name_end(place.name_part(number)).touch()


def read_custom_ids(path: Path) -> list[str]:
    return [json.loads(line)["custom_id"] for line in path.read_text().splitlines()]


def _line(custom_id: str, status: int, body: object, error: object) -> str:
    response = {"status_code": status, "request_id": f"r-{custom_id}", "body": body}
    return json.dumps({"id": f"i-{custom_id}", "custom_id": custom_id, "response": response, "error": error})
