"""One resource, served by a real engine: asked through the Service as a user asks, with the official client."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam

from lab.control_plane import ControlPlane
from lab.hub import Hub
from lab.real_operator import tiny_resource
from tests.node.serving.conftest import a_namespace
from tests.support.cluster import Body, Namespace, wait_until
from tests.support.web_server import fetch

START_SECONDS = 300
"""An engine takes half a minute to start on a quiet machine, three on a busy one."""

API_KEY = "sesame"

QUESTION: list[ChatCompletionMessageParam] = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "How many r in strawberry?"},
]
"""As on the first model's card."""


@dataclass(frozen=True)
class Served:
    """A resource that is Ready."""

    namespace: Namespace
    resource: Body
    fetched_weights_bytes: int = 0
    """What the hub sent of the weights until then."""

    @property
    def url(self) -> str:
        """The Service's address, without the path; the node's network leads there."""
        service = self.namespace.get("service", self.resource["metadata"]["name"])
        assert service is not None
        return f"http://{service['spec']['clusterIP']}:{service['spec']['ports'][0]['port']}"

    def connect(self, api_key: str = API_KEY) -> OpenAI:
        """Connect as a user does."""
        return OpenAI(base_url=f"{self.url}/v1", api_key=api_key, timeout=120, max_retries=0)


@pytest.fixture(scope="module")
def served(serving_plane: ControlPlane, hub: Hub) -> Iterator[Served]:
    """The tiny model, guarded by a key."""
    with a_namespace(serving_plane) as namespace:
        namespace.kubectl("create", "secret", "generic", "nemotron-api", f"--from-literal=key={API_KEY}")
        before_bytes = hub.bytes_sent["model.safetensors"]  # the hub is that of all tests
        namespace.apply(tiny_resource(hub, apiKeySecretRef={"name": "nemotron-api", "key": "key"}))
        resource = namespace.wait_until_ready("tiny", START_SECONDS)
        yield Served(namespace, resource, hub.bytes_sent["model.safetensors"] - before_bytes)
        print(namespace.kubectl("logs", "deployment/tiny", "--tail=100"))


def test_the_served_names_are_listed(served: Served) -> None:
    assert ["tiny"] == [model.id for model in served.connect().models.list().data]


def test_the_cards_question_is_answered(served: Served) -> None:
    completion = served.connect().chat.completions.create(model="tiny", messages=QUESTION, max_tokens=32)
    assert completion.choices[0].message.content
    assert completion.usage is not None
    assert 0 < completion.usage.completion_tokens <= 32


def test_an_answer_is_streamed(served: Served) -> None:
    stream = served.connect().chat.completions.create(model="tiny", messages=QUESTION, max_tokens=32, stream=True)
    pieces = [chunk.choices[0].delta.content for chunk in stream if chunk.choices]
    assert len([piece for piece in pieces if piece]) > 1


def test_the_cards_sampling_values_are_the_defaults(served: Served) -> None:
    """The repository's own generation_config.json says 0.6 and 0.8."""
    log = served.namespace.kubectl("logs", "deployment/tiny", "--container=vllm")
    said = next(line for line in log.splitlines() if "default" in line.lower() and "'temperature'" in line)
    assert "'temperature': 0.7" in said
    assert "'top_p': 0.9" in said


@pytest.mark.parametrize("api_key", ["wrong", "sesam"])
def test_a_wrong_key_is_refused(served: Served, api_key: str) -> None:
    with pytest.raises(openai.AuthenticationError):
        served.connect(api_key).models.list()


def test_the_engines_metrics_can_be_scraped(served: Served) -> None:
    metrics = fetch(f"{served.url}/metrics")
    assert 'vllm:request_success_total{engine="0",finished_reason="length",model_name="tiny"}' in metrics


def test_the_status_tells_what_the_verification_measured(served: Served) -> None:
    status = served.resource["status"]
    conditions = {condition["type"]: condition for condition in status["conditions"]}
    assert ("True", "True") == (conditions["Verified"]["status"], conditions["Ready"]["status"])
    assert status["servingRevision"] == status["verification"]["revision"]
    assert 0 < status["verification"]["timeToFirstTokenMilliseconds"]
    assert status["verification"]["answer"]


def test_the_engine_reports_as_much_kv_cache_as_was_planned(served: Served) -> None:
    status = served.resource["status"]
    assert status["plan"]["kvCacheTokens"] == status["engine"]["kvCacheTokens"] > 0
    assert status["servingRevision"] == status["engine"]["revision"]


def test_the_weights_came_from_the_hub_once_and_each_file_was_checked(served: Served, hub: Hub) -> None:
    cache = served.resource["status"]["cache"]
    assert hub.commit("nemotron-dev/tiny-llama-fp8") == cache["commit"]
    assert 5 == cache["files"]
    assert 566_200 == served.fetched_weights_bytes


def test_a_deleted_pod_is_replaced_and_answers_with_what_the_first_one_kept(served: Served) -> None:
    kept = _list_kept(served.namespace)
    assert kept
    (before,) = served.namespace.list("pod", "nemotron.dev/component=server")
    served.namespace.kubectl("delete", "pod", before["metadata"]["name"], "--wait=false")
    wait_until("it is not ready", lambda: not _is_ready(served.namespace), 60)
    served.namespace.wait_until_ready("tiny", START_SECONDS)
    assert served.connect().chat.completions.create(model="tiny", messages=QUESTION, max_tokens=4).choices
    assert kept.items() <= _list_kept(served.namespace).items()


def test_the_engine_writes_nothing_beside_its_own_directory_on_the_volume(served: Served) -> None:
    script = "import os; print([path for path in ('/models', '/compiled') if os.access(path, os.W_OK)])"
    assert "['/compiled']" == _run_python(served.namespace, script).strip()


def _list_kept(namespace: Namespace) -> dict[str, float]:
    """List the files of vLLM's cache with their times: a second start that finds them writes none of them anew."""
    script = """
import json, os, pathlib
root = pathlib.Path(os.environ["VLLM_CACHE_ROOT"])
print(json.dumps({str(path): path.stat().st_mtime for path in root.rglob("*") if path.is_file()}))
"""
    kept: dict[str, float] = json.loads(_run_python(namespace, script))
    return kept


def _run_python(namespace: Namespace, script: str) -> str:
    return namespace.kubectl("exec", "deployment/tiny", "--container=vllm", "--", "python", "-c", script)


def _is_ready(namespace: Namespace) -> bool:
    condition = namespace.condition("tiny", "Ready")
    return condition is not None and condition["status"] == "True"
