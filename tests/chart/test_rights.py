"""Who may do what: the rules are the same wherever they are bound, and none reaches further than it must."""

import json
from pathlib import Path

import pytest
import yaml

from lab.recorded_permissions import Permission
from nemotron_operator.cluster.kinds import NEMOTRON, NODE, STORAGE_CLASS, VOLUME
from nemotron_operator.constants import LEASE_NAME
from tests.support.granted_permissions import expand_rules, read_granted
from tests.support.helm import CHART, NAMESPACE, RELEASE, Body, Helm, read_objects

VALUES_FILES = sorted((CHART / "ci").glob("*-values.yaml"))

LONGEST_NAME = 50
"""Characters of the name that objects have in common; that of a release may have three more."""

OF_THE_CLUSTER = {STORAGE_CLASS.plural, NODE.plural, VOLUME.plural}
"""Kinds that belong to no namespace, and that a Role cannot grant."""

CLUSTER_KINDS = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "PriorityClass"} | {
    f"{kind}AdmissionPolicy{suffix}" for kind in ("Validating", "Mutating") for suffix in ("", "Binding")
}
"""Kinds that only an administrator of the whole cluster may make."""

NOBODYS_VERBS = {"*", "escalate", "bind", "impersonate", "deletecollection"}
"""Verbs that the operator has for nothing."""

NOBODYS_RESOURCES = {"*", "secrets", "configmaps", "pods/exec", "pods/attach", "pods/portforward", "pods/proxy"} | {
    "serviceaccounts/token",
    "services/proxy",
    "nodes/proxy",
}
"""Resources that the operator has no verb for."""


@pytest.fixture(params=VALUES_FILES, ids=lambda path: path.stem)
def rendered(request: pytest.FixtureRequest, helm: Helm) -> dict[tuple[str, str], Body]:
    """The chart with the values of each file."""
    return read_objects(helm.render(f"--values={request.param}"))


def render(helm: Helm, **values: object) -> dict[tuple[str, str], Body]:
    return read_objects(helm.render(values=json.loads(json.dumps(values))))


def roles(rendered: dict[tuple[str, str], Body]) -> list[Body]:
    return [body for (kind, _), body in rendered.items() if kind in {"Role", "ClusterRole"}]


def test_no_role_of_the_chart_reaches_secrets_commands_or_other_peoples_rights(
    rendered: dict[tuple[str, str], Body],
) -> None:
    granted = [permission for role in roles(rendered) for permission in expand_rules(role["rules"])]
    for_people = {"nemotron.dev"}
    verbs = {permission.verb for permission in granted if permission.group not in for_people}
    resources = {permission.resource for permission in granted}
    groups = {permission.group for permission in granted}
    assert (set(), set(), False) == (verbs & NOBODYS_VERBS, resources & NOBODYS_RESOURCES, "*" in groups)
    assert "rbac.authorization.k8s.io" not in groups
    assert not [role for role in roles(rendered) if "aggregationRule" in role]
    assert not [rule for role in roles(rendered) for rule in role["rules"] if "nonResourceURLs" in rule]


def test_the_operator_deletes_no_collection_and_writes_no_spec_of_a_user(
    rendered: dict[tuple[str, str], Body],
) -> None:
    account = rendered.get(("Deployment", RELEASE), {"spec": {"template": {"spec": {"serviceAccountName": RELEASE}}}})
    granted = read_granted(rendered.values(), account["spec"]["template"]["spec"]["serviceAccountName"])
    own = {(each.resource, each.verb) for each in granted if each.group == NEMOTRON.group}
    assert own <= {
        *((NEMOTRON.plural, verb) for verb in ("list", "watch")),
        (f"{NEMOTRON.plural}/status", "patch"),
        (f"{NEMOTRON.plural}/finalizers", "update"),
    }
    assert not [each for each in granted if each.verb == "deletecollection"]


def test_with_namespaces_there_is_nothing_of_the_cluster_and_a_role_in_each(helm: Helm) -> None:
    rendered = render(helm, watchNamespaces=["red", "blue"], crds={"install": False})
    assert set() == {kind for kind, _ in rendered} & CLUSTER_KINDS
    found = {name for kind, name in rendered if kind == "Role"}
    assert {RELEASE, f"red/{RELEASE}-models", f"blue/{RELEASE}-models"} == found


def test_a_role_grants_what_the_cluster_role_does_but_for_what_belongs_to_the_cluster(helm: Helm) -> None:
    everywhere = expand_rules(render(helm)["ClusterRole", RELEASE]["rules"])
    for name in ("red", "blue"):
        rendered = render(helm, watchNamespaces=["red", "blue"])
        in_one = expand_rules(rendered["Role", f"{name}/{RELEASE}-models"]["rules"])
        assert OF_THE_CLUSTER == {permission.resource for permission in everywhere - in_one}
        assert frozenset() == in_one - everywhere


def test_every_binding_names_the_account_in_the_namespace_of_the_release(helm: Helm) -> None:
    rendered = render(helm, watchNamespaces=["red"], serviceAccount={"name": "robot"})
    bindings = [body for (kind, _), body in rendered.items() if kind == "RoleBinding"]
    subject = {"kind": "ServiceAccount", "name": "robot", "namespace": NAMESPACE}
    assert [[subject], [subject]] == [body["subjects"] for body in bindings]
    for body in bindings:
        where = body["metadata"].get("namespace", NAMESPACE)
        name = body["roleRef"]["name"]
        assert ("Role", name if where == NAMESPACE else f"{where}/{name}") in rendered


@pytest.mark.parametrize("values_file", VALUES_FILES, ids=lambda path: path.stem)
def test_the_lease_that_the_operator_asks_for_is_the_one_that_it_may_renew(helm: Helm, values_file: Path) -> None:
    values = yaml.safe_load(values_file.read_text())
    rendered = read_objects(helm.render(f"--values={values_file}"))
    is_granted_by_others = not values.get("rbac", {}).get("create", True)
    assert (set() if is_granted_by_others else {read_lease_name(rendered)}) == granted_leases(rendered)


def test_releases_for_some_namespaces_have_a_lease_each_and_those_for_all_share_that_of_the_first_version(
    helm: Helm,
) -> None:
    for_all: Body = {}
    for_some: Body = {"watchNamespaces": ["red"], "crds": {"install": False}}
    leases = [
        read_lease_name(read_objects(helm.run("template", release, str(CHART), values=values)))
        for values in (for_all, for_some)
        for release in ("teams", "t" * (LONGEST_NAME + 3))
    ]
    longest = f"nemotron-operator-{'t' * LONGEST_NAME}"
    assert ["nemotron-operator", "nemotron-operator", "nemotron-operator-teams", longest] == leases


def test_two_operators_of_one_release_have_a_lease_each_as_they_have_names(helm: Helm) -> None:
    leases = {
        read_lease_name(render(helm, watchNamespaces=["red"], crds={"install": False}, nameOverride=name))
        for name in ("one", "other")
    }
    assert {"nemotron-operator-one", "nemotron-operator-other"} == leases


def read_lease_name(rendered: dict[tuple[str, str], Body]) -> str:
    """Read by what Lease the operator of a release elects its leader."""
    (deployment,) = (body for (kind, _), body in rendered.items() if kind == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    named = [word for word in container["args"] if word.startswith("--lease-name=")]
    return named[0].partition("=")[2] if named else LEASE_NAME


def granted_leases(rendered: dict[tuple[str, str], Body]) -> set[str]:
    return {
        permission.name
        for role in roles(rendered)
        for permission in expand_rules(role["rules"])
        if permission.resource == "leases" and permission.verb in {"get", "update"}
    }


def test_where_somebody_else_grants_them_the_chart_makes_no_permissions(helm: Helm) -> None:
    for namespaces in ([], ["red"]):
        rendered = render(helm, rbac={"create": False}, watchNamespaces=namespaces)
        assert not [kind for kind, _ in rendered if "Role" in kind]


def test_people_who_view_read_and_people_who_edit_write_and_nobody_writes_a_status(helm: Helm) -> None:
    rendered = render(helm)
    view, edit = (expand_rules(rendered["ClusterRole", f"{RELEASE}-{name}"]["rules"]) for name in ("view", "edit"))
    assert {"get", "list", "watch"} == {permission.verb for permission in view}
    assert {"create", "update", "patch", "delete", "deletecollection"} == {permission.verb for permission in edit}
    assert Permission("nemotron.dev", "nemotrondeployments/scale", "patch") in edit
    assert not [each for each in edit if each.resource.endswith(("/status", "/finalizers"))]


@pytest.mark.parametrize(
    ("name", "roles_of_people"), [("view", {"view", "edit", "admin"}), ("edit", {"edit", "admin"})]
)
def test_the_roles_for_people_go_into_those_of_the_cluster(helm: Helm, name: str, roles_of_people: set[str]) -> None:
    labels = render(helm)["ClusterRole", f"{RELEASE}-{name}"]["metadata"]["labels"]
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    assert roles_of_people == {label.removeprefix(prefix) for label in labels if label.startswith(prefix)}


def test_the_roles_for_people_can_be_left_out(helm: Helm) -> None:
    rendered = render(helm, rbac={"aggregateClusterRoles": False})
    assert {RELEASE} == {name for kind, name in rendered if kind == "ClusterRole"}


def test_the_page_about_security_shows_every_permission_of_the_operator(helm: Helm) -> None:
    page = Path(CHART.parent.parent / "docs" / "security.md").read_text()
    rendered = render(helm)
    for kind in ("ClusterRole", "Role"):
        for permission in expand_rules(rendered[kind, RELEASE]["rules"]):
            assert f"`{permission.resource}`" in page


def test_the_values_of_the_namespaced_file_name_namespaces() -> None:
    values = yaml.safe_load((CHART / "ci" / "namespaced-values.yaml").read_text())
    assert values["watchNamespaces"]
