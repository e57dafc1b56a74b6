"""What both Helms make of the chart that holds the definition alone."""

import json
import tarfile
from pathlib import Path

import pytest
import yaml

from nemotron_operator import __version__
from tests.support.helm import CHART, CRD_NAME, Body, Helm, HelmError, read_notes, read_objects

CRDS_CHART = CHART.with_name("nemotron-operator-crds")

DEFINITION = CHART.parent.parent / "crds" / "nemotron.dev_nemotrondeployments.yaml"

for_all_values = pytest.mark.parametrize(
    "values_file", sorted((CRDS_CHART / "ci").glob("*-values.yaml")), ids=lambda path: path.stem
)


def definition(helm: Helm, *arguments: str, **values: object) -> Body:
    """Render the only object."""
    (body,) = read_objects(helm.render(*arguments, values=values, chart=CRDS_CHART)).values()
    return body


@for_all_values
def test_helm_finds_nothing_to_warn_of(helm: Helm, values_file: Path) -> None:
    printed = helm.run("lint", "--strict", str(CRDS_CHART), f"--values={values_file}")
    assert "1 chart(s) linted, 0 chart(s) failed" in printed


@for_all_values
def test_helm_3_and_helm_4_render_the_same(helms: dict[str, Helm], values_file: Path) -> None:
    given = f"--values={values_file}"
    assert definition(helms["helm3"], given) == definition(helms["helm"], given)


def test_it_is_the_generated_definition_and_is_kept(helm: Helm) -> None:
    expected = yaml.load(DEFINITION.read_text(), yaml.CSafeLoader)
    expected["metadata"]["annotations"] = {"helm.sh/resource-policy": "keep"}
    assert expected == definition(helm)


def test_it_is_the_one_that_the_operators_chart_installs(helm: Helm) -> None:
    assert read_objects(helm.render())["CustomResourceDefinition", CRD_NAME] == definition(helm)


def test_each_value_is_found_in_it(helm: Helm) -> None:
    given = yaml.safe_load((CRDS_CHART / "ci" / "everything-on-values.yaml").read_text())
    assert {"keep", "labels", "annotations"} == given.keys() == json_keys("values.schema.json")
    metadata = definition(helm, **given)["metadata"]
    assert (given["labels"], given["annotations"]) == (metadata["labels"], metadata["annotations"])
    kept = definition(helm, **{**given, "keep": True})["metadata"]
    assert {**given["annotations"], "helm.sh/resource-policy": "keep"} == kept["annotations"]


def json_keys(name: str) -> set[str]:
    schema = json.loads((CRDS_CHART / name).read_text())
    return set(schema["properties"]) - {"global", "enabled"}


def test_a_key_that_there_is_not_is_named(helm: Helm) -> None:
    with pytest.raises(HelmError, match="additional properties 'install' not allowed"):
        definition(helm, install=True)


def test_the_notes_name_the_next_command_and_what_an_uninstall_would_delete(helms: dict[str, Helm]) -> None:
    def notes(**values: object) -> str:
        return read_notes(helms["helm"].run("install", "crds", str(CRDS_CHART), "--dry-run=client", values=values))

    assert f"\n  kubectl wait --for=condition=Established crd/{CRD_NAME}" in notes()
    assert "--set crds.install=false" in notes()
    assert "every NemotronDeployment" not in notes()
    assert "deletes the definition, every NemotronDeployment" in notes(keep=False)


def test_it_carries_the_version_of_the_operator_and_what_a_person_reads(helm: Helm, tmp_path: Path) -> None:
    helm.run("package", str(CRDS_CHART), "--destination", str(tmp_path))
    with tarfile.open(tmp_path / f"nemotron-operator-crds-{__version__}.tgz") as archive:
        names = {name.removeprefix("nemotron-operator-crds/") for name in archive.getnames()}
    assert {"README.md", "templates/NOTES.txt", f"files/crds/{DEFINITION.name}"} <= names
    assert [] == [name for name in names if name.startswith("ci/")]
