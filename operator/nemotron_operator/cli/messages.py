"""What the command line says on standard error: one line for one thing, never a traceback."""

import typer

PROGRAM = "nemoctl"
"""The name that every message starts with, however the program was called."""


def say(message: str) -> None:
    """Tell a person something beside the output."""
    typer.echo(f"{PROGRAM}: {flatten(message)}", err=True)


def flatten(text: str) -> str:
    """Bring a message onto one line; what could steer a terminal becomes a question mark."""
    return make_printable(" ".join(text.split()))


def make_printable(text: str) -> str:
    """Replace characters that could steer a terminal: messages quote what containers and strangers wrote."""
    return "".join(character if character.isprintable() or character == "\n" else "?" for character in text)
