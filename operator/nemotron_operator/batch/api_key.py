"""The server's API key: taken from the environment as a header can hold it, and kept out of logs and outcomes."""

from collections.abc import Mapping
from typing import TextIO

from nemotron_operator.batch.errors import ServerRefusesError

API_KEY_VARIABLE = "OPENAI_API_KEY"
"""The environment variable with the server's API key."""

REDACTED = "[redacted]"
"""What stands in the place of an API key."""


def find_api_key(environment: Mapping[str, str]) -> str:
    """Find what the environment holds, whether it can be sent or not; a Secret's last line end is not part of it."""
    return environment.get(API_KEY_VARIABLE, "").strip()


def read_api_key(environment: Mapping[str, str]) -> str | None:
    """Take the API key from the environment, as the verification does.

    Raises
    ------
    ServerRefusesError
        It cannot be sent in a header. The HTTP client would quote it in its own error.
    """
    api_key = find_api_key(environment)
    if not (api_key.isascii() and api_key.isprintable() and " " not in api_key):
        raise ServerRefusesError(
            f"{API_KEY_VARIABLE} holds spaces, line ends or other characters that no key has. Put the key alone into "
            "the Secret that spec.apiKeySecretRef names."
        )
    return api_key or None


def redact(text: str, api_key: str) -> str:
    """Replace every occurrence of the API key."""
    return text.replace(api_key, REDACTED) if api_key else text


class RedactedStream:
    """A text stream that never passes the API key on."""

    def __init__(self, stream: TextIO, api_key: str) -> None:
        self._stream = stream
        self._api_key = api_key

    def write(self, text: str, /) -> int:
        """Write the text without the key. A log record, traceback included, arrives in one piece."""
        return self._stream.write(redact(text, self._api_key))

    def flush(self) -> None:
        """Pass on at once what was written."""
        self._stream.flush()
