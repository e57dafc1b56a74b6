import math
import re
from typing import Any

import pytest

from nemotron_operator.api.spec import NemotronDeploymentSpec
from nemotron_operator.api.status import NemotronDeploymentStatus
from nemotron_operator.api.v1alpha1 import (
    Identity,
    InvalidDeployment,
    ParsedDeployment,
    identify,
    parse_deployment,
    parse_status,
)
from tests.support.fixtures.deployments import FP8, REMOVED, DeploymentBuilder, a_deployment


def refusal(deployment: DeploymentBuilder) -> str:
    parsed = parse_deployment(deployment.body)
    assert isinstance(parsed, InvalidDeployment), "it was read"
    return parsed.message


def test_a_model_name_is_enough_and_everything_else_has_a_default() -> None:
    spec = a_deployment().parsed.spec
    assert FP8 == spec.model.name
    assert (1, False, 8000, "Enforce") == (spec.replicas, spec.suspend, spec.service.port, spec.plan_policy)
    assert (None, None, None) == (spec.parallelism.tensor, spec.engine.max_model_len, spec.accelerator)


def test_a_parsed_resource_knows_which_one_it_is() -> None:
    body = {"metadata": {"namespace": "team", "name": "a", "uid": "u", "generation": 7}}
    assert Identity(namespace="team", name="a", uid="u", generation=7) == identify(body)


def test_a_body_from_a_file_needs_no_more_than_a_name() -> None:
    assert Identity(namespace="default", name="a", uid="", generation=0) == identify({"metadata": {"name": "a"}})
    assert Identity(namespace="default", name="", uid="", generation=0) == identify({})


def test_every_field_of_a_full_resource_is_read() -> None:
    deployment = (
        a_deployment()
        .with_accelerator("H200")
        .with_tensor(4)
        .with_max_model_len(8192)
        .with_replicas(2)
        .with_private_repository("org/copy", "hub", "token")
        .with_api_key("keys", "api")
        .having("engine.sampling", {"temperature": "0.2", "topP": "1", "maxTokens": 9})
        .having("engine.env", [{"name": "A", "secretKeyRef": {"name": "s", "key": "k"}}])
        .having("podTemplate.tolerations", [{"key": "dedicated", "operator": "Exists"}])
    )
    spec = deployment.parsed.spec
    assert deployment.body["spec"] == spec.model_dump(mode="json", by_alias=True, exclude_unset=True)


@pytest.mark.parametrize(
    ("path", "value", "field", "words"),
    [
        ("model", REMOVED, "spec.model", "is required"),
        ("model", {}, "spec.model", "set model.name, or model.source, or both"),
        (
            "model.source",
            {},
            "spec.model.source",
            "set exactly one of huggingFace, s3, persistentVolumeClaim and ociImage",
        ),
        (
            "model.source.huggingFace",
            {},
            "spec.model.source.huggingFace.repository",
            "is required",
        ),
        ("engine.env", [{"name": "A"}], "spec.engine.env[0]", "set exactly one of value and secretKeyRef"),
        (
            "cache",
            {"existingClaim": "mine", "size": "1Gi"},
            "spec.cache",
            "remove cache.size and cache.storageClassName",
        ),
        (
            "engine.maxModelLength",
            4096,
            "spec.engine.maxModelLength",
            "is not a field of nemotron.dev/v1alpha1 NemotronDeployment; did you mean maxModelLen?",
        ),
        ("replica", 2, "spec.replica", "did you mean replicas?"),
        ("image", "a/b:1", "spec.image", "remove it or correct its spelling"),
        ("podTemplate.hostNetwork", True, "spec.podTemplate.hostNetwork", "remove it or correct its spelling"),
        ("replicas", "two", "spec.replicas", "should be a valid integer"),
        ("replicas", -1, "spec.replicas", "greater than or equal to 0"),
        ("parallelism.tensor", 65, "spec.parallelism.tensor", "less than or equal to 64"),
        ("engine.maxModelLen", 4096.5, "spec.engine.maxModelLen", "a whole number of tokens from 256 to"),
        ("engine.maxModelLen", 255, "spec.engine.maxModelLen", "from 256 to 10000000, or auto"),
        ("engine.maxModelLen", "4096", "spec.engine.maxModelLen", "or auto"),
        ("engine.maxModelLen", True, "spec.engine.maxModelLen", "or auto"),
        ("engine.kvCacheDtype", "int4", "spec.engine.kvCacheDtype", "should be 'auto', 'bfloat16' or 'fp8'"),
        ("engine.extraArgs", "--seed=1", "spec.engine.extraArgs", "must be a list, such as [--seed=1]"),
        ("engine.extraArgs", "--a 1", "spec.engine.extraArgs", 'must be a list, such as ["--a 1"]'),
        ("cache.accessModes", "ReadWriteMany", "spec.cache.accessModes", "must be a list, such as [ReadWriteMany]"),
        ("engine.env", {"A": "1"}, "spec.engine.env", "must be a list"),
        ("engine.env", "A=1", "spec.engine.env", "must be a list (found 'A=1')"),
        ("model.servedNames", 1, "spec.model.servedNames", "must be a list (found 1)"),
        ("engine.gpuMemoryUtilizationPercent", math.inf, "spec.engine.gpuMemoryUtilizationPercent", "whole percent"),
        ("engine.gpuMemoryUtilizationPercent", math.nan, "spec.engine.gpuMemoryUtilizationPercent", "whole percent"),
        ("podTemplate.labels", "team", "spec.podTemplate.labels", "must be a mapping"),
        (
            "engine.gpuMemoryUtilizationPercent",
            0.9,
            "spec.engine.gpuMemoryUtilizationPercent",
            "must be whole percent from 10 to 99: did you mean 90? (found 0.9)",
        ),
        (
            "engine.gpuMemoryUtilizationPercent",
            100,
            "spec.engine.gpuMemoryUtilizationPercent",
            "must be whole percent from 10 to 99 (found 100)",
        ),
        (
            "autoscaling",
            {"maxReplicas": 2, "kvCacheUsagePercent": 0.7},
            "spec.autoscaling.kvCacheUsagePercent",
            "must be whole percent from 1 to 100: did you mean 70?",
        ),
        ("engine.env", [{"names": "A", "value": "1"}], "spec.engine.env[0].name", "spec.engine.env[0].names: "),
        ("engine.env", [{"name": "A", "values": "1"}], "spec.engine.env[0].values", "did you mean value?"),
        ("engine.sampling.temperature", 0.7, "spec.engine.sampling.temperature", "must be text: write it in quotes"),
        ("engine.sampling.topP", "1.1", "spec.engine.sampling.topP", "should match pattern"),
        ("cache.size", "80GiB", "spec.cache.size", "such as 200Gi"),
        ("cache", "80Gi", "spec.cache", "must be a mapping with fields of its own"),
        ("suspend", "maybe", "spec.suspend", "should be a valid boolean"),
        ("podTemplate.labels", {"team": "a b"}, "spec.podTemplate.labels.team", "should match pattern"),
        ("accelerator", "", "spec.accelerator", "at least 1 character"),
        (
            "model.source",
            {"persistentVolumeClaim": {"claimName": "Team", "path": "a"}},
            "spec.model.source.persistentVolumeClaim.claimName",
            "must be lower case letters, digits, '-' and '.'",
        ),
        (
            "model.source",
            {"persistentVolumeClaim": {"claimName": "team", "path": "/absolute"}},
            "spec.model.source.persistentVolumeClaim.path",
            "must be a relative directory",
        ),
        (
            "model.source",
            {"s3": {"bucket": "My_Bucket", "prefix": "a"}},
            "spec.model.source.s3.bucket",
            "must be lower case letters",
        ),
        (
            "model.source",
            {"huggingFace": {"repository": "nvidia"}},
            "spec.model.source.huggingFace.repository",
            "must be ORGANISATION/NAME",
        ),
        (
            "model.source",
            {"huggingFace": {"repository": "a/b", "endpoint": "hub.example.com"}},
            "spec.model.source.huggingFace.endpoint",
            "must be a URL with http:// or https://",
        ),
    ],
)
def test_a_refusal_names_the_field_and_the_way_out(path: str, value: object, field: str, words: str) -> None:
    message = refusal(a_deployment().having(path, value))
    assert message.startswith(f"{field}: "), message
    assert words in message, message


@pytest.mark.parametrize("value", ["two", -1, 12.5, None, [3]])
def test_a_refusal_of_a_wrong_value_repeats_it(value: object) -> None:
    assert f"(found {value!r})" in refusal(a_deployment().having("replicas", value))


def test_a_refusal_names_every_wrong_field() -> None:
    message = refusal(a_deployment().having("replicas", -1).having("typo", 1).having("service.port", 0))
    assert {"spec.service.port", "spec.replicas", "spec.typo"} == set(re.findall(r"(?:^|; )(spec\.[\w.]+):", message))


def test_a_refusal_says_how_many_more_fields_are_wrong() -> None:
    message = refusal(a_deployment().having("engine.extraArgs", [1, 2, 3, 4, 5, 6, 7]))
    assert 5 == message.count("must be text: write it in quotes")
    assert message.endswith("; and 2 more")


@pytest.mark.parametrize(
    ("route", "words"),
    [
        ({"gateways": [{"names": "inference"}]}, ["spec.route.gateways[0].name: is required"]),
        ({"gateways": []}, ["spec.route.gateways: ", "at least 1 item"]),
    ],
)
def test_a_list_whose_items_are_wrong_is_not_called_short_too(route: dict[str, Any], words: list[str]) -> None:
    message = refusal(a_deployment().having("route", route))
    assert [] == [word for word in words if word not in message]
    assert ("at least" in words[-1]) == ("at least" in message)


@pytest.mark.parametrize("spec", [[], "text", 3, ["model"]])
def test_a_spec_that_is_no_object_is_a_refusal_too(spec: object) -> None:
    assert refusal(DeploymentBuilder({"metadata": {"name": "a"}, "spec": spec})).startswith("spec")


@pytest.mark.parametrize("name", ["--trust-remote-code", "-a", "", "a b", ".a"])
def test_a_served_name_that_reads_as_an_argument_is_refused(name: str) -> None:
    """It follows --served-model-name: with a dash in front it would be an argument that nobody allowed."""
    assert "spec.model.servedNames[1]" in refusal(a_deployment().having("model.servedNames", ["a", name]))


@pytest.mark.parametrize("path", ["..", "../other", "models/../../other"])
def test_a_path_that_leaves_the_volume_is_refused(path: str) -> None:
    assert "path" in refusal(a_deployment().with_provided_weights("team-models", path))


@pytest.mark.parametrize(
    ("path", "value"),
    [("replicas", "2"), ("replicas", True), ("suspend", "yes"), ("suspend", 1), ("engine.maxModelLen", "4096")],
)
def test_what_the_api_server_would_refuse_by_its_type_is_refused(path: str, value: object) -> None:
    refusal(a_deployment().having(path, value))


@pytest.mark.parametrize("field", ["labels", "annotations", "nodeSelector"])
@pytest.mark.parametrize("key", ["not a key!", "a/b/c", "/a", "a/", "-a", "x" * 64, "\U0001f600", ""])
def test_a_key_that_no_label_can_have_is_refused(field: str, key: str) -> None:
    assert f"spec.podTemplate.{field}" in refusal(a_deployment().having(f"podTemplate.{field}", {key: "x"}))


@pytest.mark.parametrize("key", ["batch.kubernetes.io/job-name", "controller-uid", "pod-template-hash", "job-name"])
def test_a_label_that_a_controller_keeps_for_itself_is_refused(key: str) -> None:
    message = refusal(a_deployment().having("podTemplate.labels", {key: "x"}))
    assert "labels of the Job and Deployment controllers cannot be set" in message


@pytest.mark.parametrize("key", ["team", "example.com/team", "a" * 253 + "/" + "b" * 63, "A_b.c-d"])
def test_a_key_that_a_label_can_have_is_read(key: str) -> None:
    assert {key: "x"} == a_deployment().having("podTemplate.labels", {key: "x"}).parsed.spec.pod_template.labels


@pytest.mark.parametrize(
    ("toleration", "words"),
    [
        ({}, "without a key the operator must be Exists"),
        ({"operator": "Equal", "value": "x"}, "without a key the operator must be Exists"),
        ({"key": "a", "operator": "Exists", "value": "x"}, "with the operator Exists there is no value"),
        ({"key": "not a key!", "operator": "Exists"}, "should match pattern"),
        ({"key": "a", "value": "not a value!"}, "should match pattern"),
    ],
)
def test_a_toleration_that_no_pod_can_have_is_refused(toleration: dict[str, str], words: str) -> None:
    message = refusal(a_deployment().having("podTemplate.tolerations", [toleration]))
    assert message.startswith("spec.podTemplate.tolerations[0]")
    assert words in message


@pytest.mark.parametrize("value", ["0", "0.0", "0.0000", "1.1", "2", "-0.5", ".5"])
def test_a_nucleus_of_nothing_or_more_than_all_is_refused(value: str) -> None:
    """vLLM refuses every request that would get it."""
    assert "spec.engine.sampling.topP" in refusal(a_deployment().having("engine.sampling.topP", value))


def test_a_wrong_value_of_any_length_is_repeated_at_most_in_part() -> None:
    assert len(refusal(a_deployment().having("engine.image", "x" * 40_000))) < 1000


@pytest.mark.parametrize("name", ["a..b", "a.-b", "a-.b"])
def test_a_name_that_no_object_can_have_is_refused(name: str) -> None:
    assert "spec.podTemplate.priorityClassName" in refusal(a_deployment().having("podTemplate.priorityClassName", name))


def test_a_variable_that_is_set_twice_is_refused() -> None:
    twice = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    assert "spec.engine.env" in refusal(a_deployment().having("engine.env", twice))


@pytest.mark.parametrize("name", ["", "a" * 49, "70b", "Nemotron", "a.b", "a-"])
def test_a_name_that_cannot_become_a_service_is_refused(name: str) -> None:
    assert "metadata.name" in refusal(a_deployment().named(name))


def test_an_empty_status_is_not_observed_yet() -> None:
    assert -1 == parse_status({}).observed_generation
    assert NemotronDeploymentStatus() == parse_status({"status": None})


def test_a_status_that_cannot_be_read_counts_as_none() -> None:
    status: dict[str, Any] = {"observedGeneration": 3, "conditions": "none"}
    assert NemotronDeploymentStatus() == parse_status({"status": status})


def test_a_status_is_read_as_it_was_written() -> None:
    status = {
        "observedGeneration": 3,
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Serving",
                "message": "1 of 1 replicas serve.",
                "observedGeneration": 3,
                "lastTransitionTime": "2026-11-24T08:00:00Z",
            }
        ],
        "readyReplicas": 1,
    }
    assert status == parse_status({"status": status}).model_dump(mode="json", by_alias=True, exclude_unset=True)


def test_a_parsed_spec_cannot_be_changed() -> None:
    spec = a_deployment().parsed.spec
    with pytest.raises(ValueError, match="frozen"):
        spec.replicas = 3  # type: ignore[misc]


def test_parsing_reads_nothing_but_the_spec() -> None:
    body = a_deployment().body
    assert parse_deployment(body) == parse_deployment({**body, "status": {"conditions": []}})
    assert isinstance(parse_deployment(body), ParsedDeployment)
    assert NemotronDeploymentSpec.model_validate(body["spec"]) == a_deployment().parsed.spec


@pytest.mark.parametrize("length", ["auto", 256, 4096, 10_000_000])
def test_a_context_is_a_number_or_left_to_the_plan(length: int | str) -> None:
    assert length == a_deployment().with_max_model_len(length).parsed.spec.engine.max_model_len


def test_a_status_that_an_older_operator_wrote_still_parses() -> None:
    """What was added since is absent there: the engine's report, and what a plan tells of alternatives and cost."""
    plan = {
        "model": FP8,
        "accelerator": "H100-80GB",
        "tensorParallelSize": 2,
        "gpusPerReplica": 2,
        "gpus": 2,
        "maxModelLen": 131_072,
        "weightsBytesPerGpu": 36_346_793_984,
        "workingBytesPerGpu": 5_300_000_000,
        "kvBytesPerToken": 327_680,
        "kvCacheBytesPerGpu": 36_000_000_000,
        "kvCacheTokens": 220_000,
        "maxConcurrentFullLength": 1,
        "startupSeconds": 527,
        "startupBudgetSeconds": 1054,
    }
    status = parse_status(a_deployment().with_status({"observedGeneration": 3, "plan": plan}).body)
    assert status.plan is not None
    assert (220_000, None, None, None) == (
        status.plan.kv_cache_tokens,
        status.plan.kv_cache_bytes_per_gpu_range,
        status.plan.cost_per_hour,
        status.engine,
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [("size", "1Gi"), ("storageClassName", "fast"), ("existingClaim", "mine"), ("verify", "OnStart")],
)
def test_an_image_with_weights_needs_no_volume(field: str, value: str) -> None:
    image = a_deployment().with_weights_in_image("registry.example.com/models/nemotron:1")
    assert image.parsed.spec.model.source is not None
    assert f"cache.{field}" in refusal(image.having(f"cache.{field}", value))


@pytest.mark.parametrize(
    ("field", "value"),
    [("size", "1Gi"), ("storageClassName", "fast"), ("existingClaim", "other"), ("retention", "Delete")],
)
def test_weights_on_a_volume_of_the_users_need_no_other(field: str, value: str) -> None:
    own = a_deployment().with_provided_weights("mine", "models/a")
    assert own.parsed.spec.model.source is not None
    assert f"cache.{field}" in refusal(own.having(f"cache.{field}", value))


def test_a_queue_is_named_once() -> None:
    queued = a_deployment().having("queueName", "team-a")
    assert "team-a" == queued.parsed.spec.queue_name
    message = refusal(queued.having("podTemplate.labels", {"kueue.x-k8s.io/queue-name": "team-b"}))
    assert "remove the label" in message
