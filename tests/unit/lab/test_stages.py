import re
from ipaddress import ip_address
from typing import Any

import pytest

from lab.bring_up import read_stages
from lab.directories import STAGES

OUTCOMES = {
    "never-ready",
    "crash-loop",
    "oom-killed",
    "startup-timeout",
    "hung",
    "evicted",
    "secret-not-found",
    "image-pull-backoff",
    "fetch-failed",
}

ENDS = {"job-pod-end", "pod-delete"}
"""Stages for every pod that is told to go, whosever it is."""


def expressions(stage: dict[str, Any], key: str) -> list[dict[str, Any]]:
    return [entry for entry in stage["spec"]["selector"]["matchExpressions"] if key in entry["key"]]


@pytest.mark.parametrize("stage", read_stages(), ids=lambda stage: stage["metadata"]["name"])
def test_every_file_holds_one_stage_that_says_when_and_what(stage: dict[str, Any]) -> None:
    assert stage["apiVersion"] == "kwok.x-k8s.io/v1alpha1"
    assert stage["kind"] == "Stage"
    assert stage["spec"]["selector"]["matchExpressions"]
    assert "next" in stage["spec"] or "steps" in stage["spec"]


def test_a_stage_is_named_like_its_file() -> None:
    expected = sorted(path.stem for path in STAGES.glob("*.yaml"))
    actual = sorted(stage["metadata"]["name"] for stage in read_stages())
    assert expected == actual


def test_pods_that_are_not_ours_and_pods_that_are_never_follow_the_same_stage() -> None:
    for stage in read_stages():
        if stage["spec"]["resourceRef"]["kind"] != "Pod" or stage["metadata"]["name"] in ENDS:
            continue
        labels = stage["spec"]["selector"].get("matchLabels", {})
        operators = {entry["operator"] for entry in expressions(stage, "nemotron.dev/component")}
        expected = {"NotIn"} if stage["metadata"]["name"].startswith("other-") else {"In"}
        actual = operators or {"In" for label in labels if label == "nemotron.dev/component"}
        assert expected == actual, stage["metadata"]["name"]


def test_no_stage_but_deletion_touches_a_pod_that_is_being_deleted() -> None:
    for stage in read_stages():
        if stage["spec"]["resourceRef"]["kind"] == "Pod" and stage["metadata"]["name"] not in ENDS:
            actual = [entry["operator"] for entry in expressions(stage, "deletionTimestamp")]
            assert actual == ["DoesNotExist"], stage["metadata"]["name"]


def test_every_outcome_but_never_ready_has_a_stage_that_plays_it() -> None:
    expected = OUTCOMES - {"never-ready"}
    actual = {
        value
        for stage in read_stages()
        for entry in expressions(stage, "lab.nemotron.dev/outcome")
        if entry["operator"] == "In"
        for value in entry["values"]
        if value
    }
    assert expected == actual


def test_what_the_operator_asks_at_its_address_is_on_loopback() -> None:
    """Addresses of simulated pods are invented: elsewhere they may belong to somebody."""
    (start,) = [stage for stage in read_stages() if stage["metadata"]["name"] == "pod-start"]
    template = start["spec"]["next"]["statusTemplate"]
    guard, _, invented = template.partition("{{ else }}\n{{ with PodIPsWith")
    cache_pods = re.search(r'if eq \(get \.metadata\.labels "nemotron\.dev/component"\) "cache"(.*)', guard, re.DOTALL)
    assert cache_pods is not None
    assert invented
    (address,) = re.findall(r'default "([^"]+)"', cache_pods[1])
    assert ip_address(address).is_loopback
