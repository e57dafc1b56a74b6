from pathlib import Path

import pytest

from nemotron_operator.catalog.catalog import load_catalog
from nemotron_operator.cli.models.report import ModelReport
from nemotron_operator.config import load_config
from nemotron_operator.plan.memory.weights import count_parameters, count_repository_bytes
from tests.support.fixtures.deployments import BF16, FP8
from tests.unit.cli.command import nemoctl, read_words

NANO = "nvidia/NVIDIA-Nemotron-Nano-9B-v2"
SUPER = "nvidia/Llama-3_3-Nemotron-Super-49B-v1"


@pytest.fixture(scope="module")
def reports() -> dict[str, dict[str, object]]:
    return {report["name"]: report for report in nemoctl("models", "-o", "json").document}


def test_every_model_of_the_catalogue_is_listed_once(reports: dict[str, dict[str, object]]) -> None:
    answer = nemoctl("models", "-o", "json")
    assert sorted(load_catalog().entries) == sorted(report["name"] for report in answer.document)
    assert (0, "") == (answer.code, answer.err)
    assert len(reports) == len(answer.document)


def test_the_facts_are_those_of_the_catalogue(reports: dict[str, dict[str, object]]) -> None:
    report, entry = reports[FP8], load_catalog().entries[FP8]
    assert entry.architecture is not None
    assert count_repository_bytes(entry.architecture) == report["weightsBytes"]
    assert ("FP8", 131072, 4096, "llama3.1", BF16) == (
        report["quantization"],
        report["maxModelLen"],
        report["maxOutputTokens"],
        report["licence"],
        report["baseModel"],
    )


def test_flags_and_sources_are_those_of_the_catalogue(reports: dict[str, dict[str, object]]) -> None:
    for name, entry in load_catalog().entries.items():
        report = reports[name]
        assert entry.flags.model_dump(by_alias=True) == report["flags"]
        assert (list(entry.sources), entry.published_parameters) == (report["sources"], report["publishedParameters"])


def test_the_parameters_are_counted_from_the_geometry(reports: dict[str, dict[str, object]]) -> None:
    assert (70_553_706_496, 70_553_706_496) == (reports[FP8]["parameters"], reports[BF16]["parameters"])
    for name, entry in load_catalog().entries.items():
        assert entry.architecture is not None
        assert count_parameters(entry.architecture) == reports[name]["parameters"]


def test_only_a_hybrid_keeps_a_state(reports: dict[str, dict[str, object]]) -> None:
    with_state = {report["architecture"] for report in reports.values() if report["stateBytesPerSequence"]}
    assert {"NemotronHForCausalLM"} == with_state


def test_the_needs_are_those_of_each_accelerator_of_the_configuration() -> None:
    reports = {report["name"]: report for report in nemoctl("models", "-o", "json").document}
    assert list(load_config().accelerators) == [need["accelerator"] for need in reports[FP8]["needs"]]
    needs = {need["accelerator"]: (need["gpus"], need["maxModelLen"]) for need in reports[BF16]["needs"]}
    assert ((4, 131072), (2, 131072)) == (needs["H100-80GB"], needs["H200"])


def test_what_a_model_needs_beside_memory_hides_no_number(reports: dict[str, dict[str, object]]) -> None:
    """The shipped configuration allows no code from repositories, and yet the GPUs are told."""
    assert load_catalog().entries[SUPER].flags.trust_remote_code
    needs = reports[SUPER]["needs"]
    assert isinstance(needs, list)
    assert all(need["gpus"] for need in needs)


def test_every_key_is_documented() -> None:
    assert [] == [name for name, field in ModelReport.model_fields.items() if not field.description]


def test_one_model_is_an_object() -> None:
    answer = nemoctl("models", FP8.lower(), "-o", "yaml")
    assert (0, FP8) == (answer.code, answer.document["name"])


def test_one_model_is_shown_in_full() -> None:
    out = nemoctl("models", NANO, COLUMNS="120").out
    assert out.startswith(f"{NANO}\n  Size        8.9B parameters, published as 8.89B; BF16, 16.56 GiB\n")
    lines = [read_words(line) for line in out.splitlines()]
    assert "Needs vLLM 0.10.1 or newer" in lines
    assert "KV cache 16 KiB a token and 136.9 MiB a sequence" in lines
    entry = load_catalog().entries[NANO]
    assert len(entry.sources) == sum(line.startswith("Source ") for line in lines)


def test_a_model_with_its_own_code_says_what_to_set() -> None:
    out = read_words(nemoctl("models", SUPER).out.replace("\n", " "))
    assert "Needs vLLM 0.8.3 or newer, model.trustRemoteCode: true, as it brings Python code of its own" in out


def test_an_unknown_model_is_one_line_with_the_closest_names() -> None:
    answer = nemoctl("models", "llama-3.1-nemotron-70b")
    assert (2, "", 1) == (answer.code, answer.out, answer.err.count("\n"))
    expected = f"nemoctl: NAME: 'llama-3.1-nemotron-70b' is not in the catalogue. Closest: {FP8}, {BF16}. "
    assert answer.err.startswith(expected)


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_page(width: int) -> None:
    for arguments in ([], [SUPER]):
        out = nemoctl("models", *arguments, COLUMNS=str(width)).out
        assert max(map(len, out.splitlines())) <= width


def test_the_page_has_a_line_for_each_model_under_its_family() -> None:
    lines = nemoctl("models", COLUMNS="120").out.splitlines()
    families = ("Llama (", "Llama, blocks pruned one by one (", "Hybrid of Mamba and attention (")
    titles = [line for line in lines if line.endswith(" models)")]
    assert [True] * len(families) == [title.startswith(family) for title, family in zip(titles, families, strict=True)]
    assert f"{FP8} 70.6B FP8 131k 2/2/2/1" in [read_words(line) for line in lines]
    assert f"{SUPER} 49.9B BF16 131k 2/2/2/1 vLLM 0.8.3, own code" in [read_words(line) for line in lines]


def test_a_family_begins_with_its_smallest_model(reports: dict[str, dict[str, object]]) -> None:
    sizes = [(report["family"], report["parameters"]) for report in reports.values()]
    for family in {family for family, _ in sizes}:
        parameters = [size for name, size in sizes if name == family]
        assert parameters == sorted(parameters, key=lambda size: size if isinstance(size, int) else 0)


def test_wide_is_a_line_for_each_model() -> None:
    header, *lines = nemoctl("models", "-o", "wide").out.splitlines()
    expected = (
        "MODEL PARAMETERS WEIGHTS STORED-AS CONTEXT LICENCE H100-80GB H100-PCIe-80GB H100-NVL-94GB H200 "
        "OWN-CODE VLLM TOOLS REASONING"
    )
    assert expected == read_words(header)
    assert f"{FP8} 70.6B 67.69GiB FP8 131072 llama3.1 2 2 2 1 no - - -" in [read_words(line) for line in lines]


def test_an_accelerator_that_holds_no_model_says_no(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("accelerators: {T4: {nodeLabels: {gpu: [T4]}, usableMemoryMib: 15000, gpusPerNode: 1}}\n")
    report = nemoctl("models", FP8, "--operator-config", config, "-o", "json").document
    assert {"accelerator": "T4", "gpus": None, "maxModelLen": None} == report["needs"][-1]
    assert "no x T4" in nemoctl("models", FP8, "--operator-config", config).out


def test_a_context_that_is_shorter_than_the_models_is_told(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("accelerators: {S: {nodeLabels: {gpu: [S]}, usableMemoryMib: 81008, gpusPerNode: 2}}\n")
    need = nemoctl("models", BF16, "--operator-config", config, "-o", "json").document["needs"][-1]
    assert (2, True) == (need["gpus"], need["maxModelLen"] < 131072)
    out = nemoctl("models", BF16, "--operator-config", config, COLUMNS="200").out
    assert f"2 ({need['maxModelLen']} tokens) x S" in out


def test_a_model_whose_geometry_is_not_known_is_listed_all_the_same(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "models: [{name: own/unknown, repository: own/unknown, revision: main, licence: none, "
        "context: {maxModelLen: 4096}, publishedParameters: 8B, sources: [us]}]\n"
    )
    report = nemoctl("models", "own/unknown", "--operator-config", config, "-o", "json").document
    assert ("Others", None, None, "8B") == (
        report["family"],
        report["parameters"],
        report["weightsBytes"],
        report["publishedParameters"],
    )
    assert {None} == {need["gpus"] for need in report["needs"]}
    page = nemoctl("models", "own/unknown", "--operator-config", config).out
    assert "geometry not known, published as 8B" in page


def test_the_page_of_a_model_says_what_its_licences_ask() -> None:
    words = read_words(nemoctl("models", SUPER).out)
    assert "Licence NVIDIA Open Model License (https://www.nvidia.com/" in words
    assert 'Licence Llama 3.3 Community License (https://www.llama.com/llama3_3/license/). Show "Built with' in words
    assert "Notice Licensed by NVIDIA Corporation under the NVIDIA Open Model License" in words


def test_a_licence_that_nobody_described_is_named(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "models: [{name: own/model, repository: own/model, revision: main, licence: our-own, "
        "context: {maxModelLen: 4096}, sources: [us]}]\n"
    )
    report = nemoctl("models", "own/model", "--operator-config", config, "-o", "json").document
    nothing = {"url": "", "terms": "", "notice": ""}
    assert [{"identifier": "our-own", "title": "our-own", **nothing}] == report["licences"]
