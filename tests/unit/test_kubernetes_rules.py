"""The yardstick is measured too: values here were read in Kubernetes' own tests and documentation."""

import pytest

from tests.support.kubernetes_rules import canonical_quantity, is_dns_label, is_label_key, is_label_value


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("0", "0"),
        ("1000m", "1"),
        ("1.5", "1500m"),
        ("0.1", "100m"),
        ("1000", "1k"),
        ("1500", "1500"),
        ("1024", "1024"),
        ("1024Mi", "1Gi"),
        ("1536Mi", "1536Mi"),
        ("0.5Gi", "512Mi"),
        ("100000000", "100M"),
        ("80Gi", "80Gi"),
        ("0Gi", "0"),
    ],
)
def test_a_quantity_has_one_canonical_form(text: str, canonical: str) -> None:
    assert canonical == canonical_quantity(text)


@pytest.mark.parametrize("key", ["team", "nemotron.dev/intent", "a/b.c_d-e", "x" * 63])
def test_label_keys(key: str) -> None:
    assert is_label_key(key)


@pytest.mark.parametrize("key", ["", "/", "a/", "/b", "a b", "a/b/c", "x" * 64, "-a", "Ä", "A_b/c"])
def test_no_label_keys(key: str) -> None:
    assert not is_label_key(key)


def test_label_values_and_names() -> None:
    assert is_label_value("")
    assert is_label_value("1.0_a-B")
    assert not is_label_value("a b")
    assert not is_label_value("x" * 64)
    assert not is_label_value(3)
    assert is_dns_label("a-1")
    assert not is_dns_label("a.b")
    assert not is_dns_label("")
