import pytest

from nemotron_operator.downloader.errors import NoWeightsError
from nemotron_operator.downloader.selection import is_wanted, select_files
from nemotron_operator.volume.digest import Digest, DigestKind
from nemotron_operator.volume.remote_file import RemoteFile, total_bytes


def a_file(path: str, size_bytes: int) -> RemoteFile:
    return RemoteFile(path, size_bytes, Digest(DigestKind.SHA256, "a" * 64))


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
    [
        "README.md",
        ".gitattributes",
        "modeling_nemotron.py",
        "tokenizer.py",
        "pytorch_model.bin",
        "tokenizer.pkl",
        "tokenizer.PKL",
        "tokenizer.PY",
    ],
)
def test_what_a_server_does_not_read_is_not_wanted(path: str) -> None:
    assert not is_wanted(path, ())


def test_code_is_wanted_when_a_pattern_names_it() -> None:
    assert is_wanted("modeling_nemotron.py", ("*.py",))
    assert not is_wanted("README.md", ("*.py",))


@pytest.mark.parametrize(
    "path", ["../a.json", "/a.json", "a//b.json", "a/../b.json", "a.json.nemotron-piece", "./a.json"]
)
def test_a_path_that_leads_elsewhere_is_wanted_by_no_pattern(path: str) -> None:
    assert not is_wanted(path, ("*",))


@pytest.mark.parametrize("path", ["pytorch_model.bin", "optimizer.pt", "tokenizer.pickle", "model.nemo"])
def test_a_pickle_is_wanted_by_no_pattern(path: str) -> None:
    assert not is_wanted(path, ("*",))


def test_the_selection_is_in_the_order_of_the_paths() -> None:
    files = [a_file("model.safetensors", 7), a_file("README.md", 100), a_file("a.json", 5)]
    selected = select_files("acme/tiny", "0" * 40, files, ())
    assert ["a.json", "model.safetensors"] == [file.path for file in selected]
    assert 12 == total_bytes(selected)


def test_a_selection_without_weights_is_an_error() -> None:
    with pytest.raises(NoWeightsError, match=r"acme/tiny at 0{40} has no \.safetensors file among its 1 files"):
        select_files("acme/tiny", "0" * 40, [a_file("config.json", 2)], ())


MISTRAL = ["config.json", "consolidated.safetensors", "model-1-of-1.safetensors", "model.safetensors.index.json"]


def test_weights_that_are_there_twice_are_fetched_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    selected = select_files("acme/tiny", "0" * 40, [a_file(path, 5) for path in MISTRAL], ())
    assert ["config.json", "consolidated.safetensors"] == [file.path for file in selected]
    assert "model-1-of-1.safetensors" in caplog.text


def test_a_pattern_brings_the_weights_that_vllm_does_not_load_by_default() -> None:
    selected = select_files("acme/tiny", "0" * 40, [a_file(path, 5) for path in MISTRAL], ["model*"])
    assert MISTRAL == [file.path for file in selected]


def test_a_manifest_of_ours_in_a_repository_is_not_taken_for_a_file_of_it() -> None:
    offered = [a_file(path, 5) for path in (".nemotron-manifest.json", "model.safetensors")]
    assert ["model.safetensors"] == [file.path for file in select_files("acme/tiny", "0" * 40, offered, ["*"])]
