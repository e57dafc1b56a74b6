"""Real LoRA adapters on a real engine: fetched, listed, asked by their names, and loaded while it runs."""

from collections.abc import Iterator

import openai
import pytest
from openai import OpenAI

from lab.control_plane import ControlPlane
from lab.hub import Hub
from lab.real_operator import tiny_resource
from lab.tiny_adapter import make_adapter
from tests.node.serving.conftest import a_namespace
from tests.node.serving.test_serving import API_KEY, START_SECONDS, Served, first_answer
from tests.support.cluster import Body, Namespace, wait_until

SERVERS = "nemotron.dev/component=server"

LOADING_SECONDS = 120
"""A Job starts, the volume is written, and each replica looks at it every few seconds."""


@pytest.fixture(scope="module")
def adapters(hub: Hub) -> Hub:
    """Repositories of adapters beside the model."""
    for seed, name in enumerate(("sql", "chat")):
        hub.push(f"nemotron-dev/{name}-lora", make_adapter(seed + 1))
    return hub


@pytest.fixture(scope="module")
def served(serving_plane: ControlPlane, adapters: Hub) -> Iterator[Served]:
    """The tiny model with one adapter, loaded live."""
    with a_namespace(serving_plane) as namespace:
        namespace.kubectl("create", "secret", "generic", "nemotron-api", f"--from-literal=key={API_KEY}")
        namespace.apply(resource_with(adapters, "sql"))
        resource = namespace.wait_until_ready("tiny", START_SECONDS)
        namespace.wait_for_reason("tiny", "Adapted", "Loaded", LOADING_SECONDS)
        yield Served(namespace, resource)
        print(namespace.kubectl("logs", "deployment/tiny", "--container=adapters"))


def resource_with(hub: Hub, *names: str, loading: str = "Live") -> Body:
    body = tiny_resource(
        hub,
        engine={"maxModelLen": 512, "lora": {"loading": loading}},
        apiKeySecretRef={"name": "nemotron-api", "key": "key"},
    )
    repositories = {name: {"repository": f"nemotron-dev/{name}-lora", "endpoint": hub.url} for name in names}
    body["spec"]["model"]["adapters"] = [{"name": name, "huggingFace": hub} for name, hub in repositories.items()]
    return body


def list_names(client: OpenAI) -> list[str]:
    return [model.id for model in client.models.list().data]


def answer(client: OpenAI, model: str) -> list[float | None]:
    """Ask for a few tokens, and return how likely the engine found each: that tells models apart."""
    completion = client.completions.create(
        model=model, prompt="the quick brown", max_tokens=4, temperature=0, logprobs=0
    )
    said = completion.choices[0].logprobs
    assert said is not None
    return list(said.token_logprobs or [])


def identities(namespace: Namespace) -> list[tuple[str, int]]:
    """Tell the pods that serve, with how often their engine was started again."""
    return [
        (pod["metadata"]["uid"], pod["status"]["containerStatuses"][0]["restartCount"])
        for pod in namespace.list("pod", SERVERS)
    ]


def test_an_adapter_answers_under_its_own_name_and_otherwise_than_the_model(served: Served) -> None:
    client = served.connect()
    assert ["tiny", "sql"] == list_names(client) == served.resource["status"]["servedNames"]
    assert answer(client, "tiny") == answer(client, "tiny")
    assert answer(client, "tiny") != answer(client, "sql")


def test_another_adapter_is_loaded_and_one_is_unloaded_while_the_pods_run(served: Served, adapters: Hub) -> None:
    namespace, client, before = served.namespace, served.connect(), identities(served.namespace)
    namespace.apply(resource_with(adapters, "sql", "chat"))
    namespace.wait_for_reason("tiny", "Adapted", "Loaded", LOADING_SECONDS)
    assert {"tiny", "sql", "chat"} == set(list_names(client))
    assert 3 == len({tuple(answer(client, name)) for name in ("tiny", "sql", "chat")})

    namespace.apply(resource_with(adapters, "chat"))
    namespace.wait_for_reason("tiny", "Adapted", "Loaded", LOADING_SECONDS)
    assert ["tiny", "chat"] == list_names(client)
    with pytest.raises(openai.NotFoundError):
        answer(client, "sql")
    assert before == identities(namespace)
    namespace.wait_until_ready("tiny")


def test_an_engine_that_is_started_again_has_its_adapters_before_clients_come(served: Served) -> None:
    namespace, client = served.namespace, served.connect()
    ((uid, restarts),) = identities(namespace)
    namespace.kubectl("exec", "deployment/tiny", "--container=vllm", "--", "python3", "-c", "import os; os.kill(1, 15)")
    wait_until("it was started again", lambda: identities(namespace) == [(uid, restarts + 1)], START_SECONDS)
    namespace.kubectl("wait", "--for=condition=Ready", "pod", "-l", SERVERS, f"--timeout={START_SECONDS}s")
    assert ["tiny", "chat"] == first_answer(lambda: list_names(client))


def test_an_adapter_that_the_engine_does_not_take_is_told_in_its_words_and_the_others_stay(
    served: Served, adapters: Hub
) -> None:
    namespace, client, body = served.namespace, served.connect(), resource_with(adapters, "chat")
    body["spec"]["model"]["adapters"].append({"name": "nowhere", "path": "loras/nowhere"})
    namespace.apply(body)
    stalled = namespace.wait_for_reason("tiny", "Stalled", "AdapterFailed", LOADING_SECONDS)
    assert "The engine does not load adapter 'nowhere'" in stalled["message"]
    assert "No adapter found" in stalled["message"]
    assert ["tiny", "chat"] == list_names(client)


def test_adapters_of_the_start_are_arguments_of_the_engine(served: Served, adapters: Hub) -> None:
    """Another way of loading is another revision; its pods come when all adapters are there."""
    namespace = served.namespace
    namespace.apply(resource_with(adapters, "chat", "sql", loading="Restart"))
    namespace.wait_until_ready("tiny", START_SECONDS)
    (pod,) = [pod for pod in namespace.list("pod", SERVERS) if "deletionTimestamp" not in pod["metadata"]]
    assert "--lora-modules" in pod["spec"]["containers"][0]["args"]
    assert {"tiny", "sql", "chat"} == set(list_names(served.connect()))
    assert answer(served.connect(), "tiny") != answer(served.connect(), "sql")
