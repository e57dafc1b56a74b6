"""What a text must look like, in words: a person reads no regular expression."""

from collections.abc import Mapping

from nemotron_operator.api.fields import DNS_SUBDOMAIN_PATTERN
from nemotron_operator.api.quantity import QUANTITY_PATTERN
from nemotron_operator.api.source import BUCKET_PATTERN, DIRECTORY_PATTERN, REPOSITORY_PATTERN, URL_PATTERN

WORDS: Mapping[str, str] = {
    BUCKET_PATTERN: "lower case letters, digits, '-' and '.', such as models",
    DIRECTORY_PATTERN: "a relative directory of letters, digits, '.', '_' and '-', without '/' at either end, such as "
    "nemotron/70b",
    DNS_SUBDOMAIN_PATTERN: "lower case letters, digits, '-' and '.', such as team-models",
    QUANTITY_PATTERN: "a number with a suffix such as Gi, G or m, or without one, such as 200Gi",
    REPOSITORY_PATTERN: "ORGANISATION/NAME, such as nvidia/Llama-3.1-Nemotron-70B-Instruct-HF",
    URL_PATTERN: "a URL with http:// or https://, such as https://hub.example.com",
}
"""Words by pattern, for those that people get wrong."""


def describe_pattern(pattern: str) -> str:
    """Describe a pattern in words, with an example; empty for one that nobody described."""
    return WORDS.get(pattern, "")
