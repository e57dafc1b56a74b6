import re
from typing import Any

import pytest
from hypothesis import given

from nemotron_operator.render.jobs import API_KEY_VARIABLE, TERMINAL_EXIT_CODES
from nemotron_operator.render.manifests import Manifests, render
from nemotron_operator.termination.outcome import EXIT_RETRYABLE, EXIT_TERMINAL
from nemotron_operator.verifier import question
from nemotron_operator.verifier.main import parse_arguments
from tests.support.fixtures.deployments import DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import (
    plan,
    plan_serving,
    render_cached,
    render_serving,
    server_pod_of,
    verify_job_of,
)
from tests.support.fixtures.specs import deployments


def container_of(manifests: Manifests) -> dict[str, Any]:
    (container,) = verify_job_of(manifests)["spec"]["template"]["spec"]["containers"]
    assert isinstance(container, dict)
    return container


def expand(argument: str, variables: dict[str, str]) -> str:
    """Expand variables as the kubelet does (k8s.io/kubernetes/third_party/forked/golang/expansion)."""

    def replace(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return variables.get(match[1], match[0])

    return re.sub(r"\$\$|\$\(([^)]*)\)", replace, argument)


def test_nothing_is_asked_before_the_revision_serves() -> None:
    assert render(plan(a_deployment())).verify_job is None
    assert render_cached(a_deployment()).verify_job is None


def test_what_serves_is_asked_once() -> None:
    manifests = render_serving(a_deployment())
    name = verify_job_of(manifests)["metadata"]["name"]
    assert render(plan_serving(a_deployment(), answered_job=name)).verify_job is None
    assert render(plan_serving(a_deployment(), answered_job="nemotron-verify-0000000")).verify_job is not None


def test_nothing_is_asked_when_nobody_wants_to_know() -> None:
    assert render_serving(a_deployment().that_is_asked_nothing()).verify_job is None
    assert render_serving(a_deployment().suspended()).verify_job is None


def test_a_revision_that_is_not_desired_any_more_is_not_asked() -> None:
    serving = plan_serving(a_deployment()).verification
    changed = plan(a_deployment().with_max_model_len(4096))
    assert serving is not None
    assert serving.serving is not None
    assert render(changed).revision != serving.serving.revision
    assert not serving.is_due("nemotron", render_cached(a_deployment().with_max_model_len(4096)).revision or "")


def test_another_question_or_revision_is_another_job() -> None:
    questions = [
        a_deployment(),
        a_deployment().that_is_asked("Are you there?"),
        a_deployment().that_is_asked("Are you there?", "yes"),
        a_deployment().with_max_model_len(4096),
    ]
    assert len(questions) == len({verify_job_of(render_serving(asked))["metadata"]["name"] for asked in questions})


def test_the_job_gives_up_where_the_verifier_says_so() -> None:
    manifests = render_serving(a_deployment())
    fail = verify_job_of(manifests)["spec"]["podFailurePolicy"]["rules"][0]
    assert ("FailJob", list(TERMINAL_EXIT_CODES)) == (fail["action"], fail["onExitCodes"]["values"])
    assert EXIT_TERMINAL in TERMINAL_EXIT_CODES
    assert EXIT_RETRYABLE not in TERMINAL_EXIT_CODES
    assert fail["onExitCodes"]["containerName"] == container_of(manifests)["name"]


def test_the_job_outlasts_all_attempts() -> None:
    spec = verify_job_of(render_serving(a_deployment()))["spec"]
    verification = plan_serving(a_deployment()).verification
    assert verification is not None
    attempts = (spec["backoffLimit"] + 1) * (verification.answer_seconds + verification.retry_seconds)
    pauses = sum(10 * 2**attempt for attempt in range(spec["backoffLimit"]))
    assert attempts + pauses < spec["activeDeadlineSeconds"]


def test_a_job_that_failed_is_not_deleted_by_time() -> None:
    """Otherwise it would be made, and ask, again and again."""
    assert "ttlSecondsAfterFinished" not in verify_job_of(render_serving(a_deployment()))["spec"]


def test_the_question_takes_no_gpu() -> None:
    assert {"cpu", "memory"} == set(container_of(render_serving(a_deployment()))["resources"]["requests"])


@given(deployments())
def test_the_verifier_understands_its_arguments(deployment: DeploymentBuilder) -> None:
    deployment = (
        deployment.having("replicas", 1).having("suspend", value=False).having("verification.mode", "AfterRollout")
    )
    planned = plan_serving(deployment)
    verification = planned.verification
    assert verification is not None
    secret = {API_KEY_VARIABLE: "sk-secret"}
    options = parse_arguments([expand(argument, secret) for argument in container_of(render(planned))["args"]])
    assert (planned.base_url, planned.engine.served_names[0]) == (options.base_url, options.model)
    assert (verification.system_prompt, verification.prompt, verification.expect) == (
        options.system_prompt,
        options.prompt,
        options.expect,
    )
    assert verification.max_tokens == options.max_tokens


@pytest.mark.parametrize("prompt", [f"$({API_KEY_VARIABLE})", f"$$({API_KEY_VARIABLE})", "It costs $5.", "$$", "$"])
def test_no_prompt_gets_at_the_api_key(prompt: str) -> None:
    manifests = render_serving(a_deployment().that_is_asked(prompt).with_api_key("secret", "key"))
    arguments = [expand(argument, {API_KEY_VARIABLE: "sk-secret"}) for argument in container_of(manifests)["args"]]
    assert f"--prompt={prompt}" in arguments


def test_the_api_key_is_given_by_reference_as_to_the_server() -> None:
    manifests = render_serving(a_deployment().with_api_key("secret", "key"))
    (server,) = [
        variable
        for variable in server_pod_of(manifests)["spec"]["containers"][0]["env"]
        if variable["name"] == "VLLM_API_KEY"
    ]
    assert [{"name": question.API_KEY_VARIABLE, "valueFrom": server["valueFrom"]}] == container_of(manifests)["env"]
    assert [] == container_of(render_serving(a_deployment()))["env"]
