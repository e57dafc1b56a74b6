import io
import subprocess
import sys
from pathlib import Path

import pytest

from nemotron_operator import __version__
from nemotron_operator.cli import main as command_line
from tests.support.fixtures.deployments import a_deployment
from tests.unit.cli.command import nemoctl, write_yaml

pytestmark = pytest.mark.program

MINIMAL = Path("examples/minimal.yaml")
PROGRAM = "from nemotron_operator.cli.main import main; main()"
LIFE = ["suspend", "resume", "restart", "adopt", "history", "rollback"]
COMMANDS = ["plan", "render", "models", "status", "version", *LIFE, "batch", "cache", "bundle"]


@pytest.mark.parametrize("asked", ["version", "--version"])
def test_the_version_is_printed(asked: str) -> None:
    answer = nemoctl(asked)
    assert (0, f"nemoctl {__version__}\n", "") == (answer.code, answer.out, answer.err)


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_lists_the_commands(option: str) -> None:
    answer = nemoctl(option)
    listed = [line.split()[0] for line in answer.out.partition("Commands:\n")[2].splitlines() if line]
    assert (0, COMMANDS) == (answer.code, listed)


def test_nothing_asked_is_help_and_no_success() -> None:
    answer = nemoctl()
    assert (2, nemoctl("--help").out) == (answer.code, answer.out)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_at_80_columns(command: str) -> None:
    answer = nemoctl(command, "--help")
    assert answer.out.startswith(f"Usage: nemoctl {command} ")
    assert max(map(len, answer.out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plann"], "No such command 'plann'. Did you mean 'plan'? `nemoctl --help` shows what there is."),
        (
            ["plan"],
            "Give one of FILE, --model NAME, --config PATH and --all. `nemoctl plan --help` shows what there is.",
        ),
        (["plan", "--bogus", "a"], "No such option: --bogus. `nemoctl plan --help` shows what there is."),
        (
            ["models", "-o", "xml"],
            "Invalid value for '--output' / '-o': Value error, 'xml' is not one of 'table', 'wide', 'json', 'yaml'.",
        ),
        (
            ["plan", "nix.yaml"],
            "nix.yaml: cannot be read (No such file or directory). Give the path of a YAML file, or - to read a pipe.",
        ),
        (
            ["plan", MINIMAL, "--operator-config", "nix.yaml"],
            "nix.yaml: cannot be read (No such file or directory). Give the path of a YAML file.",
        ),
        (["render", "nix.yaml"], "nix.yaml: cannot be read (No such file or directory)."),
        (["models", "--operator-config", "nix.yaml"], "nix.yaml: cannot be read (No such file or directory)."),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line_with_the_way_out(arguments: list[str | Path], message: str) -> None:
    answer = nemoctl(*arguments)
    assert (2, "", 1) == (answer.code, answer.out, answer.err.count("\n"))
    assert answer.err.startswith(f"nemoctl: {message}")


def test_a_configuration_with_a_misspelt_field_is_one_line(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("enginImage: x\n")
    answer = nemoctl("plan", MINIMAL, "--operator-config", config)
    assert (2, "") == (answer.code, answer.out)
    assert answer.err.startswith(f"nemoctl: {config}: enginImage: ")


def test_a_message_of_many_lines_becomes_one(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("a: [\n")
    answer = nemoctl("plan", MINIMAL, "--operator-config", config)
    assert (2, 1) == (answer.code, answer.err.count("\n"))


def fail_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("nemotron_operator.cli.models.command.show_models", fail)


def test_a_mistake_in_the_program_is_one_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(KeyError("x"), monkeypatch)
    answer = nemoctl("models", NEMOCTL_TRACEBACK=None)
    expected = "nemoctl: This is a mistake in nemoctl: KeyError: 'x'. NEMOCTL_TRACEBACK=1 shows where.\n"
    assert (70, "", expected) == (answer.code, answer.out, answer.err)


def test_a_mistake_in_the_program_shows_where_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(KeyError("x"), monkeypatch)
    with pytest.raises(KeyError, match="x"):
        nemoctl("models", NEMOCTL_TRACEBACK="1")


def test_a_full_disk_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(OSError(28, "No space left on device"), monkeypatch)
    answer = nemoctl("models")
    expected = "nemoctl: The system refused: [Errno 28] No space left on device.\n"
    assert (2, expected) == (answer.code, answer.err)


def test_an_interruption_is_told_by_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(KeyboardInterrupt(), monkeypatch)
    answer = nemoctl("models")
    assert (130, "", "") == (answer.code, answer.out, answer.err)


@pytest.mark.parametrize(
    ("file", "name"), [("nemoctl", "nemoctl"), ("kubectl-nemo", "kubectl nemo"), ("kubectl-nemo.exe", "kubectl nemo")]
)
def test_kubectl_runs_it_under_its_own_name(
    file: str, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", [f"/usr/bin/{file}", "version", "--help"])
    with pytest.raises(SystemExit):
        command_line.main()
    assert f"Usage: {name} version [OPTIONS]" == capsys.readouterr().out.splitlines()[0]


def test_an_encoding_without_blocks_gets_question_marks_and_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(stream, encoding="ascii", write_through=True))
    monkeypatch.setattr("sys.argv", ["nemoctl", "plan", str(MINIMAL)])
    with pytest.raises(SystemExit):
        command_line.main()
    assert b"in all                 ################################\n" in stream.getvalue()


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "importtime", "-c", PROGRAM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["--help"], ["rich", "yaml", "jinja2", "kubernetes", "aiohttp", "kopf", "nemotron_operator.plan"]),
        (["plan", MINIMAL], ["jinja2", "kubernetes", "aiohttp", "kopf", "asyncio", "nemotron_operator.cluster"]),
        (["plan", MINIMAL, "-o", "json"], ["rich", "jinja2", "kubernetes", "aiohttp", "kopf", "asyncio"]),
        (["render", MINIMAL], ["rich", "kubernetes", "aiohttp", "kopf", "asyncio"]),
        (["models"], ["jinja2", "kubernetes", "aiohttp", "kopf", "asyncio"]),
    ],
    ids=lambda value: str(value[0]),
)
def test_a_command_imports_only_what_it_needs(arguments: list[str | Path], heavy: list[str]) -> None:
    imported = {line.rpartition("|")[2].strip() for line in run(*arguments).stderr.splitlines() if "|" in line}
    assert "nemotron_operator.cli.main" in imported
    assert [] == [module for module in heavy if module in imported]


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    file = write_yaml(tmp_path / "many.yaml", *(a_deployment().named(f"n{n}").body for n in range(300)))
    script = f"{sys.executable} -c '{PROGRAM}' plan {file} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)  # noqa: S607 - our own
    assert ("141\n", "") == (done.stdout, done.stderr)
