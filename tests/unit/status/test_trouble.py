from nemotron_operator.status.engine_words import LAST_WORDS_LENGTH
from nemotron_operator.status.observed_pods import ContainerTrouble
from nemotron_operator.status.trouble import explain_pods
from tests.support.fixtures.observations import a_pod


def words_of_a_loop(last_message: str) -> str:
    """Tell what a condition repeats of a container's last words."""
    crashed = ContainerTrouble("CrashLoopBackOff", "", "Error", 1, last_message, restarts=2)
    trouble = explain_pods([a_pod(in_trouble=crashed)], "team")
    assert trouble is not None
    return trouble.message.partition("Its last words: ")[2].partition(" (`kubectl")[0]


def test_short_last_words_are_told_whole() -> None:
    assert "INFO starting\nValueError: no config.json" == words_of_a_loop("INFO starting\nValueError: no config.json\n")


def test_long_last_words_begin_with_a_whole_line() -> None:
    lines = [f"line {number} of the log" for number in range(100)]
    told = words_of_a_loop("\n".join(lines)).splitlines()
    assert lines[-len(told) :] == told
    assert LAST_WORDS_LENGTH - len(lines[-1]) - 1 < len("\n".join(told)) <= LAST_WORDS_LENGTH


def test_of_one_endless_line_the_end_is_told() -> None:
    assert "x" * (LAST_WORDS_LENGTH - 4) + " end" == words_of_a_loop("x" * 5000 + " end")


def test_silence_is_told_as_such() -> None:
    assert "nothing" == words_of_a_loop(" \n")
