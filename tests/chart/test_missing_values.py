"""Values that are missing: empty keys of YAML, and those of an older release that `--reuse-values` brings."""

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from nemotron_operator.config import AcceleratorProfile, OperatorConfig
from tests.support.helm import CHART, MODELS_CHART, Body, Helm, read_objects

CRDS_CHART = CHART.with_name("nemotron-operator-crds")

PREVIOUS_RELEASE = CHART.parent.parent / "tests" / "releases" / "nemotron-operator-0.1.0.tgz"

SWITCHES: dict[str, Any] = {
    "monitoring": {what: {"enabled": True} for what in ("operator", "engines", "rules")},
    "networkPolicy": {"enabled": True},
    "policies": {"enabled": True, "maxGpusPerResource": 8},
}

A_MODEL = {"deployments": {"a": {"spec": {"model": {"name": "nvidia/NVIDIA-Nemotron-Nano-9B-v2"}}}}}

CASES = {
    "operator": (CHART, {}),
    "operator-with-more": (CHART, SWITCHES),
    "crds": (CRDS_CHART, {}),
    "models": (MODELS_CHART, A_MODEL),
}
"""Charts, each with values that are given."""

EMPTIED = {("resources", "limits"), ("resources", "requests"), ("monitoring", "engines", "tlsConfig")} | {
    ("dashboards", "labels"),
    ("dashboards", "annotations"),
}
"""Maps of the user's own that hold something by default: there null empties them."""


def rendered(helm: Helm, chart: Path, values: Body) -> dict[tuple[str, str], Body]:
    return read_objects(helm.render(values=values, chart=chart))


def empty_the_rest(defaults: Body, given: Body, path: tuple[str, ...] = ()) -> Body:
    """Say null for every value that nobody gives."""
    emptied: Body = dict(given)
    for key, default in defaults.items():
        here = (*path, key)
        if here in EMPTIED or (key in given and not isinstance(default, dict)) or (key in given and not default):
            continue
        emptied[key] = (
            empty_the_rest(default, given.get(key, {}), here) if default and isinstance(default, dict) else None
        )
    return emptied


@pytest.mark.parametrize("case", CASES)
def test_empty_values_are_as_if_nobody_said_them(helm: Helm, case: str) -> None:
    chart, given = CASES[case]
    emptied = empty_the_rest(yaml.safe_load((chart / "values.yaml").read_text()), given)
    assert "null" in json.dumps(emptied)
    assert rendered(helm, chart, given) == rendered(helm, chart, emptied)


@pytest.mark.parametrize("case", CASES)
def test_empty_groups_of_values_are_as_if_nobody_said_them(helm: Helm, case: str) -> None:
    chart, given = CASES[case]
    groups = yaml.safe_load((chart / "values.yaml").read_text())
    emptied = {**dict.fromkeys(groups), **given}
    assert rendered(helm, chart, given) == rendered(helm, chart, emptied)


def test_a_map_of_the_users_own_is_emptied(helm: Helm) -> None:
    values = {
        "resources": {"limits": None},
        "dashboards": {"enabled": True, "labels": None, "annotations": None},
        "monitoring": {"engines": {"enabled": True, "tlsConfig": None}},
    }
    found = rendered(helm, CHART, values)
    (container,) = found["Deployment", "operator"]["spec"]["template"]["spec"]["containers"]
    (endpoint,) = found["PodMonitor", "operator-engines"]["spec"]["podMetricsEndpoints"]
    metadata = found["ConfigMap", "operator-nemotron-fleet"]["metadata"]
    assert not container["resources"]["limits"]
    assert container["resources"]["requests"]
    assert "tlsConfig" not in endpoint
    assert "grafana_dashboard" not in metadata["labels"]
    assert "grafana_folder" not in metadata["annotations"]


A_CONFIGURATION: dict[str, Any] = {
    "engineImage": "registry.example.com/vllm:v0.33.0",
    "hubEndpoint": "https://hub.example.com",
    "downloaderImage": "registry.example.com/downloader:1",
    "showDownloadProgress": False,
    "downloadEnv": {"HTTPS_PROXY": "http://proxy.example.com", "NO_PROXY": ".example.com"},
    "accelerators": {
        name: {
            "nodeLabels": {"gpu": [name]},
            "usableMemoryMib": 90000,
            "resourceName": "nvidia.com/other",
            "tolerations": [{"key": "gpu", "effect": None}],
        }
        for name in ("A", "B")
    },
}


def test_null_takes_any_field_of_the_configuration_away(helm: Helm) -> None:
    config = json.loads((CHART / "values.schema.json").read_text())["definitions"]["ConfigOverlay"]["properties"]
    given = {**SWITCHES, "config": dict.fromkeys(config)}
    assert len(config) > 20
    assert rendered(helm, CHART, SWITCHES) == rendered(helm, CHART, given)


def test_an_overlay_takes_parts_of_the_configuration_away_and_leaves_the_others(helm: Helm, tmp_path: Path) -> None:
    base = tmp_path / "base.yaml"
    base.write_text(json.dumps({**SWITCHES, "config": A_CONFIGURATION}))
    overlay: Body = {
        **dict.fromkeys(("engineImage", "hubEndpoint", "downloaderImage", "showDownloadProgress")),
        "downloadEnv": {"HTTPS_PROXY": None},
        "accelerators": {"A": None, "B": {"resourceName": None}},
    }
    profile = {key: value for key, value in A_CONFIGURATION["accelerators"]["B"].items() if key != "resourceName"}
    left = {"downloadEnv": {"NO_PROXY": ".example.com"}, "accelerators": {"B": profile}}
    found = read_objects(helm.render(f"--values={base}", values={"config": overlay}))
    assert rendered(helm, CHART, {**SWITCHES, "config": left}) == found
    config = yaml.safe_load(found["ConfigMap", "operator"]["data"]["config.yaml"])
    # Without an effect, which is no effect's default: it tolerates all of them.
    assert [{"key": "gpu", "effect": None}] == config["accelerators"]["B"]["tolerations"]


def test_no_field_of_the_configuration_means_something_else_by_null_than_by_its_absence() -> None:
    fields = [*OperatorConfig.model_fields.values(), *AcceleratorProfile.model_fields.values()]
    nullable = [field for field in fields if type(None) in get_args(field.annotation)]
    assert len(nullable) > 3
    assert [None] * len(nullable) == [field.default for field in nullable]


def test_empty_values_below_another_chart_are_as_if_nobody_said_them(helm: Helm, tmp_path: Path) -> None:
    (tmp_path / "charts").mkdir()
    for chart in (CHART, MODELS_CHART):
        (tmp_path / "charts" / chart.name).symlink_to(chart)
    (tmp_path / "Chart.yaml").write_text("{apiVersion: v2, name: platform, version: 1.0.0}")
    emptied = {"podLabels": None, "crds": None, "rbac": {"create": None}, "commonAnnotations": None, "global": None}
    values = {CHART.name: emptied, MODELS_CHART.name: {"tests": None, "commonLabels": None, **A_MODEL}}
    expected = rendered(helm, tmp_path, {MODELS_CHART.name: A_MODEL})
    assert expected == rendered(helm, tmp_path, values)


def test_values_of_the_previous_release_are_completed_as_reuse_values_brings_no_others(
    helm: Helm, tmp_path: Path
) -> None:
    shutil.copytree(CHART, tmp_path / CHART.name)
    with tarfile.open(PREVIOUS_RELEASE) as archive:
        values = archive.extractfile("nemotron-operator/values.yaml")
        assert values is not None
        # As Helm does: the computed values of the release that there is stand for those of the new chart.
        (tmp_path / CHART.name / "values.yaml").write_bytes(values.read())
    assert rendered(helm, CHART, {}) == rendered(helm, tmp_path / CHART.name, {})


@pytest.mark.parametrize("chart", [CHART, MODELS_CHART], ids=lambda chart: chart.name)
def test_every_template_completes_the_values_before_it_reads_one(chart: Path) -> None:
    templates = [path for path in (chart / "templates").rglob("*") if path.is_file() and path.suffix != ".tpl"]
    expected = f'{{{{- include "{chart.name}.complete" . -}}}}'
    assert len(templates) > 2
    assert [] == [path.name for path in templates if path.read_text().splitlines()[0] != expected]


@pytest.mark.parametrize("wanted", [True, False])
def test_another_chart_takes_its_parts_by_conditions(helm: Helm, tmp_path: Path, wanted: bool) -> None:  # noqa: FBT001
    parts = [CHART, CRDS_CHART, MODELS_CHART]
    (tmp_path / "charts").mkdir()
    for chart in parts:
        (tmp_path / "charts" / chart.name).symlink_to(chart)
    dependencies = [{"name": part.name, "version": ">=0.0.0", "condition": f"{part.name}.enabled"} for part in parts]
    described = {"apiVersion": "v2", "name": "platform", "version": "1.0.0", "dependencies": dependencies}
    (tmp_path / "Chart.yaml").write_text(json.dumps(described))
    values: Body = {part.name: {"enabled": wanted} for part in parts}
    values[CHART.name]["crds"] = {"install": False}
    values[MODELS_CHART.name] |= A_MODEL
    expected = {"Deployment", "CustomResourceDefinition", "NemotronDeployment"} if wanted else set()
    assert expected == {kind for kind, _ in rendered(helm, tmp_path, values)} & {
        "Deployment",
        "CustomResourceDefinition",
        "NemotronDeployment",
    }
