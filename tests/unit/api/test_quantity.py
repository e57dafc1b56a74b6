from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nemotron_operator.api.quantity import format_bytes, parse_quantity
from tests.support.kubernetes_rules import canonical_quantity

bytes_counts = st.integers(min_value=0, max_value=10**16)
quantities = st.builds(
    lambda number, suffix: f"{number}{suffix}",
    st.one_of(
        st.integers(min_value=0, max_value=10**6),
        st.decimals(min_value=0, max_value=1000, places=2).map(lambda number: f"{number:f}"),
    ),
    st.sampled_from(["", "m", "k", "M", "G", "T", "P", "Ki", "Mi", "Gi", "Ti", "Pi"]),
)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("1.", 1),
        ("1e3", 1000),
        ("12E-1", Decimal("1.2")),
        ("1Ei", 1024**6),
        ("1E", 1000**6),
        ("100n", Decimal("1e-7")),
        ("100u", Decimal("1e-4")),
        ("1", 1),
        ("250m", Decimal("0.25")),
        ("1.5", Decimal("1.5")),
        ("1k", 1000),
        ("1Ki", 1024),
        ("200Gi", 200 * 1024**3),
        ("0.5Ti", 512 * 1024**3),
        ("3P", 3 * 1000**5),
        ("2Pi", 2 * 1024**5),
    ],
)
def test_a_quantity_is_read(text: str, number: int | Decimal) -> None:
    assert number == parse_quantity(text)


@pytest.mark.parametrize(
    "text", ["", "Gi", "-1", "+1", "1 Gi", "1GB", "1gi", ".5", "e3", "1e", "1.2.3", "1Ki\n", "٣Gi"]
)
def test_what_is_no_quantity_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity such as 200Gi"):
        parse_quantity(text)


@given(bytes_counts)
def test_bytes_survive_writing_and_reading(count: int) -> None:
    assert count == parse_quantity(format_bytes(count))


@given(st.integers(min_value=1, max_value=999), st.sampled_from(["Ki", "Mi", "Gi", "Ti", "Pi"]))
def test_a_whole_number_of_binary_units_is_written_as_such(number: int, suffix: str) -> None:
    assert f"{number}{suffix}" == format_bytes(int(parse_quantity(f"{number}{suffix}")))


@given(quantities)
def test_a_quantity_is_never_negative_and_scales_with_its_number(text: str) -> None:
    assert 0 <= parse_quantity(text)


@given(bytes_counts)
@example(1000)
@example(72_700_000_000)
@example(1_024_000)
def test_bytes_are_written_as_the_api_server_would(count: int) -> None:
    """Otherwise the object is never "in place", and is applied again at each turn."""
    text = format_bytes(count)
    assert canonical_quantity(text) == text


@pytest.mark.parametrize("text", ["1.2.3e4", "..e1", "1e3Ki"])
def test_a_number_with_two_points_or_two_scales_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        parse_quantity(text)
