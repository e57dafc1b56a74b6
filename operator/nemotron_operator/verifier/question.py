"""The question: what is asked, of whom, and what a good answer holds."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nemotron_operator.verifier.errors import RefusedError

API_KEY_VARIABLE = "OPENAI_API_KEY"
"""The environment variable with the server's API key, the same that OpenAI's own clients read."""

REDACTED = "[redacted]"
"""What stands in the place of an API key."""


@dataclass(frozen=True)
class Question:
    """One completion that is asked for, and the text that its answer has to contain."""

    base_url: str
    """Address of the OpenAI-compatible API, up to `/v1`."""

    model: str
    """The name by which the model is asked for."""

    prompt: str
    """The user's message."""

    system_prompt: str = ""
    """The system message; empty sends none."""

    expect: str = ""
    """Text that the answer has to contain; empty is content with any answer."""

    max_tokens: int = 256
    """The longest answer, in tokens."""

    api_key: str | None = field(default=None, repr=False)
    """The server's API key; None sends none."""

    trust: ssl.SSLContext | None = field(default=None, repr=False)
    """What certificates the server may show; None trusts the public CAs."""

    is_chat: bool = True
    """Whether it is put as a chat; a model without a chat template goes on from the prompt instead."""

    @property
    def url(self) -> str:
        """The address that is asked."""
        return f"{self.base_url.rstrip('/')}/{'chat/' if self.is_chat else ''}completions"

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the request."""
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}

    @property
    def body(self) -> dict[str, Any]:
        """The request as the API wants it.

        Notes
        -----
        Temperature 0: the verdict on a model must not depend on luck, and the same answer comes on the next attempt.
        """
        system = [{"role": "system", "content": self.system_prompt}] if self.system_prompt else []
        messages = [*system, {"role": "user", "content": self.prompt}]
        return {
            "model": self.model,
            **({"messages": messages} if self.is_chat else {"prompt": self.prompt}),
            "max_tokens": self.max_tokens,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    def is_answered_by(self, answer: str) -> bool:
        """Say whether the answer holds what is expected, whatever its case."""
        return self.expect.casefold() in answer.casefold()


def read_api_key(environment: Mapping[str, str]) -> str | None:
    """Take the API key from the environment; a Secret's trailing line end is not part of it.

    Raises
    ------
    RefusedError
        The value cannot be sent in a header. The HTTP client would quote it in its own error.
    """
    api_key = environment.get(API_KEY_VARIABLE, "").strip()
    if not (api_key.isascii() and api_key.isprintable() and " " not in api_key):
        raise RefusedError(
            f"{API_KEY_VARIABLE} holds spaces, line ends or other characters that no key has. Put the key alone into "
            "the Secret that spec.apiKeySecretRef names."
        )
    return api_key or None


def redact(text: str, api_key: str | None) -> str:
    """Replace every occurrence of the API key."""
    return text.replace(api_key, REDACTED) if api_key else text
