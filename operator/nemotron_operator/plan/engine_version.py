"""Which vLLM is in an image, as far as its name says so."""

import re

from nemotron_operator.config import OperatorConfig

_TAG = re.compile(r"/?[^/:@]+:v?(?P<version>\d+\.\d+\.\d+)(\.post\d+)?([-@+][^/]*)?$")
"""A tag that begins with a release, such as `v0.33.0`, `0.33.0-cu129` or `v0.33.0@sha256:...`; not `v0.33.0rc1`."""


def find_engine_version(image: str, config: OperatorConfig) -> str | None:
    """Tell the vLLM version of an image; None when its name does not say."""
    if image == config.engine_image:
        return config.engine_version
    tag = _TAG.search(image)
    return tag["version"] if tag else None


def parse_version(version: str) -> tuple[int, ...]:
    """Read a release such as `0.33.0`, for comparing."""
    return tuple(int(part) for part in version.split("."))
