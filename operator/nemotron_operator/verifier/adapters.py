"""Whether every replica serves the adapters that it was told to load, asked through the Service as a client asks.

A replica that lacks one is asked to load it, so that the engine says in its own words why it does not.
"""

import asyncio
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from nemotron_operator.verifier.conversation import CONNECT_TIMEOUT_SECONDS
from nemotron_operator.verifier.errors import AdapterRefusedError, UnavailableError
from nemotron_operator.verifier.stream import read_words

ASK_SECONDS = 120
"""How long one request may take: an adapter is read from the volume meanwhile."""

PAUSE_SECONDS = 2.0
"""How long to wait before the next look."""

LOOKS_PER_REPLICA = 3
"""So many looks in a row, for each replica, have to find the adapters: the Service gives each to any replica."""

GRACE_SECONDS = 30
"""How long the replicas may take to load by themselves, before one that lacks an adapter is asked why."""

FAILURES = 2
"""So often the engine may fail at loading before that is its last word: it may have been about to end."""


class EngineFailedError(UnavailableError):
    """The engine failed at loading an adapter. vLLM says so of one that it never will load, and while it ends."""


@dataclass(frozen=True)
class Wanted:
    """What is asked, and of whom."""

    base_url: str
    """The OpenAI-compatible API, up to `/v1`."""
    adapters: Mapping[str, str]
    """Directories, as the engine finds them, by the names of the adapters."""
    replicas: int
    api_key: str | None = field(repr=False)
    kept: frozenset[str] = frozenset()
    """Names that may be served or not: what has them is on its way."""
    trust: ssl.SSLContext | None = field(default=None, repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """The key, where one is needed."""
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}


async def wait_for_adapters(wanted: Wanted, wait_seconds: float) -> None:
    """Wait until every look finds exactly the wanted adapters.

    Raises
    ------
    AdapterRefusedError
        The engine says why it does not load one.
    UnavailableError
        Nothing answered in time, or not as wanted.
    """
    started, found, failures, missing_since = time.monotonic(), 0, 0, None
    trouble = UnavailableError(f"{wanted.base_url} did not answer within {wait_seconds:.0f} s.")
    while time.monotonic() - started < wait_seconds:
        try:
            served = await _list_served(wanted)
            missing = [name for name, path in wanted.adapters.items() if served.get(name) != path]
            left_over = sorted(served.keys() - wanted.adapters.keys() - wanted.kept)
            found = 0 if missing or left_over else found + 1
            failures = 0 if found else failures
            missing_since = None if found else missing_since or time.monotonic()
            if found >= LOOKS_PER_REPLICA * wanted.replicas:
                return
            if missing_since is not None and time.monotonic() - missing_since > GRACE_SECONDS and missing:
                await _load(wanted, missing[0], is_replaced=missing[0] in served)
            words = f"lacks {', '.join(missing)}" if missing else f"still serves {', '.join(left_over)}"
            trouble = trouble if found else UnavailableError(f"A replica {words}.")
        except EngineFailedError as error:
            failures += 1
            if failures >= FAILURES:
                raise AdapterRefusedError(error.message) from error
            trouble, found, missing_since = error, 0, None
        except UnavailableError as error:
            trouble, found, missing_since = error, 0, None
        await asyncio.sleep(0.1 if found else PAUSE_SECONDS)
    raise trouble


async def _list_served(wanted: Wanted) -> dict[str, str]:
    """List the directories of what is served beside the model, by names."""
    status, words = await _exchange(wanted, "GET", "models")
    if status != HTTPStatus.OK:
        raise UnavailableError(f"{wanted.base_url}/models answered {status}: {read_words(words)}.")
    try:
        cards = json.loads(words)["data"]
        return {card["id"]: card["root"] for card in cards if card.get("parent")}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UnavailableError(f"{wanted.base_url}/models did not answer as vLLM does.") from error


async def _load(wanted: Wanted, name: str, *, is_replaced: bool) -> None:
    """Ask one replica to load an adapter; that another one did meanwhile is no error.

    Raises
    ------
    AdapterRefusedError
        It does not, in the engine's own words.
    EngineFailedError
        It failed at it.
    UnavailableError
        There was no engine that loads adapters: another one may answer next.
    """
    body = {"lora_name": name, "lora_path": wanted.adapters[name], "load_inplace": is_replaced}
    status, words = await _exchange(wanted, "POST", "load_lora_adapter", body)
    if status == HTTPStatus.OK or "already been loaded" in words:
        return
    refusal = f"The engine does not load adapter {name!r}: {read_words(words)}"
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        raise EngineFailedError(refusal)
    # vLLM says 404 of a directory without an adapter too, and names it.
    is_without_path = status == HTTPStatus.NOT_FOUND and wanted.adapters[name] not in words
    if is_without_path or status > HTTPStatus.INTERNAL_SERVER_ERROR:
        raise UnavailableError(f"A replica lacks {name}, and answered {status}: {read_words(words)}.")
    raise AdapterRefusedError(refusal)


async def _exchange(wanted: Wanted, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, str]:
    """Ask over a connection of its own, so that the Service may choose another replica each time."""
    timeout = aiohttp.ClientTimeout(total=ASK_SECONDS, connect=CONNECT_TIMEOUT_SECONDS)
    url = f"{wanted.base_url}/{path}"
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(
                method, url, json=body, headers=wanted.headers, allow_redirects=False, ssl=wanted.trust or True
            ) as response,
        ):
            return response.status, await response.text(errors="replace")
    except TimeoutError as error:
        raise UnavailableError(f"{url} took more than {ASK_SECONDS} s.") from error
    except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError) as error:
        raise UnavailableError(f"{url} cannot be reached: {error}.") from error
