import pytest

from nemotron_operator.plan.image_prefix import is_below


@pytest.mark.parametrize(
    ("image", "prefix"),
    [
        ("vllm/vllm-openai", "vllm/vllm-openai"),
        ("vllm/vllm-openai:v0.33.0", "vllm/vllm-openai"),
        ("vllm/vllm-openai@sha256:00", "vllm/vllm-openai"),
        ("registry.example.com/vllm/vllm-openai", "registry.example.com"),
        ("registry.example.com/vllm/vllm-openai", "registry.example.com/"),
        ("registry.example.com/team-a/vllm", "registry.example.com/team-"),
        ("registry.example.com:5000/vllm", "registry.example.com:5000"),
        ("mine:v1", "mine"),
        ("mine@sha256:00", "mine"),
    ],
)
def test_a_prefix_allows_what_stands_below_it(image: str, prefix: str) -> None:
    assert is_below(image, (prefix,))


@pytest.mark.parametrize(
    ("image", "prefix"),
    [
        ("vllm/vllm-openai-mine:v1", "vllm/vllm-openai"),
        ("registry.example.com.evil.example/vllm", "registry.example.com"),
        ("other/vllm-openai", "vllm/vllm-openai"),
        ("vllm", "vllm/vllm-openai"),
        ("registry.example.com:5000/evil", "registry.example.com"),
        ("registry.example.com@evil.example/vllm", "registry.example.com"),
    ],
)
def test_a_name_that_only_begins_with_the_same_letters_is_not_allowed(image: str, prefix: str) -> None:
    assert not is_below(image, (prefix,))


def test_nothing_is_allowed_by_no_prefix() -> None:
    assert not is_below("vllm/vllm-openai", ())
