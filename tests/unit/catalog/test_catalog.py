import re
from importlib import resources
from pathlib import Path

import pytest
import yaml

from nemotron_operator import catalog
from nemotron_operator.architecture.model import STATE_ELEMENT_BYTES, Architecture
from nemotron_operator.catalog.catalog import Entries, index_entry, load_catalog, make_catalog, read_entry
from nemotron_operator.catalog.entry import CatalogEntry, SmokeQuestion
from nemotron_operator.errors import CatalogError
from nemotron_operator.plan.memory.weights import count_parameters, count_repository_bytes
from tests.support.fixtures.deployments import BF16, FP8

CATALOG = load_catalog()
ENTRIES = list(CATALOG.entries.values())


def test_the_first_model_and_its_base_are_there() -> None:
    assert {FP8, BF16} <= set(CATALOG.entries)
    assert BF16 == CATALOG.entries[FP8].base_model


def test_models_of_a_platform_stand_beside_the_shipped_ones_and_may_replace_them() -> None:
    own = CATALOG.entries[FP8].model_copy(update={"name": "acme/tuned", "repository": "acme/tuned"})
    pinned = CATALOG.entries[BF16].model_copy(update={"revision": "0" * 40})
    extended = CATALOG.extend([own, pinned])
    assert {*CATALOG.entries, "acme/tuned"} == set(extended.entries)
    assert (own, pinned) == (extended.find("ACME/Tuned"), extended.find(BF16))


def test_catalogues_share_their_entries_by_which_accounts_are_remembered() -> None:
    one, other = CATALOG.extend([]), CATALOG.extend([])
    assert one.entries[BF16] is other.entries[BF16] is CATALOG.entries[BF16]


@pytest.mark.parametrize("entry", CATALOG.entries.values(), ids=lambda entry: entry.name)
def test_the_formats_that_a_card_serves_with_are_those_that_the_checkpoint_asks_for(entry: CatalogEntry) -> None:
    """So that the plan follows the card without being told; of BF16 weights there are no scales for an FP8 cache."""
    architecture, flags = know(entry), entry.flags
    if architecture.quantization != "BF16":
        assert flags.kv_cache_dtype in {None, architecture.kv_cache_dtype}
    if flags.mamba_ssm_cache_dtype is not None:
        wanted = STATE_ELEMENT_BYTES[flags.mamba_ssm_cache_dtype]
        assert {wanted} == {state.ssm_element_bytes for state in architecture.find_states()}


def know(entry: CatalogEntry) -> Architecture:
    assert entry.architecture is not None
    return entry.architecture


def test_the_quantised_model_is_about_half_as_large() -> None:
    fp8, bf16 = (count_repository_bytes(know(CATALOG.entries[name])) for name in (FP8, BF16))
    assert 0.51 < fp8 / bf16 < 0.52


@pytest.mark.parametrize("name", [FP8, BF16])
def test_the_card_is_kept(name: str) -> None:
    entry = CATALOG.entries[name]
    assert ("0.7", "0.9", 1024) == (entry.sampling.temperature, entry.sampling.top_p, entry.sampling.max_tokens)
    assert (131_072, 4096) == (entry.context.max_model_len, entry.context.max_output_tokens)
    assert SmokeQuestion(
        system_prompt="You are a helpful assistant.", question="How many r in strawberry?", expect="3"
    ) == (entry.smoke)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_file_is_called_like_its_repository(entry: CatalogEntry) -> None:
    name = f"{entry.repository.partition('/')[2].lower()}.yaml"
    assert f"name: {entry.name}\n" in resources.files(catalog).joinpath("models", name).read_text()


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if entry.base_model], ids=lambda entry: entry.name)
def test_a_quantised_model_has_the_parameters_of_its_base_in_fewer_bytes(entry: CatalogEntry) -> None:
    base = CATALOG.entries[entry.base_model or ""]
    assert count_parameters(know(base)) == count_parameters(know(entry))
    assert count_repository_bytes(know(entry)) < 0.67 * count_repository_bytes(know(base))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_its_context_is_that_of_its_configuration_or_shorter(entry: CatalogEntry) -> None:
    longest = know(entry).max_position_embeddings
    assert longest is None or entry.context.max_model_len <= longest


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_a_name_of_the_catalogue_passes_the_schema_of_the_resource(entry: CatalogEntry) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)?", entry.name)
    assert len(entry.name) <= 193


@pytest.mark.parametrize("name", [FP8, FP8.lower(), FP8.upper()])
def test_an_entry_is_found_whatever_the_case(name: str) -> None:
    assert CATALOG.entries[FP8] == CATALOG.find(name)


def test_an_entry_is_found_by_its_repository_too() -> None:
    renamed = CATALOG.entries[BF16].model_copy(update={"name": "nemotron-70b", "repository": "org/mirror"})
    small = make_catalog([renamed])
    assert renamed == small.find("Nemotron-70B") == small.find("ORG/mirror")
    assert small.find(BF16) is None


@pytest.mark.parametrize("name", ["", "nemotron", "mysticbeing", FP8 + " "])
def test_a_part_of_a_name_is_not_the_name(name: str) -> None:
    assert CATALOG.find(name) is None


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("nvidia/Llama-3.1-Nemotron-70B-Instruct", BF16),
        ("mysticbeing/Llama-3.1-Nemotron-70B-Instruct-HF-FP8-DYNAMC", FP8),
        ("nvidia/Llama-3.1-Nemotron-70B-Instruct-HF-FP8-DYNAMIC", FP8),
    ],
)
def test_the_closest_name_comes_first(typed: str, first: str) -> None:
    assert first == CATALOG.closest_names(typed)[0]


def test_every_name_is_offered_when_none_is_close() -> None:
    assert sorted(CATALOG.entries) == CATALOG.closest_names("gpt2")


def test_the_catalogue_is_read_once_and_cannot_be_changed() -> None:
    assert load_catalog() is CATALOG
    with pytest.raises(TypeError):
        CATALOG.entries["x"] = ENTRIES[0]  # type: ignore[index]


def entry_text(**changes: object) -> str:
    return yaml.safe_dump({**CATALOG.entries[FP8].model_dump(mode="json", by_alias=True), **changes})


def test_an_entry_is_read_as_it_was_written() -> None:
    assert CATALOG.entries[FP8] == read_entry("a.yaml", entry_text())


def test_a_data_file_without_a_name_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("repository: org/name\n")
    with pytest.raises(CatalogError, match=r"catalogue file a\.yaml: name: is missing"):
        index_entry(file)


def test_an_entry_is_read_when_it_is_first_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("name: org/name\ncolour: 1\n")
    name, make = index_entry(file)
    entries = Entries({name: make})
    assert ["org/name"] == list(entries)
    with pytest.raises(CatalogError, match="colour"):
        entries["org/name"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (entry_text(colour=1), "colour"),
        (entry_text(revision="v1"), "revision"),
        (entry_text(config=[]), "config"),
        (entry_text(sources=[]), "sources"),
        ("name: [", "expected"),
    ],
)
def test_a_data_file_that_does_not_follow_the_schema_is_named_with_its_field(text: str, words: str) -> None:
    with pytest.raises(CatalogError, match=r"catalogue file a\.yaml") as caught:
        read_entry("a.yaml", text)
    assert words in str(caught.value)
