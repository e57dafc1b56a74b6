"""Each of our own policies finds what breaks it."""

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.policy.findings import REGO_POLICIES, run_rego
from tests.policy.rendered import Body

CONTAINER: Body = {
    "name": "vllm",
    "image": "registry.example.com/vllm:v1",
    "resources": {
        "requests": {"cpu": "1", "memory": "1Gi", "nvidia.com/gpu": "2"},
        "limits": {"nvidia.com/gpu": "2"},
    },
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    },
    **{f"{probe}Probe": {"httpGet": {"path": "/", "port": 80}} for probe in ("startup", "readiness", "liveness")},
}

POD: Body = {
    "automountServiceAccountToken": False,
    "containers": [CONTAINER],
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "volumes": [{"name": "tmp", "emptyDir": {}}],
}

METADATA: Body = {
    "name": "a",
    "namespace": "team",
    "labels": {"app.kubernetes.io/managed-by": "nemotron-operator"},
    "ownerReferences": [{"controller": True}],
}

OBJECTS: list[Body] = [
    {"kind": "Deployment", "metadata": METADATA, "spec": {"template": {"spec": POD}}},
    {"kind": "Service", "metadata": METADATA, "spec": {"type": "ClusterIP"}},
    {
        "kind": "Role",
        "metadata": METADATA,
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    },
    {
        "kind": "LeaderWorkerSet",
        "metadata": METADATA,
        "spec": {"leaderWorkerTemplate": {f"{part}Template": {"spec": POD} for part in ("leader", "worker")}},
    },
]
"""What keeps every policy."""

Break = Callable[[Any, Any], object]


def in_deployment(change: Callable[[Body], object]) -> Break:
    """Change the container of the Deployment."""
    return lambda deployment, _others: change(deployment["spec"]["template"]["spec"]["containers"][0])


def in_pod(change: Callable[[Body], object]) -> Break:
    """Change the pod of the Deployment."""
    return lambda deployment, _others: change(deployment["spec"]["template"]["spec"])


def in_workers(change: Callable[[Body], object]) -> Break:
    """Change the container of a group's workers."""
    return lambda _deployment, others: change(
        others[2]["spec"]["leaderWorkerTemplate"]["workerTemplate"]["spec"]["containers"][0]
    )


def in_role(field: str, value: str) -> Break:
    """Add to a rule of the Role."""
    return lambda _deployment, others: others[1]["rules"][0][field].append(value)


BROKEN: list[tuple[str, Break]] = [
    ("image-is-named-exactly", in_deployment(lambda container: container.update(image="registry:5000/vllm"))),
    ("image-is-named-exactly", in_deployment(lambda container: container.update(image="vllm:latest"))),
    ("requests-are-set", in_deployment(lambda container: container["resources"]["requests"].pop("memory"))),
    ("requests-are-set", in_workers(lambda container: container["resources"]["requests"].pop("cpu"))),
    ("gpus-are-requested-as-limited", in_deployment(lambda container: container["resources"].pop("limits"))),
    ("privileges-are-dropped", in_deployment(lambda container: container["securityContext"].update(privileged=True))),
    ("privileges-are-dropped", in_deployment(lambda container: container["securityContext"].pop("capabilities"))),
    (
        "privileges-are-dropped",
        in_workers(lambda container: container["securityContext"].pop("allowPrivilegeEscalation")),
    ),
    ("root-filesystem-is-read-only", in_deployment(lambda container: container.pop("securityContext"))),
    ("probes-are-set", in_deployment(lambda container: container.pop("livenessProbe"))),
    ("nobody-is-root", in_pod(lambda pod: pod.pop("securityContext"))),
    ("system-calls-are-filtered", in_pod(lambda pod: pod["securityContext"].pop("seccompProfile"))),
    ("the-host-is-out-of-reach", in_pod(lambda pod: pod.update(hostNetwork=True))),
    ("the-host-is-out-of-reach", in_pod(lambda pod: pod["volumes"].append({"name": "b", "hostPath": {"path": "/"}}))),
    ("no-token-is-mounted", in_pod(lambda pod: pod.pop("automountServiceAccountToken"))),
    ("secrets-are-not-read", in_role("resources", "secrets")),
    ("rights-are-named", in_role("verbs", "*")),
    ("rights-do-not-grow", in_role("verbs", "escalate")),
    ("nobody-enters-a-pod", in_role("resources", "pods/exec")),
    ("no-secret-is-rendered", lambda _deployment, others: others.append({"kind": "Secret", "metadata": METADATA})),
    ("services-stay-in-the-cluster", lambda _deployment, others: others[0]["spec"].update(type="NodePort")),
    ("what-is-made-is-labelled", lambda deployment, _others: deployment["metadata"].pop("labels")),
    ("what-is-made-is-owned", lambda deployment, _others: deployment["metadata"].pop("ownerReferences")),
    ("what-is-made-has-a-namespace", lambda deployment, _others: deployment["metadata"].pop("namespace")),
]


def find_checks(program: Path, bodies: list[Body]) -> set[str]:
    """Return which policies these objects break, as if the operator had made them."""
    return {finding.check for finding in run_rego(program, {"operator:broken": bodies})}


def test_what_keeps_the_policies_is_let_through(programs: dict[str, Path]) -> None:
    assert set() == find_checks(programs["nemotron_rego"], OBJECTS)


@pytest.mark.parametrize(("check", "break_it"), BROKEN)
def test_each_policy_finds_what_breaks_it(check: str, break_it: Break, programs: dict[str, Path]) -> None:
    deployment, *others = copy.deepcopy(OBJECTS)
    break_it(deployment, others)

    assert check in find_checks(programs["nemotron_rego"], [deployment, *others])


def test_each_policy_is_broken_here_once() -> None:
    text = "".join(path.read_text() for path in REGO_POLICIES.glob("*.rego"))
    named = set(re.findall(r'in_(?:container|pod)\(\w+, "([a-z-]+)"', text)) | set(
        re.findall(r'"check": "([a-z-]+)"', text)
    )

    assert named == {check for check, _ in BROKEN}
