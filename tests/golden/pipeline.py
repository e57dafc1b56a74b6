"""Run one golden case through the pure pipeline: parse, plan, render, status, with a fixed clock."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from nemotron_operator.api.v1alpha1 import InvalidDeployment, ParsedDeployment, parse_deployment, parse_status
from nemotron_operator.catalog.catalog import load_catalog
from nemotron_operator.cluster.publish import dump_status
from nemotron_operator.config import OperatorConfig, load_config
from nemotron_operator.plan.facts import Facts
from nemotron_operator.plan.planner import make_plan
from nemotron_operator.plan.serving_plan import Rejection, ServingPlan
from nemotron_operator.render.manifests import Manifests, render
from nemotron_operator.render.probe import render_probe_command
from nemotron_operator.render.revision_record import begin_rollout
from nemotron_operator.status.compute import compute_status
from nemotron_operator.status.observation import Observation, ObservedClaim
from nemotron_operator.status.observed_jobs import (
    EngineReport,
    JobState,
    ModelAnswer,
    ObservedJob,
    ObservedVerification,
)
from nemotron_operator.status.observed_pods import ObservedPod
from nemotron_operator.status.observed_servers import ObservedScaler, ObservedServer
from nemotron_operator.yaml_text import dump_yaml

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
"""The only time that a golden case knows."""

DESIRED = "desired"
"""In `facts.yaml` and `observation.yaml` the revision of the rendered template, whose hash nobody writes by hand."""

ANSWER = ModelAnswer("There are 3 r in strawberry.", 182, "41.7", "2026-11-24T07:58:00Z")
"""What every model answers."""

PROGRAM = "(the text of probe/engine_probe.py)"
"""What stands in a golden file for the program of the probe."""

NOTHING_RENDERED = "# Nothing: the spec was refused.\n"


@dataclass(frozen=True)
class Outcome:
    """The texts of the golden files."""

    manifests: str
    status: str


def run_case(folder: Path) -> Outcome:
    """Run the case whose inputs stand in a folder."""
    body = _read(folder / "deployment.yaml")
    deployment = parse_deployment(body)
    if isinstance(deployment, InvalidDeployment):
        raise TypeError(f"{folder.name}: {deployment.message}")
    config = load_config(path if (path := folder / "config.yaml").exists() else None)
    facts = _name_serving(deployment, TypeAdapter(Facts).validate_python(_read(folder / "facts.yaml")), config)
    decision = make_plan(deployment, facts, config, load_catalog())
    is_served = isinstance(decision, ServingPlan) and decision.cache.model_path is not None
    rollout = begin_rollout(decision) if isinstance(decision, ServingPlan) and is_served else None
    manifests = render(decision, rollout) if isinstance(decision, ServingPlan) else None
    observation = _observe(folder, decision, manifests)
    revision = manifests.revision if manifests else None
    status = compute_status(decision, observation, revision, parse_status(body), NOW, rollout)
    texts = [dump_yaml(_leave_out_program(manifest)) for manifest in manifests or ()]
    return Outcome("---\n".join(texts) or NOTHING_RENDERED, dump_yaml(dump_status(status)))


def _read(path: Path) -> Mapping[str, Any]:
    document: Mapping[str, Any] = yaml.safe_load(path.read_text()) or {}
    return document


def _leave_out_program(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put a name in place of the probe's text, which is a file of its own; the hashes are those of the whole."""
    shortened: Mapping[str, Any] = _replace(manifest, render_probe_command()[-1], PROGRAM)
    return shortened


def _replace(value: Any, text: str, name: str) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, Mapping):
        return {key: _replace(each, text, name) for key, each in value.items()}
    if isinstance(value, list):
        return [_replace(each, text, name) for each in value]
    return name if value == text else value


def _name_serving(deployment: ParsedDeployment, facts: Facts, config: OperatorConfig) -> Facts:
    """Give what serves its revision, which is that of the template whatever serves."""
    if facts.serving is None or facts.serving.revision != DESIRED:
        return facts
    plan = make_plan(deployment, facts, config, load_catalog())
    revision = render(plan).revision if isinstance(plan, ServingPlan) else None
    return replace(facts, serving=replace(facts.serving, revision=revision or ""))


def _observe(folder: Path, decision: ServingPlan | Rejection, manifests: Manifests | None) -> Observation:
    path = folder / "observation.yaml"
    if path.exists():
        given = TypeAdapter(Observation).validate_python(_read(path))
        return _name_revision(given, manifests.revision if manifests else None)
    if not isinstance(decision, ServingPlan) or manifests is None:
        return Observation()
    return _come_true(decision, manifests)


def _name_revision(observation: Observation, revision: str | None) -> Observation:
    pods = tuple(
        replace(pod, revision=revision or "") if pod.revision == DESIRED else pod for pod in observation.server_pods
    )
    return replace(observation, server_pods=pods)


def _come_true(plan: ServingPlan, manifests: Manifests) -> Observation:
    """See everything that was rendered as it is once all controllers have done their work."""
    job = None
    if manifests.download_job is not None:
        state = JobState.COMPLETE if plan.cache.cached else JobState.ACTIVE
        job = ObservedJob(manifests.download_job["metadata"]["name"], state, 0, plan.cache.cached, None)
    claim = ObservedClaim(plan.cache.claim_name, bound=True) if plan.cache.claim_name else None
    if manifests.server is None:
        return Observation(job=job, claim=claim)
    pods = tuple(
        ObservedPod(
            name=f"{plan.identity.name}-{index}",
            revision=manifests.revision or "",
            created_at="2026-11-24T07:45:00Z",
            ready=True,
            unschedulable="",
            trouble=None,
        )
        for index in range(plan.replicas)
    )
    server = ObservedServer(replicas=len(pods), is_observed=True, deadline_message="")
    return Observation(
        server=server,
        server_pods=pods,
        job=job,
        claim=claim,
        verifications=_answer(plan, manifests.verify_job),
        scalers=_look_at_scale(manifests.scaler),
    )


def _look_at_scale(scaler: Mapping[str, Any] | None) -> tuple[ObservedScaler, ...]:
    return (ObservedScaler(scaler["kind"], has_looked=True, is_at_most=False, trouble=None),) if scaler else ()


def _answer(plan: ServingPlan, verify_job: Mapping[str, Any] | None) -> tuple[ObservedVerification, ...]:
    """Answer as expected; the engine reports the KV cache that was planned."""
    if verify_job is None:
        return ()
    engine = EngineReport(plan.kv_cache_tokens, f"{plan.max_concurrent_full_length}.25", ANSWER.answered_at)
    return (ObservedVerification(verify_job["metadata"]["name"], JobState.COMPLETE, 0, ANSWER, None, engine),)
