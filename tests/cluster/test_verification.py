"""A rollout ends with a question: what the model answered is told, remembered, and decides whether it is Ready."""

import json
from typing import Any

import pytest

from tests.support.cluster import Body, Namespace, RunningOperator, a_resource, wait_until

pytestmark = pytest.mark.usefixtures("operator")

GOOD = {
    "outcome": "Complete",
    "answer": "There are 3 r in strawberry.",
    "tokens": 9,
    "timeToFirstTokenMilliseconds": 182,
    "tokensPerSecond": "41.7",
    "kvCacheTokens": 100_000,
    "maxConcurrency": "0.76",
}
"""What the real verifier reports of a good answer."""

BAD = {
    "outcome": "Failed",
    "reason": "UnexpectedAnswer",
    "message": "Asked 'How many r in strawberry?', the model answered 'Two.', which lacks '3'.",
    "retryable": False,
}


def _asked(report: dict[str, Any] | None = None, seconds: str = "0.5", **spec: Any) -> Body:  # noqa: ANN401 - any field of the spec
    """Make a resource whose model is asked, and that answers so."""
    annotations = {"lab.nemotron.dev/answer-seconds": seconds}
    if report is not None:
        annotations["lab.nemotron.dev/answer"] = json.dumps(report)
    return a_resource(**{"podTemplate": {"annotations": annotations}, "verification": {}, **spec})


def _questions(namespace: Namespace) -> list[str]:
    """List the verification Jobs that were ever made, by the events that their controller leaves."""
    events = namespace.list("events.events.k8s.io")
    return sorted(
        event["regarding"]["name"]
        for event in events
        if event.get("reason") == "SuccessfulCreate"
        and "-verify-" in event["regarding"]["name"]
        and event["regarding"]["kind"] == "Job"
    )


def _verify_jobs(namespace: Namespace) -> list[Body]:
    return namespace.list("job", "nemotron.dev/component=verification")


def test_a_new_revision_is_asked_and_ready_waits_for_its_answer(namespace: Namespace) -> None:
    namespace.apply(_asked(GOOD, seconds="4"))

    def look() -> dict[str, Body] | None:
        """Read all conditions at once: the answer comes while somebody asks for the next one."""
        told = (namespace.get("nemo", "nemotron") or {}).get("status", {}).get("conditions", [])
        conditions = {condition["type"]: condition for condition in told}
        return conditions if conditions.get("Ready", {}).get("reason") == "Verifying" else None

    verifying = wait_until("the answer is waited for", look)
    status = namespace.wait_until_ready()["status"]

    assert ("False", "True") == (verifying["Ready"]["status"], verifying["Available"]["status"])
    assert ("True", "Verifying") == (verifying["Reconciling"]["status"], verifying["Reconciling"]["reason"])
    verified = namespace.condition("nemotron", "Verified")
    assert verified is not None
    assert ("True", "Verified") == (verified["status"], verified["reason"])
    assert "the first token after 182 ms, then 41.7 tokens a second" in verified["message"]
    verification = status["verification"]
    assert (182, "41.7", "3") == (
        verification["timeToFirstTokenMilliseconds"],
        verification["tokensPerSecond"],
        verification["expected"],
    )
    assert GOOD["answer"] == verification["answer"]
    assert status["servingRevision"] == verification["revision"]
    engine = status["engine"]
    assert (100_000, "0.76", status["servingRevision"]) == (
        engine["kvCacheTokens"],
        engine["maxConcurrency"],
        engine["revision"],
    )
    planned = namespace.condition("nemotron", "Planned")
    assert planned is not None
    assert "The engine itself reports 100000 tokens of KV cache" in planned["message"]


def test_an_answered_question_leaves_no_job_and_is_not_asked_again(
    namespace: Namespace, operator: RunningOperator
) -> None:
    namespace.apply(_asked(GOOD, cache={"accessModes": ["ReadWriteMany"]}))
    namespace.wait_until_ready()
    wait_until("the Job is gone", lambda: not _verify_jobs(namespace))
    asked = _questions(namespace)

    namespace.kubectl("scale", "nemo/nemotron", "--replicas=2")
    wait_until("two replicas", lambda: namespace.wait_until_ready()["status"].get("readyReplicas") == 2)
    namespace.kubectl("scale", "nemo/nemotron", "--replicas=1")
    wait_until("one replica", lambda: namespace.wait_until_ready()["status"].get("readyReplicas") == 1)
    operator.component.stop()
    operator.restart()
    operator.wait_until_synced()
    namespace.wait_until_ready()

    assert 1 == len(asked)
    assert asked == _questions(namespace)
    assert [] == _verify_jobs(namespace)


def test_a_new_revision_is_asked_anew_while_it_is_available(namespace: Namespace) -> None:
    namespace.apply(_asked(GOOD, seconds="2", engine={"maxModelLen": 4096}))
    before = namespace.wait_until_ready()["status"]["verification"]

    namespace.apply(_asked(GOOD, seconds="2", engine={"maxModelLen": 8192}))

    namespace.wait_for_reason("nemotron", "Ready", "Verifying")
    available = namespace.condition("nemotron", "Available")
    after = namespace.wait_until_ready()["status"]
    assert available is not None
    assert "True" == available["status"]
    assert before["revision"] != after["verification"]["revision"] == after["servingRevision"]


def test_an_unexpected_answer_is_told_in_the_models_own_words(namespace: Namespace) -> None:
    namespace.apply(_asked(BAD))

    verified = namespace.wait_for_reason("nemotron", "Verified", "UnexpectedAnswer")
    ready = namespace.wait_for_reason("nemotron", "Ready", "UnexpectedAnswer")
    namespace.wait_for_reason("nemotron", "Stalled", "UnexpectedAnswer")
    (job,) = _verify_jobs(namespace)

    assert ("False", "False") == (verified["status"], ready["status"])
    assert "the model answered 'Two.'" in ready["message"]
    assert f"delete job {job['metadata']['name']}" in ready["message"]
    assert 1 == job["status"]["failed"]


def test_a_failed_question_is_asked_again_when_its_job_is_deleted(namespace: Namespace) -> None:
    namespace.apply(_asked(BAD))
    namespace.wait_for_reason("nemotron", "Verified", "UnexpectedAnswer")
    (failed,) = _verify_jobs(namespace)

    namespace.kubectl("delete", "job", failed["metadata"]["name"])

    again = namespace.wait_until_replaced("job", failed)
    assert failed["metadata"]["name"] == again["metadata"]["name"]
    namespace.wait_for_reason("nemotron", "Verified", "UnexpectedAnswer")


def test_a_changed_prompt_is_asked_anew_and_touches_no_pod(namespace: Namespace) -> None:
    namespace.apply(_asked(GOOD))
    before = namespace.wait_until_ready()["status"]["verification"]
    server = namespace.get("deployment", "nemotron")

    namespace.apply(_asked(GOOD, verification={"prompt": "How many s in strawberry?", "expect": "1"}))

    def is_answered() -> bool:
        verification = namespace.wait_until_ready()["status"]["verification"]
        return bool(verification["expected"] == "1")

    wait_until("the new question is answered", is_answered)
    after = namespace.wait_until_ready()["status"]["verification"]
    assert before["job"] != after["job"]
    assert before["revision"] == after["revision"]
    live = namespace.get("deployment", "nemotron")
    assert server is not None
    assert live is not None
    assert server["metadata"]["generation"] == live["metadata"]["generation"]


def test_a_model_that_is_asked_nothing_is_never_said_to_be_verified(namespace: Namespace) -> None:
    namespace.apply(_asked(GOOD, verification={"mode": "Never"}))

    status = namespace.wait_until_ready()["status"]
    verified = namespace.condition("nemotron", "Verified")

    assert verified is not None
    assert ("Unknown", "NotRequested") == (verified["status"], verified["reason"])
    assert "verification" not in status
    assert [] == _questions(namespace)


def test_a_simulated_node_does_not_answer_and_says_so(namespace: Namespace) -> None:
    namespace.apply(_asked())

    ready = namespace.wait_for_reason("nemotron", "Ready", "NoAnswer")

    assert "1 of 1 replicas serve. Nothing answers here" in ready["message"]


def test_a_suspended_model_is_asked_nothing(namespace: Namespace) -> None:
    namespace.apply(_asked(GOOD, suspend=True))

    namespace.wait_for_reason("nemotron", "Ready", "Suspended")
    verified = namespace.condition("nemotron", "Verified")

    assert verified is not None
    assert "Waiting" == verified["reason"]
    assert [] == _questions(namespace)
