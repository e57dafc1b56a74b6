"""What a real engine cannot start with is told by its cause, not by the traceback that only points to it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lab.control_plane import ControlPlane
from lab.hub import Hub
from lab.real_operator import network_of, tiny_resource
from lab.tiny_model import NAME, make_repository
from tests.node.serving.conftest import a_namespace
from tests.node.serving.test_serving import START_SECONDS
from tests.support.cluster import Namespace

WEIGHTS = "model.safetensors"

MISSHAPEN = "nemotron-dev/misshapen"
"""A repository whose files are those that the hub lists, every byte of them, and which no engine can load."""

HEADER_LENGTH_BYTES = 8
"""A file in the format safetensors begins with the length of its header in JSON (huggingface/safetensors, README)."""


def misshape(weights: bytes) -> bytes:
    """Give one weight another shape with as many numbers."""
    header_bytes = int.from_bytes(weights[:HEADER_LENGTH_BYTES], "little")
    header, data = weights[HEADER_LENGTH_BYTES:][:header_bytes], weights[HEADER_LENGTH_BYTES:][header_bytes:]
    described = json.loads(header)
    described["model.norm.weight"]["shape"] = [64, 2]
    text = json.dumps(described, separators=(",", ":")).encode()
    return len(text).to_bytes(HEADER_LENGTH_BYTES, "little") + text + data


def resource_of(hub: Hub, name: str, repository: str = NAME, **engine: object) -> dict[str, Any]:
    """Make a resource of the tiny model's geometry, from one of the repositories."""
    source = {"huggingFace": {"repository": repository, "endpoint": hub.url}}
    model = {"name": NAME, "source": source, "servedNames": ["tiny"]}
    return tiny_resource(hub, name, model=model, engine={"maxModelLen": 512, **engine})


@pytest.fixture(scope="module")
def failing(serving_plane: ControlPlane) -> Iterator[Namespace]:
    """Engines that fail, each in its own way, side by side: together they take little longer than one."""
    whole = make_repository()
    repositories = {NAME: whole, MISSHAPEN: {**whole, WEIGHTS: misshape(whole[WEIGHTS])}}
    with Hub(repositories, host=network_of(serving_plane).host_address) as hub, a_namespace(serving_plane) as namespace:
        namespace.apply(
            resource_of(hub, "misshapen", MISSHAPEN),
            resource_of(hub, "parser", extraArgs=["--reasoning-parser=no-such-parser"]),
            resource_of(hub, "blocks", extraArgs=["--num-gpu-blocks-override=3"]),
        )
        yield namespace


@pytest.mark.parametrize(
    ("name", "reason", "words", "next_step"),
    [
        pytest.param("parser", "ArgumentRejected", "no-such-parser", "engine.extraArgs", id="argument"),
        pytest.param("misshapen", "WeightsUnreadable", "torch.Size([64, 2])", "nemoctl cache verify", id="weights"),
        pytest.param("blocks", "KVCacheTooSmall", "512", "engine.maxModelLen", id="KV cache"),
    ],
)
def test_a_start_that_fails_is_told_by_its_cause(
    failing: Namespace, name: str, reason: str, words: str, next_step: str
) -> None:
    ready = failing.wait_for_reason(name, "Ready", reason, 2 * START_SECONDS)
    assert words in ready["message"]
    assert next_step in ready["message"]
    assert "root cause" not in ready["message"]
    failing.kubectl("delete", "nemo", name)  # it would start over and over, at the cost of those still to come
