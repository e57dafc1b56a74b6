"""The logging configuration that is rendered, in vLLM's own hands."""

import re
from pathlib import Path

import pytest

from nemotron_operator.plan.engine_log import LEVELS
from nemotron_operator.render.last_words import LOGGERS, TERMINATION_LOG, render_logging
from tests.contract.vllm_process import RefusedByVllmError, VllmProcess

OTHERS = ("vllm.v1.engine.async_llm", "vllm.entrypoints.openai")
"""Loggers whose errors are no last words."""


def write_configuration(folder: Path, level: str = "INFO") -> Path:
    """Write what the pod mounts, with the termination log in the folder."""
    file = folder / "logging.json"
    text = render_logging(level, ["/health", "/metrics"])
    file.write_text(text.replace(TERMINATION_LOG, str(folder / "termination-log")))
    return file


def mask_numbers(text: str) -> str:
    """Mask times and process ids."""
    return re.sub(r"\d+", "0", text)


def test_the_log_looks_as_vllms_own(vllm: VllmProcess, tmp_path: Path) -> None:
    names = [*LOGGERS, *OTHERS]
    ours = vllm.write_log(write_configuration(tmp_path), names, [])
    assert mask_numbers(vllm.write_log(None, names, [])) == mask_numbers(ours)
    assert all(f"{name} failed" in ours for name in names)


def test_last_words_are_the_engines_errors_alone(vllm: VllmProcess, tmp_path: Path) -> None:
    vllm.write_log(write_configuration(tmp_path), ["vllm.v1.engine.core", "vllm.v1.worker.gpu_worker", *OTHERS], [])
    words = (tmp_path / "termination-log").read_text().splitlines()
    assert ["vllm.v1.engine.core failed", "vllm.v1.worker.gpu_worker failed"] == words


def test_requests_that_nobody_wants_to_see_are_not_logged(vllm: VllmProcess, tmp_path: Path) -> None:
    paths = ["/health", "/metrics", "/metrics?a=b", "/v1/completions"]
    lines = [line for line in vllm.write_log(write_configuration(tmp_path), [], paths).splitlines() if "GET" in line]
    assert ['INFO:     ::1 - "GET /v1/completions HTTP/1.1" 200 OK'] == lines


@pytest.mark.parametrize("level", sorted(LEVELS))
def test_every_level_is_vllms(vllm: VllmProcess, level: str) -> None:
    assert level == vllm.parse(["m", f"--log-level={level}"])["log_level"]


def test_no_other_level_is(vllm: VllmProcess) -> None:
    with pytest.raises(RefusedByVllmError, match="invalid choice"):
        vllm.parse(["m", "--log-level=LOUD"])
