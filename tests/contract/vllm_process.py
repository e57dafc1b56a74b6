"""One long-lived vLLM process per version: its import takes ten seconds, a check takes a few hundredths."""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.vllm_env import VllmPython

INSIDE = Path(__file__).with_name("inside_vllm.py")

QUIET = {
    "CUDA_VISIBLE_DEVICES": "",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_TARGET_DEVICE": "cpu",
}
"""Nothing is asked of a GPU, a hub, or anybody else."""


@dataclass(frozen=True)
class Configured:
    """What vLLM made of an argument list."""

    parsed: dict[str, Any]
    """The parser's values by their names."""
    config: dict[str, Any]
    """The engine's configuration."""


@dataclass(frozen=True)
class PlannedCache:
    """How vLLM would cut the KV cache."""

    block_tokens: int
    blocks: int
    concurrency: float
    """Sequences of full length, as vLLM reports them."""
    max_in_flight_tokens: int
    pool_bytes: list[int]
    """What the blocks take on each pipeline stage."""
    tokens: int


class RefusedByVllmError(Exception):
    """vLLM would not start with these arguments; its own words."""


class VllmProcess:
    """A running vLLM that parses and configures."""

    def __init__(self, python: VllmPython, directory: Path) -> None:
        self.version = python.version
        self._answers: dict[str, dict[str, Any]] = {}
        self.log = directory / f"vllm-{python.version}.log"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VLLM_"))}
        environment = {**inherited, **QUIET, "HOME": str(directory), **python.environment}
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                [python.python, INSIDE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                cwd=directory,
                text=True,
            )

    def describe(self) -> dict[str, Any]:
        """List every option and variable that this vLLM knows."""
        return self._ask({"do": "describe"})

    def parse(self, arguments: Sequence[str]) -> dict[str, Any]:
        """Parse an argument list; raise what the parser says to it."""
        parsed: dict[str, Any] = self._ask({"do": "parse", "arguments": list(arguments)})["parsed"]
        return parsed

    def parse_batch(self, arguments: Sequence[str], program: Path) -> dict[str, Any]:
        """Parse an argument list of the server as the program of a batch's engine does."""
        request = {"do": "parse_batch", "arguments": list(arguments), "program": str(program)}
        parsed: dict[str, Any] = self._ask(request)["parsed"]
        return parsed

    def configure(self, arguments: Sequence[str], model: Path) -> Configured:
        """Parse an argument list and make the engine's configuration on a model's geometry."""
        return Configured(**self._ask({"do": "configure", "arguments": list(arguments), "model": str(model)}))

    def write_log(self, file: Path | None, names: Sequence[str], paths: Sequence[str]) -> str:
        """Let vLLM log an error by each name and a request for each path; return what is on its standard output."""
        request = {"do": "log", "file": None if file is None else str(file), "names": [*names], "paths": [*paths]}
        said: str = self._ask(request)["said"]
        return said

    def weigh(self, arguments: Sequence[str], model: Path, rank: int) -> dict[str, int]:
        """Let vLLM make its model as one GPU of a replica holds it; tell the bytes of each parameter."""
        request = {"do": "weigh", "arguments": list(arguments), "model": str(model), "rank": rank}
        parameters: dict[str, int] = self._ask(request)["parameters"]
        return parameters

    def weigh_adapters(self, arguments: Sequence[str], model: Path, rank: int) -> dict[str, int]:
        """Let vLLM make its model as one GPU of a replica holds it; tell the bytes of each layer for adapters."""
        request = {"do": "weigh_adapters", "arguments": list(arguments), "model": str(model), "rank": rank}
        layers: dict[str, int] = self._ask(request)["layers"]
        return layers

    def plan_cache(self, arguments: Sequence[str], model: Path, available_bytes: int) -> PlannedCache:
        """Let vLLM plan the KV cache of a replica with so many bytes on each GPU."""
        request = {"do": "plan_cache", "arguments": list(arguments), "model": str(model)}
        return PlannedCache(**self._ask({**request, "available_bytes": available_bytes}))

    def stop(self) -> None:
        """End the process."""
        self._process.communicate()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Ask once: the answer to the same question is the same."""
        line = json.dumps(request)
        if line not in self._answers:
            self._answers[line] = self._exchange(line)
        answer = self._answers[line]
        if "error" in answer:
            raise RefusedByVllmError(f"vLLM {self.version}: {answer['error']}")
        return answer

    def _exchange(self, request: str) -> dict[str, Any]:
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("both are pipes")
        self._process.stdin.write(request + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"vLLM {self.version} ended:\n{self.log.read_text()[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer
