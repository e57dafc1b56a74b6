"""The program as the pod runs it: its text, given to `python3 -c`, with something in the place of vLLM."""

import json
import subprocess
import sys
import threading
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import IO, Any

import pytest

from nemotron_operator.batch.place import Place
from nemotron_operator.batch.prepare import prepare
from nemotron_operator.batch.results import write_results
from nemotron_operator.batch_engine.engine_batch import Attempt, Counter
from tests.unit.batch.batches import an_answer, leave, make_place, read_custom_ids

PROGRAM = resources.files("nemotron_operator.batch_engine").joinpath("engine_batch.py").read_text()

COMMON = """
import argparse, asyncio, json

class BatchRequestInput:
    @staticmethod
    def model_validate_json(line):
        if "unreadable" in line:
            raise ValueError("1 validation error")

class Output:
    def __init__(self, line):
        self.custom_id = json.loads(line)["custom_id"]
    def model_dump_json(self):
        status = 500 if self.custom_id.startswith(("broken", "deadly")) else 200
        error = None if status == 200 else {"error": {"message": "broke"}}
        return json.dumps({"custom_id": self.custom_id, "response": {"status_code": status}, "error": error})

class Engine:
    errored = False

async def main(args):
    await run_batch(Engine(), args)

def make_arg_parser(parser):
    parser.add_argument("-i")
    parser.add_argument("-o")
    parser.add_argument("--model")
    parser.add_argument("--max-model-len")
    return parser
"""

STREAMING = (
    COMMON
    + """
def dispatch_batch(): ...

async def run_batch(engine_client, args):
    print("model", args.model, "length", args.max_model_len, flush=True)
    with open(args.i) as lines, open(args.o, "w") as output:
        for line in lines:
            print(Output(line).model_dump_json(), file=output, flush=True)
"""
)
"""Writes as vLLM 0.33 does."""

AT_THE_END = (
    COMMON
    + """
import os

async def run_request(line):
    return Output(line)

async def run_batch(engine_client, args):
    outputs = []
    with open(args.i) as lines:
        for number, line in enumerate(lines):
            if "killed" in line:
                os._exit(9)
            engine_client.errored = engine_client.errored or "deadly" in line
            outputs.append(Output(line) if "unsupported" in line else await run_request(line))
    with open(args.o, "w") as output:
        for each in outputs:
            print(each.model_dump_json(), file=output)
"""
)
"""Writes as vLLM 0.32 does, which answers some lines by another way."""


def install(folder: Path, text: str) -> Path:
    """Make a package that stands in for vLLM."""
    for name, content in {
        "vllm/entrypoints/launchers/run_batch.py": text,
        "vllm/utils/argparse_utils.py": "from argparse import ArgumentParser as FlexibleArgumentParser\n",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def run(place: Place, vllm: Path) -> subprocess.CompletedProcess[str]:
    arguments = [f"--directory={place.directory}", "--", "/models/c0ffee", "--port=8000", "--max-model-len=512"]
    command = [sys.executable, "-c", PROGRAM, *arguments]
    environment = {"PYTHONPATH": str(vllm), "PATH": ""}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def read_results(place: Place, tmp_path: Path) -> list[tuple[str, int]]:
    with (tmp_path / "results").open("wb") as file:
        write_results(place, file)
    lines = [json.loads(line) for line in (tmp_path / "results").read_text().splitlines()]
    return [(line["custom_id"], line["response"]["status_code"]) for line in lines]


@pytest.mark.parametrize("text", [STREAMING, AT_THE_END], ids=["0.33", "0.32"])
def test_every_request_has_a_line_and_one_that_vllm_cannot_read_spoils_no_other(tmp_path: Path, text: str) -> None:
    place = make_place(tmp_path / "batch", ["a", "unreadable", "unsupported", "b"])
    prepare(place)
    ended = run(place, install(tmp_path / "vllm", text))
    assert 0 == ended.returncode, ended.stderr
    assert [("a", 200), ("unreadable", 400), ("unsupported", 200), ("b", 200)] == read_results(place, tmp_path)
    assert "Without a server there is no use for: --port=8000" in ended.stdout
    assert '{"progress": {"attempt": 1, "done": 4, "total": 4}}' == ended.stdout.splitlines()[-1]


def test_the_model_and_the_flags_are_those_of_the_server(tmp_path: Path) -> None:
    place = make_place(tmp_path / "batch", ["a"])
    prepare(place)
    assert "model /models/c0ffee length 512" in run(place, install(tmp_path / "vllm", STREAMING)).stdout


def test_what_was_answered_before_a_kill_is_there_although_vllm_writes_at_the_end(tmp_path: Path) -> None:
    place, vllm = make_place(tmp_path / "batch", ["a", "b", "killed", "c"]), install(tmp_path / "vllm", AT_THE_END)
    prepare(place)
    assert 9 == run(place, vllm).returncode
    assert [("a", 200), ("b", 200)] == read_results(place, tmp_path)


def test_a_request_at_which_the_engine_failed_asks_for_another_attempt_until_it_had_its_tries(tmp_path: Path) -> None:
    """Of all but the first attempt it is the only request."""
    place, vllm = make_place(tmp_path / "batch", ["a", "broken"]), install(tmp_path / "vllm", STREAMING)
    codes = []
    for _ in range(3):
        prepare(place)
        codes.append(run(place, vllm).returncode)
    assert [75, 75, 0] == codes
    assert [("a", 200), ("broken", 500)] == read_results(place, tmp_path)


def test_what_failed_as_the_engine_died_is_not_held_against_it(tmp_path: Path) -> None:
    """vLLM 0.32 ends as if all was well."""
    place, vllm = make_place(tmp_path / "batch", ["a", "deadly"]), install(tmp_path / "vllm", AT_THE_END)
    for _ in range(4):
        prepare(place)
        assert 75 == run(place, vllm).returncode
    prepare(place)
    assert ["deadly"] == read_custom_ids(place.remaining)


def test_nothing_is_started_where_nothing_is_left(tmp_path: Path) -> None:
    place = make_place(tmp_path / "batch", ["a"])
    leave(place, 1, an_answer("a"))
    prepare(place)
    ended = run(place, tmp_path / "no vllm here")
    assert (0, "", "") == (ended.returncode, ended.stdout, ended.stderr)


def test_a_line_that_two_threads_find_is_counted_once_and_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    part, open_path = tmp_path / "0001.jsonl", Path.open
    part.write_text("{}\n" * 3)
    both_are_there = threading.Barrier(2, timeout=0.5)

    def open_when_the_other_wants_to(path: Path, mode: str) -> IO[Any]:
        with suppress(threading.BrokenBarrierError):
            both_are_there.wait()
        return open_path(path, mode)

    monkeypatch.setattr(Path, "open", open_when_the_other_wants_to)
    counter = Counter(Attempt(1, 3, 0, frozenset()), (part,))
    threads = [threading.Thread(target=counter.tell) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert '\n{"progress": {"attempt": 1, "done": 3, "total": 3}}\n' == capfd.readouterr().out
