"""What is kept of a revision, as an object of the cluster."""

import json
from dataclasses import replace

from nemotron_operator.plan.rollout import FailedRevision, RevisionRecord
from nemotron_operator.render.manifests import render
from nemotron_operator.render.revision_record import begin_rollout, format_rollout, render_record
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.plans import plan, plan_cached, plan_serving

PLAN = plan_cached(a_deployment())
RECORD = RevisionRecord("0a1b", 3, "i", {"metadata": {}, "spec": {}}, {"replicas": 2}, "0.1.0")


def test_a_record_is_a_controller_revision_that_dies_with_its_resource() -> None:
    record = render_record(PLAN, RECORD)
    assert ("ControllerRevision", "nemotron-0a1b", "team") == (
        record["kind"],
        record["metadata"]["name"],
        record["metadata"]["namespace"],
    )
    (owner,) = record["metadata"]["ownerReferences"]
    assert (PLAN.identity.uid, True) == (owner["uid"], owner["controller"])
    assert "revision" == record["metadata"]["labels"]["nemotron.dev/component"]
    assert "i" == record["metadata"]["labels"]["nemotron.dev/inputs"]
    assert (3, {"spec": {"replicas": 2}, "template": {"metadata": {}, "spec": {}}}) == (
        record["revision"],
        record["data"],
    )


def test_a_record_is_made_before_the_deployment_and_only_where_it_is_new() -> None:
    rollout = replace(begin_rollout(PLAN), record=RECORD)
    kinds = [manifest["kind"] for manifest in render(PLAN, rollout)]
    assert kinds.index("ControllerRevision") < kinds.index("Deployment")
    assert "ControllerRevision" not in {manifest["kind"] for manifest in render(PLAN, begin_rollout(PLAN))}


def test_a_deployment_says_what_its_pods_were_made_from() -> None:
    rollout = replace(begin_rollout(PLAN), strategy="Surge", why="Room.")
    server = render(PLAN, rollout).server
    assert server is not None
    annotations = server["metadata"]["annotations"]
    assert (rollout.base_revision, PLAN.inputs) == (
        annotations["nemotron.dev/base-revision"],
        annotations["nemotron.dev/inputs"],
    )
    assert {"strategy": "Surge", "why": "Room."} == json.loads(annotations["nemotron.dev/rollout"])
    assert annotations["nemotron.dev/rollout"] == format_rollout(rollout)
    assert {"maxSurge": 1, "maxUnavailable": 0} == server["spec"]["strategy"]["rollingUpdate"]


def test_without_weights_nothing_is_kept_and_nothing_serves() -> None:
    rendered = render(plan(a_deployment()), None)
    assert (None, None, None) == (rendered.server, rendered.revision_record, rendered.verify_job)


def test_what_was_taken_back_is_asked_nothing() -> None:
    asked = plan_serving(a_deployment())
    rollout = begin_rollout(asked)
    assert render(asked, rollout).verify_job is not None
    failed = FailedRevision(rollout.revision, "CrashLoop", "")
    assert render(asked, replace(rollout, failure=failed)).verify_job is None
