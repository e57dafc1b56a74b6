"""What another template changes, in words that a person can judge."""

from copy import deepcopy
from typing import Any

import pytest

from nemotron_operator.render.server_pod import render_server_pod
from nemotron_operator.rollout.differences import LONGEST_DIFFERENCE, MOST_DIFFERENCES, list_differences
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.plans import plan_cached
from tests.unit.rollout.world import a_template, show

JSON = dict[str, Any]

BEFORE: JSON = {
    "metadata": {"labels": {"app": "x"}, "annotations": {"nemotron.dev/logging": "{...}"}},
    "spec": {
        "terminationGracePeriodSeconds": 165,
        "initContainers": [
            {"name": "probe", "image": "vllm:1", "command": ["python3", "-c", "import os\n"], "args": ["--port=1"]}
        ],
        "containers": [
            {
                "name": "vllm",
                "image": "vllm:1",
                "args": ["/models/c", "--served-model-name", "a", "b", "--max-num-seqs=1024", "--x"],
                "env": [
                    {"name": "HOME", "value": "/scratch"},
                    {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                ],
                "startupProbe": {"periodSeconds": 2},
                "resources": {"limits": {"nvidia.com/gpu": "2"}, "requests": {"memory": "36Gi"}},
            }
        ],
        "volumes": [{"name": "models", "persistentVolumeClaim": {"claimName": "c"}}],
    },
}


def changed(**changes: Any) -> JSON:  # noqa: ANN401 - any field of a container
    """Change fields of the engine's container."""
    after = deepcopy(BEFORE)
    after["spec"]["containers"][0] |= changes
    return after


def engine_args(*arguments: str) -> JSON:
    return changed(args=["/models/c", "--served-model-name", "a", "b", *arguments])


def in_pod(path: str, value: Any) -> JSON:  # noqa: ANN401 - any field of a pod
    after = deepcopy(BEFORE)
    *parents, last = path.split(".")
    part = after
    for parent in parents:
        part = part[parent]
    part[last] = value
    return after


def in_sidecar(**changes: Any) -> JSON:  # noqa: ANN401 - any field of a container
    return in_pod("spec.initContainers", [{**BEFORE["spec"]["initContainers"][0], **changes}])


def with_env(*variables: JSON) -> JSON:
    return changed(env=[*BEFORE["spec"]["containers"][0]["env"], *variables])


OTHER_SECRET = {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "other", "key": "k"}}}


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (changed(image="vllm:2"), ("image vllm:1 -> vllm:2",)),
        (engine_args("--max-num-seqs=512", "--x"), ("argument --max-num-seqs=1024 -> 512",)),
        (engine_args("--max-num-seqs=1024"), ("argument removed: --x",)),
        (engine_args("--max-num-seqs=1024", "--x", "--y=1"), ("argument added: --y=1",)),
        (engine_args("--max-num-seqs=1024", "--x=1"), ("argument --x -> 1",)),
        (changed(args=["/models/d", *BEFORE["spec"]["containers"][0]["args"][1:]]),
         ("argument /models/c -> /models/d",)),
        (changed(args=["/models/c", "--served-model-name", "a", "--max-num-seqs=1024", "--x"]),
         ("argument --served-model-name=a b -> a",)),
        (with_env({"name": "NEW", "value": "1"}), ("environment variable NEW added",)),
        (changed(env=BEFORE["spec"]["containers"][0]["env"][:1]), ("environment variable KEY removed",)),
        (changed(env=[{"name": "HOME", "value": "/tmp"}, BEFORE["spec"]["containers"][0]["env"][1]]),  # noqa: S108 - a word
         ("environment variable HOME=/scratch -> /tmp",)),
        (changed(env=[BEFORE["spec"]["containers"][0]["env"][0], OTHER_SECRET]),
         ("environment variable KEY has another source",)),
        (changed(env=[BEFORE["spec"]["containers"][0]["env"][0], {"name": "KEY", "value": "secret"}]),
         ("environment variable KEY has another source",)),
        (changed(resources={"limits": {"nvidia.com/gpu": "4"}, "requests": {"memory": "36Gi"}}),
         ("limits nvidia.com/gpu=2 -> 4",)),
        (changed(startupProbe={"periodSeconds": 5}), ("startupProbe changed",)),
        (changed(terminationMessagePolicy="File"), ("terminationMessagePolicy changed",)),
        (in_sidecar(command=["python3", "-c", "import sys\n"]), ("the probe's program",)),
        (in_sidecar(args=["--port=2"]), ("the probe's argument --port=1 -> 2",)),
        (in_sidecar(image="vllm:2"), ("the probe's image vllm:1 -> vllm:2",)),
        (in_pod("spec.initContainers", []), ("container removed: probe",)),
        (in_pod("spec.terminationGracePeriodSeconds", 645), ("terminationGracePeriodSeconds=165 -> 645",)),
        (in_pod("metadata.annotations", {"nemotron.dev/logging": "{}"}), ("annotation nemotron.dev/logging changed",)),
        (in_pod("metadata.labels", {"app": "x", "team": "a"}), ("label team added",)),
        (in_pod("spec.volumes", [{"name": "models", "image": {"reference": "r"}}]), ("volume models changed",)),
        (in_pod("spec.nodeSelector", {"a": "b"}), ("nodeSelector changed",)),
        (BEFORE, ()),
    ],
)  # fmt: skip
def test_a_change_is_told_by_name(after: JSON, expected: tuple[str, ...]) -> None:
    assert expected == list_differences(BEFORE, after)


def test_the_most_telling_comes_first() -> None:
    after = changed(image="vllm:2", args=["/models/c", "--y"], startupProbe={})
    told = list_differences(BEFORE, after)
    assert ("image vllm:1 -> vllm:2", "startupProbe changed") == (told[0], told[-1])


def test_many_and_long_differences_are_bounded() -> None:
    after = engine_args("--" + "x" * 500, *(f"--argument-{number}=1" for number in range(40)))
    told = list_differences(BEFORE, after)
    assert MOST_DIFFERENCES + 1 == len(told)
    assert "and 31 more" == told[-1]
    assert LONGEST_DIFFERENCE == max(map(len, told))


def test_a_long_value_is_told_by_its_beginning() -> None:
    (told,) = list_differences(BEFORE, with_value("x" * 4096))
    assert f"environment variable HOME=/scratch -> {'x' * 57}..." == told


def with_value(value: str) -> JSON:
    return changed(env=[{"name": "HOME", "value": value}, BEFORE["spec"]["containers"][0]["env"][1]])


def test_defaults_that_the_api_server_wrote_out_are_no_differences() -> None:
    assert ("image vllm:1 -> vllm:2",) == list_differences(show(a_template("1")), a_template("2"))
    assert ("what has its default is written out",) == list_differences(show(a_template("1")), a_template("1"))


def test_no_value_from_a_secret_and_no_program_is_told_of_real_pods() -> None:
    plain = render_server_pod(plan_cached(a_deployment()))
    keyed = render_server_pod(plan_cached(a_deployment().with_api_key("the-secret", "the-key").with_tensor(4)))
    told = " ".join((*list_differences(plain, keyed), *list_differences(keyed, plain)))
    assert "VLLM_API_KEY added" in told
    assert "argument --tensor-parallel-size=2 -> 4" in told
    assert not {"the-secret", "the-key", "import"} & set(told.replace(";", " ").split())
