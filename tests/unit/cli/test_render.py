import json
from pathlib import Path

import pytest

from nemotron_operator.render.manifests import render
from tests.support.fixtures.deployments import BF16, a_deployment
from tests.support.fixtures.plans import COMMIT, plan, render_cached
from tests.unit.cli.command import nemoctl, write_yaml

PLACEHOLDER = "00000000-0000-0000-0000-000000000000"
BEFORE_DOWNLOAD = ["PersistentVolumeClaim", "ServiceAccount", "Service", "Job"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "nemo.yaml"


def test_the_objects_are_those_of_the_operator(file: Path) -> None:
    wanted = a_deployment().with_replicas(2)
    answer = nemoctl("render", write_yaml(file, wanted.body))
    assert list(render(plan(wanted))) == answer.documents
    assert 0 == answer.code


def test_after_the_download_the_objects_are_those_of_the_operator_but_for_the_record(file: Path) -> None:
    wanted = a_deployment().with_replicas(2).having("cache.accessModes", ["ReadWriteMany"])
    answer = nemoctl("render", write_yaml(file, wanted.body), "--commit", COMMIT)
    assert list(render_cached(wanted))[1:] == answer.documents[1:]


def test_yaml_and_json_say_the_same(file: Path) -> None:
    write_yaml(file, a_deployment().body)
    items = json.loads(nemoctl("render", file, "--commit", COMMIT, "-o", "json").out)
    assert {"apiVersion": "v1", "kind": "List"} == {key: items[key] for key in ("apiVersion", "kind")}
    assert items["items"] == nemoctl("render", file, "--commit", COMMIT).documents


def test_a_branch_is_rendered_before_its_download_with_a_note(file: Path) -> None:
    answer = nemoctl("render", write_yaml(file, a_deployment().body))
    assert BEFORE_DOWNLOAD == [manifest["kind"] for manifest in answer.documents]
    expected = (
        f"nemoctl: {file}: nemotron: the Deployment follows when the download is finished; --commit COMMIT shows it.\n"
    )
    assert expected == answer.err


def test_a_commit_shows_the_deployment_that_serves_it(file: Path) -> None:
    answer = nemoctl("render", write_yaml(file, a_deployment().body), "--commit", COMMIT)
    assert [*BEFORE_DOWNLOAD, "Deployment"] == [manifest["kind"] for manifest in answer.documents]
    container = answer.documents[-1]["spec"]["template"]["spec"]["containers"][0]
    assert f"/models/{COMMIT}" == container["args"][0]
    assert "" == answer.err


def test_a_pinned_revision_is_its_own_commit(file: Path) -> None:
    pinned = {"huggingFace": {"repository": BF16, "revision": COMMIT}}
    write_yaml(file, a_deployment().having("model.source", pinned).body)
    answer = nemoctl("render", file)
    assert "Deployment" == answer.documents[-1]["kind"]
    assert "" == answer.err


def test_provided_weights_need_no_commit(file: Path) -> None:
    answer = nemoctl("render", write_yaml(file, a_deployment().with_provided_weights("models", "llama").body))
    assert ["ServiceAccount", "Service", "Job", "Deployment"] == [manifest["kind"] for manifest in answer.documents]


def test_an_assumed_download_leaves_no_record_on_the_volume(file: Path) -> None:
    write_yaml(file, a_deployment().body)
    assert nemoctl("render", file).documents[0] == nemoctl("render", file, "--commit", COMMIT).documents[0]
    assert "cached-model" not in nemoctl("render", file, "--commit", COMMIT).out


def test_zeros_stand_for_the_uid_that_only_the_api_server_gives(file: Path) -> None:
    body = a_deployment().body
    del body["metadata"]["uid"]
    account = nemoctl("render", write_yaml(file, body)).documents[1]
    assert [PLACEHOLDER] == [owner["uid"] for owner in account["metadata"]["ownerReferences"]]


def test_the_uid_of_a_resource_from_the_cluster_is_kept(file: Path) -> None:
    body = a_deployment().body
    account = nemoctl("render", write_yaml(file, body)).documents[1]
    assert [body["metadata"]["uid"]] == [owner["uid"] for owner in account["metadata"]["ownerReferences"]]


def test_a_namespace_is_given_to_those_that_name_none(file: Path) -> None:
    body = a_deployment().body
    del body["metadata"]["namespace"]
    answer = nemoctl("render", write_yaml(file, body), "-n", "search")
    assert {"search"} == {manifest["metadata"]["namespace"] for manifest in answer.documents}


def test_a_refusal_is_told_and_the_others_are_rendered(file: Path) -> None:
    refused, fitting = a_deployment().named("a").with_tensor(3), a_deployment().named("b")
    answer = nemoctl("render", write_yaml(file, refused.body, fitting.body), "--commit", COMMIT)
    assert 1 == answer.code
    assert 5 == len(answer.documents)
    assert answer.err.startswith(f"nemoctl: {file}: a: TensorParallelDoesNotDivideHeads: spec.parallelism.tensor: 3")
    assert 1 == answer.err.count("\n")


def test_an_invalid_resource_is_told(file: Path) -> None:
    answer = nemoctl("render", write_yaml(file, a_deployment().having("acceleratorr", "H200").body))
    assert (1, "") == (answer.code, answer.out)
    assert answer.err.startswith(f"nemoctl: {file}: nemotron: InvalidSpec: spec.acceleratorr: is not a field")


def test_what_only_warns_is_rendered_with_the_warning(file: Path) -> None:
    wanted = a_deployment().with_model(BF16).with_tensor(1).that_only_warns()
    answer = nemoctl("render", write_yaml(file, wanted.body), "--commit", COMMIT)
    assert 0 == answer.code
    assert "Deployment" == answer.documents[-1]["kind"]
    assert answer.err.startswith(f"nemoctl: {file}: nemotron: planPolicy is Warn, so it starts all the same: ")


@pytest.mark.parametrize("commit", ["main", COMMIT[:-1], COMMIT.upper(), "../" + COMMIT, ""])
def test_a_commit_is_40_digits(file: Path, commit: str) -> None:
    answer = nemoctl("render", write_yaml(file, a_deployment().body), "--commit", commit)
    assert (2, "") == (answer.code, answer.out)
    expected = f"nemoctl: --commit: must be 40 hexadecimal digits (found {commit!r}): a branch moves on.\n"
    assert expected == answer.err


@pytest.mark.parametrize(("revision", "is_there"), [("main", False), ("a" * 40, True)])
def test_pods_with_an_adapter_follow_it_unless_it_is_pinned(file: Path, revision: str, is_there: bool) -> None:  # noqa: FBT001
    adapter = {"name": "sql", "huggingFace": {"repository": "my-org/sql-lora", "revision": revision}}
    write_yaml(file, a_deployment().having("model.adapters", [adapter]).body)
    answer = nemoctl("render", file, "--commit", COMMIT)
    assert is_there == ("Deployment" in [manifest["kind"] for manifest in answer.documents])
    assert is_there == (not answer.err)
    assert is_there or "the Deployment follows when every adapter is there" in answer.err
