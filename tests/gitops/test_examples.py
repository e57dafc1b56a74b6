"""The example repositories hold together: what names something finds it, and the charts take the values."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.binaries import find_or_build_helms
from nemotron_operator import __version__
from tests.gitops.judges import EXAMPLES, JudgeError, Judges, read_examples
from tests.support.helm import CHART, MODELS_CHART, Helm, read_objects

CHARTS = {"nemotron-models": MODELS_CHART, "nemotron-operator": CHART}
CHARTS["nemotron-operator-crds"] = CHART.parent / "nemotron-operator-crds"

MODEL_MINUTES = 45
"""Downloading and loading take so long at most, as far as a tool should wait."""


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm, without a cluster."""
    home: Path = tmp_path_factory.mktemp("helm")
    return Helm(find_or_build_helms(print)["helm"], home)


def _named(kind: str) -> dict[str, dict[str, Any]]:
    return {example.body["metadata"]["name"]: example.body for example in read_examples(kind)}


def test_flux_reads_every_release(judges: Judges) -> None:
    releases = _named("HelmRelease")
    assert [*releases] == judges.read_releases(*releases.values())


def test_flux_refuses_a_field_that_it_does_not_know(judges: Judges) -> None:
    release = _named("HelmRelease")["nemotron-models"]
    with pytest.raises(JudgeError, match="dependOn"):
        judges.read_releases({**release, "spec": {**release["spec"], "dependOn": []}})


def test_flux_brings_the_definition_the_operator_and_the_models_in_this_order() -> None:
    releases = _named("HelmRelease")
    order = {name: [each["name"] for each in body["spec"].get("dependsOn", [])] for name, body in releases.items()}
    expected = {
        "nemotron-models": ["nemotron-operator"],
        "nemotron-operator": ["nemotron-operator-crds"],
        "nemotron-operator-crds": [],
    }
    assert expected == order


def test_flux_finds_the_charts_at_this_version() -> None:
    sources = _named("OCIRepository")
    for name, release in _named("HelmRelease").items():
        assert {"kind": "OCIRepository", "name": name} == release["spec"]["chartRef"]
    assert set(CHARTS) == set(sources)
    assert {__version__} == {source["spec"]["ref"]["tag"] for source in sources.values()}


def test_flux_waits_as_long_as_a_model_takes() -> None:
    waiting = {**_named("HelmRelease"), **_named("Kustomization")}
    timeouts = {
        name: waiting[name]["spec"]["timeout"] for name in ("nemotron-models", "nemotron-manifests", "nemotron")
    }
    assert all(int(timeout.removesuffix("m")) >= MODEL_MINUTES for timeout in timeouts.values())


def test_flux_tries_a_failed_release_again_and_never_removes_it_or_rolls_it_back() -> None:
    for release in _named("HelmRelease").values():
        for action in ("install", "upgrade"):
            wanted = release["spec"][action]
            assert {"name": "RetryOnFailure"} == wanted["strategy"]
            assert "remediation" not in wanted


def test_flux_can_build_every_folder_that_it_applies() -> None:
    folders = {name: EXAMPLES / body["spec"]["path"] for name, body in _named("Kustomization").items()}
    # kustomize-controller takes every file of this kind, and refuses what is no object.
    files = {name: sorted(folder.rglob("*.y*ml")) for name, folder in folders.items()}
    bodies = {name: [body for file in files[name] for body in yaml.safe_load_all(file.read_text())] for name in files}

    kinds = {name: {body.get("kind") for body in found} for name, found in bodies.items()}
    expected = {"nemotron": {"HelmRelease", "OCIRepository"}, "nemotron-manifests": {"NemotronDeployment"}}
    assert expected == kinds
    assert all(body["apiVersion"] and body["metadata"]["name"] for found in bodies.values() for body in found)


def test_argo_cd_brings_the_definition_the_operator_and_the_models_in_this_order() -> None:
    wave = "argocd.argoproj.io/sync-wave"
    waves = {
        int(body["metadata"]["annotations"][wave]): name
        for name, body in _named("Application").items()
        if wave in body["metadata"].get("annotations", {})
    }
    assert ["nemotron-crds", "nemotron-operator", "nemotron-models"] == [waves[number] for number in sorted(waves)]


def _chart_sources() -> list[dict[str, Any]]:
    specs = [body["spec"] for body in _named("Application").values()]
    sources = [source for spec in specs for source in spec.get("sources", [spec.get("source")])]
    return [source for source in sources if "chart" in source]


def test_argo_cd_finds_the_charts_at_this_version() -> None:
    assert {(name, __version__) for name in CHARTS} == {
        (source["chart"], source["targetRevision"]) for source in _chart_sources()
    }


def test_the_definition_is_never_pruned(helm: Helm) -> None:
    (values,) = (
        source["helm"]["valuesObject"] for source in _chart_sources() if source["chart"] == "nemotron-operator-crds"
    )
    (definition,) = read_objects(helm.render(values=values, chart=CHARTS["nemotron-operator-crds"])).values()
    expected = {
        "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
        "helm.sh/resource-policy": "keep",
    }
    assert expected.items() <= definition["metadata"]["annotations"].items()


def test_the_charts_take_the_values_of_the_examples(helm: Helm) -> None:
    given = [(source["chart"], source["helm"].get("valuesObject")) for source in _chart_sources()]
    given += [(name, body["spec"].get("values")) for name, body in _named("HelmRelease").items()]
    for chart, values in given:
        if values is not None:
            assert read_objects(helm.render(values=values, chart=CHARTS[chart]))


@pytest.mark.parametrize(("overlay", "replicas"), [("staging", None), ("production", 2)])
def test_an_overlay_changes_what_it_names_and_keeps_the_rest(helm: Helm, overlay: str, replicas: int | None) -> None:
    files = [f"--values={EXAMPLES / 'models' / name}.yaml" for name in ("base", overlay)]
    rendered = read_objects(helm.render("--set=tests.enabled=false", *files, chart=MODELS_CHART))

    (model,) = rendered.values()
    base = yaml.safe_load((EXAMPLES / "models" / "base.yaml").read_text())["deployments"]["nemotron-70b"]
    assert base["spec"]["model"] == model["spec"]["model"]
    assert overlay == model["metadata"]["labels"]["environment"]
    assert replicas == model["spec"].get("autoscaling", {}).get("minReplicas")
    assert "replicas" not in model["spec"]
