"""A bit of the weights flips on a real volume: it is found, never served by a real engine, and fetched again."""

from datetime import UTC, datetime
from pathlib import Path

from lab.hub import Hub
from lab.real_operator import tiny_resource
from lab.tiny_model import make_repository
from lab.volumes import REAL_STORAGE_CLASS
from nemotron_operator.render.pods import START_CHECK_CONTAINER
from tests.node.serving.test_serving import QUESTION, START_SECONDS, Served, first_answer
from tests.support.cluster import Body, Namespace, wait_until

WEIGHTS = "model.safetensors"
REPAIR_SECONDS = 120
"""A Job that reads a megabyte, and one that fetches it: each takes seconds, but for a busy machine."""


def test_a_bit_that_flips_while_it_serves_is_found_on_request_and_fetched_again(namespace: Namespace, hub: Hub) -> None:
    namespace.apply(tiny_resource(hub))
    served = Served(namespace, namespace.wait_until_ready("tiny", START_SECONDS))
    pod, answer, sent = _find_pod(namespace), _ask(served), hub.bytes_sent.copy()
    verified_at = served.resource["status"]["cache"]["verifiedAt"]
    wait_until("a second has passed", lambda: _now() > verified_at)

    _flip_a_bit(_find_weights(served))
    namespace.kubectl("annotate", "nemo/tiny", f"nemotron.dev/verify-requested-at={_now()}")

    damaged = namespace.wait_for_reason("tiny", "ModelCached", "Damaged", REPAIR_SECONDS)
    available = namespace.condition("tiny", "Available")
    assert WEIGHTS in damaged["message"]
    assert available is not None
    assert "True" == available["status"]
    repaired = namespace.wait_until_ready("tiny", REPAIR_SECONDS)
    assert repaired["status"]["cache"]["verifiedAt"] > verified_at
    assert make_repository()[WEIGHTS] == _find_weights(served).read_bytes()
    assert [WEIGHTS] == sorted(hub.bytes_sent - sent)
    assert pod["metadata"]["uid"] == _find_pod(namespace)["metadata"]["uid"]
    assert answer == _ask(served)


def test_a_bit_that_flipped_before_a_start_is_never_served(namespace: Namespace, hub: Hub) -> None:
    cache = {"size": "1Gi", "storageClassName": REAL_STORAGE_CLASS, "verify": "OnStart"}
    namespace.apply(tiny_resource(hub, cache=cache))
    served = Served(namespace, namespace.wait_until_ready("tiny", START_SECONDS))
    before, answer, sent = _find_pod(namespace), _ask(served), hub.bytes_sent.copy()

    _flip_a_bit(_find_weights(served))
    namespace.kubectl("delete", "pod", before["metadata"]["name"], "--wait=false")

    damaged = namespace.wait_for_reason("tiny", "ModelCached", "Damaged", REPAIR_SECONDS)
    assert WEIGHTS in damaged["message"]
    repaired = namespace.wait_until_ready("tiny", REPAIR_SECONDS + START_SECONDS)
    after = _find_pod(namespace)
    (engine,), beside = after["status"]["containerStatuses"], after["status"]["initContainerStatuses"]
    (check,) = [status for status in beside if status["name"] == START_CHECK_CONTAINER]
    assert before["metadata"]["uid"] != after["metadata"]["uid"]
    assert 1 <= check["restartCount"]
    assert 0 == engine["restartCount"]
    assert repaired["status"]["cache"]["verifiedAt"] <= engine["state"]["running"]["startedAt"]
    assert make_repository()[WEIGHTS] == _find_weights(served).read_bytes()
    assert [WEIGHTS] == sorted(hub.bytes_sent - sent)
    assert answer == first_answer(lambda: _ask(served))


def _find_weights(served: Served) -> Path:
    """Find the file on this machine: the real node's volumes are directories of it."""
    cache = served.resource["status"]["cache"]
    claim = served.namespace.get("pvc", cache["claimName"])
    assert claim is not None
    volume = served.namespace.get("pv", claim["spec"]["volumeName"])
    assert volume is not None
    return Path(volume["spec"]["hostPath"]["path"], cache["commit"], WEIGHTS)


def _flip_a_bit(path: Path) -> None:
    """Flip one bit in the middle of a file; its length and its times of access say nothing of it."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _find_pod(namespace: Namespace) -> Body:
    """Find the serving pod, but for one that is on its way out."""
    pods = namespace.list("pod", "nemotron.dev/component=server")
    (pod,) = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    return pod


def _ask(served: Served) -> str | None:
    """Ask for the likeliest answer, which the same weights give again."""
    completion = served.connect().chat.completions.create(model="tiny", messages=QUESTION, max_tokens=16, temperature=0)
    return completion.choices[0].message.content


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
