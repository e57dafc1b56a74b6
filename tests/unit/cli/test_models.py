from pathlib import Path

from nemotron_operator.catalog.catalog import load_catalog
from nemotron_operator.cli.models_report import ModelReport
from nemotron_operator.config import load_config
from nemotron_operator.plan.memory import count_repository_bytes
from tests.support.fixtures.deployments import BF16, FP8
from tests.unit.cli.command import nemoctl, read_words


def test_every_model_of_the_catalogue_is_listed() -> None:
    answer = nemoctl("models", "-o", "json")
    assert list(load_catalog().entries) == [report["name"] for report in answer.document]
    assert (0, "") == (answer.code, answer.err)


def test_the_facts_are_those_of_the_catalogue() -> None:
    report = next(report for report in nemoctl("models", "-o", "yaml").document if report["name"] == FP8)
    entry = load_catalog().entries[FP8]
    assert count_repository_bytes(entry) == report["weightsBytes"]
    assert ("FP8", 131072, 4096, "llama3.1", BF16) == (
        report["quantization"],
        report["maxModelLen"],
        report["maxOutputTokens"],
        report["licence"],
        report["baseModel"],
    )


def test_the_parameters_are_counted_from_the_geometry() -> None:
    assert {70_553_706_496} == {report["parameters"] for report in nemoctl("models", "-o", "json").document}


def test_the_needs_are_those_of_each_accelerator_of_the_configuration() -> None:
    reports = {report["name"]: report for report in nemoctl("models", "-o", "json").document}
    assert list(load_config().accelerators) == [need["accelerator"] for need in reports[FP8]["needs"]]
    needs = {need["accelerator"]: (need["gpus"], need["maxModelLen"]) for need in reports[BF16]["needs"]}
    assert ((4, 131072), (2, 131072)) == (needs["H100-80GB"], needs["H200"])


def test_every_key_is_documented() -> None:
    assert [] == [name for name, field in ModelReport.model_fields.items() if not field.description]


def test_the_page_holds_at_80_columns() -> None:
    out = nemoctl("models", COLUMNS="80").out
    assert max(map(len, out.splitlines())) <= 80
    expected = f"""\
{FP8}
  70.6B parameters, FP8, 67.69 GiB; context 131,072 tokens; licence llama3.1
  GPUs: 2 x H100-80GB, 2 x H100-PCIe-80GB, 2 x H100-NVL-94GB, 1 x H200
"""
    assert expected in out


def test_wide_is_a_line_for_each_model() -> None:
    header, *lines = nemoctl("models", "-o", "wide").out.splitlines()
    expected = "MODEL PARAMETERS WEIGHTS STORED-AS CONTEXT LICENCE H100-80GB H100-PCIe-80GB H100-NVL-94GB H200"
    assert expected == read_words(header)
    assert f"{FP8} 70.6B 67.69GiB FP8 131072 llama3.1 2 2 2 1" == read_words(lines[0])


def test_an_accelerator_that_holds_no_model_says_no(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("accelerators: {T4: {nodeLabels: {gpu: [T4]}, usableMemoryMib: 15000, gpusPerNode: 1}}\n")
    answer = nemoctl("models", "--config", config, "-o", "json")
    need = answer.document[0]["needs"][-1]
    assert {"accelerator": "T4", "gpus": None, "maxModelLen": None} == need
    assert "no x T4" in nemoctl("models", "--config", config).out


def test_a_context_that_is_shorter_than_the_models_is_told(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("accelerators: {S: {nodeLabels: {gpu: [S]}, usableMemoryMib: 81008, gpusPerNode: 2}}\n")
    assert "2 (7168 tokens) x S" in nemoctl("models", "--config", config).out
