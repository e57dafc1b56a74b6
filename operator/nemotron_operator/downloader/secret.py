"""The hub's token and the storage's keys: where they come from, and how they stay out of all that is written."""

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import reduce
from typing import TextIO

from nemotron_operator.downloader.errors import UnauthorizedError
from nemotron_operator.termination.running import logged_to

TOKEN_VARIABLE = "HF_TOKEN"  # noqa: S105 - the name of the variable, not its value
"""The environment variable with the token, the same that the hub's own client reads."""

SECRET_VARIABLES = (TOKEN_VARIABLE, "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""The environment variables whose values nobody may read."""

SHORTEST_SECRET = 8
"""A shorter value is no secret of anybody's, and taking it out of everything would take words apart."""

REDACTED = "[redacted]"
"""What stands in the place of a token."""


def read_token(environment: Mapping[str, str]) -> str | None:
    """Take the token from the environment; a Secret's trailing line end is not part of it.

    Raises
    ------
    UnauthorizedError
        If the value cannot be sent in a header. The HTTP client would quote it in its own error.
    """
    token = environment.get(TOKEN_VARIABLE, "").strip()
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise UnauthorizedError(
            f"{TOKEN_VARIABLE} holds spaces, line ends or other characters that no token has. "
            "Put the token alone into the Secret that model.source.huggingFace.tokenSecretRef names."
        )
    return token or None


def read_secrets(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Give every value that has to stay out of what is written, whether it is of any use or not."""
    values = (environment.get(variable, "").strip() for variable in SECRET_VARIABLES)
    return tuple(value for value in values if len(value) >= SHORTEST_SECRET)


def redact_all(text: str, secrets: Collection[str]) -> str:
    """Replace every occurrence of each secret."""
    return reduce(redact, secrets, text)


def redact(text: str, token: str | None) -> str:
    """Replace every occurrence of the token."""
    return text.replace(token, REDACTED) if token else text


class RedactedStream:
    """A text stream that never passes a secret on."""

    def __init__(self, stream: TextIO, secrets: Collection[str]) -> None:
        self._stream = stream
        self._secrets = secrets

    def write(self, text: str) -> int:
        """Write the text without the secrets. A log record, traceback included, arrives in one piece."""
        return self._stream.write(redact_all(text, self._secrets))

    def flush(self) -> None:
        """Pass on at once what was written."""
        self._stream.flush()


@contextmanager
def redacted_log(stream: TextIO, secrets: Collection[str]) -> Iterator[None]:
    """Log to the stream without the secrets for as long as the context lasts.

    Notes
    -----
    Our own lines from INFO on, of others warnings only: the HTTP client logs every address, signatures included.
    """
    with logged_to(
        RedactedStream(stream, secrets), logging.getLogger(), "%(asctime)s %(levelname)s %(name)s: %(message)s"
    ):
        yield
