from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.plan.memory.estimate import Estimate, exactly, take_largest

sizes = st.integers(min_value=0, max_value=10**12)


@st.composite
def estimates(draw: st.DrawFn) -> Estimate:
    return Estimate(*sorted(draw(st.tuples(sizes, sizes, sizes))))


def is_ordered(estimate: Estimate) -> bool:
    return estimate.low_bytes <= estimate.expected_bytes <= estimate.high_bytes


def test_what_is_known_has_no_range() -> None:
    assert Estimate(7, 7, 7) == exactly(7)


def test_estimates_are_added_end_by_end() -> None:
    assert Estimate(11, 22, 33) == Estimate(1, 2, 3) + Estimate(10, 20, 30)


def test_an_estimate_is_multiplied_end_by_end() -> None:
    assert Estimate(5, 10, 15) == Estimate(10, 20, 30).scale(0.5)


def test_the_largest_is_taken_end_by_end() -> None:
    assert Estimate(5, 6, 9) == take_largest(Estimate(1, 6, 7), Estimate(5, 5, 9))


@given(estimates(), estimates())
def test_sum_and_largest_keep_the_order_of_the_ends(one: Estimate, other: Estimate) -> None:
    assert is_ordered(one + other)
    assert is_ordered(take_largest(one, other))
