import pytest

from nemotron_operator.downloader.errors import NoWeightsError
from nemotron_operator.downloader.selection import RemoteFile, is_wanted, select_files, total_bytes


@pytest.mark.parametrize(
    "path",
    [
        "model-00001-of-00009.safetensors",
        "model.safetensors.index.json",
        "config.json",
        "generation_config.json",
        "chat_template.jinja",
        "additional_chat_templates/tool_use.jinja",
        "tokenizer.model",
        "tokenizer_config.json",
        "merges.txt",
        "qwen.tiktoken",
        "tokenizer.vocab",
    ],
)
def test_what_a_server_reads_is_wanted(path: str) -> None:
    assert is_wanted(path, ())


@pytest.mark.parametrize(
    "path",
    ["README.md", ".gitattributes", "modeling_nemotron.py", "tokenizer.py", "pytorch_model.bin", "tokenizer.pkl"],
)
def test_what_a_server_does_not_read_is_not_wanted(path: str) -> None:
    assert not is_wanted(path, ())


def test_code_is_wanted_when_a_pattern_names_it() -> None:
    assert is_wanted("modeling_nemotron.py", ("*.py",))
    assert not is_wanted("README.md", ("*.py",))


@pytest.mark.parametrize("path", ["pytorch_model.bin", "optimizer.pt", "tokenizer.pickle", "model.nemo"])
def test_a_pickle_is_wanted_by_no_pattern(path: str) -> None:
    assert not is_wanted(path, ("*",))


def test_the_selection_is_in_the_order_of_the_paths() -> None:
    files = [RemoteFile("model.safetensors", 7, "b"), RemoteFile("README.md", 100, "c"), RemoteFile("a.json", 5, "a")]
    selected = select_files("acme/tiny", "0" * 40, files, ())
    assert ["a.json", "model.safetensors"] == [file.path for file in selected]
    assert 12 == total_bytes(selected)


def test_a_selection_without_weights_is_an_error() -> None:
    with pytest.raises(NoWeightsError, match=r"acme/tiny at 0{40} has no \.safetensors file among its 1 files"):
        select_files("acme/tiny", "0" * 40, [RemoteFile("config.json", 2, "a")], ())
