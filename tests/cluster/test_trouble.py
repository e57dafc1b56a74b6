"""Pods that do not run are explained: what the kubelet, the scheduler or the downloader said, and what to do."""

import json

import pytest

from tests.support.cluster import Namespace, a_resource, wait_until

pytestmark = pytest.mark.usefixtures("operator")

TOKEN = {"huggingFace": {"repository": "org/copy", "tokenSecretRef": {"name": "hub-token", "key": "token"}}}


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
        ("crash-loop", "ValueError: no KV cache", "CrashLoop", "ValueError: no KV cache"),
        ("oom-killed", "", "OutOfMemory", "podTemplate.memory"),
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


def test_a_replica_without_a_node_says_what_is_missing(namespace: Namespace) -> None:
    namespace.apply(
        a_resource(accelerator="H200", replicas=2, parallelism={"tensor": 8}, cache={"accessModes": ["ReadWriteMany"]})
    )

    wait_until(
        "one of two serves", lambda: (namespace.get("nemo", "nemotron") or {})["status"].get("readyReplicas") == 1
    )
    ready = namespace.wait_for_reason("nemotron", "Ready", "Unschedulable")

    assert "1 of 2 replicas serve" in ready["message"]
    assert "Insufficient nvidia.com/gpu" in ready["message"]
    namespace.wait_for_reason("nemotron", "Reconciling", "Unschedulable")
