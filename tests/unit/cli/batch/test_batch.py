"""`nemoctl batch`, but for the cluster and the engine: kubectl here runs the real program on a directory."""

import itertools
import json
import os
import threading
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from nemotron_operator.cli.batch.following import Following, JobEnd
from nemotron_operator.cli.batch.holding import BEAT_ANNOTATION, HOLDER_ANNOTATION, held_pod
from nemotron_operator.cli.batch.manifests import Batch
from nemotron_operator.cli.batch.transfer import Counts, fetch_results, read_log
from nemotron_operator.cli.cluster_access import ClusterTarget
from nemotron_operator.cluster.kinds import CLAIM, DEPLOYMENT, JOB, NEMOTRON, POD, ApiKind
from nemotron_operator.constants import COMPONENT_LABEL, MANAGED_BY_LABEL, QUEUE_LABEL
from nemotron_operator.errors import OperatorError
from nemotron_operator.plan.facts import Facts
from nemotron_operator.render.metadata import label_child
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.plans import COMMIT, refuse, render_cached, server_of
from tests.unit.batch.batches import an_answer
from tests.unit.cli.batch.machine import RUNNING, Machine, fail_at
from tests.unit.cli.batch.test_manifests import a_batch
from tests.unit.cli.cache.cluster_api import NO_RIGHT, ClusterApi
from tests.unit.cli.command import Answer, nemoctl

pytestmark = pytest.mark.program

Login = tuple[str, Path]
Body = dict[str, Any]

NAME = "nemotron"

PROMPTS = '{"prompt": "How many r in strawberry?"}\n{"prompt": "Why?", "custom_id": "why"}\n{"prompt": "And now?"}\n'


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nemotron_operator.cli.batch.following.POLL_SECONDS", 0)
    monkeypatch.setattr("nemotron_operator.cli.batch.objects.POLL_SECONDS", 0.01)
    monkeypatch.setattr("nemotron_operator.cli.batch.holding.POLL_SECONDS", 0.01)
    monkeypatch.setattr("nemotron_operator.cli.batch.placing.POLL_SECONDS", 0.01)


def put_model(cluster: ClusterApi, *, is_cached: bool = True, serves: bool = True, **spec: object) -> None:
    """Put the first model there, as it serves, or before."""
    builder = a_deployment()
    body: Body = {
        "apiVersion": "nemotron.dev/v1alpha1",
        "kind": "NemotronDeployment",
        "metadata": {"name": NAME, "generation": 1},
        "spec": {**builder.body["spec"], **spec},
    }
    if is_cached:
        body["status"] = {"observedGeneration": 1, "cache": {"commit": COMMIT}}
    cluster.put(NEMOTRON, body)
    server = server_of(render_cached(builder))
    cluster.put(CLAIM, {"metadata": {"name": find_claim(server)}, "spec": {"accessModes": ["ReadWriteMany"]}})
    if serves:
        cluster.put(DEPLOYMENT, {**server, "metadata": {"name": NAME, "labels": server["metadata"]["labels"]}})


def find_claim(server: Body) -> str:
    volumes = server["spec"]["template"]["spec"]["volumes"]
    name: str = next(each["persistentVolumeClaim"]["claimName"] for each in volumes if each["name"] == "models")
    return name


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.jsonl"
    path.write_text(PROMPTS)
    return path


def batch(login: Login, prompts: Path, *arguments: str) -> Answer:
    output = prompts.with_name("results.jsonl")
    return nemoctl("batch", NAME, *login, "--input", prompts, "--output", output, *arguments)


def name_batch(login: Login, prompts: Path) -> str:
    """Name the batch that these prompts make."""
    name: str = batch(login, prompts, "--dry-run").documents[0]["metadata"]["name"]
    return name


def leave_pod(cluster: ClusterApi, name: str) -> Body:
    """Leave the pod that another nemoctl made to carry files."""
    marks = {HOLDER_ANNOTATION: "kim@laptop", BEAT_ANNOTATION: "7"}
    metadata = {"name": f"{name}-io", "labels": {MANAGED_BY_LABEL: "nemoctl"}, "annotations": marks}
    return cluster.put(POD, {"metadata": metadata, "spec": {}, "status": RUNNING})


def read_results(prompts: Path, name: str = "results.jsonl") -> list[str]:
    return [json.loads(line)["custom_id"] for line in prompts.with_name(name).read_text().splitlines()]


def test_the_results_are_there_in_order_and_nothing_is_left(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path
) -> None:
    put_model(cluster)
    answer = batch(login, prompts)
    assert 0 == answer.code, answer.err
    assert f"{prompts.with_name('results.jsonl')}: 3 answered, 0 failed, 0.012 requests/s, 4 min 2 s.\n" == answer.out
    assert ["line-1", "why", "line-3"] == read_results(prompts)
    assert "takes 2 GPUs beside those that serve" in answer.err
    (job,) = machine.jobs
    for kind, name in ((JOB, job["metadata"]["name"]), (CLAIM, job["metadata"]["name"])):
        assert cluster.get(kind, name) is None
    assert [] == [path for path in cluster.objects if "/pods/" in path]
    assert {"prompts.jsonl", "results.jsonl"} == {path.name for path in prompts.parent.glob("*.jsonl*")}
    asked = json.loads(machine.place.requests.read_text().splitlines()[0])["body"]
    assert {
        "model": a_deployment().parsed.spec.model.name,
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "How many r in strawberry?"},
        ],
        "temperature": 0.7,
        "top_p": 0.9,
    } == asked


def test_a_line_that_failed_is_a_result_and_another_exit_code(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path
) -> None:
    put_model(cluster)
    machine.answers = fail_at("why")
    answer = batch(login, prompts)
    assert (1, True) == (answer.code, "2 answered, 1 failed" in answer.out)
    assert 3 == len(read_results(prompts))


def test_a_job_that_failed_leaves_what_there_is_and_the_same_command_goes_on(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path
) -> None:
    put_model(cluster)
    machine.answers = lambda attempt, left: [an_answer(each) for each in (left[:1] if attempt == 1 else left)]
    machine.is_complete = lambda attempt: attempt > 1
    first = batch(login, prompts)
    assert 1 == first.code
    assert "failed: it said so." in first.err
    assert "1 answered, 0 failed, 2 not asked" in first.err
    assert ["line-1"] == read_results(prompts, "results.jsonl.partial")
    assert not prompts.with_name("results.jsonl").exists()
    second = batch(login, prompts)
    assert (0, ["line-1", "why", "line-3"]) == (second.code, read_results(prompts))
    assert "failed before: it said so. What is left is tried again." in second.err
    assert [["line-1"], ["why", "line-3"]] == [
        [json.loads(line)["custom_id"] for line in part.read_text().splitlines()] for part in machine.place.list_parts()
    ]


def test_the_same_command_comes_back_to_a_batch_without_asking_again(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path
) -> None:
    put_model(cluster)
    detached = batch(login, prompts, "--detach")
    assert (0, False) == (detached.code, prompts.with_name("results.jsonl").exists())
    assert "the same command follows it again" in detached.out
    assert 0 == batch(login, prompts, "--keep").code
    assert 1 == len(machine.jobs)
    assert cluster.get(JOB, machine.jobs[0]["metadata"]["name"]) is not None
    prompts.write_text(PROMPTS + '{"prompt": "More?"}\n')
    assert 0 == batch(login, prompts, "--force").code
    assert 2 == len({job["metadata"]["name"] for job in machine.jobs})


def test_ctrl_c_leaves_the_job_and_says_how_to_come_back(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def interrupt(_self: Following, _gateway: object) -> JobEnd:
        raise KeyboardInterrupt

    put_model(cluster)
    with monkeypatch.context() as patched:
        patched.setattr(Following, "follow", interrupt)
        answer = batch(login, prompts)
    assert 130 == answer.code
    assert "the same command follows it again and fetches the results" in answer.err
    assert cluster.get(JOB, machine.jobs[0]["metadata"]["name"]) is not None
    assert 0 == batch(login, prompts).code


def test_what_answered_is_told_where_the_model_has_changed_since(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path
) -> None:
    put_model(cluster)
    batch(login, prompts, "--detach")
    server = cluster.get(DEPLOYMENT, NAME)
    assert server is not None
    server["spec"]["template"]["metadata"]["labels"]["nemotron.dev/revision"] = "another"
    said = batch(login, prompts).err
    assert "serves another now. To ask anew: `kubectl delete job,pvc nemotron-batch-" in said
    assert 1 == len(machine.jobs)


@pytest.mark.parametrize("is_deleted", [False, True], ids=["a failed Job", "a Job that was deleted"])
def test_a_batch_does_not_go_on_with_another_revision_unasked(
    is_deleted: bool,  # noqa: FBT001 - a case
    cluster: ClusterApi,
    login: Login,
    machine: Machine,
    prompts: Path,
) -> None:
    put_model(cluster)
    machine.answers = lambda attempt, left: [an_answer(each) for each in (left[:1] if attempt == 1 else left)]
    machine.is_complete = lambda attempt: attempt > 1
    batch(login, prompts)
    name = machine.jobs[0]["metadata"]["name"]
    server, volume = cluster.get(DEPLOYMENT, NAME), cluster.get(CLAIM, name)
    assert server is not None
    assert volume is not None
    server["spec"]["template"]["metadata"]["labels"]["nemotron.dev/revision"] = "another"
    if is_deleted:
        del cluster.objects[JOB.path("team", name)]
    answer = batch(login, prompts)
    assert (2, 1, is_deleted) == (answer.code, len(machine.jobs), cluster.get(JOB, name) is None)
    assert f"The batch '{name}' began with revision " in answer.err
    assert f"kubectl annotate pvc {name} -n team --overwrite nemotron.dev/batch-of-revision=another" in answer.err
    volume["metadata"]["annotations"]["nemotron.dev/batch-of-revision"] = "another"
    assert (0, 2) == (batch(login, prompts).code, len(machine.jobs))


def test_requests_that_did_not_arrive_make_no_job(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path
) -> None:
    put_model(cluster)
    machine.break_at("receive")
    answer = batch(login, prompts)
    assert (2, []) == (answer.code, machine.jobs)
    assert "The requests did not arrive: It ended with exit code 1: error: the connection broke." in answer.err
    machine.break_at("nothing")
    assert 0 == batch(login, prompts).code


def test_a_pod_that_was_left_and_has_ended_is_made_anew(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path
) -> None:
    put_model(cluster)
    left = leave_pod(cluster, name_batch(login, prompts))
    left["status"] = {"phase": "Failed", "reason": "DeadlineExceeded"}
    assert 0 == batch(login, prompts).code
    assert 1 == len(machine.jobs)


def test_a_nemoctl_that_carries_files_shows_that_it_lives_and_takes_the_pod_away(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_model(cluster)
    monkeypatch.setattr("nemotron_operator.cli.batch.holding.BEAT_SECONDS", 0.01)
    path = POD.path("team", f"{name_batch(login, prompts)}-io")

    def send(*_: object) -> None:
        deadline = time.monotonic() + 10
        while int(cluster.objects[path]["metadata"]["annotations"][BEAT_ANNOTATION]) == 0:
            assert time.monotonic() < deadline, "it shows no life"
            time.sleep(0.01)
        raise OperatorError("The connection broke.")

    monkeypatch.setattr("nemotron_operator.cli.batch.running.send_requests", send)
    answer = batch(login, prompts)
    assert (2, []) == (answer.code, machine.jobs)
    assert "The connection broke." in answer.err
    assert path not in cluster.objects


def test_the_pod_of_a_nemoctl_that_lives_is_left_alone(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path
) -> None:
    put_model(cluster)
    pod, is_over = leave_pod(cluster, name_batch(login, prompts)), threading.Event()

    def beat() -> None:
        for count in itertools.count():
            pod["metadata"]["annotations"][BEAT_ANNOTATION] = str(count)
            if is_over.wait(0.02):
                return

    holder = threading.Thread(target=beat)
    holder.start()
    answer = batch(login, prompts)
    is_over.set()
    holder.join()
    assert (2, []) == (answer.code, machine.jobs)
    assert "Another nemoctl, of kim@laptop, carries the files of the batch" in answer.err
    assert pod in cluster.objects.values()


def test_a_pod_that_goes_while_it_is_looked_at_had_a_holder_who_is_done(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_model(cluster)
    name = name_batch(login, prompts)
    leave_pod(cluster, name)

    def let_go(_message: str) -> None:
        cluster.objects.pop(POD.path("team", f"{name}-io"), None)

    def hold(batch: Batch, target: ClusterTarget, timeout_seconds: int, _say: object) -> AbstractContextManager[None]:
        return held_pod(batch, target, timeout_seconds, let_go)

    monkeypatch.setattr("nemotron_operator.cli.batch.running.held_pod", hold)
    answer = batch(login, prompts)
    assert (2, []) == (answer.code, machine.jobs)
    assert "Another nemoctl, of kim@laptop, carries the files" in answer.err
    assert 0 == batch(login, prompts).code


def test_the_pod_of_a_nemoctl_that_was_killed_is_made_anew(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_model(cluster)
    monkeypatch.setattr("nemotron_operator.cli.batch.holding.GONE_SECONDS", 0.1)
    leave_pod(cluster, name_batch(login, prompts))
    answer = batch(login, prompts)
    assert (0, 1) == (answer.code, len(machine.jobs))
    assert "of kim@laptop: this looks whether that nemoctl still runs." in answer.err


def test_the_pod_that_another_one_took_over_stays(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This one slept for long, as a laptop does."""
    put_model(cluster)
    name = name_batch(login, prompts)

    def fail(*_: object) -> None:
        leave_pod(cluster, name)
        raise OperatorError("The connection broke.")

    monkeypatch.setattr("nemotron_operator.cli.batch.running.send_requests", fail)
    assert 2 == batch(login, prompts).code
    assert cluster.get(POD, f"{name}-io") is not None
    assert machine.jobs == []


def test_results_arrive_under_a_name_that_no_other_nemoctl_has(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_model(cluster)
    paths = []

    def fetch(batch: Batch, target: ClusterTarget, path: Path) -> Counts:
        paths.append(path)
        return fetch_results(batch, target, path)

    monkeypatch.setattr("nemotron_operator.cli.batch.running.fetch_results", fetch)
    for _ in range(2):
        assert 0 == batch(login, prompts, "--keep", "--force").code
    assert (2, 1) == (len(set(paths)), len(machine.jobs))
    assert {"prompts.jsonl", "results.jsonl"} == {path.name for path in prompts.parent.glob("*.jsonl")}


@pytest.mark.parametrize(
    ("kinds", "said"),
    [((JOB,), "the same command goes on"), ((JOB, CLAIM), "another nemoctl has fetched them")],
    ids=["the Job", "all of it"],
)
def test_what_is_gone_meanwhile_decides_what_is_advised(  # noqa: PLR0913, PLR0917 - fixtures and a case
    kinds: tuple[ApiKind, ...], said: str, cluster: ClusterApi, login: Login, machine: Machine, prompts: Path
) -> None:
    put_model(cluster)
    name = name_batch(login, prompts)

    def take_away(api: ClusterApi, path: str, body: Body) -> None:
        machine.run(api, path, body)
        if "/jobs/" in path:
            for kind in kinds:
                del api.objects[kind.path("team", name)]

    cluster.after_write = take_away
    answer = batch(login, prompts)
    assert 2 == answer.code
    assert said in answer.err


def test_results_that_another_one_fetched_are_not_waited_for(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path
) -> None:
    put_model(cluster)
    batch(login, prompts, "--detach")
    del cluster.objects[CLAIM.path("team", machine.jobs[0]["metadata"]["name"])]
    answer = batch(login, prompts)
    assert 2 == answer.code
    assert "another nemoctl has fetched them" in answer.err
    assert "kubectl delete job,pvc nemotron-batch-" in answer.err


def test_results_that_did_not_arrive_stay_where_they_are(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path
) -> None:
    put_model(cluster)
    machine.break_at("results")
    answer = batch(login, prompts)
    assert (2, {"prompts.jsonl"}) == (answer.code, {path.name for path in prompts.parent.glob("*.jsonl*")})
    assert "The results did not arrive: error: the connection broke" in answer.err
    assert cluster.get(CLAIM, machine.jobs[0]["metadata"]["name"]) is not None
    machine.break_at("nothing")
    assert 0 == batch(login, prompts).code
    assert 1 == len(machine.jobs)


def test_a_model_that_does_not_serve_answers_by_what_would(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path
) -> None:
    put_model(cluster, serves=False)
    assert 0 == batch(login, prompts).code
    (engine,) = machine.jobs[0]["spec"]["template"]["spec"]["containers"]
    assert f"/models/{COMMIT}" in engine["args"]


def test_a_model_that_is_not_there_yet_is_no_batch(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path
) -> None:
    put_model(cluster, serves=False, is_cached=False)
    answer = batch(login, prompts)
    assert (2, []) == (answer.code, cluster.writes)
    assert "are not there yet" in answer.err
    assert "kubectl wait --for=condition=ModelCached nemo/nemotron -n team" in answer.err
    assert machine.jobs == []


def test_a_name_that_is_misspelt_is_told(cluster: ClusterApi, login: Login, machine: Machine, prompts: Path) -> None:
    put_model(cluster)
    output = prompts.with_name("results.jsonl")
    answer = nemoctl("batch", "nemotrom", *login, "--input", prompts, "--output", output)
    assert (2, []) == (answer.code, machine.jobs)
    assert "There is: nemotron." in answer.err


@pytest.mark.usefixtures("machine")
def test_a_mistake_in_the_input_makes_nothing(cluster: ClusterApi, login: Login, prompts: Path) -> None:
    put_model(cluster)
    prompts.write_text(PROMPTS + "{oops\n")
    answer = batch(login, prompts)
    assert (2, []) == (answer.code, cluster.writes)
    assert f"{prompts}: line 4: is not JSON: " in answer.err


@pytest.mark.usefixtures("machine")
def test_an_output_that_is_there_is_not_overwritten_unasked(cluster: ClusterApi, login: Login, prompts: Path) -> None:
    put_model(cluster)
    prompts.with_name("results.jsonl").write_text("precious\n")
    answer = batch(login, prompts)
    assert (2, []) == (answer.code, cluster.writes)
    assert "is there already. Give another --output, or --force to overwrite it." in answer.err
    assert 0 == batch(login, prompts, "--force").code


@pytest.mark.parametrize("arguments", [(), ("--force",)], ids=["unasked", "by force"])
def test_an_output_that_is_a_directory_is_refused_before_the_cluster_is_asked(
    login: Login, prompts: Path, arguments: tuple[str, ...]
) -> None:
    output = prompts.with_name("results.jsonl")
    output.mkdir()
    said = f"nemoctl: --output {output}: is a directory. Give a file, such as {output}/results.jsonl.\n"
    answer = batch(login, prompts, *arguments)
    assert (2, said) == (answer.code, answer.err)


@pytest.mark.parametrize("arguments", [(), ("--force",)], ids=["unasked", "by force"])
@pytest.mark.parametrize("name", ["prompts.jsonl", "prompts.jsonl.partial"])
def test_the_answers_never_replace_the_input(
    login: Login, prompts: Path, name: str, arguments: tuple[str, ...]
) -> None:
    source, output = prompts.rename(prompts.with_name(name)), prompts.with_name("link.jsonl")
    output.with_name(name.replace("prompts", "link")).symlink_to(source)
    answer = nemoctl("batch", NAME, *login, "--input", source, "--output", output, *arguments)
    said = f"nemoctl: --output {output}: the answers would replace the input, {source}. Give another --output.\n"
    assert (2, said) == (answer.code, answer.err)


def test_an_input_that_cannot_be_read_is_told_before_the_cluster_is_asked(login: Login, prompts: Path) -> None:
    """No model is there: whoever asked for it first would say so."""
    prompts.unlink()
    why = "No such file or directory. Give the path of a file with a JSON object a line."
    answer = batch(login, prompts)
    assert (2, f"nemoctl: --input {prompts}: cannot be read: {why}\n") == (answer.code, answer.err)


@pytest.mark.usefixtures("machine")
def test_an_input_may_be_a_pipe(cluster: ClusterApi, login: Login, prompts: Path) -> None:
    put_model(cluster)
    prompts.unlink()
    os.mkfifo(prompts)
    writer = threading.Thread(target=lambda: prompts.write_text(PROMPTS))
    writer.start()
    assert 0 == batch(login, prompts).code
    writer.join()


@pytest.mark.usefixtures("machine")
def test_somebody_without_the_right_is_told_which(cluster: ClusterApi, login: Login, prompts: Path) -> None:
    put_model(cluster)
    cluster.refusals["POST", "jobs"] = NO_RIGHT
    answer = batch(login, prompts)
    assert 2 == answer.code
    assert "Your credentials may not create jobs.batch in namespace 'team'." in answer.err


@pytest.mark.usefixtures("machine")
def test_an_object_of_somebody_elses_is_left_alone(cluster: ClusterApi, login: Login, prompts: Path) -> None:
    put_model(cluster)
    shown = batch(login, prompts, "--dry-run")
    name = shown.documents[0]["metadata"]["name"]
    cluster.put(
        CLAIM, {"metadata": {"name": name, "labels": label_child(a_deployment().parsed.identity, "cache")}, "spec": {}}
    )
    answer = batch(login, prompts)
    assert 2 == answer.code
    assert f"The PersistentVolumeClaim '{name}' in namespace 'team' is none of nemoctl's" in answer.err


@pytest.mark.usefixtures("machine")
def test_a_dry_run_shows_everything_and_makes_nothing(cluster: ClusterApi, login: Login, prompts: Path) -> None:
    put_model(cluster)
    answer = batch(login, prompts, "--dry-run")
    assert (0, []) == (answer.code, cluster.writes)
    assert ["PersistentVolumeClaim", "Pod", "Job"] == [document["kind"] for document in answer.documents]


def test_a_volume_that_another_node_cannot_have_decides_where_it_runs(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path
) -> None:
    put_model(cluster)
    server = cluster.get(DEPLOYMENT, NAME)
    assert server is not None
    claim = cluster.get(CLAIM, find_claim(server))
    assert claim is not None
    claim["spec"]["accessModes"] = ["ReadWriteOnce"]
    user = {
        "nodeName": "gpu-7",
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": find_claim(server)}}],
        "containers": [{"name": "vllm", "volumeMounts": [{"name": "v", "mountPath": "/models"}]}],
    }
    cluster.put(POD, {"metadata": {"name": "serving"}, "spec": user, "status": {"phase": "Running"}})
    assert 0 == batch(login, prompts).code
    affinity = machine.jobs[0]["spec"]["template"]["spec"]["affinity"]
    (term,) = affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert [{"key": "metadata.name", "operator": "In", "values": ["gpu-7"]}] == term["matchFields"]
    assert term["matchExpressions"]
    claim["spec"]["accessModes"] = ["ReadWriteOncePod"]
    refused = batch(login, prompts, "--force")
    assert 2 == refused.code
    assert "The pod 'serving' has the volume" in refused.err


PLACES, CARRIES = ["batch", "weights"], ["batch", "batch-tmp"]


def put_unused_weights(cluster: ClusterApi) -> None:
    """Put a model there whose weights one node may have, and none has."""
    put_model(cluster, serves=False)
    name = find_claim(server_of(render_cached(a_deployment())))
    cluster.put(CLAIM, {"metadata": {"name": name}, "spec": {"accessModes": ["ReadWriteOnce"]}})


def keep_carriers(machine: Machine) -> list[list[str]]:
    """Keep the names of the volumes of each pod that nemoctl makes, in order."""
    carriers = []

    def keep(api: ClusterApi, path: str, body: Body) -> None:
        if path.endswith("-io") and "status" not in body:
            carriers.append([each["name"] for each in body["spec"]["volumes"]])
        machine.run(api, path, body)

    machine.cluster.after_write = keep
    return carriers


def test_the_volume_is_made_beside_weights_that_no_pod_has_and_files_go_without_them(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path
) -> None:
    put_unused_weights(cluster)
    carriers = keep_carriers(machine)
    machine.break_at("receive")
    assert 2 == batch(login, prompts).code
    assert [PLACES, CARRIES] == carriers
    machine.break_at("nothing")
    assert 0 == batch(login, prompts).code
    assert [PLACES, CARRIES, CARRIES, CARRIES] == carriers


def test_a_volume_that_is_made_at_once_is_not_placed(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path
) -> None:
    put_unused_weights(cluster)
    carriers = keep_carriers(machine)
    keep = cluster.after_write

    def bind(api: ClusterApi, path: str, body: Body) -> None:
        if "/persistentvolumeclaims/" in path and "status" not in body:
            machine.bind(body["metadata"]["name"])
        keep(api, path, body)

    cluster.after_write = bind
    assert 0 == batch(login, prompts).code
    assert [CARRIES, CARRIES] == carriers


def test_a_pod_that_places_is_done_with_before_its_container_runs(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path
) -> None:
    """Its claims are bound before it has a node, and from there its image may take minutes."""
    put_unused_weights(cluster)
    carriers = keep_carriers(machine)
    keep = cluster.after_write

    def schedule(api: ClusterApi, path: str, body: Body) -> None:
        keep(api, path, body)
        if path.endswith("-io") and carriers == [PLACES]:
            api.objects[path]["status"] = {"phase": "Pending"}

    cluster.after_write = schedule
    assert 0 == batch(login, prompts).code
    assert [PLACES, CARRIES, CARRIES] == carriers


@pytest.mark.parametrize("kind", [POD, CLAIM])
def test_what_somebody_deletes_while_it_is_placed_is_not_waited_for(
    kind: ApiKind, cluster: ClusterApi, login: Login, machine: Machine, prompts: Path
) -> None:
    put_unused_weights(cluster)

    def take_away(api: ClusterApi, path: str, body: Body) -> None:
        if path.endswith("-io"):
            del api.objects[path if kind is POD else CLAIM.path("team", body["metadata"]["name"].removesuffix("-io"))]

    cluster.after_write = take_away
    answer = batch(login, prompts)
    assert (2, []) == (answer.code, machine.jobs)
    assert f"Somebody deleted the {kind.name} 'nemotron-batch-" in answer.err
    assert "Run the same command again." in answer.err


def test_a_volume_that_cannot_be_placed_says_why_and_leaves_no_pod(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path
) -> None:
    put_unused_weights(cluster)
    why = "0/3 nodes are available: 3 node(s) had volume node affinity conflict."

    def refuse(api: ClusterApi, path: str, body: Body) -> None:
        if path.endswith("-io"):
            conditions = [{"reason": "Unschedulable", "message": why}]
            api.objects[path] = {**body, "status": {"phase": "Pending", "conditions": conditions}}

    cluster.after_write = refuse
    answer = batch(login, prompts, "--timeout", "1")
    assert (2, []) == (answer.code, machine.jobs)
    assert f"waits: {why}" in answer.err
    assert f"is not placed beside the weights after 1 s: {why}" in answer.err
    assert [] == [path for path in cluster.objects if "/pods/" in path]


@pytest.mark.usefixtures("machine")
def test_a_dry_run_shows_the_pod_that_places_too(cluster: ClusterApi, login: Login, prompts: Path) -> None:
    put_unused_weights(cluster)
    pods = [document for document in batch(login, prompts, "--dry-run").documents if document["kind"] == "Pod"]
    assert [PLACES, CARRIES] == [[each["name"] for each in pod["spec"]["volumes"]] for pod in pods]


QUEUED = "kueue.x-k8s.io/v1beta1"


def put_kueue(cluster: ClusterApi, *plurals: str) -> None:
    """Have the API server say that it knows these kinds of Kueue's."""
    groups = [{"versions": [{"groupVersion": QUEUED}]}] if plurals else []
    cluster.objects["/apis"] = {"groups": groups}
    cluster.objects[f"/apis/{QUEUED}"] = {"resources": [{"name": plural} for plural in plurals]}


@pytest.mark.parametrize("plurals", [(), ("cohorts",)], ids=["no Kueue", "no queues"])
def test_a_queue_that_nobody_has_is_refused_as_the_operator_refuses_it(
    plurals: tuple[str, ...], cluster: ClusterApi, login: Login, machine: Machine, prompts: Path
) -> None:
    put_model(cluster, queueName="team-queue")
    put_kueue(cluster, *plurals)
    operators = refuse(a_deployment().having("queueName", "team-queue"), Facts(missing_apis=frozenset({"LocalQueue"})))
    answer = batch(login, prompts)
    assert (2, [], []) == (answer.code, machine.jobs, cluster.writes)
    assert operators.message in answer.err


def test_a_queue_of_the_pods_labels_is_refused_by_the_field_that_names_it(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path
) -> None:
    put_model(cluster, podTemplate={"labels": {QUEUE_LABEL: "team-queue"}})
    put_kueue(cluster)
    answer = batch(login, prompts)
    assert (2, []) == (answer.code, machine.jobs)
    assert "spec.podTemplate.labels: 'team-queue' is a LocalQueue of Kueue" in answer.err
    assert f"or remove the label {QUEUE_LABEL} from spec.podTemplate.labels." in answer.err


def test_a_queue_that_is_there_in_any_version_gets_the_job(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path
) -> None:
    put_model(cluster, queueName="team-queue")
    put_kueue(cluster, "localqueues")
    assert 0 == batch(login, prompts).code
    assert "team-queue" == machine.jobs[0]["metadata"]["labels"][QUEUE_LABEL]


def test_a_batch_through_the_server_takes_nothing_of_a_quota_and_asks_for_no_queue(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path
) -> None:
    put_model(cluster, queueName="team-queue")
    put_kueue(cluster)
    assert 0 == batch(login, prompts, "--through-server").code
    assert QUEUE_LABEL not in machine.jobs[0]["metadata"]["labels"]


def test_a_line_that_asks_for_a_long_answer_makes_a_larger_volume(
    cluster: ClusterApi, login: Login, prompts: Path
) -> None:
    put_model(cluster)
    sizes = []
    for tokens in (1, 1_000_000):
        prompts.write_text("".join(f'{{"prompt": "{n}", "max_tokens": {tokens}, "n": 64}}\n' for n in range(2000)))
        (claim, *_) = batch(login, prompts, "--dry-run").documents
        sizes.append(claim["spec"]["resources"]["requests"]["storage"])
    assert "1Gi" == sizes[0]
    assert "1Gi" != sizes[1]


def test_a_log_that_is_not_there_is_not_an_empty_one(login: Login, machine: Machine) -> None:
    target = ClusterTarget("team", kubeconfig=login[1])
    assert read_log(a_batch(), "pod", "vllm", target) == ""
    (machine.home / "log").unlink()
    assert read_log(a_batch(), "pod", "vllm", target) is None


def test_another_batch_of_the_model_is_told_before_a_new_one_begins(
    cluster: ClusterApi, login: Login, machine: Machine, prompts: Path
) -> None:
    """What the model adds to a line is part of the batch, and may change between two runs of one command."""
    put_model(cluster)
    first = batch(login, prompts, "--detach")
    assert "other batches" not in first.err
    (before,) = machine.jobs
    name = before["metadata"]["name"]
    cluster.put(CLAIM, a_volume("nemotron-x-batch-1"))
    cluster.put(CLAIM, a_volume("nemotron-batch-9", deletionTimestamp="2026-11-27T02:04:02Z"))
    put_model(cluster, engine={"sampling": {"temperature": "0.1"}})
    second = batch(login, prompts, "--detach")
    assert (
        f"There are other batches of 'nemotron' in namespace 'team': {name}. Such a batch was made of other lines, the "
        "other way (with or without --through-server), for a resource of this name that was deleted since, or when the "
        "model said something else of temperature, top_p, system prompt or name; the command that made it fetches its "
        "answers while all that is as it was. Its Job may still run. One that nobody needs goes with `kubectl delete "
        "job,pvc BATCH -n team`, BATCH being its name."
    ) in second.err
    assert "other batches" not in batch(login, prompts, "--detach").err


@pytest.mark.usefixtures("machine")
def test_whoever_may_not_list_volumes_is_told_of_no_other_batch(
    cluster: ClusterApi, login: Login, prompts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_model(cluster)

    async def refuse(*_: object) -> None:
        raise OperatorError("Your credentials may not list persistentvolumeclaims.")

    monkeypatch.setattr("nemotron_operator.cli.batch.running.list_others", refuse)
    assert 0 == batch(login, prompts).code


def a_volume(name: str, **metadata: object) -> Body:
    labels = {MANAGED_BY_LABEL: "nemoctl", COMPONENT_LABEL: "batch"}
    return {"metadata": {"name": name, "labels": labels, **metadata}, "spec": {}}
