"""Another operator, or another configuration, restarts no model: what it would change waits until it is adopted."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import nemotron_operator
from lab.control_plane import ControlPlane
from tests.support.cluster import OPERATOR_CONFIG, Body, Namespace, RunningOperator, wait_until, wait_until_alone
from tests.support.gpu_pool import GpuPool
from tests.support.next_operator import NEW_ARGUMENT, NEXT_VERSION, running_instead, write_next_release

SERVERS = "nemotron.dev/component=server"
SMALL = {"tensor": 2}

CRASHING = {"annotations": {"lab.nemotron.dev/outcome": "crash-loop", "lab.nemotron.dev/message": "it fails"}}

ANSWERING = {
    "annotations": {
        "lab.nemotron.dev/answer-seconds": "0.5",
        "lab.nemotron.dev/answer": json.dumps(
            {
                "outcome": "Complete",
                "answer": "There are 3 r in strawberry.",
                "tokens": 9,
                "timeToFirstTokenMilliseconds": 182,
                "tokensPerSecond": "41.7",
                "kvCacheTokens": 100_000,
                "maxConcurrency": "0.76",
            }
        ),
    }
}
"""What the real verifier reports of a good answer."""


@pytest.fixture(scope="module")
def next_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of a later release."""
    return write_next_release(tmp_path_factory.mktemp("next"))


def _conditions(resource: Body) -> dict[str, dict[str, Any]]:
    return {each["type"]: each for each in resource.get("status", {}).get("conditions", [])}


def _list_ready(namespace: Namespace) -> set[str]:
    listed = namespace.list("nemo")
    return {each["metadata"]["name"] for each in listed if _conditions(each).get("Ready", {}).get("status") == "True"}


def _list_updates(namespace: Namespace) -> set[str]:
    return {each["metadata"]["name"] for each in namespace.list("nemo") if "UpdateAvailable" in _conditions(each)}


def _count_restarts(namespace: Namespace) -> dict[str, int]:
    """Count the restarts of each pod that is there, by its uid: a new pod would be a key more."""
    return {
        pod["metadata"]["uid"]: sum(
            each["restartCount"]
            for kind in ("containerStatuses", "initContainerStatuses")
            for each in pod["status"].get(kind, [])
        )
        for pod in namespace.list("pod")
    }


def _list_servers(namespace: Namespace) -> set[str]:
    return {pod["metadata"]["uid"] for pod in namespace.list("pod", SERVERS)}


def _list_generations(namespace: Namespace) -> dict[str, int]:
    return {each["metadata"]["name"]: each["metadata"]["generation"] for each in namespace.list("deployment")}


def _list_versions(namespace: Namespace) -> dict[str, str]:
    kinds = namespace.list("deployment,service,serviceaccount,pdb,job,nemo,controllerrevision")
    return {f"{each['kind']}/{each['metadata']['name']}": each["metadata"]["resourceVersion"] for each in kinds}


def _has_new_argument(namespace: Namespace) -> set[bool]:
    return {
        any(NEW_ARGUMENT in container.get("args", []) for container in pod["spec"]["containers"])
        for pod in namespace.list_staying_pods(SERVERS)
    }


def _read(namespace: Namespace) -> tuple[Body, dict[str, dict[str, Any]]]:
    resource = namespace.get("nemo", "nemotron")
    assert resource is not None
    return resource["status"], _conditions(resource)


class Fleet:
    """Ten resources that serve, each in its own way, and one whose rollout failed and was taken back."""

    def __init__(self, pool: GpuPool, namespace: Namespace) -> None:
        for _ in range(4):
            pool.add_node()
        bodies = [pool.a_resource(f"plain-{number}", parallelism=SMALL) for number in range(4)]
        bodies += [
            pool.a_resource("two-replicas", parallelism=SMALL, replicas=2),
            pool.a_resource("four-gpus", parallelism={"tensor": 4}, engine={"maxModelLen": 4096}),
            pool.a_resource("asked", parallelism=SMALL, verification={}, podTemplate=ANSWERING),
            pool.a_resource("checked", parallelism=SMALL, cache={**_MANY, "verify": "OnStart"}),
            pool.a_resource("own-arguments", parallelism=SMALL, engine={"extraArgs": ["--enforce-eager"]}),
            pool.a_resource("suspended", parallelism=SMALL),
            pool.a_resource("failed", parallelism=SMALL, rollout={"strategy": "Replace"}),
        ]
        self.names = {body["metadata"]["name"] for body in bodies}
        self.namespace = namespace
        namespace.apply(*bodies)
        wait_until("all serve", lambda: _list_ready(namespace) == self.names, seconds=90)
        crashing = pool.a_resource("failed", parallelism=SMALL, rollout={"strategy": "Replace"}, podTemplate=CRASHING)
        namespace.apply(crashing)
        namespace.patch("nemo", "suspended", {"spec": {"suspend": True}})
        wait_until("the failed one is taken back", self._is_settled)

    def _is_settled(self) -> bool:
        failed = self.namespace.get("nemo", "failed")
        suspended = self.namespace.list("pod", f"{SERVERS},nemotron.dev/deployment=suspended")
        return failed is not None and "is back: 1 of 1" in _conditions(failed)["Ready"]["message"] and not suspended


_MANY = {"accessModes": ["ReadWriteMany"]}


def test_an_upgraded_operator_makes_no_pod_and_restarts_none_of_eleven_models(
    pool: GpuPool, namespace: Namespace, operator: RunningOperator, plane: ControlPlane, next_release: Path
) -> None:
    fleet = Fleet(pool, namespace)
    before, generations, servers = _count_restarts(namespace), _list_generations(namespace), _list_servers(namespace)

    with running_instead(operator, plane, config=OPERATOR_CONFIG, package_folder=next_release) as upgraded:
        wait_until("updates are told", lambda: _list_updates(namespace) == fleet.names)
        wait_until_alone(namespace)
        time.sleep(2)
        after, serving = _count_restarts(namespace), _list_servers(namespace)
        writes, versions = upgraded.count_writes(), _list_versions(namespace)
        updates = [_conditions(each)["UpdateAvailable"]["message"] for each in namespace.list("nemo")]
        ready = _list_ready(namespace)
        time.sleep(3)
        writes_at_rest = upgraded.count_writes() - writes
        upgraded.component.stop()
        upgraded.restart()
        upgraded.wait_until_synced()
        time.sleep(3)

        assert servers == serving == _list_servers(namespace)
        assert after.items() <= before.items()
        assert _count_restarts(namespace).items() <= before.items()
        assert generations == _list_generations(namespace)
        assert fleet.names - {"failed", "suspended"} == ready
        assert len(fleet.names) == len([each for each in updates if NEW_ARGUMENT.partition("=")[0] in each])
        assert (0, 0) == (writes_at_rest, upgraded.count_writes())
        assert versions == _list_versions(namespace)


def test_another_configuration_restarts_no_model_and_says_what_it_would_change(
    pool: GpuPool, namespace: Namespace, operator: RunningOperator, plane: ControlPlane, tmp_path: Path
) -> None:
    pool.add_node()
    namespace.apply(pool.a_resource(parallelism=SMALL))
    namespace.wait_until_ready()
    before = _count_restarts(namespace)

    with running_instead(operator, plane, config=_write_config(tmp_path)):
        wait_until("the update is told", lambda: _list_updates(namespace))
        status, conditions = _read(namespace)

    update = conditions["UpdateAvailable"]
    assert ("True", "NewDefaults") == (update["status"], update["reason"])
    assert "vllm/vllm-openai:v0.33.1" in update["message"]
    assert "VLLM_LOGGING_LEVEL" in update["message"]
    assert f"nemoctl adopt nemotron -n {namespace.name}" in update["message"]
    assert "True" == conditions["Ready"]["status"]
    assert status["desiredRevision"] == status["servingRevision"] != status["rollout"]["availableRevision"]
    assert before == _count_restarts(namespace)
    wait_until("with the old configuration there is nothing to adopt", lambda: not _list_updates(namespace))
    assert before == _count_restarts(namespace)


def _write_config(folder: Path) -> Path:
    """Write a configuration with another image of the engine, and another variable."""
    shipped = yaml.safe_load((Path(nemotron_operator.__file__).parent / "default_config.yaml").read_text())
    profile = {**shipped["accelerators"]["H100-80GB"], "engineEnv": {"VLLM_LOGGING_LEVEL": "WARNING"}}
    config = yaml.safe_load(OPERATOR_CONFIG.read_text())
    config |= {
        "engineImage": "vllm/vllm-openai:v0.33.1",
        "engineVersion": "0.33.0",
        "accelerators": {"H100-80GB": profile},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture
def upgraded(
    pool: GpuPool, namespace: Namespace, operator: RunningOperator, plane: ControlPlane, next_release: Path
) -> Iterator[str]:
    """One model that serves since before the upgrade; the revision of its pods."""
    pool.add_node()
    namespace.apply(pool.a_resource(parallelism=SMALL))
    revision: str = namespace.wait_until_ready()["status"]["servingRevision"]
    with running_instead(operator, plane, config=OPERATOR_CONFIG, package_folder=next_release):
        wait_until("the update is told", lambda: _list_updates(namespace))
        yield revision


def test_a_replica_that_is_added_after_an_upgrade_is_as_the_others(
    upgraded: str, pool: GpuPool, namespace: Namespace
) -> None:
    (pod,) = namespace.list("pod", SERVERS)

    namespace.apply(pool.a_resource(parallelism=SMALL, replicas=2))

    namespace.wait_until_ready()
    pods = namespace.list("pod", SERVERS)
    assert {upgraded} == {each["metadata"]["labels"]["nemotron.dev/revision"] for each in pods}
    assert pod["metadata"]["uid"] in {each["metadata"]["uid"] for each in pods}
    assert {False} == _has_new_argument(namespace)


def test_an_update_is_adopted_and_rolled_back(upgraded: str, namespace: Namespace) -> None:
    waiting = namespace.nemoctl("adopt", "-A")
    adopted = namespace.nemoctl("adopt", "nemotron", "-n", namespace.name, "--wait")
    status, conditions = _read(namespace)
    arguments = _has_new_argument(namespace)
    back = namespace.nemoctl("rollback", "nemotron", "-n", namespace.name, "--wait")
    after, later_conditions = _read(namespace)

    assert f"{namespace.name}/nemotron" in waiting
    assert NEW_ARGUMENT.partition("=")[0] in waiting
    assert "'nemotron' is ready" in adopted
    assert NEXT_VERSION == status["rollout"]["operatorVersion"]
    assert ({True}, False) == (arguments, "UpdateAvailable" in conditions)
    assert "'nemotron' is ready" in back
    assert (upgraded, upgraded) == (after["desiredRevision"], after["servingRevision"])
    assert nemotron_operator.__version__ == after["rollout"]["operatorVersion"]
    assert ({False}, True) == (_has_new_argument(namespace), "UpdateAvailable" in later_conditions)


def test_a_changed_spec_takes_the_new_render_and_the_former_spec_its_former_pods(
    upgraded: str, pool: GpuPool, namespace: Namespace
) -> None:
    namespace.apply(pool.a_resource(parallelism=SMALL, engine={"maxModelLen": 8192}))
    changed = namespace.wait_until_ready()["status"]
    arguments = _has_new_argument(namespace)

    namespace.apply(pool.a_resource(parallelism=SMALL))
    back = namespace.wait_until_ready()["status"]

    assert (NEXT_VERSION, {True}) == (changed["rollout"]["operatorVersion"], arguments)
    assert "availableRevision" not in changed["rollout"]
    assert (upgraded, upgraded) == (back["desiredRevision"], back["servingRevision"])
    assert {False} == _has_new_argument(namespace)
