from decimal import Decimal

import pytest

from nemotron_operator.plan.cost import count_cost_per_hour, format_cost


def test_nobody_knows_the_cost_without_a_price() -> None:
    assert count_cost_per_hour(None, 8) is None


@pytest.mark.parametrize(
    ("price", "gpus", "expected"),
    [("4", 8, "32.00"), ("2.99", 3, "8.97"), ("0.1", 3, "0.30"), ("1.0001", 2, "2.0002"), ("3.5", 0, "0.00")],
)
def test_a_cost_has_two_decimals_or_more_where_it_has_more(price: str, gpus: int, expected: str) -> None:
    cost = count_cost_per_hour(price, gpus)
    assert cost is not None
    assert expected == format_cost(cost)


def test_a_large_cost_has_no_exponent() -> None:
    assert "6400000.00" == format_cost(Decimal(800000) * 8)
