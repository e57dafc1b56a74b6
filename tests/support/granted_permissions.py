"""What the rules of Roles grant, one permission at a time."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

from lab.recorded_permissions import Permission

Rule = Mapping[str, Sequence[str]]

TEAMS = "teams"
"""A release with Roles in namespaces; the cluster tier installs it beside the one with a ClusterRole."""

TEAMS_VALUES: Mapping[str, Any] = {
    "watchNamespaces": ["red", "blue"],
    "crds": {"install": False},
    "replicaCount": 0,
}
"""Its values."""


def expand_rules(rules: Iterable[Rule]) -> frozenset[Permission]:
    """Take rules apart; one of named objects grants each of them on its own."""
    return frozenset(
        Permission(group, resource, verb, name)
        for rule in rules
        for group, resource, verb, name in product(
            rule["apiGroups"], rule["resources"], rule["verbs"], rule.get("resourceNames") or [""]
        )
    )


def read_granted(rendered: Iterable[dict[str, Any]], account: str) -> frozenset[Permission]:
    """Read what rendered objects grant to a ServiceAccount, by bindings of any kind."""
    objects = list(rendered)
    bound = {
        (body["roleRef"]["kind"], body["roleRef"]["name"])
        for body in objects
        if body["kind"] in {"RoleBinding", "ClusterRoleBinding"}
        and any(subject["name"] == account for subject in body["subjects"])
    }
    roles = [body for body in objects if (body["kind"], body["metadata"]["name"]) in bound]
    return frozenset(permission for role in roles for permission in expand_rules(role["rules"]))
