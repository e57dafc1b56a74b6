import asyncio
import json
import logging
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nemotron_operator.termination.outcome import LINE_LIMIT_BYTES, render_line
from nemotron_operator.verifier.engine_report import EngineReport
from nemotron_operator.verifier.errors import Reason
from nemotron_operator.verifier.main import main
from nemotron_operator.verifier.outcome import Complete, Failed
from tests.unit.verifier.chat_server import NO_CHAT_TEMPLATE, Reply, chat_server, go_on, refuse, say, write

KEY = "sk-very-secret"


@dataclass(frozen=True)
class Ended:
    """What a run of the command left."""

    exit_code: int
    stdout: str
    stderr: str
    termination_message: str

    @property
    def outcome(self) -> dict[str, Any]:
        last = self.stdout.splitlines()[-1]
        assert self.termination_message == last + "\n"
        content: dict[str, Any] = json.loads(last)
        return content


@dataclass(frozen=True)
class Command:
    """`nemotron-verify` in this process."""

    message_path: Path
    capsys: pytest.CaptureFixture[str]

    async def run(self, *replies: Reply, expect: str = "3", metrics: Reply | None = None) -> Ended:
        async with chat_server(*replies, metrics=metrics) as server:
            return await self.ask(server.base_url, expect)

    async def ask(self, base_url: str, expect: str = "3") -> Ended:
        arguments = [f"--base-url={base_url}", "--model=nemotron", "--prompt=How many r in strawberry?"]
        arguments += [f"--expect={expect}", "--retry-seconds=0", f"--termination-message-path={self.message_path}"]
        exit_code = await asyncio.to_thread(main, arguments)
        written = self.capsys.readouterr()
        return Ended(exit_code, written.out, written.err, self.message_path.read_text())


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return Command(tmp_path / "termination-log", capsys)


async def test_a_good_answer_is_reported_without_a_float(command: Command) -> None:
    ended = await command.run(say("There ", "are ", "3", "."))
    outcome = ended.outcome
    assert 0 == ended.exit_code
    assert ("Complete", "There are 3.", 4) == (outcome["outcome"], outcome["answer"], outcome["tokens"])
    assert isinstance(outcome["timeToFirstTokenMilliseconds"], int)
    assert float(outcome["tokensPerSecond"]) > 0
    assert not [value for value in outcome.values() if isinstance(value, float)]


async def test_an_unexpected_answer_ends_for_good(command: Command) -> None:
    ended = await command.run(say("Two."))
    assert (3, "UnexpectedAnswer", False) == (ended.exit_code, ended.outcome["reason"], ended.outcome["retryable"])
    assert "UnexpectedAnswer: Asked 'How many r in strawberry?'" in ended.stderr


async def test_a_refusal_ends_for_good(command: Command) -> None:
    ended = await command.run(refuse(401, '{"error": "Unauthorized"}'))
    assert (3, "NoAnswer", False) == (ended.exit_code, ended.outcome["reason"], ended.outcome["retryable"])
    assert "401" in ended.outcome["message"]


async def test_a_server_that_cannot_now_may_be_asked_again(command: Command) -> None:
    ended = await command.run(refuse(503))
    assert (75, "NoAnswer", True) == (ended.exit_code, ended.outcome["reason"], ended.outcome["retryable"])


@pytest.mark.parametrize("reply", [refuse(400, f"Bearer {KEY} is odd"), refuse(503, KEY), say(f"3 {KEY}")])
async def test_the_api_key_is_in_nothing_that_is_written(
    command: Command, reply: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\n")
    ended = await command.run(reply)
    written = ended.stdout + ended.stderr + ended.termination_message
    assert KEY not in written
    assert "[redacted]" in written


@pytest.mark.parametrize("key", ["sk 1", "sk\n1", "schlüssel"])
async def test_a_key_that_no_header_can_hold_is_named_and_not_shown(
    command: Command, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    ended = await command.run(say("3"))
    assert (3, "NoAnswer") == (ended.exit_code, ended.outcome["reason"])
    assert "spec.apiKeySecretRef" in ended.outcome["message"]
    assert key not in ended.stdout + ended.stderr


async def test_a_cause_that_nobody_foresaw_is_told_and_tried_again(command: Command) -> None:
    ended = await command.ask("ftp://127.0.0.1/v1")
    assert 75 == ended.exit_code
    assert "ftp" in ended.outcome["message"]


CAPACITY = write('vllm:cache_config_info{kv_cache_size_tokens="227696",kv_cache_max_concurrency="1.7372"} 1.0\n')


@pytest.mark.parametrize("reply", [say("There are 3."), say("Two."), refuse(401)])
async def test_the_engines_capacity_is_reported_whatever_it_answered(command: Command, reply: Reply) -> None:
    outcome = (await command.run(reply, metrics=CAPACITY)).outcome
    assert (227_696, "1.74") == (outcome["kvCacheTokens"], outcome["maxConcurrency"])


@pytest.mark.parametrize("metrics", [None, refuse(500), write("nothing of it")])
async def test_a_capacity_that_cannot_be_read_changes_no_verdict(command: Command, metrics: Reply | None) -> None:
    ended = await command.run(say("There are 3."), metrics=metrics)
    assert (0, "Complete") == (ended.exit_code, ended.outcome["outcome"])
    assert "kvCacheTokens" not in ended.outcome


async def test_nobody_reads_from_a_server_that_cannot_answer_now(command: Command) -> None:
    ended = await command.run(refuse(503), metrics=CAPACITY)
    assert 75 == ended.exit_code
    assert "kvCacheTokens" not in ended.outcome


async def test_a_base_model_is_verified_by_what_it_goes_on_with(command: Command) -> None:
    ended = await command.run(NO_CHAT_TEMPLATE, go_on(" 3"))
    assert (0, " 3") == (ended.exit_code, ended.outcome["answer"])


async def test_the_log_handler_goes_with_the_run(command: Command) -> None:
    await command.run(say("3"))
    assert [] == logging.getLogger("nemotron_operator.verifier").handlers


@pytest.mark.parametrize(
    "outcome",
    [
        Complete("日本" * 2000, 4000, 1, "9.9"),
        Failed(Reason.NO_ANSWER, "\x00" * 5000, retryable=True),
        Failed(Reason.NO_ANSWER, "x" * 4000, retryable=True),
        Complete("x" * 4000, 4000, 1, "9.9", EngineReport(2**63 - 1, "999999999999.99")),
        Failed(Reason.UNEXPECTED_ANSWER, "x" * 4000, retryable=False, engine=EngineReport(2**63 - 1, None)),
    ],
)
def test_a_long_report_fits_into_a_termination_message(outcome: Complete | Failed) -> None:
    line = render_line(outcome)
    assert len(line.encode()) <= LINE_LIMIT_BYTES
    assert outcome.as_json()["outcome"] == json.loads(line)["outcome"]


def test_a_termination_signal_ends_it_at_once(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("nemotron-verify")
    arguments = ["--base-url=http://127.0.0.1:1/v1", "--model=m", "--prompt=Hi", "--retry-seconds=600"]
    arguments += [f"--termination-message-path={tmp_path / 'log'}"]
    with subprocess.Popen([str(script), *arguments], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "Asking again." in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert 75 == process.wait(timeout=60)


def test_a_wrong_argument_ends_for_good() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--prompt=Hi"])
    assert 2 == caught.value.code
