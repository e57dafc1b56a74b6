import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.request import urlopen

import pytest

from lab.hub import Hub
from nemotron_operator.downloader.main import main
from nemotron_operator.termination.outcome import EXIT_RETRYABLE
from tests.support.reserved_port import reserved_port
from tests.unit.downloader.command import END_SECONDS, FILES, REPOSITORY, WANTED, Command


def test_a_branch_is_resolved_to_its_commit_and_published_under_it(hub: Hub, command: Command) -> None:
    ended = command.run(revision="main")
    size_bytes = sum(len(FILES[path]) for path in WANTED)
    seconds = ended.outcome["seconds"]
    assert ended.outcome == {
        "outcome": "Complete",
        "repository": REPOSITORY,
        "commit": hub.commit(REPOSITORY),
        "bytes": size_bytes,
        "files": len(WANTED),
        "manifestSha256": hashlib.sha256((command.published / ".nemotron-manifest.json").read_bytes()).hexdigest(),
        "seconds": seconds,
        "fetchedBytes": size_bytes,
        "readBytesPerSecond": None,
    }
    assert 0 <= seconds < 60
    assert 0 == ended.exit_code
    assert f"at 'main' is commit {hub.commit(REPOSITORY)}" in ended.stderr


def test_the_published_directory_has_the_wanted_files_and_nothing_else(command: Command) -> None:
    command.run()
    found = {str(p.relative_to(command.published)): p for p in command.published.rglob("*") if p.is_file()}
    assert WANTED | {".nemotron-manifest.json"} == set(found)
    assert {path: FILES[path] for path in WANTED} == {path: found[path].read_bytes() for path in WANTED}
    assert not command.staging.exists()


def test_the_manifest_lists_every_file_with_its_digest(hub: Hub, command: Command) -> None:
    command.run()
    manifest = json.loads((command.published / ".nemotron-manifest.json").read_bytes())
    assert manifest == {
        "repository": REPOSITORY,
        "commit": hub.commit(REPOSITORY),
        "extraPatterns": [],
        "bytes": sum(len(FILES[path]) for path in WANTED),
        "files": [
            {"path": path, "bytes": len(FILES[path]), "sha256": hashlib.sha256(FILES[path]).hexdigest()}
            for path in sorted(WANTED)
        ],
    }


def test_every_file_is_sent_once(hub: Hub, command: Command) -> None:
    command.run()
    assert {path: len(FILES[path]) for path in WANTED} == dict(hub.bytes_sent)


def test_a_published_commit_needs_no_hub(hub: Hub, command: Command) -> None:
    first = command.run()
    asked = len(hub.requests)
    second = command.run(revision=hub.commit(REPOSITORY))
    assert asked == len(hub.requests)
    assert 0 == second.exit_code
    assert 0 == second.outcome["fetchedBytes"]
    assert first.outcome["manifestSha256"] == second.outcome["manifestSha256"]


def test_a_published_branch_needs_no_hub_even_if_it_moved(hub: Hub, command: Command) -> None:
    first = command.run(revision="main")
    asked = len(hub.requests)
    hub.push(REPOSITORY, {**FILES, "config.json": b"{}"})
    second = command.run(revision="main")
    assert asked == len(hub.requests)
    assert first.outcome["commit"] == second.outcome["commit"]
    assert 0 == second.outcome["fetchedBytes"]


def test_a_branch_that_moved_while_a_run_was_away_is_the_commit_that_it_was(hub: Hub, command: Command) -> None:
    old = hub.commit(REPOSITORY)
    hub.answer(503, to="/resolve/", times=4 * len(WANTED))
    assert EXIT_RETRYABLE == command.run(revision="main").exit_code
    hub.push(REPOSITORY, {**FILES, "config.json": b"{}"})
    hub.recover()
    ended = command.run(revision="main")
    assert old == ended.outcome["commit"]
    assert FILES["config.json"] == (command.volume / old / "config.json").read_bytes()


def test_a_branch_is_resolved_again_when_the_hub_has_lost_the_commit_that_it_was(hub: Hub, command: Command) -> None:
    hub.cut("config.json", after_bytes=5)
    hub.answer(503, to="/resolve/", times=4 * len(WANTED))
    command.run(revision="main")
    hub.recover()
    old = hub.commit(REPOSITORY)
    hub.answer(404, to=f"/revision/{old}", headers={"X-Error-Code": "RevisionNotFound"})
    new = hub.push(REPOSITORY, {**FILES, "config.json": b"{}"})
    ended = command.run(revision="main")
    assert (0, new) == (ended.exit_code, ended.outcome["commit"])
    assert f"has no commit {old} any more" in ended.stderr
    assert not (command.volume / ".staging" / old).exists()
    hub.push(REPOSITORY, FILES)
    assert new == command.run(revision="main").outcome["commit"]


def test_a_new_commit_is_published_beside_the_old_one(hub: Hub, command: Command) -> None:
    old = command.run().outcome["commit"]
    new = hub.push(REPOSITORY, {**FILES, "config.json": b"{}"})
    ended = command.run(revision=new)
    assert new == ended.outcome["commit"]
    assert (command.volume / old / "config.json").read_bytes() == FILES["config.json"]
    assert (command.volume / new / "config.json").read_bytes() == b"{}"


def test_a_manifest_is_the_same_on_every_volume(command: Command) -> None:
    first = command.run().outcome["manifestSha256"]
    command.published.rename(command.volume / "elsewhere")
    assert first == command.run().outcome["manifestSha256"]


def test_code_comes_only_when_a_pattern_asks_for_it_and_pickles_never(command: Command) -> None:
    command.run("--allow-pattern", "*.py", "*.bin", "--allow-pattern", "README.md")
    names = {path.name for path in command.published.iterdir()}
    assert {"modeling_nemotron.py", "tokenization_nemotron.py", "tokenizer_nemotron.py", "README.md"} <= names
    assert "pytorch_model.bin" not in names


def test_a_directory_without_code_is_completed_when_code_is_asked_for(hub: Hub, command: Command) -> None:
    command.run()
    large_bytes = hub.bytes_sent["model-00001-of-00002.safetensors"]
    ended = command.run("--allow-pattern", "*.py", revision=hub.commit(REPOSITORY))
    assert 0 == ended.exit_code
    assert (command.published / "modeling_nemotron.py").is_file()
    assert large_bytes == hub.bytes_sent["model-00001-of-00002.safetensors"]
    code_bytes = sum(len(content) for path, content in FILES.items() if path.endswith(".py"))
    assert code_bytes == ended.outcome["fetchedBytes"]


def test_a_damaged_published_directory_is_repaired(hub: Hub, command: Command) -> None:
    command.run()
    (command.published / "model-00002-of-00002.safetensors").write_bytes(b"short")
    ended = command.run(revision=hub.commit(REPOSITORY))
    assert 0 == ended.exit_code
    path = "model-00002-of-00002.safetensors"
    assert FILES[path] == (command.published / path).read_bytes()
    assert len(FILES["model-00001-of-00002.safetensors"]) == hub.bytes_sent["model-00001-of-00002.safetensors"]


def test_the_outcome_is_on_stdout_where_there_is_no_termination_log(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    command.run()
    arguments = command.arguments("main")
    arguments[-1] = str(command.volume / "absent" / "log")
    assert 0 == main(arguments)
    assert "Complete" == json.loads(capsys.readouterr().out.splitlines()[-1])["outcome"]


def test_the_command_line_is_read_before_the_hub_client_is_imported() -> None:
    program = "import sys, nemotron_operator.downloader.main; print([m for m in sys.modules if 'huggingface' in m])"
    ended = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert "[]" == ended.stdout.strip()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "one of the arguments --repository --s3-bucket is required"),
        (["--repository", "acme/tiny"], "--repository and --revision go together, such as --revision main"),
        (["--s3-bucket", "models", "--revision", "main"], "--repository and --revision go together"),
        (["--s3-bucket", "models", "--repository", "acme/tiny"], "not allowed with argument"),
        (["--repository", "acme/tiny", "--revision", "main", "--s3-prefix", "a"], "go with --s3-bucket"),
    ],
)
def test_the_origin_is_one_and_whole(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["--destination", "/models", *arguments])
    assert 2 == raised.value.code
    assert message in capsys.readouterr().err


def test_a_full_cache_imports_no_client(command: Command) -> None:
    command.run(revision="main")
    program = f"""if True:
        import sys
        from nemotron_operator.downloader.main import main
        assert main({command.arguments("main")!r}) == 0
        print([name for name in sys.modules if name in {{"huggingface_hub", "httpx2", "boto3", "rich"}}])
    """
    ended = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert "[]" == ended.stdout.splitlines()[-1]


def test_progress_is_served_while_files_come(hub: Hub, command: Command) -> None:
    shard = "model-00001-of-00002.safetensors"
    hub.stall(shard, after_bytes=1000)
    with reserved_port() as port, command.start("main", "--progress-port", str(port)) as process:
        progress = poll(port, lambda content: content["bytes"] >= 1000)
        hub.release()
        process.communicate(timeout=END_SECONDS)
    assert 0 == process.returncode
    assert sum(len(FILES[path]) for path in WANTED) == progress["totalBytes"]


def poll(port: int, is_enough: Callable[[dict[str, Any]], bool], timeout_seconds: float = 60) -> dict[str, Any]:
    """Ask until the server is there and says enough."""
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/progress", timeout=10) as response:
            content: dict[str, Any] = json.load(response)
            if is_enough(content):
                return content
        time.sleep(0.02)
    raise AssertionError(f"Port {port} did not say enough within {timeout_seconds} s")
