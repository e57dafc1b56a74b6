"""The requests of a batch on its volume, as `nemoctl batch` sent them: one JSON object a line."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemotron_operator.batch.errors import NoRequestsError


@dataclass(frozen=True, slots=True)
class Request:
    """One request."""

    custom_id: str
    url: str
    body: dict[str, Any]
    line: bytes
    """As it stands in the file, with its line end."""


def read_requests(path: Path) -> Iterator[Request]:
    """Read all requests, in order.

    Raises
    ------
    NoRequestsError
        There are none: nothing was sent yet.
    """
    if not path.exists():
        raise NoRequestsError(f"{path} is not there: the requests were never sent. Run `nemoctl batch` again.")
    with path.open("rb") as file:
        for line in file:
            content = json.loads(line)
            yield Request(content["custom_id"], content["url"], content["body"], line)
