"""What tells a changed wish from a changed operator: each field of the spec is decided here, also a new one."""

import inspect
from collections.abc import Iterator
from dataclasses import replace
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from nemotron_operator.api.spec import NemotronDeploymentSpec
from nemotron_operator.plan.adapters import plan_adapters
from nemotron_operator.plan.facts import InspectedModel
from nemotron_operator.plan.inputs import hash_inputs
from nemotron_operator.plan.serving_plan import CachePlan
from nemotron_operator.render.server_pod import render_server_pod
from tests.support.fixtures.deployments import DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import plan_cached, resolve

CACHE = plan_cached(a_deployment()).cache

WHOLE = {"autoscaling", "inferencePool", "model.source", "networkPolicy", "route", "tls"}
"""Parts that count as one: they are there or not."""

SHOWN: dict[str, Any] = {
    "accelerator": "H200",
    "apiKeySecretRef.key": "other",
    "apiKeySecretRef.name": "other",
    "engine.env": [{"name": "A", "value": ""}],
    "engine.extraArgs": ["--enable-prefix-caching"],
    "engine.gpuMemoryUtilizationPercent": 90,
    "engine.image": "vllm/vllm-openai:v0.33.0",
    "engine.kvCacheDtype": "fp8",
    "engine.lora.loading": "Live",
    "engine.lora.maxLoaded": 8,
    "engine.lora.maxRank": 64,
    "engine.maxModelLen": 4096,
    "engine.maxNumBatchedTokens": 4096,
    "engine.maxNumSeqs": 16,
    "engine.sampling.maxTokens": 512,
    "engine.sampling.temperature": "0.1",
    "engine.sampling.topP": "0.5",
    "model.adapters": [{"name": "sql", "path": "loras/sql"}],
    "model.name": "nvidia/Llama-3.1-Nemotron-70B-Instruct-HF",
    "model.servedNames": ["a"],
    "model.trustRemoteCode": True,
    "parallelism.nodes": 2,
    "parallelism.pipeline": 2,
    "parallelism.tensor": 4,
    "podTemplate.annotations": {"a": "b"},
    "podTemplate.cpu": "32",
    "podTemplate.imagePullSecrets": ["registry"],
    "podTemplate.labels": {"a": "b"},
    "podTemplate.memory": "256Gi",
    "podTemplate.nodeSelector": {"a": "b"},
    "podTemplate.priorityClassName": "production",
    "podTemplate.runtimeClassName": "nvidia",
    "podTemplate.tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "rollout.drainSeconds": 600,
    "service.port": 9000,
    "tls": {"secretName": "nemotron-tls"},
}
"""Fields that pods show, with another value than the default."""

NOT_SHOWN: dict[str, Any] = {
    "autoscaling": {"maxReplicas": 4},
    "cache.accessModes": ["ReadWriteMany"],
    "cache.existingClaim": "mine",
    "cache.retention": "Delete",
    "cache.size": "200Gi",
    "cache.storageClassName": "fast",
    "cache.verify": "Schedule",
    "cache.verifyIntervalHours": 24,
    "inferencePool": {"endpointPicker": {"serviceName": "nemotron-epp"}},
    "model.source": {"huggingFace": {"repository": "my-org/copy"}},
    "networkPolicy": {"clients": [{"podLabels": {"app": "chat"}}]},
    "planPolicy": "Warn",
    "queueName": "team-a",
    "replicas": 3,
    "rollout.strategy": "Surge",
    "route": {"gateways": [{"name": "inference"}]},
    "suspend": True,
    "verification.expect": "x",
    "verification.mode": "Never",
    "verification.prompt": "x",
}
"""Fields that no pod shows, or only by where the weights are then."""

DEFAULTS: dict[str, Any] = {
    "accelerator": None,
    "engine": {},
    "engine.kvCacheDtype": "auto",
    "engine.sampling": {},
    "model.trustRemoteCode": False,
    "parallelism": {},
    "podTemplate": {"labels": {}},
    "replicas": 1,
    "rollout": {"strategy": "Auto", "drainSeconds": None},
    "service": {"port": 8000},
    "suspend": False,
}
"""Defaults that somebody may write out."""


def list_fields(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """List the paths of all fields; what is there or not counts as one."""
    for field in model.model_fields.values():
        path = f"{prefix}{field.alias}"
        part = None if path in WHOLE else find_model(field.annotation)
        if part is None:
            yield path
        else:
            yield from list_fields(part, f"{path}.")


def find_model(annotation: object) -> type[BaseModel] | None:
    """Find the model of a field that holds one, or may."""
    members = get_args(annotation) if get_origin(annotation) in {Union, UnionType} else (annotation,)
    models = (each for each in members if inspect.isclass(each) and issubclass(each, BaseModel))
    return next(models, None)


def hash_of(deployment: DeploymentBuilder, cache: CachePlan = CACHE) -> str:
    return hash_inputs(deployment.parsed.spec, cache, plan_adapters(resolve(deployment), cache))


def complete(deployment: DeploymentBuilder, path: str) -> DeploymentBuilder:
    """Add what the field cannot be without."""
    is_guarded = path.startswith(("apiKeySecretRef", "engine.lora.loading"))
    return deployment.with_api_key("key", "key") if is_guarded else deployment


def test_every_field_of_the_spec_is_decided() -> None:
    """A field that is new belongs into one of the two, and if no pod shows it, into `_NOT_IN_PODS`."""
    assert set(list_fields(NemotronDeploymentSpec)) == set(SHOWN) | set(NOT_SHOWN)
    assert set() == set(SHOWN) & set(NOT_SHOWN)


@pytest.mark.parametrize("path", sorted(SHOWN))
def test_a_field_that_pods_show_makes_other_inputs(path: str) -> None:
    before = complete(a_deployment(), path)
    assert hash_of(before) != hash_of(before.having(path, SHOWN[path]))


@pytest.mark.parametrize("path", sorted(NOT_SHOWN))
def test_a_field_that_no_pod_shows_does_not(path: str) -> None:
    assert hash_of(a_deployment()) == hash_of(a_deployment().having(path, NOT_SHOWN[path]))


@pytest.mark.parametrize("path", sorted(path for path in NOT_SHOWN if not path.startswith(("cache.", "model."))))
def test_a_field_that_no_pod_shows_is_in_no_pod(path: str) -> None:
    changed = a_deployment().having("cache.accessModes", ["ReadWriteMany"]).having(path, NOT_SHOWN[path])
    assert render_server_pod(plan_cached(a_deployment())) == render_server_pod(plan_cached(changed))


@pytest.mark.parametrize("path", sorted(DEFAULTS))
def test_a_default_that_is_written_out_does_not(path: str) -> None:
    assert hash_of(a_deployment()) == hash_of(a_deployment().having(path, DEFAULTS[path]))


@pytest.mark.parametrize(
    "change",
    [
        {"claim_name": "other"},
        {"claim_name": None, "image": "registry.example.com/model:1"},
        {"compiled_key": None},
        {"is_for_one_node": not CACHE.is_for_one_node},
        {"start_check_image": "checker"},
        {"cached": None, "provided_path": "other"},
    ],
    ids="-".join,
)
def test_where_the_weights_are_makes_other_inputs(change: dict[str, Any]) -> None:
    assert hash_of(a_deployment()) != hash_of(a_deployment(), replace(CACHE, **change))


@pytest.mark.parametrize(
    "change",
    [
        {"compiled_key": "of-another-engine"},
        {"doubts": ("Slow.",)},
        {"inspected": InspectedModel(1, 1, None)},
        {"is_recorded": not CACHE.is_recorded},
        {"start_check_image": None},
    ],
    ids="-".join,
)
def test_how_they_got_there_does_not(change: dict[str, Any]) -> None:
    assert hash_of(a_deployment()) == hash_of(a_deployment(), replace(CACHE, **change))


def test_the_hash_of_a_spec_is_the_same_in_every_version() -> None:
    """Another hash would replace every pod of every model at the next upgrade: change this test for nothing less."""
    cache = CachePlan("models", None, None, None, is_recorded=True, provided_path="nemotron", is_for_one_node=True)
    assert "34061e5a76b9" == hash_of(a_deployment(), cache)
    demanding = a_deployment().with_tensor(8).with_env(A="b").having("rollout.drainSeconds", 600)
    assert "0c0ba88f9eca" == hash_of(demanding, cache)
