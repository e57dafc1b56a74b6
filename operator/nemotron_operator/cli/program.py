"""How a command ends: its exit code, and one line on standard error for whatever went wrong."""

import os
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup
from typing_extensions import override

from nemotron_operator.cli.messages import PROGRAM, say
from nemotron_operator.errors import OperatorError

EXIT_REFUSED = 1
"""Exit code when something was read and does not fit, or is invalid."""

EXIT_UNREADABLE = 2
"""Exit code of a mistake in arguments, files or access: there is no answer."""

EXIT_BUG = 70
"""Exit code of a mistake in this program."""

EXIT_INTERRUPTED = 130
"""Exit code after Ctrl-C, as a shell gives it."""

EXIT_BROKEN_PIPE = 141
"""Exit code when the reader of the output went away, as a shell gives it."""

TRACEBACK_VARIABLE = "NEMOCTL_TRACEBACK"
"""Set it to see where a mistake in this program happened."""


class Program(TyperGroup):
    """The root command: it turns every failure into one line and an exit code."""

    @override
    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command line and leave the process with its exit code."""
        sys.exit(self._run(args, prog_name or PROGRAM, **extra))

    def _run(self, args: Sequence[str] | None, prog_name: str, **extra: Any) -> int:  # noqa: ANN401 - typer's own
        try:
            code = super().main(args, prog_name, standalone_mode=False, **extra)
            sys.stdout.flush()
        except (BrokenPipeError, SystemExit):  # typer turns the former into the latter, and nothing else
            return _give_up_output()
        except Exception as error:  # noqa: BLE001 - a person gets a line, not a traceback
            return _explain(error)
        return code if isinstance(code, int) else 0


def show_help(context: typer.Context) -> None:
    """Show what a group of commands has, where none of them is asked for; that is no success."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(EXIT_UNREADABLE)


def _explain(error: Exception) -> int:
    """Say what went wrong; returns the exit code."""
    match error:
        case typer.TyperException():
            return _explain_usage(error)
        case typer.Abort():
            return EXIT_INTERRUPTED
        case OperatorError():
            say(str(error))
        case OSError():
            say(f"The system refused: {error}.")
        case _:
            return _explain_bug(error)
    return EXIT_UNREADABLE


def _explain_usage(error: typer.TyperException) -> int:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else PROGRAM
    message = error.format_message().rstrip(".")
    say(f"{message}{'' if message.endswith('?') else '.'} `{path} --help` shows what there is.")
    return error.exit_code


def _explain_bug(error: Exception) -> int:
    if os.environ.get(TRACEBACK_VARIABLE):
        raise error
    say(f"This is a mistake in {PROGRAM}: {type(error).__name__}: {error}. {TRACEBACK_VARIABLE}=1 shows where.")
    return EXIT_BUG


def _give_up_output() -> int:
    """Let the interpreter flush into nothing when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_BROKEN_PIPE
