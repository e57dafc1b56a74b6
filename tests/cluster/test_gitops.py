"""GitOps tools on a real API server: what they see of each phase, what they find changed, what they would apply."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.binaries import find_or_build_helms
from lab.operator_process import NAMESPACE as OPERATOR_NAMESPACE
from lab.operator_process import RELEASE, WITHOUT_PODS
from lab.optional_apis import install_apis, remove_apis
from tests.gitops.judges import EXAMPLES, read_examples
from tests.gitops.phases import read_fixtures, shape, write_fixtures
from tests.support.cluster import Body, Namespace, a_resource, wait_until
from tests.support.helm import CHART, MODELS_CHART, Helm
from tests.support.phase_recorder import record_phases

pytestmark = pytest.mark.usefixtures("operator")

FIELD_MANAGERS = ("argocd-controller", "kustomize-controller")
"""How Argo CD and Flux call themselves where they apply on the server's side."""

MOMENTS = {"planned"}
"""Phases that pass so quickly that the first report may be of the next one."""

PLAIN_EXAMPLES = sorted([*EXAMPLES.parent.glob("*.yaml"), *(EXAMPLES / "manifests").glob("*.yaml")])

APIS = ("argocd", "flux-kustomize", "flux-source")


def _apply(namespace: Namespace, bodies: Sequence[Body], manager: str, *arguments: str) -> str:
    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(bodies)})
    # Both tools take a field back from whoever holds it.
    options = ("--server-side", "--force-conflicts", f"--field-manager={manager}", "--validate=strict", *arguments)
    return namespace.kubectl("apply", *options, "-f", "-", input=given)


def _drift(namespace: Namespace, bodies: Sequence[Body], manager: str) -> dict[str, tuple[Any, Any]]:
    """Tell what another apply of the same would change: what lives and what would, of each object that differs."""
    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(bodies)})
    live = _by_name(namespace.kubectl("get", "-f", "-", "-o", "json", input=given))
    wanted = _by_name(_apply(namespace, bodies, manager, "--dry-run=server", "-o", "json"))
    assert live.keys() == wanted.keys()
    return {name: (live[name], wanted[name]) for name in live if live[name] != wanted[name]}


def _by_name(text: str) -> dict[str, Body]:
    """Read objects without what changes by itself."""
    read = json.loads(text)
    bodies = read["items"] if read["kind"] == "List" else [read]
    for body in bodies:
        body.pop("status", None)
        for field in ("managedFields", "resourceVersion"):
            body["metadata"].pop(field, None)
    return {f"{body['kind']} {body['metadata']['name']}": body for body in bodies}


def _wait_until_observed(namespace: Namespace) -> None:
    def look() -> bool:
        bodies = namespace.list("nemo")
        return all(body["status"]["observedGeneration"] == body["metadata"]["generation"] for body in bodies)

    wait_until("the operator has seen every resource", look)


def test_the_recorded_phases_are_what_the_api_server_gives(
    namespace: Namespace, tmp_path: Path, *, update_golden: bool
) -> None:
    recorded = record_phases(namespace, tmp_path / "watch")

    if update_golden:
        write_fixtures(recorded, namespace.name)
    expected = {phase: shape(body) for phase, body in read_fixtures().items() if phase not in MOMENTS}
    actual = {phase: shape(body) for phase, body in recorded.items() if phase not in MOMENTS}
    assert expected == actual


def test_what_was_applied_is_not_changed_by_the_operator_nor_by_scalers_and_restarts(namespace: Namespace) -> None:
    named = {manager: f"by-{manager}" for manager in FIELD_MANAGERS}
    for manager, name in named.items():
        _apply(namespace, [_scaled(name)], manager)
    for name in named.values():
        namespace.wait_until_ready(name)
    at_first = {name: _drift(namespace, [_scaled(name)], manager) for manager, name in named.items()}

    for name in named.values():
        namespace.kubectl("scale", "deployment", name, "--replicas=2")
        namespace.nemoctl("restart", name, "-n", namespace.name)
    for name in named.values():
        _wait_for_two(namespace, name)
    later = {name: _drift(namespace, [_scaled(name)], manager) for manager, name in named.items()}

    nothing: dict[str, Any] = {name: {} for name in named.values()}
    assert nothing == at_first
    assert nothing == later


def _scaled(name: str) -> Body:
    body = a_resource(name, autoscaling={"maxReplicas": 3}, cache={"accessModes": ["ReadWriteMany"]})
    body["metadata"]["annotations"] = {
        "argocd.argoproj.io/tracking-id": f"models:nemotron.dev/NemotronDeployment:{name}"
    }
    body["metadata"]["labels"] = {"kustomize.toolkit.fluxcd.io/name": "models"}
    return body


def _wait_for_two(namespace: Namespace, name: str) -> None:
    def look() -> bool:
        return bool((namespace.get("nemo", name) or {})["status"].get("readyReplicas") == 2)

    wait_until(f"two replicas of {name} serve", look)


def test_no_child_is_taken_for_something_of_git_s(namespace: Namespace) -> None:
    _apply(namespace, [_scaled("tracked")], "argocd-controller")
    namespace.wait_until_ready("tracked")

    children = namespace.list("all,pvc,serviceaccount,controllerrevision,hpa,job")

    marks = {key for each in children for kind in ("labels", "annotations") for key in each["metadata"].get(kind, {})}
    assert len(children) > 8
    assert set() == {mark for mark in marks if "argoproj" in mark or "fluxcd" in mark or "helm.sh" in mark}


def test_a_suspension_by_hand_is_drift_only_where_git_names_the_field(namespace: Namespace) -> None:
    silent, naming = a_resource("silent"), a_resource("naming", suspend=False, replicas=1)
    for body in (silent, naming):
        _apply(namespace, [body], "argocd-controller")
    _wait_until_observed(namespace)

    said = {body["metadata"]["name"]: _suspend(namespace, body) for body in (silent, naming)}
    namespace.kubectl("scale", "nemo/silent", "nemo/naming", "--replicas=2")

    drift = _drift(namespace, [silent, naming], "argocd-controller")
    ((live, wanted),) = drift.values()
    assert "Argo CD brings this resource" in said["naming"]
    assert "Argo CD" not in said["silent"]
    assert ("naming", True, 2) == (live["metadata"]["name"], live["spec"]["suspend"], live["spec"]["replicas"])
    assert (False, 1) == (wanted["spec"]["suspend"], wanted["spec"]["replicas"])


def _suspend(namespace: Namespace, body: Body) -> str:
    return namespace.nemoctl("suspend", body["metadata"]["name"], "-n", namespace.name)


@pytest.mark.parametrize("manager", FIELD_MANAGERS)
def test_the_plain_examples_and_the_models_chart_stay_as_they_were_applied(
    manager: str, namespace: Namespace, tmp_path: Path
) -> None:
    helm = Helm(find_or_build_helms(print)["helm"], tmp_path, namespace=namespace.name)
    values = [f"--values={EXAMPLES / 'models' / name}.yaml" for name in ("base", "production")]
    rendered = helm.render("--set=tests.enabled=false", *values, chart=MODELS_CHART)
    texts = [*(path.read_text() for path in PLAIN_EXAMPLES), rendered]
    bodies = [body for text in texts for body in yaml.safe_load_all(text) if body]
    _apply(namespace, bodies, manager)
    _wait_until_observed(namespace)

    assert {} == _drift(namespace, bodies, manager)


def test_the_operator_s_chart_stays_as_it_was_applied(namespace: Namespace, tmp_path: Path) -> None:
    helm = Helm(find_or_build_helms(print)["helm"], tmp_path, namespace=OPERATOR_NAMESPACE)
    rendered = helm.run("template", RELEASE, str(CHART), values=WITHOUT_PODS)
    bodies = [body for body in yaml.safe_load_all(rendered) if body]
    system = Namespace(namespace.plane, OPERATOR_NAMESPACE)

    _apply(system, bodies, "argocd-controller")

    assert {} == _drift(system, bodies, "argocd-controller")


def test_every_example_is_what_argo_cd_and_flux_accept(namespace: Namespace) -> None:
    install_apis(namespace.plane, APIS)
    # The served definition of HelmRelease is older than its `healthCheckExprs`: tests/gitops reads them by Flux' types.
    bodies = [example.body for example in read_examples() if example.body["kind"] != "HelmRelease"]
    namespaces = {body["metadata"]["namespace"] for body in bodies}
    for name in namespaces:
        namespace.plane.kubectl("create", "namespace", name)
    try:
        given = json.dumps({"apiVersion": "v1", "kind": "List", "items": bodies})
        said = namespace.plane.kubectl(
            "apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-", input=given
        )
    finally:
        namespace.plane.kubectl("delete", "namespace", *namespaces, "--wait=false")
        remove_apis(namespace.plane, APIS)

    assert len(bodies) == len(said.splitlines())
