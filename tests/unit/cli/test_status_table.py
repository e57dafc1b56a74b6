from datetime import UTC, datetime
from typing import Any

import pytest

from nemotron_operator.api.status import NemotronDeploymentStatus
from nemotron_operator.cli.status_table import print_status_page
from nemotron_operator.status.compute import compute_status
from nemotron_operator.status.judgement import Decision
from nemotron_operator.status.observation import Observation
from tests.support.fixtures.deployments import BF16, GENERATION, a_deployment
from tests.support.fixtures.observations import NEW, OLD, a_pod, serving
from tests.support.fixtures.plans import plan_cached, refuse

CREATED = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 24, 10, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def narrow_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def show(status: dict[str, Any], capsys: pytest.CaptureFixture[str], **metadata: object) -> str:
    body = a_deployment().with_status(status).body
    print_status_page({**body, "metadata": {**body["metadata"], **metadata}}, NOW)
    return capsys.readouterr().out


def tell(decision: Decision, observation: Observation, desired: str | None = None) -> dict[str, Any]:
    status = compute_status(decision, observation, desired, NemotronDeploymentStatus(), CREATED)
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)


def test_a_refusal_is_told_once_and_the_rest_below(capsys: pytest.CaptureFixture[str]) -> None:
    decision = refuse(a_deployment().with_model(BF16).with_tensor(3))
    expected = """\
team/nemotron  not ready: TensorParallelDoesNotDivideHeads
  spec.parallelism.tensor: 3 does not divide the model's 64 attention heads.
  Possible on H100-80GB: 1, 2, 4, 8. The smallest that fits is 4.

  Replicas  0 pods, 0 ready

  Conditions
  ├── Ready: False (TensorParallelDoesNotDivideHeads) for 2 h 5 min
  ├── Stalled: True (TensorParallelDoesNotDivideHeads) for 2 h 5 min
  ├── Planned: False (TensorParallelDoesNotDivideHeads) for 2 h 5 min
  ├── ModelCached: Unknown (Waiting) for 2 h 5 min
  │     Nothing is fetched before the spec can be planned.
  ├── Available: False (Waiting) for 2 h 5 min
  │     No pod takes a GPU before the model is planned and cached.
  └── Verified: Unknown (Waiting) for 2 h 5 min
        Nothing is asked before the spec can be planned.
"""
    assert expected == show(tell(decision, Observation()), capsys)


def test_plan_cache_and_endpoint_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    planned = plan_cached(a_deployment())
    out = show(tell(planned, serving(a_pod(ready=True)), NEW), capsys)
    assert planned.cache.cached is not None
    lines = [line.strip() for line in out.splitlines()]
    for expected in (
        "GPUs       2 x H100-80GB per replica (tensor parallel size 2), 2 in all",
        "Context    131,072 tokens, 1 sequence of full length at a time",
        f"Volume     {planned.cache.claim_name}",
        f"commit {planned.cache.cached.commit}",
        "Endpoint   http://nemotron.team.svc:8000/v1",
        f"Served as  {planned.model_name}",
    ):
        assert expected in lines


def test_names_that_lead_here_from_outside_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    endpoint = {"url": "https://nemotron.team.svc:8000/v1", "serviceName": "nemotron", "hostnames": ["a.example.com"]}
    out = show({**tell(plan_cached(a_deployment()), Observation()), "endpoint": endpoint}, capsys)
    assert "Hosts      a.example.com" in [line.strip() for line in out.splitlines()]


def test_provided_weights_have_a_path_and_no_commit(capsys: pytest.CaptureFixture[str]) -> None:
    planned = plan_cached(a_deployment().with_provided_weights("models", "llama/70b"))
    assert "Weights    in llama/70b, hashes not checked" in show(tell(planned, Observation()), capsys)


def test_a_rollout_tells_both_revisions(capsys: pytest.CaptureFixture[str]) -> None:
    status = tell(plan_cached(a_deployment()), serving(a_pod(OLD, ready=True)), NEW)
    lines = [line.strip() for line in show(status, capsys).splitlines()]
    assert {f"Serving    revision {OLD}", f"Desired    revision {NEW}"} <= set(lines)


def test_a_status_older_than_the_spec_is_no_answer(capsys: pytest.CaptureFixture[str]) -> None:
    status = tell(plan_cached(a_deployment()), Observation())
    out = show(status, capsys, generation=GENERATION + 1)
    expected = f"The operator has seen generation {GENERATION}, the spec is at generation {GENERATION + 1}."
    assert ["team/nemotron  not seen yet", f"  {expected}"] == out.splitlines()[:2]


def test_a_deployment_that_the_operator_has_not_seen(capsys: pytest.CaptureFixture[str]) -> None:
    out = show({"observedGeneration": -1}, capsys)
    expected = f"  The operator has seen nothing of it, the spec is at generation {GENERATION}."
    assert ["team/nemotron  not seen yet", expected] == out.splitlines()


def test_a_deployment_that_is_being_deleted(capsys: pytest.CaptureFixture[str]) -> None:
    out = show({}, capsys, deletionTimestamp="2026-11-24T10:00:00Z")
    assert "team/nemotron  being deleted" == out.splitlines()[0]


def test_a_status_of_another_version_is_not_called_unseen(capsys: pytest.CaptureFixture[str]) -> None:
    out = show({"observedGeneration": 3, "somethingNew": {}}, capsys)
    assert "team/nemotron  unknown" == out.splitlines()[0]
    assert "`-o yaml` shows it as it is" in " ".join(out.split())


def test_last_words_of_a_container_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    status = tell(plan_cached(a_deployment()), Observation())
    status["conditions"][0]["message"] = "\x1b]0;owned\x07 boom"
    out = show(status, capsys)
    assert "\x1b" not in out
    assert "boom" in out


def test_a_time_that_cannot_be_read_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    status = tell(plan_cached(a_deployment()), Observation())
    status["conditions"][0]["lastTransitionTime"] = "yesterday"
    assert f"  ├── Ready: False ({status['conditions'][0]['reason']})\n" in show(status, capsys)


def test_how_pods_are_replaced_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    status = tell(plan_cached(a_deployment()), serving(a_pod(ready=True)), NEW)
    status["rollout"] = {"strategy": "Surge", "message": "Node h100-0 has 8 free.", "operatorVersion": "0.1.0"}
    lines = [line.strip() for line in show(status, capsys).splitlines()]
    expected = {"Rollout    Surge: Node h100-0 has 8 free.", "Rendered   by operator 0.1.0"}
    assert {f"Serving    revision {NEW}", *expected} <= set(lines)
    assert "Desired" not in " ".join(lines)


def test_an_update_that_waits_is_told_with_the_command_that_takes_it(capsys: pytest.CaptureFixture[str]) -> None:
    status = tell(plan_cached(a_deployment()), serving(a_pod(ready=True)), NEW)
    status["rollout"] = {"strategy": "Surge", "message": "Nothing serves yet.", "availableRevision": OLD}
    first, *lines = show(status, capsys).splitlines()
    assert first.endswith("  update available")
    adopt = f"Update     revision {OLD} waits for `nemoctl adopt nemotron -n team`"
    assert adopt in [line.strip() for line in lines]


def test_what_serves_while_a_new_spec_is_refused_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    status = tell(refuse(a_deployment().with_model(BF16).with_tensor(3)), serving(a_pod(OLD, ready=True)))
    lines = [line.strip() for line in show(status, capsys).splitlines()]
    assert {f"Serving   revision {OLD}", "Desired   no revision: the spec cannot be served yet"} <= set(lines)
