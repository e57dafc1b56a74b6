"""A NemotronDeployment in each phase of its life, as the API server gives it while the real operator acts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.volumes import ZONAL_STORAGE_CLASS
from tests.support.cluster import BF16, QUICKLY, Body, Namespace, a_resource, wait_until
from tests.support.watching import Recording, watched

ANSWERED = {
    "outcome": "Complete",
    "answer": "There are 3 r in strawberry.",
    "tokens": 9,
    "timeToFirstTokenMilliseconds": 182,
    "tokensPerSecond": "41.7",
    "kvCacheTokens": 100_000,
    "maxConcurrency": "0.76",
}
"""What the real verifier reports of a good answer."""

UNAUTHORIZED = {
    "outcome": "Failed",
    "reason": "Unauthorized",
    "message": "The hub answered 401: the token is not valid.",
    "retryable": False,
}
"""What the real downloader reports of a token that the hub refuses."""

_HELD = "lab.nemotron.dev/held"
"""A finalizer of the test's, so that an end can be looked at."""

_LONG = "600"
"""Seconds that no test waits."""

WAITING = (
    ("caching", "ModelCached", "Downloading"),
    ("waiting-for-volume", "ModelCached", "VolumePending"),
    ("waiting-for-gpu", "Ready", "WaitingForGPU"),
    ("loading", "Ready", "Loading"),
    ("bad-spec", "Stalled", "TensorParallelDoesNotDivideHeads"),
    ("unauthorized", "Stalled", "Unauthorized"),
    ("weights-do-not-fit", "Stalled", "WeightsDoNotFit"),
    ("serving", "Ready", "Serving"),
    ("verified", "Ready", "Serving"),
    ("changing", "Ready", "Serving"),
    ("failing", "Ready", "Serving"),
    ("suspended", "Ready", "Suspended"),
    ("scaled-to-zero", "ModelCached", "Cached"),
    ("terminating", "Ready", "Serving"),
)
"""What each resource comes to, by the condition that says so."""


def record_phases(namespace: Namespace, path: Path) -> dict[str, Body]:
    """Bring one resource into each phase, all at once, and return what the API server gave of each."""
    resources = _resources()
    new = namespace.kubectl(
        "apply", "--server-side", "--dry-run=server", "-o", "json", "-f", "-", input=json.dumps(a_resource("new"))
    )
    try:
        with watched(namespace, "nemo", "", path) as recording:
            _apply(namespace, *resources.values())
            for name, kind, reason in WAITING:
                namespace.wait_for_reason(name, kind, reason)
            _apply(namespace, _changed(), _failing())
            namespace.kubectl("delete", "nemo", "terminating", "--wait=false")
            namespace.wait_for_reason("failing", "Ready", "CrashLoop")
            namespace.wait_for_reason("changing", "Ready", "RollingOut")
            namespace.wait_for_reason("scaled-to-zero", "Ready", "Suspended")
            phases = {name: _get(namespace, name) for name, _, _ in WAITING}
            phases["rolling-out"] = phases.pop("changing")
            phases["rollout-failed"] = phases.pop("failing")
            phases["planned"] = _first(recording, "verified", lambda body: "conditions" in body["status"])
            phases["verifying"] = _first(recording, "verified", _is_verifying)
            phases["spec-changed"] = _first(recording, "changing", _is_ahead)
    finally:
        # Whatever failed before, the namespace shall not wait for an end that nobody lets happen.
        if namespace.get("nemo", "terminating") is not None:
            namespace.patch("nemo", "terminating", {"metadata": {"finalizers": None}})
    return {"new": json.loads(new), **phases, **_record_children(namespace)}


def _resources() -> dict[str, Body]:
    answered = {**QUICKLY, "lab.nemotron.dev/answer": json.dumps(ANSWERED), "lab.nemotron.dev/answer-seconds": "1"}
    refused = {"lab.nemotron.dev/outcome": "fetch-failed", "lab.nemotron.dev/message": json.dumps(UNAUTHORIZED)}
    resources = [
        _played("caching", {"lab.nemotron.dev/fetch-seconds": _LONG}),
        a_resource("waiting-for-volume", cache={"storageClassName": ZONAL_STORAGE_CLASS}),
        _on_all_gpus("waiting-for-gpu"),
        _played("loading", {"lab.nemotron.dev/load-seconds": _LONG}),
        a_resource("bad-spec", parallelism={"tensor": 3}),
        _played("unauthorized", refused),
        a_resource("weights-do-not-fit", BF16, parallelism={"tensor": 1}),
        a_resource("serving"),
        _played("verified", answered, verification={}),
        a_resource("changing", rollout={"strategy": "Surge"}),
        a_resource("failing", rollout={"strategy": "Surge"}),
        a_resource("suspended", suspend=True),
        a_resource("scaled-to-zero", replicas=0),
        a_resource("terminating"),
    ]
    resources[-1]["metadata"]["finalizers"] = [_HELD]
    return {body["metadata"]["name"]: _with_own_weights(body) for body in resources}


def _with_own_weights(body: Body) -> Body:
    """Take another repository for each: those of one repository would share a volume, and so a phase."""
    body["spec"]["model"]["source"] = {"huggingFace": {"repository": f"org/{body['metadata']['name']}"}}
    return body


def _played(name: str, annotations: dict[str, str], **spec: object) -> Body:
    body = a_resource(name)
    body["spec"]["podTemplate"]["annotations"] |= annotations
    body["spec"] |= spec
    return body


def _on_all_gpus(name: str) -> Body:
    """Ask for twice the GPUs that there are of one kind."""
    shared = {"accessModes": ["ReadWriteMany"]}
    return a_resource(name, accelerator="H200", replicas=2, parallelism={"tensor": 8}, cache=shared)


def _changed() -> Body:
    slow = {"lab.nemotron.dev/load-seconds": _LONG}
    changed = _played("changing", slow, rollout={"strategy": "Surge"}, engine={"maxModelLen": 8192})
    return _with_own_weights(changed)


def _failing() -> Body:
    crashing = {"lab.nemotron.dev/outcome": "crash-loop", "lab.nemotron.dev/message": "ValueError: nobody knows why"}
    return _with_own_weights(_played("failing", crashing, rollout={"strategy": "Surge"}))


def _apply(namespace: Namespace, *bodies: Body) -> None:
    """Apply as Argo CD does: nothing is remembered in an annotation."""
    items = {"apiVersion": "v1", "kind": "List", "items": list(bodies)}
    namespace.kubectl("apply", "--server-side", "--field-manager=argocd-controller", "-f", "-", input=json.dumps(items))


def _get(namespace: Namespace, name: str) -> Body:
    body = namespace.get("nemo", name)
    if body is None:
        raise AssertionError(f"{name} is not there")
    return body


def _first(recording: Recording, name: str, is_it: Callable[[Body], bool]) -> Body:
    """Find the first moment of one resource that was so."""

    def look() -> Body | None:
        objects = (body for body in recording.list_objects() if body["metadata"]["name"] == name)
        return next((body for body in objects if is_it(body)), None)

    return wait_until(f"{name} was so", look)


def _is_verifying(body: Body) -> bool:
    conditions = body["status"].get("conditions", [])
    return any(each["type"] == "Ready" and each["reason"] == "Verifying" for each in conditions)


def _is_ahead(body: Body) -> bool:
    return bool(body["metadata"]["generation"] > body["status"]["observedGeneration"] > 0)


def _record_children(namespace: Namespace) -> dict[str, Any]:
    """Record what was made for the resource that is verified."""
    verified = _get(namespace, "verified")
    (job,) = namespace.list("job", "nemotron.dev/deployment=verified,nemotron.dev/component=cache")
    deployment = namespace.get("deployment", "verified")
    claim = namespace.get("pvc", verified["status"]["cache"]["claimName"])
    return {"child-deployment": deployment, "child-job": job, "child-claim": claim}
