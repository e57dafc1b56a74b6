"""The real process, with an API server that is not there: what it says, and how it ends."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

pytestmark = pytest.mark.program

OPERATOR = Path(sys.executable).with_name("nemotron-operator")

NOBODY = (
    "{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}],"
    " contexts: [{name: c, context: {cluster: c, user: u}}], users: [{name: u, user: {token: t}}]}"
)
"""A kubeconfig of a port where nobody listens."""

END_SECONDS = 120
"""How long the operator may take to its end; more than a few seconds on a busy machine only."""


def run_until_it_waits(directory: Path, environment: dict[str, str] | None = None) -> tuple[int, list[str]]:
    """Run the operator until it waits for the API server, interrupt it, and return how it ended and what it said."""
    kubeconfig = directory / "config"
    kubeconfig.write_text(NOBODY)
    process = subprocess.Popen(
        [str(OPERATOR), "run", "--http-host=127.0.0.1", "--http-port=0", f"--kubeconfig={kubeconfig}"],
        env={**os.environ, **(environment or {})},
        stderr=subprocess.PIPE,
        text=True,
    )
    said: list[str] = []
    deadline = threading.Timer(END_SECONDS, process.kill)
    deadline.start()
    try:
        with process:
            for line in process.stderr or ():
                # On a busy machine it may ask, in vain, once more before it hears.
                if "No API server answers" in line and not any("No API server answers" in before for before in said):
                    process.send_signal(signal.SIGINT)
                said.append(line)
    finally:
        deadline.cancel()
    return process.returncode, said


def test_interrupted_it_says_so_in_a_sentence_and_ends_well(tmp_path: Path) -> None:
    exit_code, said = run_until_it_waits(tmp_path)
    assert 0 == exit_code
    news = [line.split("INFO    ")[1].split(": what")[0].strip() for line in said if "INFO    " in line]
    assert ["nemotron_operator.handlers.process: Told to stop by SIGINT", "nemotron_operator: Stopped."] == news[-2:]
    assert said[-1].endswith("Stopped.\n")


def test_with_json_every_line_is_an_object(tmp_path: Path) -> None:
    exit_code, said = run_until_it_waits(tmp_path, {"NEMOTRON_OPERATOR_LOG_FORMAT": "json"})
    messages = [json.loads(line)["message"] for line in said]
    assert (0, "Stopped.") == (exit_code, messages[-1])


def test_with_json_a_mistake_in_the_arguments_is_an_object_too(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"
    command = [str(OPERATOR), "run", "--http-port=0", "--log-format=json", f"--kubeconfig={missing}"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=END_SECONDS)
    told = [json.loads(line) for line in answer.stderr.splitlines()][-1]
    assert (2, "CRITICAL") == (answer.returncode, told["level"])
    assert f"There is no kubeconfig at {missing}" in told["message"]


@pytest.mark.parametrize(
    ("option", "way_out"), [("--log-format=xml", "'text', 'json'"), ("--log-level=LOUD", "'debug', 'info'")]
)
def test_a_format_or_level_that_there_is_not_is_refused_with_those_that_there_are(option: str, way_out: str) -> None:
    command = [str(OPERATOR), "run", "--http-port=0", option]
    answer = subprocess.run(
        command, env={**os.environ, "COLUMNS": "200"}, capture_output=True, text=True, check=False, timeout=END_SECONDS
    )
    assert 2 == answer.returncode
    assert way_out in answer.stderr
    assert "Traceback" not in answer.stderr
