"""One resource, served by a real engine over HTTPS: asked as a user asks, with the official client."""

import json
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import httpx2
import openai
import pytest
from cryptography import x509
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam
from typing_extensions import override

from lab.control_plane import ControlPlane
from lab.hub import Hub
from lab.node_settings import DEVELOPMENT_TAINT
from lab.real_operator import tiny_resource
from lab.volumes import REAL_STORAGE_CLASS
from tests.node.serving.conftest import a_namespace
from tests.node.serving.test_air_gap import nemoctl
from tests.support.certificates import Authority, Certificate, found_authority
from tests.support.cluster import Body, Namespace, wait_until
from tests.support.helm import MODELS_CHART, Helm

START_SECONDS = 300
"""An engine takes half a minute to start on a quiet machine, three on a busy one."""

API_KEY = "sesame"

NETWORKING = Path(__file__).parents[3] / "docs" / "networking.md"

MODELS_RELEASE = "models"

ON_THE_NODE = {
    "nodeSelector": {"nemotron.dev/accelerator": "cpu-development"},
    "tolerations": [{"key": DEVELOPMENT_TAINT["key"], "operator": "Exists"}],
}
"""Where `helm test` may run its pods."""

SECRET = "our-tls"  # noqa: S105 - its name

QUESTION: list[ChatCompletionMessageParam] = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "How many r in strawberry?"},
]
"""As on the first model's card."""

T = TypeVar("T")


@dataclass(frozen=True)
class Served:
    """A resource that is Ready."""

    namespace: Namespace
    resource: Body
    fetched_weights_bytes: int = 0
    """What the hub sent of the weights until then."""

    @property
    def address(self) -> tuple[str, int]:
        """The Service's address and port; the node's network leads there."""
        service = self.namespace.get("service", self.resource["metadata"]["name"])
        assert service is not None
        return service["spec"]["clusterIP"], service["spec"]["ports"][0]["port"]

    @property
    def url(self) -> str:
        """The same, without the path."""
        host, port = self.address
        return f"http://{host}:{port}"

    def connect(self, api_key: str = API_KEY) -> OpenAI:
        """Connect as a user does."""
        return OpenAI(base_url=f"{self.url}/v1", api_key=api_key, timeout=120, max_retries=0)


@dataclass(frozen=True, kw_only=True)
class EncryptedServed(Served):
    """A resource that is Ready, and serves over HTTPS."""

    authority: Authority
    """Who signs the engine's certificates."""
    trust: ssl.SSLContext
    client: httpx2.Client
    """A client that trusts it."""
    helm: Helm
    """Who installed it, by the chart of models."""

    @property
    @override
    def url(self) -> str:
        host, port = self.address
        return f"https://{host}:{port}"

    @override
    def connect(self, api_key: str = API_KEY) -> OpenAI:
        base_url = f"{self.url}/v1"
        return OpenAI(base_url=base_url, api_key=api_key, timeout=120, max_retries=0, http_client=self.client)

    def read_serial_number(self) -> int:
        """Read which certificate the engine shows now."""
        host, port = self.address
        with (
            socket.create_connection((host, port), timeout=10) as plain,
            self.trust.wrap_socket(plain, server_hostname=host) as encrypted,
        ):
            shown = encrypted.getpeercert(binary_form=True)
        assert shown is not None
        return x509.load_der_x509_certificate(shown).serial_number


def first_answer(ask: Callable[[], T]) -> T:
    """Ask until somebody answers, and return that first answer, whatever it is.

    kube-proxy hears of a pod that is Ready again by another way than we do, and refuses connections until then.
    """

    def look() -> tuple[T] | None:
        try:
            return (ask(),)
        except openai.APIConnectionError:
            return None

    (answer,) = wait_until("the Service answers", look)
    return answer


@pytest.fixture(scope="module")
def served(
    serving_plane: ControlPlane, hub: Hub, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EncryptedServed]:
    """The tiny model, guarded by a key, with a certificate that comes late."""
    authority, folder = found_authority(), tmp_path_factory.mktemp("tls")
    with a_namespace(serving_plane) as namespace:
        namespace.kubectl("create", "secret", "generic", "nemotron-api", f"--from-literal=key={API_KEY}")
        before_bytes = hub.bytes_sent["model.safetensors"]  # the hub is that of all tests
        key, tls = {"name": "nemotron-api", "key": "key"}, {"secretName": SECRET}
        helm = Helm(
            serving_plane.binaries.helm, serving_plane.directory / "helm", serving_plane.kubeconfig, namespace.name
        )
        tiny = {"spec": tiny_resource(hub, apiKeySecretRef=key, tls=tls)["spec"]}
        helm.run(
            "install", MODELS_RELEASE, str(MODELS_CHART), values={"deployments": {"tiny": tiny}, "tests": ON_THE_NODE}
        )
        stalled = namespace.wait_for_reason("tiny", "Stalled", "SecretNotFound", START_SECONDS)
        assert f'secret "{SECRET}" not found' in stalled["message"]
        host, _port = Served(namespace, {"metadata": {"name": "tiny"}}).address
        files = _keep(namespace, _sign(authority, namespace.name, host), folder)
        trust = ssl.create_default_context(cafile=files / "ca.crt")
        # The kubelet looks for a Secret that was not there more and more rarely, at last every two minutes.
        resource = namespace.wait_until_ready("tiny", 2 * START_SECONDS)
        weights_bytes = hub.bytes_sent["model.safetensors"] - before_bytes
        # No connection outlives its request: a test replaces the pod.
        with httpx2.Client(verify=trust, limits=httpx2.Limits(max_keepalive_connections=0), timeout=120) as client:
            yield EncryptedServed(
                namespace, resource, weights_bytes, authority=authority, trust=trust, client=client, helm=helm
            )
        print(namespace.kubectl("logs", "deployment/tiny", "--tail=100"))


def _sign(authority: Authority, namespace: str, address: str) -> Certificate:
    """Sign for the Service's name, which the verification asks for, and its address, which this test does."""
    return authority.sign(f"tiny.{namespace}.svc", addresses=[address])


def _keep(namespace: Namespace, certificate: Certificate, folder: Path) -> Path:
    """Put a certificate into the Secret, new or in place of another one, and wake the pods that read it.

    The kubelet brings a Secret that changed to its pods within a minute or so, and with any change of a pod at once.
    """
    files = certificate.write(folder)
    names = [f"--from-file={name}={files / name}" for name in ("tls.crt", "tls.key", "ca.crt")]
    secret = namespace.kubectl("create", "secret", "generic", SECRET, *names, "--dry-run=client", "--output=json")
    namespace.kubectl("apply", "-f", "-", input=secret)
    now = f"tests.nemotron.dev/certificate={hash(certificate.certificate)}"
    namespace.kubectl("annotate", "pods", "--selector=nemotron.dev/component=server", now, "--overwrite")
    return files


def test_the_served_names_are_listed(served: EncryptedServed) -> None:
    assert ["tiny"] == [model.id for model in served.connect().models.list().data]


def test_the_cards_question_is_answered(served: EncryptedServed) -> None:
    completion = served.connect().chat.completions.create(model="tiny", messages=QUESTION, max_tokens=32)
    assert completion.choices[0].message.content
    assert completion.usage is not None
    assert 0 < completion.usage.completion_tokens <= 32


def test_helm_test_asks_the_model_with_its_key_and_certificate(served: EncryptedServed) -> None:
    said = served.helm.run("test", MODELS_RELEASE, "--logs", "--timeout=3m")
    outcome = json.loads(next(line for line in said.splitlines() if line.startswith('{"outcome"')))
    assert "Complete" == outcome["outcome"]
    assert outcome["answer"]
    assert 0 < outcome["tokens"] <= 256


def test_an_answer_is_streamed(served: EncryptedServed) -> None:
    stream = served.connect().chat.completions.create(model="tiny", messages=QUESTION, max_tokens=32, stream=True)
    pieces = [chunk.choices[0].delta.content for chunk in stream if chunk.choices]
    assert len([piece for piece in pieces if piece]) > 1


def test_the_cards_sampling_values_are_the_defaults(served: EncryptedServed) -> None:
    """The repository's own generation_config.json says 0.6 and 0.8."""
    log = served.namespace.kubectl("logs", "deployment/tiny", "--container=vllm")
    said = next(line for line in log.splitlines() if "default" in line.lower() and "'temperature'" in line)
    assert "'temperature': 0.7" in said
    assert "'top_p': 0.9" in said


@pytest.mark.parametrize("api_key", ["wrong", "sesam"])
def test_a_wrong_key_is_refused(served: EncryptedServed, api_key: str) -> None:
    with pytest.raises(openai.AuthenticationError):
        served.connect(api_key).models.list()


def test_every_path_that_needs_no_key_is_in_the_documents(served: EncryptedServed) -> None:
    log = served.namespace.kubectl("logs", "deployment/tiny", "--container=vllm")
    paths = set(re.findall(r"Route: (/\S*), Methods", log))
    guarded = {path for path in paths if path.startswith(("/v1", "/v2", "/inference", "/cohere"))}
    assert "/v1/chat/completions" in guarded
    assert set() == {path for path in paths - guarded if f"`{path}`" not in NETWORKING.read_text()}

    question = {"model": "tiny", "messages": QUESTION, "max_tokens": 1}
    statuses = {
        path: served.client.post(f"{served.url}{path}", json=question).status_code
        for path in ("/v1/chat/completions", "/invocations")
    }
    assert {"/v1/chat/completions": 401, "/invocations": 200} == statuses


def test_nobody_gets_an_answer_without_encryption_or_trust(served: EncryptedServed) -> None:
    for url in (served.url, served.url.replace("https", "http")):
        with pytest.raises(openai.APIConnectionError):
            OpenAI(base_url=f"{url}/v1", api_key=API_KEY, max_retries=0).models.list()


def test_each_renewed_certificate_is_taken_without_a_restart(served: EncryptedServed, tmp_path: Path) -> None:
    """Also the second one: vLLM's own watch ends with the first."""
    (before,) = served.namespace.list("pod", "nemotron.dev/component=server")
    for _ in range(2):
        time.sleep(1.1)  # files are told apart by whole seconds; real renewals are days apart
        renewed = _sign(served.authority, served.namespace.name, served.address[0])
        _keep(served.namespace, renewed, tmp_path)
        wait_until("the renewed certificate is shown", partial(_shows, served, renewed), 120)
    (after,) = served.namespace.list("pod", "nemotron.dev/component=server")
    assert _count_restarts(before) == _count_restarts(after)
    assert ["tiny"] == [model.id for model in served.connect().models.list().data]


def _shows(served: EncryptedServed, certificate: Certificate) -> bool:
    return x509.load_pem_x509_certificate(certificate.certificate).serial_number == served.read_serial_number()


def _count_restarts(pod: Body) -> tuple[str, list[int]]:
    """Tell which pod it is, and how often its containers were started again."""
    statuses = [*pod["status"]["initContainerStatuses"], *pod["status"]["containerStatuses"]]
    return pod["metadata"]["uid"], [status["restartCount"] for status in statuses]


def test_the_engines_metrics_can_be_scraped(served: EncryptedServed) -> None:
    metrics = served.client.get(f"{served.url}/metrics").raise_for_status().text
    assert 'vllm:request_success_total{engine="0",finished_reason="length",model_name="tiny"}' in metrics


def test_the_status_tells_what_the_verification_measured(served: EncryptedServed) -> None:
    status = served.resource["status"]
    conditions = {condition["type"]: condition for condition in status["conditions"]}
    assert ("True", "True") == (conditions["Verified"]["status"], conditions["Ready"]["status"])
    assert status["servingRevision"] == status["verification"]["revision"]
    assert 0 < status["verification"]["timeToFirstTokenMilliseconds"]
    assert status["verification"]["answer"]


def test_a_batch_goes_through_the_server_with_its_key_and_certificate(served: EncryptedServed, tmp_path: Path) -> None:
    prompts, results = tmp_path / "prompts.jsonl", tmp_path / "results.jsonl"
    prompts.write_text("".join(json.dumps({"prompt": f"{n}?", "max_tokens": 8}) + "\n" for n in range(6)))
    files = ("--input", prompts, "--output", results, "--storage-class", REAL_STORAGE_CLASS)
    said = nemoctl(served.namespace, "batch", "tiny", "-n", served.namespace.name, "--through-server", *files)
    assert "6 answered, 0 failed" in said
    answers = [json.loads(line) for line in results.read_text().splitlines()]
    assert [f"line-{n}" for n in range(1, 7)] == [answer["custom_id"] for answer in answers]
    assert {"tiny"} == {answer["response"]["body"]["model"] for answer in answers}


def test_the_engine_reports_as_much_kv_cache_as_was_planned(served: EncryptedServed) -> None:
    status = served.resource["status"]
    assert status["plan"]["kvCacheTokens"] == status["engine"]["kvCacheTokens"] > 0
    assert status["servingRevision"] == status["engine"]["revision"]


def test_the_weights_came_from_the_hub_once_and_each_file_was_checked(served: EncryptedServed, hub: Hub) -> None:
    cache = served.resource["status"]["cache"]
    assert hub.commit("nemotron-dev/tiny-llama-fp8") == cache["commit"]
    assert 5 == cache["files"]
    assert 566_200 == served.fetched_weights_bytes


def test_a_deleted_pod_is_replaced_and_answers_with_what_the_first_one_kept(served: EncryptedServed) -> None:
    kept = _list_kept(served.namespace)
    assert kept
    (before,) = served.namespace.list("pod", "nemotron.dev/component=server")
    served.namespace.kubectl("delete", "pod", before["metadata"]["name"], "--wait=false")
    wait_until("it is not ready", lambda: not _is_ready(served.namespace), 60)
    served.namespace.wait_until_ready("tiny", START_SECONDS)
    client = served.connect()
    completion = first_answer(lambda: client.chat.completions.create(model="tiny", messages=QUESTION, max_tokens=4))
    assert completion.choices
    assert kept.items() <= _list_kept(served.namespace).items()


def test_the_engine_writes_nothing_beside_its_own_directory_on_the_volume(served: EncryptedServed) -> None:
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
