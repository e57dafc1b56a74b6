"""The revision of pods, and what later versions of the operator rely on in pods that earlier ones rendered."""

from nemotron_operator.render.metadata import hash_manifest, read_revision_of
from nemotron_operator.render.pod_revision import mark_pods, name_revision, read_restart_mark, unmark_pods
from nemotron_operator.render.server_pod import render_server_pod
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.plans import plan_cached, render_cached, server_of

AT_NOON = "2026-11-26T12:00:00Z"


def test_without_a_restart_pods_are_of_the_revision_that_is_kept() -> None:
    assert "0a" == name_revision("0a", None)


def test_a_restart_makes_another_revision_and_each_its_own() -> None:
    names = [name_revision(base, moment) for base in ("0a", "0b") for moment in (None, "now", AT_NOON)]
    assert 6 == len(set(names))


def test_a_text_that_is_too_long_counts_by_its_beginning() -> None:
    assert name_revision("0a", "x" * 64) == name_revision("0a", "x" * 1000)


def test_marks_are_taken_off_again() -> None:
    template = {"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}, "spec": {}}
    marked = mark_pods(template, "0a", AT_NOON)
    assert (name_revision("0a", AT_NOON), AT_NOON) == (read_revision_of(marked), read_restart_mark(marked))
    assert template == unmark_pods({**marked, "metadata": {"creationTimestamp": None, **marked["metadata"]}})


def test_a_first_rollout_is_of_what_is_rendered() -> None:
    plan = plan_cached(a_deployment())
    assert hash_manifest(render_server_pod(plan)) == render_cached(a_deployment()).revision


def test_what_finds_pods_is_the_same_in_every_version() -> None:
    """A later version serves, asks and counts pods that an earlier one rendered: these names are for ever."""
    manifests = render_cached(a_deployment())
    selector = {"nemotron.dev/component": "server", "nemotron.dev/deployment": "nemotron"}
    assert selector == server_of(manifests)["spec"]["selector"]["matchLabels"] == manifests.service["spec"]["selector"]
    (port,) = manifests.service["spec"]["ports"]
    assert ("http", 8000) == (port["targetPort"], port["port"])
    (engine,) = server_of(manifests)["spec"]["template"]["spec"]["containers"]
    assert ("vllm", "http") == (engine["name"], engine["ports"][0]["name"])
