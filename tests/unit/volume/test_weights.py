import pytest

from nemotron_operator.volume.weights import find_twins, preferred_stem

SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]


@pytest.mark.parametrize(
    ("paths", "twins"),
    [
        pytest.param([*SHARDS, "model.safetensors.index.json"], set(), id="shards"),
        pytest.param(["model.safetensors", "config.json"], set(), id="one file"),
        pytest.param(
            [*SHARDS, "model.safetensors.index.json", "consolidated.safetensors", "params.json"],
            {*SHARDS, "model.safetensors.index.json"},
            id="Mistral's format beside that of transformers",
        ),
        pytest.param(
            ["consolidated-00001-of-00002.safetensors", "consolidated-00002-of-00002.safetensors", "model.safetensors"],
            {"model.safetensors"},
            id="Mistral's format in shards",
        ),
        pytest.param(["consolidated.safetensors", "params.json"], set(), id="Mistral's format alone"),
        pytest.param(
            [*SHARDS, "model.safetensors.index.json", "model.safetensors"],
            {"model.safetensors"},
            id="one file beside the shards",
        ),
        pytest.param(["model.safetensors", "model.safetensors.index.json"], set(), id="an index of one file"),
        pytest.param([*SHARDS, "model.safetensors"], set(), id="no index that says which"),
        pytest.param(
            ["speech-lora/adapter_model.safetensors", "original/consolidated.00.safetensors", "model.safetensors"],
            set(),
            id="deeper directories",
        ),
    ],
)
def test_of_weights_that_are_there_twice_those_are_named_that_vllm_does_not_load(
    paths: list[str], twins: set[str]
) -> None:
    assert twins == find_twins(paths)


def test_the_format_of_mistral_is_preferred_where_it_is() -> None:
    assert "consolidated" == preferred_stem([*SHARDS, "consolidated.safetensors"])
    assert "model" == preferred_stem([*SHARDS, "original/consolidated.safetensors"])
