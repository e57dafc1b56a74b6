"""Pods that do not run are explained: what the kubelet, the scheduler or the downloader said, and what to do."""

import json

import pytest

from tests.support.cluster import Namespace, a_resource, wait_until

pytestmark = pytest.mark.usefixtures("operator")

TOKEN = {"huggingFace": {"repository": "org/copy", "tokenSecretRef": {"name": "hub-token", "key": "token"}}}

TOO_LONG = (
    "ValueError: To serve at least one request with the model's max seq len (131072), (40.0 GiB KV cache is needed, "
    "which is larger than the available KV cache memory (33.3 GiB). Based on the available memory, the estimated "
    "maximum model length is 98304. Try increasing `gpu_memory_utilization`"
)
NO_KERNEL = "RuntimeError: CUDA error: no kernel image is available for execution on the device"


def _played(outcome: str, message: str = "") -> dict[str, dict[str, str]]:
    """Tell the simulated kubelet how a pod fares."""
    return {"annotations": {"lab.nemotron.dev/outcome": outcome, "lab.nemotron.dev/message": message}}


def test_a_missing_token_secret_is_named_and_stalls_the_download(namespace: Namespace) -> None:
    body = a_resource(podTemplate=_played("secret-not-found", "hub-token"))
    body["spec"]["model"]["source"] = TOKEN
    namespace.apply(body)

    cached = namespace.wait_for_reason("nemotron", "ModelCached", "SecretNotFound")
    namespace.wait_for_reason("nemotron", "Stalled", "SecretNotFound")

    assert 'secret "hub-token" not found' in cached["message"]
    assert "create secret generic" in cached["message"]


@pytest.mark.parametrize(
    ("outcome", "message", "reason", "words"),
    [
        ("crash-loop", "ValueError: nobody knows why", "CrashLoop", "ValueError: nobody knows why"),
        ("crash-loop", TOO_LONG, "KVCacheTooSmall", "Set engine.maxModelLen: 98304"),
        ("crash-loop", NO_KERNEL, "GpuNotSupported", "Set engine.image"),
        ("oom-killed", "", "OutOfMemory", "podTemplate.memory"),
        ("startup-timeout", "", "StartupTimeout", "did not serve within its start-up budget"),
        ("image-pull-backoff", "", "ImagePullFailed", "cannot pull its image"),
    ],
)
def test_a_serving_pod_in_trouble_is_explained(
    outcome: str, message: str, reason: str, words: str, namespace: Namespace
) -> None:
    namespace.apply(a_resource())
    namespace.wait_until_ready()

    namespace.apply(a_resource(podTemplate=_played(outcome, message)))

    ready = namespace.wait_for_reason("nemotron", "Ready", reason)
    namespace.wait_for_reason("nemotron", "Stalled", reason)
    assert words in ready["message"]


def test_a_download_that_cannot_succeed_is_not_repeated_and_says_why(namespace: Namespace) -> None:
    said = {"outcome": "Failed", "reason": "GatedRepository", "message": "Accept the licence.", "retryable": False}
    namespace.apply(a_resource(podTemplate=_played("fetch-failed", json.dumps(said))))

    cached = namespace.wait_for_reason("nemotron", "ModelCached", "GatedRepository")
    namespace.wait_for_reason("nemotron", "Stalled", "GatedRepository")

    (job,) = namespace.list("job")
    assert f"delete job {job['metadata']['name']}" in cached["message"]
    assert "Accept the licence." in cached["message"]
    assert job["status"]["failed"] == 1


def _play_on(namespace: Namespace, outcome: str) -> str:
    """Tell the simulated kubelet how the one pod that serves fares from now on, and name it."""
    (pod,) = namespace.list("pod", "nemotron.dev/component=server")
    name: str = pod["metadata"]["name"]
    namespace.kubectl("annotate", "pod", name, f"lab.nemotron.dev/outcome={outcome}")
    return name


def test_an_evicted_pod_is_told_of_until_another_serves_in_its_place(namespace: Namespace) -> None:
    namespace.apply(a_resource(podTemplate={"annotations": {"lab.nemotron.dev/load-seconds": "5"}}))
    namespace.wait_until_ready()

    name = _play_on(namespace, "evicted")

    ready = namespace.wait_for_reason("nemotron", "Ready", "Evicted")
    assert f"evicted pod {name}: The node was low on resource: memory." in ready["message"]
    namespace.wait_until_ready()
    assert namespace.condition("nemotron", "Stalled") is None
    assert namespace.get("pod", name) is not None


def test_an_engine_that_hung_is_told_apart_from_one_that_crashed(namespace: Namespace) -> None:
    namespace.apply(a_resource())
    namespace.wait_until_ready()

    name = _play_on(namespace, "hung")

    ready = namespace.wait_for_reason("nemotron", "Ready", "EngineHung")
    assert f"Kubernetes ended the engine of pod {name}" in ready["message"]
    namespace.wait_for_reason("nemotron", "Reconciling", "EngineHung")


def test_a_failure_is_an_event_that_warns(namespace: Namespace) -> None:
    namespace.apply(a_resource())
    namespace.wait_until_ready()
    namespace.apply(a_resource(podTemplate=_played("crash-loop", TOO_LONG)))

    def look() -> bool:
        events = namespace.list("events.events.k8s.io")
        return ("KVCacheTooSmall", "Warning") in {(event["reason"], event["type"]) for event in events}

    wait_until("the failure is an event", look)


def test_a_replica_without_gpus_says_what_is_missing(namespace: Namespace) -> None:
    namespace.apply(
        a_resource(accelerator="H200", replicas=2, parallelism={"tensor": 8}, cache={"accessModes": ["ReadWriteMany"]})
    )

    wait_until(
        "one of two serves", lambda: (namespace.get("nemo", "nemotron") or {})["status"].get("readyReplicas") == 1
    )

    def look() -> bool:
        """Look for all of it: what was free may have been counted just before the first replica took it."""
        ready = namespace.condition("nemotron", "Ready") or {"reason": "", "message": ""}
        told = ("1 of 2 replicas serve", "needs 8 free H200 on one node; the best node, h200-0, has 0.")
        return ready["reason"] == "WaitingForGPU" and all(words in ready["message"] for words in told)

    wait_until("Ready says what is missing", look)
    namespace.wait_for_reason("nemotron", "Reconciling", "WaitingForGPU")
