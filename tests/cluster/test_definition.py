"""The definition on a real API server: accepted, explained, defaulted, and refusing what CEL can refuse."""

import json
from pathlib import Path
from typing import Any

import pytest

from lab.control_plane import ControlPlane
from nemotron_operator.constants import QUEUE_LABEL
from tests.support.cluster import Namespace, a_resource, refusal_of

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))

HUB = {"repository": "org/name"}
CLAIM = {"claimName": "models", "path": "weights"}
OWN = {"persistentVolumeClaim": CLAIM}
IMAGE = {"ociImage": {"reference": "registry.example.com/models/nemotron:1"}}

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("neither name nor source", {"model": {}}, "set model.name, or model.source, or both"),
    ("two sources", {"model": {"source": {"huggingFace": HUB, "persistentVolumeClaim": CLAIM}}}, "exactly one of"),
    (
        "no source at all",
        {"model": {"source": {}}},
        "exactly one of huggingFace, s3, persistentVolumeClaim and ociImage",
    ),
    ("a path out of the volume", {"model": {"source": {"persistentVolumeClaim": {**CLAIM, "path": "../x"}}}}, "'..'"),
    ("no GPU", {"parallelism": {"tensor": 0}}, "spec.parallelism.tensor"),
    ("a temperature as a number", {"engine": {"sampling": {"temperature": 0.7}}}, "must be of type string"),
    ("a temperature beyond the scale", {"engine": {"sampling": {"temperature": "12"}}}, "spec.engine.sampling"),
    ("all of the memory", {"engine": {"gpuMemoryUtilizationPercent": 100}}, "less than or equal to 99"),
    ("an unknown number format", {"engine": {"kvCacheDtype": "int3"}}, '"auto", "bfloat16", "fp8"'),
    ("a context in words", {"engine": {"maxModelLen": "long"}}, "spec.engine.maxModelLen"),
    ("a context of no use", {"engine": {"maxModelLen": 1}}, "spec.engine.maxModelLen"),
    ("no pipeline stage", {"parallelism": {"pipeline": 0}}, "spec.parallelism.pipeline"),
    ("two values for one variable", {"engine": {"env": [{"name": "A"}]}}, "exactly one of value and secretKeyRef"),
    ("a size beside an existing claim", {"cache": {"existingClaim": "a", "size": "1Gi"}}, "has its own size"),
    ("a size for an image", {"model": {"source": IMAGE}, "cache": {"size": "1Gi"}}, "need no volume"),
    ("a check of an image", {"model": {"source": IMAGE}, "cache": {"verify": "OnStart"}}, "and cache.verify"),
    ("a size for a volume of the user's", {"model": {"source": OWN}, "cache": {"size": "1Gi"}}, "need no other"),
    ("deleting it", {"model": {"source": OWN}, "cache": {"retention": "Delete"}}, "never resized or deleted"),
    ("more at least than at most", {"autoscaling": {"minReplicas": 3, "maxReplicas": 2}}, "not be larger than max"),
    ("nobody who would wake it", {"autoscaling": {"minReplicas": 0, "maxReplicas": 2}}, "needs `by: KEDA` and"),
    ("a negative number of replicas", {"replicas": -1}, "spec.replicas"),
    ("a certificate of two origins", {"tls": {"secretName": "a", "certManager": {"issuerName": "b"}}}, "exactly one"),
    ("a queue that is named twice", {"queueName": "a", "podTemplate": {"labels": {QUEUE_LABEL: "b"}}}, "pods twice"),
    ("a route from nowhere", {"route": {"gateways": []}}, "spec.route.gateways"),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_accepted(example: Path, namespace: Namespace) -> None:
    assert "created (server dry run)" in namespace.kubectl("create", "--dry-run=server", "-f", str(example))


@pytest.mark.parametrize("context", [4096, "auto"])
def test_a_context_is_a_number_or_left_to_the_plan(context: int | str, namespace: Namespace) -> None:
    body = a_resource()
    body["spec"]["engine"] = {"maxModelLen": context}
    answer = namespace.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", input=json.dumps(body))
    assert context == json.loads(answer)["spec"]["engine"]["maxModelLen"]


@pytest.mark.parametrize(("spec", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_the_schema_can_refuse_is_refused_with_the_field(
    spec: dict[str, Any], words: str, namespace: Namespace
) -> None:
    body = a_resource()
    body["spec"].update(spec)

    assert words in refusal_of(
        lambda: namespace.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(body))
    )


@pytest.mark.parametrize("name", ["9b", "a" * 49, "with.dot"])
def test_a_name_that_no_service_can_have_is_refused(name: str, namespace: Namespace) -> None:
    body = json.dumps(a_resource(name))

    assert "metadata.name must be at most 48 characters" in refusal_of(
        lambda: namespace.kubectl("create", "--dry-run=server", "-f", "-", input=body)
    )


def test_a_typo_in_a_field_is_refused_and_named(namespace: Namespace) -> None:
    body = json.dumps(a_resource(engine={"maxModelLenght": 4096}))

    assert 'unknown field "spec.engine.maxModelLenght"' in refusal_of(
        lambda: namespace.kubectl("create", "--dry-run=server", "-f", "-", input=body)
    )


def test_a_volume_only_grows_and_keeps_its_class(namespace: Namespace) -> None:
    namespace.apply(a_resource(replicas=0, cache={"size": "200Gi", "storageClassName": "lab-standard"}))

    smaller = refusal_of(lambda: namespace.patch("nemo", "nemotron", {"spec": {"cache": {"size": "100Gi"}}}))
    other = refusal_of(lambda: namespace.patch("nemo", "nemotron", {"spec": {"cache": {"storageClassName": "other"}}}))

    assert ("a volume only grows" in smaller, "cannot change" in other) == (True, True)


def test_kubectl_explain_reads_like_a_manual(plane: ControlPlane) -> None:
    manual = plane.kubectl("explain", "nemo.spec.engine.maxModelLen")

    assert ("in tokens" in manual, "Default:" in manual, "Example:" in manual) == (True, True, True)


def test_a_new_resource_is_in_progress_before_the_operator_has_seen_it(plane: ControlPlane) -> None:
    schema = json.loads(plane.kubectl("get", "crd", "nemotrondeployments.nemotron.dev", "-o", "json"))
    version = schema["spec"]["versions"][0]["schema"]["openAPIV3Schema"]

    assert version["properties"]["status"]["default"] == {"observedGeneration": -1}
