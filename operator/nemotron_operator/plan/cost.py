"""What GPUs cost, from the price that the configuration knows. Money is never a binary fraction."""

from decimal import Decimal

_FEWEST_DECIMALS = Decimal("0.01")


def count_cost_per_hour(gpu_price_per_hour: str | None, gpus: int) -> Decimal | None:
    """Multiply the price of one GPU, in the configuration's currency; None where nobody knows it."""
    return None if gpu_price_per_hour is None else Decimal(gpu_price_per_hour) * gpus


def format_cost(cost: Decimal) -> str:
    """Write an amount with two decimals, or with more where it has more."""
    shortest = cost.normalize()
    is_whole_cents = shortest == shortest.quantize(_FEWEST_DECIMALS)
    return f"{cost.quantize(_FEWEST_DECIMALS) if is_whole_cents else shortest:f}"
