"""LoRA adapters on a real API server: one Job each, one rollout, and what is told of those that cannot be had."""

import json
from typing import Any

import pytest

from tests.support.cluster import FP8, Body, Namespace, a_resource, refusal_of, wait_until

pytestmark = pytest.mark.usefixtures("operator")

ADAPTERS = "nemotron.dev/component=adapter"
SERVERS = "nemotron.dev/component=server"

SQL = {"name": "sql", "huggingFace": {"repository": "my-org/sql-lora"}}
CHAT = {"name": "chat", "s3": {"bucket": "models", "prefix": "loras/chat"}}

NOT_FOUND = {"outcome": "Failed", "reason": "RepositoryNotFound", "message": "The hub shows no my-org/sql-lora."}
LARGE = {"outcome": "Complete", "repository": "my-org/sql-lora", "commit": "5" * 40, "adapterRank": 64}


def with_adapters(*adapters: Body, report: dict[str, Any] | None = None, **spec: object) -> Body:
    """Make a resource with adapters; the report is what their simulated Jobs leave."""
    annotations = {"lab.nemotron.dev/adapter": json.dumps(report)} if report else {}
    body = a_resource(podTemplate={"annotations": annotations})
    body["spec"] |= spec
    body["spec"]["model"] = {"name": FP8, "servedNames": ["nemotron"], "adapters": list(adapters)}
    return body


def live(*adapters: Body) -> Body:
    """Make a resource whose pods load their adapters while they run."""
    key = {"name": "nemotron-api-key", "key": "key"}
    return with_adapters(*adapters, engine={"lora": {"loading": "Live"}}, apiKeySecretRef=key)


def list_modules(namespace: Namespace) -> list[str]:
    """List what the pods that serve were started with, by the adapters' names; fail where they differ."""
    pods = namespace.list_staying_pods(SERVERS)
    (arguments,) = {tuple(pod["spec"]["containers"][0]["args"]) for pod in pods}
    if "--lora-modules" not in arguments:
        return []
    start = arguments.index("--lora-modules") + 1
    return [argument.partition("=")[0] for argument in arguments[start:] if not argument.startswith("--")]


def test_each_adapter_is_fetched_by_a_job_and_all_are_served_by_one_rollout(namespace: Namespace) -> None:
    namespace.apply(with_adapters(SQL))
    status = namespace.wait_until_ready()["status"]
    assert ["nemotron", "sql"] == status["servedNames"]
    assert "Loaded" == (namespace.condition("nemotron", "Adapted") or {})["reason"]
    assert ["sql"] == list_modules(namespace)

    (job,) = namespace.list("job", ADAPTERS)
    recorded = json.loads(job["metadata"]["annotations"]["nemotron.dev/cached-model"])
    assert ("my-org/sql-lora", 16) == (recorded["repository"], recorded["adapter_rank"])
    assert "ttlSecondsAfterFinished" not in job["spec"]

    namespace.apply(with_adapters(SQL, CHAT))
    namespace.wait_until_ready()
    assert ["chat", "sql"] == sorted(list_modules(namespace))
    assert 2 == len(namespace.list("job", ADAPTERS))
    assert 2 == len(namespace.list("replicaset"))
    assert job["metadata"]["uid"] in {each["metadata"]["uid"] for each in namespace.list("job", ADAPTERS)}


def test_what_serves_keeps_serving_beside_an_adapter_that_is_not_there(namespace: Namespace) -> None:
    namespace.apply(with_adapters())
    namespace.wait_until_ready()
    (before,) = namespace.list("pod", SERVERS)

    namespace.apply(with_adapters(SQL, report=NOT_FOUND))
    stalled = namespace.wait_for_reason("nemotron", "Stalled", "AdapterFailed")
    (job,) = namespace.list("job", ADAPTERS)
    assert NOT_FOUND["message"] in stalled["message"]
    assert f"delete job {job['metadata']['name']}" in stalled["message"]
    assert "1 pod of the revision before keeps serving" in (namespace.condition("nemotron", "Ready") or {})["message"]
    (after,) = namespace.list("pod", SERVERS)
    assert before["metadata"]["uid"] == after["metadata"]["uid"]

    namespace.apply(with_adapters())
    namespace.wait_until_ready()
    wait_until("its Job is gone", lambda: not namespace.list("job", ADAPTERS))
    (after,) = namespace.list("pod", SERVERS)
    assert before["metadata"]["uid"] == after["metadata"]["uid"]


def test_an_adapter_of_a_larger_rank_is_refused_before_any_pod_fails_on_it(namespace: Namespace) -> None:
    namespace.apply(with_adapters(SQL, report=LARGE))
    stalled = namespace.wait_for_reason("nemotron", "Stalled", "AdapterNotAllowed")
    assert "16 is less than the rank 64 of adapter 'sql'. Set maxRank: 64" in stalled["message"]
    assert namespace.get("deployment", "nemotron") is None

    namespace.apply(with_adapters(SQL, report=LARGE, engine={"lora": {"maxRank": 64}}))
    namespace.wait_until_ready()


def test_another_list_reaches_pods_that_run_and_makes_no_other(namespace: Namespace) -> None:
    namespace.apply(live(SQL))
    namespace.wait_until_ready()
    namespace.wait_for_reason("nemotron", "Adapted", "Loaded")
    (before,) = namespace.list("pod", SERVERS)
    assert ["sql"] == list_told(namespace)

    namespace.apply(live(SQL, CHAT))
    wait_until("the pods are told of both", lambda: list_told(namespace) == ["sql", "chat"])
    namespace.apply(live())
    wait_until("and of none", lambda: list_told(namespace) == [])
    wait_until("no other Job is left", lambda: len(namespace.list("job", ADAPTERS)) == 1)
    namespace.wait_until_ready()
    (after,) = namespace.list("pod", SERVERS)
    assert before["metadata"]["uid"] == after["metadata"]["uid"]


def list_told(namespace: Namespace) -> list[str] | None:
    """List the adapters of which the pods were told last; None while they are not told of any list, or of two."""
    jobs = [job for job in namespace.list("job", ADAPTERS) if "nemotron.dev/adapters" in job["metadata"]["annotations"]]
    if len(jobs) != 1:
        return None
    return [name for name in jobs[0]["metadata"]["annotations"]["nemotron.dev/adapters"].split(",") if name]


def test_live_loading_that_nobody_guards_is_refused_by_the_api_server(namespace: Namespace) -> None:
    body = with_adapters(SQL, engine={"lora": {"loading": "Live"}})
    assert "set apiKeySecretRef or networkPolicy" in refusal_of(lambda: namespace.apply(body))
