"""Run vLLM's `run-batch` with the arguments of `vllm serve`, so that what was answered survives the end of the pod.

Usage: `python3 -c TEXT --directory=DIR -- ARGUMENTS-OF-VLLM-SERVE`. `DIR/work/input.jsonl` holds the requests of this
attempt and `DIR/work/attempt.json` says which it is: `nemotron-batch prepare` wrote both. The answers go into a part of
this attempt's own, `DIR/parts/NNNN.jsonl`, line by line as they come. `DIR/parts/NNNN.ended` says that the engine was
alive at the end, so that a failure is the request's. Runs as text with Python 3.10 or newer.

vLLM 0.33 writes answers as they come; 0.32 writes them all at the end, so there each one is written here.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

PROGRESS_SECONDS = 5.0
"""How often the count is looked at, and told if it changed."""

EXIT_RETRYABLE = 75
"""Requests failed that may be answered by another attempt (EX_TEMPFAIL of sysexits)."""

HTTP_BAD_REQUEST, HTTP_SERVER_ERROR = 400, 500

PASSING = frozenset({408, 425, 429})
"""Refusals that may not be repeated, beside those of 500 and above."""


class Attempt(NamedTuple):
    """What `nemotron-batch prepare` says of this attempt."""

    number: int
    total: int
    """Requests of the whole batch."""
    settled: int
    """How many of them need no answer any more."""
    exhausted: frozenset[str]
    """Those that failed so often that this is their last try."""


def main() -> int:
    """Answer what is left; returns the exit code."""
    signal.signal(signal.SIGTERM, end_at_once)
    parser = argparse.ArgumentParser()
    parser.add_argument("--directory", required=True, type=Path)
    parser.add_argument("server_arguments", nargs="*")
    options = parser.parse_args()
    attempt = read_attempt(options.directory)
    if attempt.settled >= attempt.total:
        return 0  # all was answered before the last pod ended
    part = options.directory / "parts" / f"{attempt.number:04}.jsonl"
    refused = part.with_name(f"{attempt.number:04}-refused.jsonl")
    counter = Counter(attempt, (part, refused))
    threading.Thread(target=counter.run, daemon=True).start()
    answer(options.directory / "work", part, refused, options.server_arguments)
    counter.tell()
    return EXIT_RETRYABLE if has_failed_for_now(part, attempt.exhausted) else 0


def end_at_once(_signal: int, _frame: object) -> None:
    """End when Kubernetes asks: every line that was answered is written."""
    os._exit(EXIT_RETRYABLE)


def read_attempt(directory: Path) -> Attempt:
    """Read which attempt this is."""
    said = json.loads((directory / "work" / "attempt.json").read_text(encoding="utf-8"))
    return Attempt(said["attempt"], said["total"], said["settled"], frozenset(said["exhausted"]))


def answer(work: Path, part: Path, refused: Path, server_arguments: list[str]) -> None:
    """Let vLLM answer every request that it can read."""
    # As vLLM's own command line does: a forked process cannot use the GPU.
    os.environ.setdefault("VLLM_WORKER_MULTIPROC_METHOD", "spawn")
    module: Any = importlib.import_module("vllm.entrypoints.launchers.run_batch")
    valid = work / "valid.jsonl"
    if not keep_valid(module, work / "input.jsonl", valid, refused):
        return
    is_streaming = hasattr(module, "dispatch_batch")
    output = part if is_streaming else work / "output.jsonl"
    if not is_streaming:
        write_each_answer(module, part)
    mark_end(module, part.with_suffix(".ended"))
    asyncio.run(module.main(parse(module, valid, output, server_arguments)))
    if not is_streaming:
        add_missing(output, part)


def parse(module: Any, requests: Path, output: Path, server_arguments: list[str]) -> argparse.Namespace:  # noqa: ANN401 - vLLM's
    """Parse what `run-batch` takes of the server's arguments: the rest is about HTTP, and there is none."""
    parser = importlib.import_module("vllm.utils.argparse_utils").FlexibleArgumentParser(prog="run-batch")
    model, *rest = server_arguments
    arguments = ["-i", str(requests), "-o", str(output), f"--model={model}", *rest]
    parsed, left_out = module.make_arg_parser(parser).parse_known_args(arguments)
    if left_out:
        print(f"Without a server there is no use for: {' '.join(left_out)}", flush=True)  # noqa: T201 - the pod's log
    return parsed  # type: ignore[no-any-return]


def keep_valid(module: Any, requests: Path, valid: Path, refused: Path) -> int:  # noqa: ANN401 - vLLM's
    """Copy the requests that vLLM can read, and answer the others with its words; returns how many are left.

    One line that it cannot read would else be the end of the whole batch.
    """
    kept = 0
    with requests.open(encoding="utf-8", newline="\n") as lines, valid.open("w", encoding="utf-8") as good:
        for line in lines:
            try:
                module.BatchRequestInput.model_validate_json(line)
            except Exception as error:  # noqa: BLE001 - whatever its models raise
                append(refused, refuse(line, error))
            else:
                good.write(line)
                kept += 1
    return kept


def refuse(line: str, error: Exception) -> str:
    """Make the line of a request that vLLM cannot read."""
    custom_id = json.loads(line)["custom_id"]
    said = {"message": str(error), "type": "BadRequestError", "param": None, "code": HTTP_BAD_REQUEST}
    response = {"status_code": HTTP_BAD_REQUEST, "request_id": f"refused-{custom_id}", "body": None}
    return json.dumps(
        {"id": f"refused-{custom_id}", "custom_id": custom_id, "response": response, "error": {"error": said}}
    )


def write_each_answer(module: Any, part: Path) -> None:  # noqa: ANN401 - vLLM's
    """Let a vLLM that keeps its answers until the end write each one as it comes."""
    run_request = module.run_request

    async def run_and_write(*arguments: object, **options: object) -> object:
        output = await run_request(*arguments, **options)
        append(part, output.model_dump_json())
        return output

    module.run_request = run_and_write


def mark_end(module: Any, mark: Path) -> None:  # noqa: ANN401 - vLLM's
    """Leave a mark once every request had its turn, if the engine is still alive: 0.32 goes on with a dead one."""
    run_batch = module.run_batch

    async def run_and_mark(engine_client: Any, *arguments: object, **options: object) -> None:  # noqa: ANN401 - vLLM's
        await run_batch(engine_client, *arguments, **options)
        if not engine_client.errored:
            await asyncio.to_thread(mark.touch)

    module.run_batch = run_and_mark


def add_missing(output: Path, part: Path) -> None:
    """Add what vLLM answered by another way than the one that is followed."""
    known = {custom_id for custom_id, _ in read_part(part)}
    with output.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            if line.strip() and json.loads(line)["custom_id"] not in known:
                append(part, line.rstrip("\n"))


def append(path: Path, line: str) -> None:
    """Write one line in one piece."""
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def read_part(path: Path) -> list[tuple[str, int]]:
    """Read what is in a part: each request with the HTTP status of its answer."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="\n") as file:
        contents = (json.loads(line) for line in file if line.strip())
        return [(content["custom_id"], find_status(content)) for content in contents]


def find_status(line: dict[str, Any]) -> int:
    """Tell by a status how a line ended; an error without one is the engine's."""
    status: int = (line.get("response") or {}).get("status_code") or HTTP_SERVER_ERROR
    return HTTP_SERVER_ERROR if line.get("error") is not None and status < HTTP_BAD_REQUEST else status


def has_failed_for_now(part: Path, exhausted: frozenset[str]) -> bool:
    """Tell whether another attempt may answer what this one could not."""
    return any(
        status in PASSING or status >= HTTP_SERVER_ERROR
        for custom_id, status in read_part(part)
        if custom_id not in exhausted
    )


class Counter:
    """Counts the lines of parts as they grow, and tells of it, whichever thread asks it to."""

    def __init__(self, attempt: Attempt, parts: tuple[Path, ...]) -> None:
        self.attempt = attempt
        self.read_bytes = dict.fromkeys(parts, 0)
        self.lines = 0
        self.told = -1
        self.lock = threading.Lock()

    def run(self) -> None:
        """Tell how far it is for as long as the program runs."""
        while True:
            self.tell()
            time.sleep(PROGRESS_SECONDS)

    def tell(self) -> None:
        """Print one line of JSON if anything was answered since, for nemoctl to read."""
        with self.lock:  # a line that two threads read is counted twice
            self._tell()

    def _tell(self) -> None:
        for part, offset in self.read_bytes.items():
            if part.exists():
                with part.open("rb") as file:
                    file.seek(offset)
                    self.lines += sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))
                    self.read_bytes[part] = file.tell()
        if self.lines != self.told:
            self.told = self.lines
            done = self.attempt.settled + self.lines
            progress = {"attempt": self.attempt.number, "done": done, "total": self.attempt.total}
            os.write(1, b"\n" + json.dumps({"progress": progress}).encode() + b"\n")  # others write lines in pieces


if __name__ == "__main__":
    sys.exit(main())
