"""How many requests are under way at a server that others use too."""

from nemotron_operator.batch.pace import Load, choose_limit

IDLE = Load(running=3, waiting=0)
QUEUE = Load(running=8, waiting=2)


def test_it_grows_while_nobody_waits_and_not_beyond_the_most() -> None:
    limits = [4]
    for _ in range(20):
        limits.append(choose_limit(limits[-1], IDLE, 16))
    assert [4, 5, 6] == limits[:3]
    assert sorted(limits) == limits
    assert 16 == limits[-1]


def test_it_is_halved_while_somebody_waits_down_to_none_and_comes_back() -> None:
    limits = [9]
    for _ in range(4):
        limits.append(choose_limit(limits[-1], QUEUE, 16))
    assert [9, 4, 2, 1, 0] == limits
    assert 1 == choose_limit(0, IDLE, 16)


def test_a_server_that_does_not_say_how_busy_it_is_changes_nothing() -> None:
    assert 7 == choose_limit(7, None, 16)


def test_somebody_asks_a_server_that_says_nothing_any_more_after_a_queue() -> None:
    """Else nobody would ever find out whether it answers."""
    assert 1 == choose_limit(0, None, 16)
