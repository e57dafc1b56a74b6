import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.hub import Hub
from lab.tiny_model import NAME
from nemotron_operator.api.v1alpha1 import ParsedDeployment, parse_deployment
from nemotron_operator.cli.bundle import export as export_command
from nemotron_operator.cli.bundle.layout import open_bundle
from nemotron_operator.cli.bundle.resource import make_body
from nemotron_operator.cli.offline import read_offline
from tests.unit.cli.bundle.bundles import CONFIG, FILES, RESOURCE, read_tree
from tests.unit.cli.command import Answer, nemoctl, write_yaml

pytestmark = pytest.mark.program


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub({NAME: FILES}) as hub:
        yield hub


def export(hub: Hub, *arguments: str | Path, **environment: str) -> Answer:
    command = ("bundle", "export", *arguments, "--operator-config", CONFIG)
    return nemoctl(*command, HF_ENDPOINT=hub.url, **environment)


def test_a_model_of_the_catalogue_becomes_a_whole_bundle(hub: Hub, tmp_path: Path) -> None:
    output = tmp_path / "bundle"
    answer = export(hub, "--model", NAME, "--output", output)
    assert 0 == answer.code, answer.err
    commit = hub.commit(NAME)
    assert answer.out.startswith(f"{output} holds {NAME} at main (commit {commit[:12]}, 4 files, 0.00 GiB).\n")
    assert f"  nemoctl bundle import {output} -n NAMESPACE\n" in answer.out

    bundle = open_bundle(output)
    assert (NAME, "main", commit, 4) == (
        bundle.description.repository,
        bundle.description.revision,
        bundle.description.commit,
        bundle.description.files,
    )
    published = read_tree(bundle.model_directory)
    assert set(FILES) < set(published)
    assert FILES.items() <= published.items()
    expected = {
        "apiVersion": "nemotron.dev/v1alpha1",
        "kind": "NemotronDeployment",
        "metadata": {"name": "tiny-llama-fp8"},
        "spec": {"model": {"name": NAME}},
    }
    assert expected == yaml.safe_load(bundle.resource.read_text())


def test_the_images_of_the_configuration_are_listed(hub: Hub, tmp_path: Path) -> None:
    export(hub, "--model", NAME, "--output", tmp_path)
    lines = (tmp_path / "images.txt").read_text().splitlines()
    images = [line for line in lines if not line.startswith("#")]
    assert ["nemotron-vllm-cpu:0.32.0", "nemotron-operator:0.2.0"] == images
    assert any("skopeo copy" in line for line in lines)
    assert 2 == sum("pin it by its digest" in line for line in lines)


def test_a_resource_is_carried_as_it_was_written(hub: Hub, tmp_path: Path) -> None:
    body = {
        **RESOURCE,
        "metadata": {
            "name": "tiny",
            "namespace": "team",
            "uid": "u",
            "resourceVersion": "7",
            "labels": {"team": "a"},
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "note": "b"},
        },
        "status": {"observedGeneration": 3},
    }
    output = tmp_path / "bundle"
    assert 0 == export(hub, "-f", write_yaml(tmp_path / "r.yaml", body), "-o", output).code
    metadata = {"name": "tiny", "namespace": "team", "labels": {"team": "a"}, "annotations": {"note": "b"}}
    expected = {**RESOURCE, "metadata": metadata}
    assert expected == yaml.safe_load((output / "resource.yaml").read_text())


def test_another_revision_is_pinned_in_the_resource(hub: Hub, tmp_path: Path) -> None:
    first = hub.commit(NAME)
    hub.push(NAME, {**FILES, "config.json": b"{}"})
    assert 0 == export(hub, "--model", NAME, "--revision", first, "-o", tmp_path).code
    resource = yaml.safe_load((tmp_path / "resource.yaml").read_text())
    assert {"repository": NAME, "revision": first} == resource["spec"]["model"]["source"]["huggingFace"]
    description = json.loads((tmp_path / "bundle.json").read_text())
    assert (first, first) == (description["revision"], description["commit"])


def test_a_second_export_fetches_nothing_and_says_the_same(hub: Hub, tmp_path: Path) -> None:
    first = export(hub, "--model", NAME, "-o", tmp_path)
    sent = hub.bytes_sent.copy()
    second = export(hub, "--model", NAME, "-o", tmp_path)
    assert (0, first.out) == (second.code, second.out)
    assert sent == hub.bytes_sent


def test_an_export_that_failed_is_no_bundle_and_goes_on_later(hub: Hub, tmp_path: Path) -> None:
    word = "sesame"
    hub.require_token(word)
    answer = export(hub, "--model", NAME, "-o", tmp_path)
    assert (1, "") == (answer.code, answer.out)
    assert f"nemoctl: {NAME} at main is not fetched: " in answer.err
    assert answer.err.endswith("The same command goes on where this one ended.\n")
    assert not (tmp_path / "bundle.json").exists()
    assert 0 == export(hub, "--model", NAME, "-o", tmp_path, HF_TOKEN=word).code
    assert (tmp_path / "bundle.json").exists()


def test_a_hub_that_has_to_be_asked_again_is_told_of_meanwhile(hub: Hub, tmp_path: Path) -> None:
    hub.answer(503, to="/api/", times=1)
    answer = export(hub, "--model", NAME, "-o", tmp_path)
    assert 0 == answer.code
    assert "nemoctl: 127.0.0.1 answered 503 " in answer.err
    assert f"for {NAME}. Asking again in " in answer.err


def test_a_directory_of_another_bundle_is_refused(hub: Hub, tmp_path: Path) -> None:
    assert 0 == export(hub, "--model", NAME, "-o", tmp_path).code
    answer = export(hub, "--model", NAME, "--revision", hub.commit(NAME), "-o", tmp_path)
    assert 2 == answer.code
    assert f"nemoctl: {tmp_path}: holds {NAME} at main (commit " in answer.err
    assert f"Give another --output for {NAME} at {hub.commit(NAME)}." in answer.err


def test_the_endpoint_of_the_resource_is_asked_where_nobody_names_another(hub: Hub, tmp_path: Path) -> None:
    source = {"huggingFace": {"repository": NAME, "endpoint": hub.url}}
    file = write_yaml(tmp_path / "r.yaml", {**RESOURCE, "spec": {"model": {"source": source}}})
    command = ("bundle", "export", "-f", file, "-o", tmp_path / "bundle", "--operator-config", CONFIG)
    assert 0 == nemoctl(*command, HF_ENDPOINT=None).code
    assert 0 < hub.count("GET", "/resolve/")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"model": {"source": {"persistentVolumeClaim": {"claimName": "a", "path": "b"}}, "name": NAME}},
            "tiny: spec.model.source: the weights are yours already, so there is nothing to fetch.",
        ),
        (
            {"model": {"name": NAME, "source": {"s3": {"bucket": "models", "prefix": "a"}}}},
            "tiny: spec.model.source.s3: a bundle carries models of a hub.",
        ),
        (
            {"model": {"name": NAME}, "cache": {"existingClaim": "a"}},
            "tiny: spec.cache.existingClaim: a bundle is imported into a volume like the operator's own.",
        ),
        ({"model": {"name": "nix/nix"}}, "tiny: UnknownModel: "),
        ({"model": {"name": NAME}, "engine": {"maxModelLen": 1}}, "tiny: spec.engine.maxModelLen: "),
    ],
)
def test_a_resource_that_needs_no_bundle_or_is_refused_fetches_nothing(
    hub: Hub, tmp_path: Path, spec: dict[str, Any], message: str
) -> None:
    file = write_yaml(tmp_path / "r.yaml", {**RESOURCE, "spec": spec})
    answer = export(hub, "-f", file, "-o", tmp_path / "bundle")
    assert (1, "", 1) == (answer.code, answer.out, answer.err.count("\n"))
    assert answer.err.startswith(f"nemoctl: {message}")
    assert [] == hub.requests
    assert not (tmp_path / "bundle").exists()


def test_several_resources_are_no_bundle(hub: Hub, tmp_path: Path) -> None:
    file = write_yaml(tmp_path / "r.yaml", RESOURCE, RESOURCE)
    answer = export(hub, "-f", file, "-o", tmp_path / "bundle")
    assert (2, f"nemoctl: {file}: holds 2 NemotronDeployments. A bundle is for one: split the file.\n") == (
        answer.code,
        answer.err,
    )


def test_without_the_hubs_client_the_command_to_install_it_is_told(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_command, "HUB_CLIENT", "a_package_that_nobody_has")
    answer = export(hub, "--model", NAME, "-o", tmp_path)
    assert 2 == answer.code
    assert "`pip install '.[downloader]'` in the operator's sources" in answer.err


@pytest.mark.parametrize("arguments", [[], ["--model", "a", "-f", "b"]])
def test_one_of_model_and_file_is_needed(hub: Hub, tmp_path: Path, arguments: list[str]) -> None:
    answer = export(hub, *arguments, "-o", tmp_path)
    assert 2 == answer.code
    assert "give one of --model NAME and --file FILE" in answer.err


def test_every_model_of_the_catalogue_gets_a_name_that_the_api_server_takes() -> None:
    offline = read_offline(None)
    for model in offline.catalog.entries:
        parsed = parse_deployment(make_body(model, offline))
        assert isinstance(parsed, ParsedDeployment), (model, parsed)
