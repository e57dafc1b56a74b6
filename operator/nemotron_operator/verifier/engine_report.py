"""What the engine says of its KV cache: one line of its metrics, which need no key."""

import logging
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from nemotron_operator.verifier.conversation import CONNECT_TIMEOUT_SECONDS

METRIC = "vllm:cache_config_info"
"""The gauge whose labels are the settings of the KV cache."""

READ_SECONDS = 10
"""How long the metrics may take, in seconds: a loaded engine gives them in milliseconds."""

READ_LIMIT_BYTES = 8 * 2**20
"""How much of the metrics is read: an engine has 50 kB of them, more with many adapters."""

MAX_TOKENS = 2**63 - 1
"""The largest number that a field of a Kubernetes API holds."""

LINE_LENGTH = 2**16
"""A longer line is not one of vLLM's, which has 1,500 characters."""

_SEVERAL_GROUPS = ("mamba_block_size", "sliding_window")
"""Labels that are set where layers of several kinds may have a group of blocks each."""

_UNSET = "None"
"""How the gauge writes a setting that is not there."""

# The look-behind keeps it linear: a word that is no label is looked at once, not from each of its characters.
_LABEL = re.compile(r'(?<!\w)(\w+)="((?:[^"\\]|\\.)*)"')
_WHOLE_NUMBER = re.compile(r"[0-9]{1,19}")
_DECIMAL_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,40})?")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EngineReport:
    """How much the KV cache really holds."""

    kv_cache_tokens: int
    """Tokens, over all GPUs of the replica together."""

    max_concurrency: str | None
    """Sequences of full length at the same time, with two decimals; None where vLLM does not say."""


async def read_engine_report(base_url: str, trust: ssl.SSLContext | None = None) -> EngineReport | None:
    """Read what the engine says; None when it says nothing of it, or cannot be read: that is no failure.

    Parameters
    ----------
    base_url
        Address of the OpenAI-compatible API, up to `/v1`; the metrics are beside it.
    trust
        What certificates the server may show; None trusts the public CAs.
    """
    url = f"{base_url.rstrip('/').removesuffix('/v1')}/metrics"
    timeout = aiohttp.ClientTimeout(total=READ_SECONDS, connect=CONNECT_TIMEOUT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, allow_redirects=False, ssl=trust or True) as response,
        ):
            if response.status != HTTPStatus.OK:
                logger.warning("%s answered %s: the size of the KV cache is not reported.", url, response.status)
                return None
            return find_engine_report(await _read_text(response))
    except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError) as error:
        logger.warning("%s cannot be read, the size of the KV cache is not reported: %s.", url, type(error).__name__)
        return None


async def _read_text(response: aiohttp.ClientResponse) -> str:
    """Read up to the limit; what follows is left."""
    content = bytearray()
    async for part in response.content.iter_chunked(2**16):
        content += part[: READ_LIMIT_BYTES - len(content)]
        if len(content) >= READ_LIMIT_BYTES:
            break
    return content.decode(errors="replace")


def find_engine_report(metrics: str) -> EngineReport | None:
    """Find the line in the text format of Prometheus; None when it is missing, or odd.

    Notes
    -----
    vLLM 0.32 tells `kv_cache_size_tokens`; older versions tell the blocks and their size. Their product is the tokens
    where all layers share one group of blocks; with Mamba layers or sliding windows it may be several times as much
    (`kv_cache_size_tokens` in vllm/config/cache.py), and nothing is reported.
    """
    line = next((line for line in metrics.splitlines() if line.startswith(METRIC + "{")), None)
    if line is None or len(line) > LINE_LENGTH:
        return None
    labels = dict(_LABEL.findall(line))
    tokens = _read_whole_number(labels.get("kv_cache_size_tokens", ""))
    if tokens is None:
        tokens = _multiply_blocks(labels)
    if tokens is None or tokens > MAX_TOKENS:
        return None
    return EngineReport(tokens, _read_concurrency(labels.get("kv_cache_max_concurrency", "")))


def _multiply_blocks(labels: Mapping[str, str]) -> int | None:
    if any(labels.get(name, _UNSET) != _UNSET for name in _SEVERAL_GROUPS):
        return None
    blocks, block_size = (_read_whole_number(labels.get(name, "")) for name in ("num_gpu_blocks", "block_size"))
    return None if blocks is None or block_size is None else blocks * block_size


def _read_whole_number(text: str) -> int | None:
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else None


def _read_concurrency(text: str) -> str | None:
    return f"{float(text):.2f}" if _DECIMAL_NUMBER.fullmatch(text) else None
