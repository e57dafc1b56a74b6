import hashlib
import os
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from generate.charts.chart_files import CHARTS as VALUES_BY_CHART
from generate.files import CHARTS_WITH_CRDS
from nemotron_operator.config import load_config
from nemotron_operator.plan.engine_version import find_engine_version
from release.artifacthub import render_annotations
from release.changelog import Section, read_section
from release.charts import ReleasedImages, copy_chart, copy_charts, name_engine, names_image, package_chart
from release.directories import CHARTS, ROOT
from release.errors import ReleaseError
from release.image_reference import parse_image_reference
from release.versions import read_version
from tests.release.conftest import ENGINE_IMAGE, EPOCH_SECONDS, OPERATOR_IMAGE
from tests.support.helm import Helm, read_objects

CAPABILITIES = {"Basic Install", "Seamless Upgrades", "Full Lifecycle", "Deep Insights", "Auto Pilot"}


@pytest.fixture(scope="module")
def folder(images: ReleasedImages, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("release")
    copy_charts(images, path, EPOCH_SECONDS)
    return path


def read_annotations(folder: Path, chart: str) -> dict[str, Any]:
    """Read the annotations for Artifact Hub, each of them as what it holds."""
    annotations = yaml.safe_load((folder / chart / "Chart.yaml").read_text())["annotations"]
    assert all(isinstance(value, str) for value in annotations.values())
    return {
        name.removeprefix("artifacthub.io/"): yaml.safe_load(value) if "\n" in value else value
        for name, value in annotations.items()
    }


def list_files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def read_package(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as package:
        files = {member.name: package.extractfile(member) for member in package}
        return {name: file.read() for name, file in files.items() if file is not None}


def hash_file(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("chart", VALUES_BY_CHART)
def test_a_package_is_the_same_from_any_folder_at_any_time(
    chart: str, helms: dict[str, Helm], images: ReleasedImages, tmp_path: Path
) -> None:
    packages = []
    for place, umask in (("a", 0o022), ("another/folder", 0o077)):
        before = os.umask(umask)
        try:
            copy = copy_chart(chart, images, tmp_path / place, EPOCH_SECONDS)
            packages.append(package_chart(helms["helm"].program, copy, tmp_path / place))
        finally:
            os.umask(before)
    expected, actual = map(hash_file, packages)
    assert expected == actual


def test_a_package_tells_the_time_of_the_commit_and_nothing_of_who_made_it(
    helms: dict[str, Helm], folder: Path, tmp_path: Path
) -> None:
    with tarfile.open(package_chart(helms["helm"].program, folder / "nemotron-operator", tmp_path)) as package:
        actual = {(member.mtime, member.uid, member.uname) for member in package}
    assert {(EPOCH_SECONDS, 0, "")} == actual


@pytest.mark.parametrize("chart", VALUES_BY_CHART)
def test_helm_3_packages_the_same_files_and_writes_its_own_time(
    chart: str, helms: dict[str, Helm], folder: Path, tmp_path: Path
) -> None:
    expected, actual = (
        read_package(package_chart(helms[name].program, folder / chart, tmp_path / name)) for name in ("helm", "helm3")
    )
    assert expected == actual


def test_a_released_chart_names_the_image_by_digest_for_operator_and_jobs(helm: Helm, folder: Path) -> None:
    objects = read_objects(helm.render(chart=folder / "nemotron-operator"))
    pod = objects["Deployment", "operator"]["spec"]["template"]["spec"]
    expected = OPERATOR_IMAGE.replace("@", f":{read_version()}@")
    assert {expected} == {container["image"] for container in pod["containers"]}
    config = yaml.safe_load(objects["ConfigMap", "operator"]["data"]["config.yaml"])
    assert expected == config["downloaderImage"]


def test_every_pod_of_a_released_chart_has_its_image_by_digest(helm: Helm, folder: Path) -> None:
    expected = {OPERATOR_IMAGE.replace("@", f":{read_version()}@")}
    charts = [chart for chart in VALUES_BY_CHART if names_image(chart)]
    assert {"nemotron-operator", "nemotron-models"} == set(charts)
    values = {
        "nemotron-models": {"deployments": {"a": {"spec": {"model": {"name": "nvidia/NVIDIA-Nemotron-Nano-9B-v2"}}}}}
    }
    for chart in charts:
        rendered = helm.render(chart=folder / chart, values=values.get(chart, {}))
        assert expected == set(re.findall(r"^\s+(?:- )?image: \W*([\w/.:@-]+)", rendered, re.MULTILINE))


def test_a_mirror_takes_the_place_of_the_registry_and_the_digest_stays(helm: Helm, folder: Path) -> None:
    values = {"global": {"imageRegistry": "mirror.example.com"}}
    deployment = read_objects(helm.render(chart=folder / "nemotron-operator", values=values))["Deployment", "operator"]
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    assert f"mirror.example.com/team/nemotron-operator:{read_version()}@sha256:{'a' * 64}" == image


def test_a_parent_that_names_no_registry_takes_away_none(helm: Helm, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "charts").mkdir()
    charts = [chart for chart in VALUES_BY_CHART if names_image(chart)]
    for chart in charts:
        (tmp_path / "charts" / chart).symlink_to(folder / chart)
    (tmp_path / "Chart.yaml").write_text("{apiVersion: v2, name: platform, version: 1.0.0}")
    (tmp_path / "values.yaml").write_text('{global: {imageRegistry: ""}}')
    model = {"deployments": {"a": {"spec": {"model": {"name": "nvidia/NVIDIA-Nemotron-Nano-9B-v2"}}}}}
    for registry, expected in (
        ("", OPERATOR_IMAGE),
        ("mirror.example.com", OPERATOR_IMAGE.replace("registry.", "mirror.")),
    ):
        values = {"global": {"imageRegistry": registry}} if registry else {}
        rendered = helm.render(chart=tmp_path, values={"nemotron-models": model, **values})
        images = re.findall(r"^\s+(?:- )?image: \W*([\w/.:@-]+)", rendered, re.MULTILINE)
        assert {expected.replace("@", f":{read_version()}@")} == set(images)
        assert 3 == len(images)


def test_a_released_chart_fills_missing_values_with_its_own(helm: Helm, folder: Path) -> None:
    model = {"deployments": {"a": {"spec": {"model": {"name": "nvidia/NVIDIA-Nemotron-Nano-9B-v2"}}}}}
    for chart, given in (("nemotron-operator", {}), ("nemotron-models", model)):
        expected = helm.render(chart=folder / chart, values=given)
        assert OPERATOR_IMAGE.partition("@")[2] in expected
        assert expected == helm.render(chart=folder / chart, values={**given, "image": None})


def read_config(rendered: str) -> dict[str, Any]:
    """Read the operator's configuration."""
    config: dict[str, Any] = yaml.safe_load(
        read_objects(rendered)["ConfigMap", "operator"]["data"]["config.yaml"],
    )
    return config


def test_a_released_chart_names_the_engine_by_digest_and_by_the_tag_that_was_shipped(
    helm: Helm, folder: Path, tmp_path: Path
) -> None:
    shipped = load_config()
    rendered = read_config(helm.render(chart=folder / "nemotron-operator"))
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(rendered))
    config = load_config(path)
    assert f"{shipped.engine_image}@sha256:{'b' * 64}" == config.engine_image
    assert shipped.engine_version == config.engine_version == find_engine_version(config.engine_image, shipped)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"engineImage": "mirror.example.com/vllm:1"}, "mirror.example.com/vllm:1"),
        ({"workers": 4}, f"{load_config().engine_image}@sha256:{'b' * 64}"),
        ({"engineImage": None}, f"{load_config().engine_image}@sha256:{'b' * 64}"),
        (None, f"{load_config().engine_image}@sha256:{'b' * 64}"),
    ],
)
def test_an_engine_of_the_users_own_wins_over_the_released_one(
    helm: Helm, folder: Path, config: dict[str, Any] | None, expected: str
) -> None:
    rendered = helm.render(chart=folder / "nemotron-operator", values={"config": config})
    assert expected == read_config(rendered)["engineImage"]


@pytest.mark.parametrize("engine", ["registry.example.com/vllm/vllm-openai", "docker.io/vllm/vllm-openai-rocm"])
def test_an_engine_that_the_operator_does_not_start_is_not_released(engine: str) -> None:
    with pytest.raises(ReleaseError) as error:
        name_engine(parse_image_reference(f"{engine}@sha256:{'b' * 64}"))
    assert f"the shipped configuration names {load_config().engine_image}" in str(error.value)


def test_a_released_chart_differs_from_the_checkout_in_what_is_meant_to(folder: Path) -> None:
    for chart in VALUES_BY_CHART:
        expected = {"Chart.yaml", "LICENSE"} | (
            {"README.md", "files/defaults.yaml", "values.yaml"} if names_image(chart) else set()
        )
        names = list_files(folder / chart)
        assert names - {"LICENSE"} == list_files(CHARTS / chart)
        actual = {
            name
            for name in names
            if name == "LICENSE" or (folder / chart / name).read_text() != (CHARTS / chart / name).read_text()
        }
        assert expected == actual


@pytest.mark.parametrize("chart", VALUES_BY_CHART)
def test_every_chart_says_its_licence_and_category(chart: str, folder: Path) -> None:
    annotations = read_annotations(folder, chart)
    assert ("Apache-2.0", "ai-machine-learning") == (annotations["license"], annotations["category"])


@pytest.mark.parametrize("chart", VALUES_BY_CHART)
def test_the_changes_of_a_chart_are_those_of_the_changelog(chart: str, folder: Path) -> None:
    expected = list(read_section((ROOT / "CHANGELOG.md").read_text(), read_version()).items)
    actual = read_annotations(folder, chart)["changes"]
    assert expected == actual


def test_the_annotations_show_definition_and_examples_where_it_is_installed(folder: Path) -> None:
    (crd_file,) = (ROOT / "crds").iterdir()
    crd = yaml.safe_load(crd_file.read_text())
    expected = {(crd["metadata"]["name"], "NemotronDeployment", crd["spec"]["versions"][0]["name"])}
    for chart in CHARTS_WITH_CRDS:
        annotations = read_annotations(folder, chart)
        assert expected == {(entry["name"], entry["kind"], entry["version"]) for entry in annotations["crds"]}
        examples = annotations["crdsExamples"]
        assert len(examples) > 1
        assert {"NemotronDeployment"} == {example["kind"] for example in examples}
    assert "crds" not in read_annotations(folder, "nemotron-models")


def test_the_operators_chart_is_shown_as_an_operator_with_its_images(folder: Path) -> None:
    annotations = read_annotations(folder, "nemotron-operator")
    assert "true" == annotations["operator"]
    assert annotations["operatorCapabilities"] in CAPABILITIES
    assert [OPERATOR_IMAGE, ENGINE_IMAGE] == [image["image"] for image in annotations["images"]]


@pytest.mark.parametrize("chart", VALUES_BY_CHART)
def test_every_link_leads_to_a_page_of_the_repository(chart: str, folder: Path) -> None:
    links = read_annotations(folder, chart)["links"]
    home = yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text())["home"]
    for link in links:
        page = re.fullmatch(rf"{re.escape(home)}/blob/v{re.escape(read_version())}/(.+)", link["url"])
        assert page is not None
        assert (ROOT / page[1]).is_file(), page[1]


@pytest.mark.parametrize(("version", "expected"), [("1.0.0", "false"), ("1.0.0-rc.1", "true")])
def test_a_version_before_a_release_is_shown_as_one(images: ReleasedImages, version: str, expected: str) -> None:
    chart = yaml.safe_load((CHARTS / "nemotron-models" / "Chart.yaml").read_text()) | {"version": version}
    annotations = render_annotations(chart, Section("", is_released=True), images.by_name())
    assert expected == annotations["artifacthub.io/prerelease"]


def test_artifact_hubs_file_names_its_owners() -> None:
    described = yaml.safe_load((CHARTS / "artifacthub-repo.yml").read_text())
    assert all({"name", "email"} == set(owner) for owner in described["owners"])
    assert described["owners"]
