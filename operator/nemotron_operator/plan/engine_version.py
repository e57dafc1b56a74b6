"""Which vLLM is in an image, as far as its name says so."""

from nemotron_operator.config import OperatorConfig, find_tagged_release


def find_engine_version(image: str, config: OperatorConfig) -> str | None:
    """Tell the vLLM version of an image; None when its name does not say."""
    if image == config.engine_image:
        return config.engine_version
    return find_tagged_release(image)


def parse_version(version: str) -> tuple[int, ...]:
    """Read a release such as `0.33.0`, for comparing."""
    return tuple(int(part) for part in version.split("."))
