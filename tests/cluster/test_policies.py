"""The chart's ValidatingAdmissionPolicies on a real API server: what each refuses, and that it refuses no more."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.control_plane import ControlPlane, KubectlError
from lab.optional_apis import install_apis, remove_apis
from tests.support.cluster import FP8, Body, Namespace, RunningOperator, a_resource, refusal_of, wait_until
from tests.support.helm import Helm
from tests.support.policies import BROKEN, GPU_CHANGES, KEPT, RULES, SECRETS, render_policies

ALL = "policies-all"
"""The namespace in which every rule holds."""

BEFORE: Body = {
    "model": {"name": "evil/x", "trustRemoteCode": True},
    "engine": {"image": "evil.example.com/vllm:1"},
    "parallelism": {"tensor": 8},
    "replicas": 4,
}
"""What was there before there was any rule, and breaks nearly all of them."""

UNKNOWN: Body = {"model": {"name": "nobody/knows-it"}}
"""A model that the operator does not plan: no Deployment is made of its resource."""

GROUPS = Path(__file__).parents[1] / "golden" / "two-nodes" / "manifests.yaml"

_REFUSED = re.compile(r'"case-(\d+)" is forbidden: .*? denied request: (.*)')


AS_ALICE = ("--as=alice",)
"""She may write resources, and read the Secret `shown` and no other."""


def namespace_of(rule: str) -> str:
    """Name the namespace in which one rule holds and no other."""
    return f"policies-{rule.lower()}"


@pytest.fixture(scope="module")
def policed(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Namespace]:
    """A namespace in which all rules hold, with what was made before; beside it one for each rule."""
    helm = Helm(plane.binaries.helm, tmp_path_factory.mktemp("helm"))
    rules: dict[str, dict[str, Any]] = {ALL: RULES, **{namespace_of(rule): {rule: RULES[rule]} for rule in RULES}}
    bodies = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in rules]
    bodies += [body for name in rules for body in rights_of_alice(name)]
    namespace = Namespace(plane, ALL)
    create_all(plane, *bodies, in_namespace(ALL, "before", BEFORE))
    limited = namespace_of("maxGpusPerResource")
    there_before = (
        in_namespace(limited, f"gpus-{i}", {**UNKNOWN, **GPU_CHANGES[i].before}) for i in range(len(GPU_CHANGES))
    )
    create_all(plane, *there_before)
    policies = "---\n".join(
        render_policies(helm, name, namespaceSelector={"kubernetes.io/metadata.name": name}, **values)
        for name, values in rules.items()
    )
    plane.kubectl("apply", "-f", "-", input=policies)
    for name, values in rules.items():
        wait_until_refusing(Namespace(plane, name), values)
    yield namespace
    plane.kubectl("delete", "-f", "-", "--wait=false", input=policies)
    plane.kubectl("delete", "namespace", *rules, "--wait=false")


def in_namespace(namespace: str, name: str, spec: Body) -> Body:
    """Make a resource that says where it belongs."""
    return {**a_resource(name), "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def create_all(plane: ControlPlane, *bodies: Body) -> None:
    """Create objects, each where its metadata says."""
    plane.kubectl("create", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": bodies}))


def rights_of_alice(namespace: str) -> list[Body]:
    """Allow alice to write resources in a namespace, and to read one Secret."""
    api, metadata = "rbac.authorization.k8s.io/v1", {"name": "alice", "namespace": namespace}
    rules = [
        {"apiGroups": ["nemotron.dev"], "resources": ["nemotrondeployments"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["shown"], "verbs": ["get"]},
    ]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "alice"}
    return [
        {"apiVersion": api, "kind": "Role", "metadata": metadata, "rules": rules},
        {
            "apiVersion": api,
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": role,
            "subjects": [{"apiGroup": role["apiGroup"], "kind": "User", "name": "alice"}],
        },
    ]


def wait_until_refusing(namespace: Namespace, rules: Mapping[str, object]) -> None:
    """Wait until the API server has taken the policies of a namespace up."""
    case = next((case.spec for case in BROKEN if rules.keys() & set(case.rules)), SECRETS["spec.apiKeySecretRef"])
    wait_until(f"the rules hold in {namespace.name}", lambda: try_to_make(namespace, [case], AS_ALICE))


def try_to_make(namespace: Namespace, specs: Sequence[Body], options: Sequence[str] = ()) -> dict[int, str]:
    """Ask for a resource of each spec without making any; return what was said of those that were refused."""
    items = [
        {**a_resource(f"case-{index}"), "spec": {"model": {"name": FP8}, **spec}} for index, spec in enumerate(specs)
    ]
    made = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    try:
        namespace.kubectl("create", "--dry-run=server", *options, "-f", "-", input=made)
    except KubectlError as error:
        refused = {int(index): said for index, said in _REFUSED.findall(str(error))}
        if str(error).count("Error from server") != len(refused):
            raise  # something else than a policy refused
        return refused
    return {}


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "requireSecretAccess"])
def test_each_rule_refuses_what_breaks_it_and_nothing_else(rule: str, policed: Namespace) -> None:
    refused = try_to_make(Namespace(policed.plane, namespace_of(rule)), [case.spec for case in BROKEN])

    expected = {index: case.words for index, case in enumerate(BROKEN) if rule in case.rules}
    assert expected.keys() == refused.keys()
    assert [] == [said for index, said in refused.items() if expected[index] not in said]


def test_what_keeps_every_rule_is_admitted(policed: Namespace) -> None:
    assert try_to_make(policed, KEPT) == {}


def test_nobody_names_a_secret_that_they_may_not_read(policed: Namespace) -> None:
    namespace = Namespace(policed.plane, namespace_of("requireSecretAccess"))

    refused = try_to_make(namespace, list(SECRETS.values()), AS_ALICE)

    expected = {
        index: f"{field}: alice may not read the Secret hidden (policies.requireSecretAccess)"
        for index, field in enumerate(SECRETS)
    }
    assert expected == {index: said.partition(". Name one")[0] for index, said in refused.items()}


def test_secrets_that_one_may_read_are_named_freely(policed: Namespace) -> None:
    namespace = Namespace(policed.plane, namespace_of("requireSecretAccess"))
    shown = json.loads(json.dumps(list(SECRETS.values())).replace("hidden", "shown"))

    assert try_to_make(namespace, [*shown, {}], AS_ALICE) == {}
    # An administrator may read them all.
    assert try_to_make(namespace, list(SECRETS.values())) == {}


def test_the_last_of_many_secrets_is_asked_for_too(policed: Namespace) -> None:
    namespace = Namespace(policed.plane, namespace_of("requireSecretAccess"))

    def with_secrets(*names: str) -> Body:
        variables = [{"name": f"V{i}", "secretKeyRef": {"name": name, "key": "k"}} for i, name in enumerate(names)]
        return {"engine": {"env": variables}, "apiKeySecretRef": {"name": "shown", "key": "k"}}

    def with_images(*names: str) -> Body:
        return {**with_secrets(*["shown"] * 64), "podTemplate": {"imagePullSecrets": ["shown", *names]}}

    many = [f"other-{index}" for index in range(16)]
    refused = try_to_make(namespace, [with_images(), with_images("hidden"), with_secrets(*many)], AS_ALICE)

    assert [1, 2] == list(refused)
    assert "imagePullSecrets: alice may not read the Secret hidden" in refused[1]
    # Which of them is told first is the API server's business; none of these may be read.
    assert "alice may not read the Secret other-0" in refused[2] or "names 17 Secrets" in refused[2]
    # All sixteen questions are paid for: another's limit would refuse this too, but in other words.
    assert try_to_make(namespace, [with_secrets(*many)]) == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": {"name": "evil/y"}}, "spec.model.name: evil/y"),
        ({"model": {"name": FP8}}, "spec.model.trustRemoteCode: true"),
        ({"engine": {"image": "evil.example.com/vllm:2"}}, "spec.engine.image: evil.example.com/vllm:2"),
        ({"replicas": 5}, "40 GPUs are asked for"),
        ({"autoscaling": {"maxReplicas": 5}}, "40 GPUs are asked for"),
    ],
)
def test_what_was_there_before_a_rule_does_not_get_worse(change: Body, words: str, policed: Namespace) -> None:
    patch = json.dumps({"spec": change})

    assert words in refusal_of(
        lambda: policed.kubectl("patch", "nemo", "before", "--dry-run=server", "--type=merge", "-p", patch)
    )


def test_no_change_takes_gpus_past_the_limit(policed: Namespace) -> None:
    namespace = Namespace(policed.plane, namespace_of("maxGpusPerResource"))

    def try_to_change(index: int) -> str:
        patch = json.dumps({"spec": GPU_CHANGES[index].patch})
        try:
            namespace.kubectl("patch", "nemo", f"gpus-{index}", "--dry-run=server", "--type=merge", "-p", patch)
        except KubectlError as error:
            return str(error)
        return ""

    said = [try_to_change(index) for index in range(len(GPU_CHANGES))]

    assert [bool(change.words) for change in GPU_CHANGES] == [bool(text) for text in said]
    assert [] == [text for change, text in zip(GPU_CHANGES, said, strict=True) if change.words not in text]


def test_what_was_there_before_a_rule_can_be_made_smaller_reported_on_and_deleted(policed: Namespace) -> None:
    status = json.dumps({"status": {"observedGeneration": 1}})
    policed.kubectl("label", "nemo", "before", "team=search")
    policed.kubectl("patch", "nemo", "before", "--subresource=status", "--type=merge", "-p", status)
    policed.patch("nemo", "before", {"spec": {"replicas": 3}})
    policed.patch("nemo", "before", {"spec": {"suspend": True, "service": {"port": 9000}}})
    policed.patch("nemo", "before", {"metadata": {"finalizers": ["example.com/guard"]}})
    policed.kubectl("delete", "nemo", "before", "--wait=false")
    policed.patch("nemo", "before", {"metadata": {"finalizers": []}})

    assert policed.get("nemo", "before") is None


def test_the_gpus_of_a_plan_count_on_what_is_made_of_it(policed: Namespace, operator: RunningOperator) -> None:
    assert operator.component.is_running()
    # Five replicas are within the rule as long as nobody knows that each takes two GPUs.
    policed.apply(a_resource("planned", replicas=5, cache={"accessModes": ["ReadWriteMany"]}))

    planned = policed.wait_for_reason("planned", "Planned", "RefusedByCluster")
    policed.patch("nemo", "planned", {"spec": {"replicas": 4}})
    policed.wait_until_ready("planned")
    policed.kubectl("scale", "nemo", "planned", "--replicas=8")
    scaled = policed.wait_for_reason("planned", "Planned", "RefusedByCluster")
    deployment = policed.get("deployment", "planned")

    words = "{} GPUs are needed, 2 for each of {} replicas, and the platform allows 8 for one resource. Ask for fewer"
    assert words.format(10, 5) in planned["message"]
    assert words.format(16, 8) in scaled["message"]
    assert deployment is not None
    assert deployment["spec"]["replicas"] == 4
    policed.kubectl("delete", "nemo", "planned")


def test_the_gpus_of_all_nodes_of_all_groups_count(policed: Namespace) -> None:
    install_apis(policed.plane, ["lws"])
    groups = next(body for body in yaml.safe_load_all(GROUPS.read_text()) if body["kind"] == "LeaderWorkerSet")
    del groups["metadata"]["ownerReferences"], groups["metadata"]["namespace"]
    try:
        said = refusal_of(lambda: policed.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(groups)))
        groups["spec"]["replicas"] = 0
        policed.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(groups))
    finally:
        remove_apis(policed.plane, ["lws"])

    assert "GPUs are needed, 16 for each of 2 replicas" in said


def test_a_rule_can_warn_where_it_does_not_refuse(namespace: Namespace, tmp_path: Path) -> None:
    policies = render_policies(
        Helm(namespace.plane.binaries.helm, tmp_path),
        namespace.name,
        action="Warn",
        namespaceSelector={"kubernetes.io/metadata.name": namespace.name},
        maxGpusPerResource=8,
    )
    namespace.plane.kubectl("apply", "-f", "-", input=policies)
    body = json.dumps(a_resource(replicas=9))

    def make() -> str:
        command = [str(namespace.plane.binaries.kubectl), "--kubeconfig", str(namespace.plane.kubeconfig)]
        command += ["-n", namespace.name, "create", "--dry-run=server", "-f", "-"]
        return subprocess.run(command, input=body, capture_output=True, text=True, check=True).stderr

    try:
        said = wait_until("the rule holds", make)
    finally:
        namespace.plane.kubectl("delete", "-f", "-", "--wait=false", input=policies)
    assert "Warning: Validation failed for ValidatingAdmissionPolicy" in said
    assert "9 GPUs are asked for" in said


def test_the_api_server_finds_no_fault_with_the_types_of_any_rule(policed: Namespace) -> None:
    def look() -> list[Body] | None:
        found = policed.list("validatingadmissionpolicies")
        own = [policy for policy in found if policy["metadata"]["name"].startswith("policies-")]
        return own if all("observedGeneration" in policy.get("status", {}) for policy in own) else None

    checked = wait_until("the types are checked", look)

    # A limit of GPUs is two policies, and all rules together are a set of their own.
    assert len(RULES) + 3 == len(checked)
    assert [] == [policy["status"]["typeChecking"] for policy in checked if policy["status"].get("typeChecking")]
