import pytest

from nemotron_operator.catalog.engine_options import EngineOptions, _read, load_engine_options
from nemotron_operator.config import load_config
from nemotron_operator.errors import CatalogError

OPTIONS = load_engine_options()


def test_the_shipped_engine_and_the_one_before_are_known() -> None:
    assert ["0.32.0", "0.33.0"] == list(OPTIONS)
    assert load_config().engine_version == list(OPTIONS)[-1]


@pytest.mark.parametrize("options", OPTIONS.values(), ids=lambda options: options.version)
def test_every_option_has_a_long_name_and_every_name_one_option(options: EngineOptions) -> None:
    listed = [
        name for option in {id(option): option for option in options.by_name.values()}.values() for name in option.names
    ]
    assert sorted(listed) == sorted(options.by_name)
    assert all(any(name.startswith("--") for name in option.names) for option in options.by_name.values())


@pytest.mark.parametrize("options", OPTIONS.values(), ids=lambda options: options.version)
@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("--enforce-eager", "none", "text"),
        ("--seed", "one", "integer"),
        ("--max-num-batched-tokens", "one", "integer with unit"),
        ("--gpu-memory-utilization", "one", "float"),
        ("--compilation-config", "one", "json"),
        ("--hf-overrides", "one", "text or json"),
        ("--served-model-name", "some", "text"),
    ],
)
def test_an_option_is_as_vllm_documents_it(options: EngineOptions, name: str, values: str, kind: str) -> None:
    option = options.by_name[name]
    assert (values, kind) == (option.values, option.kind)


def test_the_negations_of_a_version_are_known() -> None:
    older, newer = OPTIONS.values()
    assert older.find("--disable-prefix-caching") is None
    assert newer.find("--disable-prefix-caching") is newer.find("--no-enable-prefix-caching")


def test_a_name_that_is_like_none_has_no_closest() -> None:
    newer = OPTIONS["0.33.0"]
    assert "--enable-chunked-prefill" == newer.closest_name("--enable-chunked-prefil")
    assert newer.closest_name("--qqqq") is None


@pytest.mark.parametrize("text", ["", "{}", '{"version": "1", "options": [{"names": []}]}'])
def test_a_file_that_does_not_follow_the_schema_is_named(text: str) -> None:
    with pytest.raises(CatalogError, match="engine options file 1"):
        _read("1.json", text)
