"""GitOps tools see every phase of a model's life for what it is."""

import re
from typing import Any

import pytest
import yaml

from tests.gitops.judges import CUSTOMIZATIONS, EXAMPLES, Judges, read_examples
from tests.gitops.phases import FOR_ARGO_CD, read_fixtures
from tests.support.kstatus import judge

FIXTURES = read_fixtures()

VERDICTS = {
    # phase: kstatus, Argo CD, Flux
    "new": ("InProgress", "Progressing", "InProgress"),
    "planned": ("InProgress", "Progressing", "InProgress"),
    "caching": ("InProgress", "Progressing", "InProgress"),
    "waiting-for-volume": ("InProgress", "Progressing", "InProgress"),
    "waiting-for-gpu": ("InProgress", "Progressing", "InProgress"),
    "loading": ("InProgress", "Progressing", "InProgress"),
    "verifying": ("InProgress", "Progressing", "InProgress"),
    "serving": ("Current", "Healthy", "Current"),
    "verified": ("Current", "Healthy", "Current"),
    "spec-changed": ("InProgress", "Progressing", "InProgress"),
    "rolling-out": ("InProgress", "Progressing", "InProgress"),
    "rollout-failed": ("Failed", "Degraded", "Failed"),
    "bad-spec": ("Failed", "Degraded", "Failed"),
    "unauthorized": ("Failed", "Degraded", "Failed"),
    "weights-do-not-fit": ("Failed", "Degraded", "Failed"),
    # Ready is false, and kstatus knows no rest: the expressions do.
    "suspended": ("InProgress", "Suspended", "Current"),
    "scaled-to-zero": ("InProgress", "Suspended", "Current"),
    # Argo CD sees that it goes before it asks its script, and Flux' expressions know no deletion.
    "terminating": ("Terminating", None, "InProgress"),
}

LIVING = [phase for phase, (_, argo_cd, _) in VERDICTS.items() if argo_cd]

CHILDREN = {"child-deployment": "Current", "child-job": "Current", "child-claim": "Current"}

EXPRESSIONS = [
    pytest.param(one, id=example.name)
    for example in read_examples("HelmRelease", "Kustomization")
    for one in example.expressions
]


def test_every_recorded_object_has_its_verdict() -> None:
    assert {*VERDICTS, *CHILDREN} == set(FIXTURES)


def test_kstatus_judges_every_phase_right(judges: Judges) -> None:
    expected = {phase: verdict for phase, (verdict, _, _) in VERDICTS.items()} | CHILDREN
    assert expected == dict(zip(expected, judges.by_kstatus(*(FIXTURES[phase] for phase in expected)), strict=True))


def test_our_own_kstatus_judges_as_theirs() -> None:
    expected = {phase: verdict for phase, (verdict, _, _) in VERDICTS.items()}
    assert expected == {phase: judge(FIXTURES[phase]).value for phase in VERDICTS}


def test_argo_cd_shows_every_phase_right(judges: Judges) -> None:
    expected = {phase: VERDICTS[phase][1] for phase in LIVING}
    found = judges.by_argo_cd(*(FIXTURES[phase] for phase in LIVING))
    assert expected == {phase: health["status"] for phase, health in zip(LIVING, found, strict=True)}


def test_argo_cd_shows_the_operator_s_own_words(judges: Judges) -> None:
    seen = [phase for phase in LIVING if phase not in {"new", "spec-changed"}]
    found = judges.by_argo_cd(*(FIXTURES[phase] for phase in seen))
    for phase, health in zip(seen, found, strict=True):
        messages = [each["message"] for each in FIXTURES[phase]["status"]["conditions"]]
        assert health["message"] in messages


@pytest.mark.parametrize("expressions", EXPRESSIONS)
def test_flux_waits_gives_up_and_goes_on_at_the_right_moments(judges: Judges, expressions: dict[str, str]) -> None:
    asked = {key: text for key, text in expressions.items() if key not in {"apiVersion", "kind"}}
    expected = {phase: verdict for phase, (_, _, verdict) in VERDICTS.items()}
    found = judges.by_flux(asked, *(FIXTURES[phase] for phase in VERDICTS))
    assert expected == dict(zip(VERDICTS, found, strict=True))
    assert FIXTURES["new"]["apiVersion"] == expressions["apiVersion"]
    assert FIXTURES["new"]["kind"] == expressions["kind"]


UNASKED = ("False", "ScaledToZero", "KEDA took the last replica away. This revision has not answered yet.")


def _with_ready(
    body: dict[str, Any], status: str, reason: str, message: str, *others: dict[str, Any]
) -> dict[str, Any]:
    """Put another `Ready` into a body, and no `Reconciling` nor `Stalled` but these."""
    kept = [each for each in body["status"]["conditions"] if each["type"] not in {"Ready", "Reconciling", "Stalled"}]
    ready = {"type": "Ready", "status": status, "reason": reason, "message": message}
    return {**body, "status": {**body["status"], "conditions": [ready, *others, *kept]}}


@pytest.mark.parametrize("expressions", EXPRESSIONS)
def test_a_revision_that_nobody_asks_while_keda_keeps_it_at_zero_is_at_rest(
    judges: Judges, expressions: dict[str, str]
) -> None:
    asked = {key: text for key, text in expressions.items() if key not in {"apiVersion", "kind"}}
    body = _with_ready(FIXTURES["verified"], *UNASKED)
    assert [{"status": "Suspended", "message": UNASKED[2]}] == judges.by_argo_cd(body)
    assert ["Current"] == judges.by_flux(asked, body)
    answered = _with_ready(FIXTURES["verified"], "True", *UNASKED[1:])
    assert ["Healthy"] == [health["status"] for health in judges.by_argo_cd(answered)]


@pytest.mark.parametrize("expressions", EXPRESSIONS)
def test_a_model_whose_pods_have_not_ended_yet_is_no_rest(judges: Judges, expressions: dict[str, str]) -> None:
    asked = {key: text for key, text in expressions.items() if key not in {"apiVersion", "kind"}}
    stopping = ("Stopping", "No replica is desired, and pod a holds GPUs until it has ended.")
    going_on = dict(zip(("type", "status", "reason", "message"), ("Reconciling", "True", *stopping), strict=True))
    body = _with_ready(FIXTURES["suspended"], "False", *stopping, going_on)
    assert [{"status": "Progressing", "message": stopping[1]}] == judges.by_argo_cd(body)
    assert ["InProgress"] == judges.by_flux(asked, body) == judges.by_kstatus(body)


def test_a_resource_without_a_status_is_waited_for(judges: Judges) -> None:
    body = {key: value for key, value in FIXTURES["serving"].items() if key != "status"}
    (health,) = judges.by_argo_cd(body)
    (param,) = (each for each in EXPRESSIONS if "manifests" in str(each.id))
    (expressions,) = param.values
    assert isinstance(expressions, dict)
    asked = {key: text for key, text in expressions.items() if key not in {"apiVersion", "kind"}}
    assert "Progressing" == health["status"]
    assert ["InProgress"] == judges.by_flux(asked, {**body, "status": {}})


def test_the_health_check_passes_as_argo_cd_s_own_harness_asks(judges: Judges) -> None:
    tests = yaml.safe_load((CUSTOMIZATIONS / "health_test.yaml").read_text())["tests"]
    bodies = [yaml.safe_load((CUSTOMIZATIONS / each["inputPath"]).read_text()) for each in tests]
    assert [each["healthStatus"] for each in tests] == judges.by_argo_cd(*bodies)


def test_the_harness_reads_the_recorded_objects() -> None:
    folder = CUSTOMIZATIONS / "testdata"
    found = {path.stem: yaml.safe_load(path.read_text()) for path in folder.glob("*.yaml")}
    assert {phase: FIXTURES[phase] for phase in FOR_ARGO_CD} == found


def _action(judges: Judges, action: str, body: dict[str, Any]) -> dict[str, Any]:
    """Run an action, and take the patch that Argo CD makes of what it returns."""
    script = (CUSTOMIZATIONS / "actions" / action / "action.lua").read_text()
    patch: dict[str, Any] = _merge_patch(body, judges.run_lua(script, body))
    return patch


def _merge_patch(before: Any, after: Any) -> Any:  # noqa: ANN401 - any JSON
    """Compare; Lua cannot tell an empty map from an empty list, which Argo CD puts right."""
    if isinstance(before, dict) and (isinstance(after, dict) or after == []):
        after = after or {}
        changed = {key: _merge_patch(before.get(key), after[key]) for key in after if before.get(key) != after[key]}
        gone: dict[str, Any] = {key: None for key in before if key not in after}
        return {key: value for key, value in (changed | gone).items() if value != {}}
    return after


def test_actions_change_one_field_and_nothing_else(judges: Judges) -> None:
    assert {"spec": {"suspend": True}} == _action(judges, "suspend", FIXTURES["serving"])
    assert {"spec": {"suspend": False}} == _action(judges, "resume", FIXTURES["suspended"])
    restarted = _action(judges, "restart", FIXTURES["verified"])
    (stamp,) = restarted["metadata"].pop("annotations").values()
    assert {"metadata": {}} == restarted
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", stamp)


def test_actions_are_offered_where_they_do_something(judges: Judges) -> None:
    tests = yaml.safe_load((CUSTOMIZATIONS / "actions" / "action_test.yaml").read_text())
    script = (CUSTOMIZATIONS / "actions" / "discovery.lua").read_text()
    for each in tests["discoveryTests"]:
        found = judges.run_lua(script, yaml.safe_load((CUSTOMIZATIONS / "actions" / each["inputPath"]).read_text()))
        assert {one["name"]: {"disabled": one["disabled"]} for one in each["result"]} == found
    assert found.keys() == {path.parent.name for path in CUSTOMIZATIONS.glob("actions/*/action.lua")}


def test_actions_pass_as_argo_cd_s_own_harness_asks(judges: Judges) -> None:
    folder = CUSTOMIZATIONS / "actions"
    for each in yaml.safe_load((folder / "action_test.yaml").read_text())["actionTests"]:
        before, expected = (
            yaml.safe_load((folder / each[key]).read_text()) for key in ("inputPath", "expectedOutputPath")
        )
        assert _merge_patch(before, expected) == _action(judges, each["action"], before)


def test_the_config_map_holds_the_same_scripts() -> None:
    data = yaml.safe_load((EXAMPLES / "argocd" / "argocd-cm.yaml").read_text())["data"]
    actions = yaml.safe_load(data["resource.customizations.actions.nemotron.dev_NemotronDeployment"])
    held = {each["name"]: each["action.lua"] for each in actions["definitions"]}

    assert (CUSTOMIZATIONS / "health.lua").read_text() == data[
        "resource.customizations.health.nemotron.dev_NemotronDeployment"
    ]
    assert (CUSTOMIZATIONS / "actions" / "discovery.lua").read_text() == actions["discovery.lua"]
    assert {path.parent.name: path.read_text() for path in CUSTOMIZATIONS.glob("actions/*/action.lua")} == held


def test_argo_cd_s_waves_wait_for_each_other(judges: Judges) -> None:
    data = yaml.safe_load((EXAMPLES / "argocd" / "argocd-cm.yaml").read_text())["data"]
    script = data["resource.customizations.health.argoproj.io_Application"]
    degraded = {"status": {"health": {"status": "Degraded", "message": "m"}}}
    applied = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "a"}}
    assert {"status": "Degraded", "message": "m"} == judges.run_lua(script, applied | degraded)
    assert "Progressing" == judges.run_lua(script, applied)["status"]
