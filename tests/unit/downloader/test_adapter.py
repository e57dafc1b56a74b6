"""A repository that has to be a LoRA adapter."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from lab.hub import Hub
from lab.tiny_adapter import make_adapter
from nemotron_operator.downloader.main import main

REPOSITORY = "acme/sql-lora"


def fetch(files: Mapping[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Download a repository as an adapter, and return what the Job tells."""
    volume, message = tmp_path / "volume", tmp_path / "log"
    volume.mkdir()
    with Hub({REPOSITORY: files}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        where = [f"--repository={REPOSITORY}", "--revision=main", f"--destination={volume}"]
        main([*where, "--adapter", f"--termination-message-path={message}"])
    told: dict[str, object] = json.loads(message.read_text())
    return told


def configured(**config: object) -> dict[str, bytes]:
    return {**make_adapter(), "adapter_config.json": json.dumps(config).encode()}


def test_an_adapter_is_fetched_and_its_rank_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = fetch(make_adapter(rank=16), tmp_path, monkeypatch)
    assert ("Complete", 2, 16) == (told["outcome"], told["files"], told["adapterRank"])
    assert (tmp_path / "volume" / str(told["commit"]) / "adapter_model.safetensors").is_file()


def test_the_largest_rank_of_its_layers_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = configured(r=8, lora_alpha=16, target_modules=["q_proj"], rank_pattern={"o_proj": 64})
    assert 64 == fetch(files, tmp_path, monkeypatch)["adapterRank"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"config.json": b"{}", "model.safetensors": b"weights"}, "has no adapter_config.json and no adapter_model."),
        ({"adapter_config.json": b"{}", "adapter_model.bin": b"x", "a.safetensors": b"x"}, "no adapter_model.safeten"),
        (configured(r="many"), "names no rank `r`"),
        (configured(peft_type="IA3", r=8), "an adapter of the kind 'IA3'"),
        ({**make_adapter(), "adapter_config.json": b"["}, "names no rank `r`"),
    ],
)
def test_what_is_no_adapter_is_refused(
    files: Mapping[str, bytes], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = fetch(files, tmp_path, monkeypatch)
    assert ("Failed", "NoAdapter") == (told["outcome"], told["reason"])
    assert words in str(told["message"])
