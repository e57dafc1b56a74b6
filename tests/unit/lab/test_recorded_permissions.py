"""What counts of an API server's audit log as a permission that was used."""

import json
from pathlib import Path
from typing import Any

import yaml

from lab.directories import AUDIT_POLICY
from lab.operator_process import NAMESPACE
from lab.recorded_permissions import Permission, read_refused_permissions, read_used_permissions


def an_event(verb: str, target: dict[str, str], decision: str = "allow", account: str = "robot") -> dict[str, Any]:
    return {
        "verb": verb,
        "user": {"username": f"system:serviceaccount:{NAMESPACE}:{account}"},
        "objectRef": {"apiVersion": "v1", "namespace": "team", **target},
        "annotations": {"authorization.k8s.io/decision": decision},
    }


def record(directory: Path, *events: dict[str, Any], name: str = "audit.log") -> None:
    (directory / "logs").mkdir(exist_ok=True)
    (directory / "logs" / name).write_text("".join(json.dumps(event) + "\n" for event in events))


def test_group_subresource_and_verb_count_and_the_name_only_where_it_is_granted_by_name(tmp_path: Path) -> None:
    lease = {"apiGroup": "coordination.k8s.io", "resource": "leases", "name": "nemotron-operator"}
    record(
        tmp_path,
        an_event("list", {"resource": "pods"}),
        an_event("patch", {"apiGroup": "nemotron.dev", "resource": "nemotrondeployments", "subresource": "status"}),
        an_event("get", {"resource": "services", "name": "nemotron"}),
        an_event("get", lease),
        an_event("create", lease),
    )
    expected = {
        Permission("", "pods", "list"),
        Permission("nemotron.dev", "nemotrondeployments/status", "patch"),
        Permission("", "services", "get"),
        Permission("coordination.k8s.io", "leases", "get", "nemotron-operator"),
        Permission("coordination.k8s.io", "leases", "create"),
    }
    assert expected == read_used_permissions(tmp_path)


def test_what_was_refused_was_not_used_and_is_told_apart_by_account(tmp_path: Path) -> None:
    record(tmp_path, an_event("list", {"resource": "nodes"}, "forbid"), an_event("list", {"resource": "pods"}))
    assert {Permission("", "pods", "list")} == read_used_permissions(tmp_path)
    assert {Permission("", "nodes", "list")} == read_refused_permissions(tmp_path, "robot")
    assert set() == read_refused_permissions(tmp_path, "somebody-else")


def test_a_log_that_was_turned_over_counts_too(tmp_path: Path) -> None:
    record(tmp_path, an_event("list", {"resource": "pods"}), name="audit-2026-11-27T05-00-00.000.log")
    record(tmp_path, an_event("watch", {"resource": "pods"}))
    assert {"list", "watch"} == {permission.verb for permission in read_used_permissions(tmp_path)}


def test_the_operators_requests_are_recorded_without_their_bodies() -> None:
    (rule,) = yaml.safe_load(AUDIT_POLICY.read_text())["rules"]
    assert ("Metadata", [f"system:serviceaccounts:{NAMESPACE}"]) == (rule["level"], rule["userGroups"])
