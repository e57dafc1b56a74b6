"""`python -m tests.monitoring.record_vllm`: write down what a real vLLM for CPUs tells Prometheus, after some work."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from lab.tiny_adapter import make_adapter
from lab.tiny_model import make_repository
from lab.vllm_env import CPU_VERSION, prepare

RECORDING = Path(__file__).with_name("recorded") / "vllm.prom"

MODEL, ADAPTER = "tiny", "terse"

ADDRESS = "http://127.0.0.1:8134"

START_SECONDS = 300

_ARGUMENTS = (
    "--host=127.0.0.1",
    "--port=8134",
    f"--served-model-name={MODEL}",
    "--max-model-len=512",
    "--max-num-seqs=4",
    "--enforce-eager",
    "--enable-lora",
    "--max-loras=1",
    "--max-lora-rank=8",
)

_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1",
}


def main() -> int:
    """Serve, ask, record."""
    with tempfile.TemporaryDirectory() as temporary, serve(Path(temporary)):
        for tokens in (8, 32, 64):
            ask(MODEL, tokens)
        ask(ADAPTER, 16)
        ask("unheard-of", 1)
        with urlopen(f"{ADDRESS}/metrics", timeout=30) as answer:  # noqa: S310 - this machine's own
            text = answer.read().decode()
    RECORDING.write_text(f"# vLLM {CPU_VERSION} for CPUs, as tests/monitoring/record_vllm.py recorded it.\n{text}")
    print(f"{RECORDING}: {len(text.splitlines())} lines")
    return 0


@contextmanager
def serve(folder: Path) -> Iterator[None]:
    """Run an engine with a tiny model and an adapter."""
    python = prepare(CPU_VERSION, print)
    for name, files in ((MODEL, make_repository()), (ADAPTER, make_adapter())):
        (folder / name).mkdir()
        for file, content in files.items():
            (folder / name / file).write_bytes(content)
    command = [str(python.python.with_name("vllm")), "serve", str(folder / MODEL), *_ARGUMENTS]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VLLM_"))}
    environment = {**inherited, **_ENVIRONMENT, **python.environment, "HOME": str(folder)}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--lora-modules", f"{ADAPTER}={folder / ADAPTER}"], env=environment, stdout=log, stderr=log
        )
    try:
        wait_until_healthy(process, folder / "log")
        yield
    finally:
        process.terminate()
        process.wait(60)


def wait_until_healthy(process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait for /health, and give the log's end where the engine ends first."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(f"{ADDRESS}/health", timeout=5):  # noqa: S310 - this machine's own
                return
        except (URLError, OSError):
            time.sleep(0.5)
    raise SystemExit("vLLM does not serve:\n" + "\n".join(log.read_text().splitlines()[-20:]))


def ask(model: str, tokens: int) -> None:
    """Ask one question as a stream; an unknown model is an error that is counted too."""
    body = {"model": model, "prompt": "Why is the sky blue?", "max_tokens": tokens, "stream": True, "ignore_eos": True}
    headers = {"Content-Type": "application/json"}
    request = Request(f"{ADDRESS}/v1/completions", json.dumps(body).encode(), headers)  # noqa: S310 - as above
    try:
        with urlopen(request, timeout=120) as answer:  # noqa: S310 - as above
            answer.read()
    except URLError as error:
        print(f"{model}: {error}")


if __name__ == "__main__":
    sys.exit(main())
