import pytest

from nemotron_operator.plan.engine_version import find_engine_version, parse_version
from tests.support.fixtures.plans import CONFIG


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("vllm/vllm-openai:v0.33.0", "0.33.0"),
        ("vllm/vllm-openai:0.32.0", "0.32.0"),
        ("vllm/vllm-openai:v0.33.0-cu129", "0.33.0"),
        ("vllm/vllm-openai:v0.33.0.post1", "0.33.0"),
        ("registry.example:5000/vllm:v0.32.0@sha256:" + "0" * 64, "0.32.0"),
        ("vllm/vllm-openai:v0.33.0rc1", None),
        ("vllm/vllm-openai:latest", None),
        ("vllm/vllm-openai", None),
        ("registry.example:5000/0.33.0", None),
        ("vllm/vllm-openai@sha256:" + "0" * 64, None),
    ],
)
def test_a_tag_says_the_version_or_nothing_does(image: str, version: str | None) -> None:
    config = CONFIG.model_copy(update={"engine_image": "elsewhere"})
    assert version == find_engine_version(image, config)


def test_of_the_operators_own_image_the_configuration_says_it() -> None:
    image = "mirror.example/engine@sha256:" + "0" * 64
    config = CONFIG.model_copy(update={"engine_image": image, "engine_version": "0.32.0"})
    assert "0.32.0" == find_engine_version(image, config)


@pytest.mark.parametrize(("older", "newer"), [("0.8.3", "0.10.1"), ("0.9.9", "0.10.0"), ("0.33.0", "1.0.0")])
def test_versions_are_compared_by_their_numbers(older: str, newer: str) -> None:
    assert parse_version(older) < parse_version(newer)
