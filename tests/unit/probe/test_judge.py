from dataclasses import dataclass, field

import pytest

from nemotron_operator.probe.engine_probe import Judge, Look, State, Work

STALL_SECONDS = 60
HANG_SECONDS = 300
CANARY_SECONDS = 40
LOOK_SECONDS = 5

REFUSED = Look(is_refused=True)
SILENT = Look()
DEAD = Look(health=503)
WITHOUT_STATS = Look(health=200)


def healthy(requests: int = 0, steps: int = 0, kv_usage: float = 0.0) -> Look:
    return Look(200, Work(requests, steps, 8.0 * steps, kv_usage))


@dataclass
class Engine:
    """A judge that is shown looks every 5 s, and whose completions are answered when a test says so."""

    judge: Judge = field(default_factory=lambda: Judge(STALL_SECONDS, HANG_SECONDS, CANARY_SECONDS))
    now: float = 1000.0

    def shows(self, *looks: Look) -> "Engine":
        for look in looks:
            self.now += LOOK_SECONDS
            self.judge.see(look, self.now)
        return self

    def shows_for(self, seconds: float, look: Look) -> "Engine":
        return self.shows(*[look] * int(seconds / LOOK_SECONDS))

    def answers(self, failure: str = "") -> "Engine":
        self.judge.hear(self.judge.ask(self.now), failure, self.now)
        return self

    @property
    def wants(self) -> bool:
        return self.judge.wants_completion(self.now)

    @property
    def words(self) -> str:
        return self.judge.explain(self.now)

    @property
    def verdicts(self) -> tuple[State, bool, bool, bool]:
        """State, started, ready, live."""
        return self.judge.state, self.judge.is_started, self.judge.is_ready, self.judge.is_live


def serving(steps: int = 1) -> Engine:
    """Make one that has answered its first completion."""
    return Engine().shows(REFUSED, healthy()).answers().shows(healthy(steps=steps))


@pytest.mark.parametrize("look", [REFUSED, SILENT, DEAD])
def test_an_engine_that_loads_has_not_started_and_is_live_however_long_it_takes(look: Look) -> None:
    assert (State.LOADING, False, False, True) == Engine().shows_for(36_000, look).verdicts


def test_an_engine_that_fails_for_days_is_asked_on_as_often() -> None:
    engine = Engine().shows(healthy())
    for _ in range(1100):
        engine.answers("no").now += CANARY_SECONDS
    assert engine.wants
    engine.answers("no").now += CANARY_SECONDS - 1
    assert not engine.wants


def test_a_healthy_engine_has_started_and_is_not_ready() -> None:
    engine = Engine().shows(REFUSED, healthy())
    assert (State.FIRST_ANSWER, True, False, True) == engine.verdicts
    assert engine.wants


def test_an_engine_is_ready_when_it_has_answered() -> None:
    assert (State.READY, True, True, True) == Engine().shows(healthy()).answers().verdicts


def test_a_first_answer_may_take_the_whole_hang_budget() -> None:
    engine = Engine().shows(healthy())
    engine.judge.ask(engine.now)
    engine.shows_for(HANG_SECONDS, healthy())
    assert (State.FIRST_ANSWER, True, False, True) == engine.verdicts
    assert f"/health answers 200; a first completion was asked {HANG_SECONDS} s ago" == engine.words


def test_a_first_answer_that_takes_longer_is_a_hang() -> None:
    engine = Engine().shows(healthy())
    engine.judge.ask(engine.now)
    engine.shows_for(HANG_SECONDS + 2 * LOOK_SECONDS, healthy())
    assert (State.HUNG, True, False, False) == engine.verdicts


def test_a_busy_engine_is_ready_as_long_as_tokens_flow() -> None:
    engine = serving().shows(*[healthy(4, steps) for steps in range(2, 2000)])
    assert (State.READY, True, True, True) == engine.verdicts
    assert "4 requests running or waiting" == engine.words


def test_a_busy_engine_is_ready_while_it_reads_a_long_prompt() -> None:
    engine = serving().shows(*[healthy(1, 1, kv_usage=part / 1000) for part in range(1000)])
    assert (State.READY, True, True, True) == engine.verdicts


def test_requests_without_a_step_are_a_stall_and_then_a_hang() -> None:
    engine = serving().shows(healthy(3, 9))
    assert (State.READY, True, True, True) == engine.shows_for(STALL_SECONDS + LOOK_SECONDS, healthy(3, 9)).verdicts
    assert (State.STALLED, True, False, True) == engine.shows(healthy(3, 9)).verdicts
    assert "3 requests running or waiting, and no step of the engine for 65 s; not ready after 60 s" == engine.words
    engine.shows_for(HANG_SECONDS - STALL_SECONDS, healthy(3, 9))
    assert (State.HUNG, True, False, False) == engine.verdicts
    assert "3 requests running or waiting, and no step of the engine for 305 s; not live after 300 s" == engine.words


def test_one_step_ends_a_hang() -> None:
    engine = serving().shows(healthy(3, 9)).shows_for(2 * HANG_SECONDS, healthy(3, 9)).shows(healthy(3, 10))
    assert (State.READY, True, True, True) == engine.verdicts


def test_a_pause_in_which_nobody_asked_is_no_hang() -> None:
    engine = serving().shows(healthy(3, 9))
    engine.now += 10 * HANG_SECONDS
    assert (State.READY, True, True, True) == engine.shows(healthy(3, 9)).verdicts


def test_an_idle_engine_is_ready_for_ever() -> None:
    assert (State.READY, True, True, True) == serving().shows_for(36_000, healthy(0, 1)).verdicts


def test_the_canary_comes_when_nothing_has_moved_for_its_period() -> None:
    engine = serving().shows_for(CANARY_SECONDS - LOOK_SECONDS, healthy(0, 1))
    assert not engine.wants
    assert engine.shows(healthy(0, 1)).wants


@pytest.mark.parametrize("look", [healthy(1, 1), healthy(0, 2), SILENT, DEAD, WITHOUT_STATS])
def test_no_canary_comes_to_an_engine_that_is_not_known_to_be_idle(look: Look) -> None:
    engine = serving().shows_for(2 * CANARY_SECONDS, healthy(0, 1))
    assert not engine.shows(look).wants


def test_no_second_canary_comes_before_the_period_has_passed() -> None:
    engine = serving().shows_for(CANARY_SECONDS, healthy(0, 1)).answers()
    assert not engine.shows_for(CANARY_SECONDS - LOOK_SECONDS, healthy(0, 1)).wants
    assert engine.shows(healthy(0, 1)).wants


def test_no_completion_is_wanted_while_one_is_under_way() -> None:
    engine = Engine().shows(healthy())
    engine.judge.ask(engine.now)
    assert not engine.shows_for(10 * CANARY_SECONDS, healthy()).wants


def test_a_canary_that_is_not_answered_is_a_stall_though_vllm_counts_no_request() -> None:
    engine = serving().shows_for(CANARY_SECONDS, healthy(0, 1))
    engine.judge.ask(engine.now)
    engine.shows_for(STALL_SECONDS + 2 * LOOK_SECONDS, healthy(0, 1))
    assert (State.STALLED, True, False, True) == engine.verdicts
    assert (
        "0 requests running or waiting, the probe's own unanswered, and no step of the engine for 65 s; "
        "not ready after 60 s" == engine.words
    )


def test_an_engine_whose_canary_failed_is_not_ready_until_the_next_is_answered() -> None:
    engine = serving().answers("/v1/completions answered 500")
    assert (State.FAILING, True, False, True) == engine.verdicts
    assert "/v1/completions answered 500 (1 in a row; another comes next)" == engine.words
    assert (State.READY, True, True, True) == engine.answers().verdicts


def test_failures_are_repeated_after_1_2_4_seconds_and_at_most_after_the_canarys_period() -> None:
    engine, waits = Engine().shows(healthy()), []
    for _ in range(8):
        engine.answers("refused")
        failed_at = engine.now
        while not engine.wants:
            engine.now += 1
        waits.append(engine.now - failed_at)
    assert [1, 2, 4, 8, 16, 32, 40, 40] == waits


def test_a_dead_engine_is_not_ready_at_once_and_not_live_after_the_hang_budget() -> None:
    engine = serving().shows(DEAD)
    assert (State.UNHEALTHY, True, False, True) == engine.verdicts
    assert "503 from /health for 0 s" == engine.words
    assert (State.HUNG, True, False, False) == engine.shows_for(HANG_SECONDS + LOOK_SECONDS, DEAD).verdicts


def test_an_engine_that_is_late_is_ready_until_the_stall_budget_is_over() -> None:
    engine = serving().shows_for(STALL_SECONDS, SILENT)
    assert (State.READY, True, True, True) == engine.verdicts
    assert (State.STALLED, True, False, True) == engine.shows(SILENT, SILENT).verdicts
    assert "no answer from /health for 65 s; not ready after 60 s" == engine.words
    assert (State.READY, True, True, True) == engine.shows(healthy(0, 1)).verdicts


def test_an_engine_that_refuses_connections_begins_anew() -> None:
    engine = serving().shows(REFUSED)
    assert (State.GONE, False, False, True) == engine.verdicts
    assert (State.FIRST_ANSWER, True, False, True) == engine.shows(healthy()).verdicts
    assert engine.wants
    assert (State.READY, True, True, True) == engine.answers().verdicts


def test_an_engine_that_does_not_come_back_is_not_live_after_the_hang_budget() -> None:
    engine = serving().shows_for(HANG_SECONDS + 2 * LOOK_SECONDS, REFUSED)
    assert (State.GONE, False, False, False) == engine.verdicts
    assert "no connection to the engine for 305 s, though it had started: it starts again, or has ended" == engine.words


def test_counters_that_fall_are_those_of_a_new_engine() -> None:
    engine = serving(steps=50).shows(healthy(0, 2))
    assert (State.FIRST_ANSWER, True, False, True) == engine.verdicts


def test_an_answer_of_an_earlier_life_makes_nothing_ready() -> None:
    engine = Engine().shows(healthy())
    life = engine.judge.ask(engine.now)
    engine.shows(REFUSED, healthy())
    assert not engine.wants
    engine.judge.hear(life, "", engine.now)
    assert (State.FIRST_ANSWER, True, False, True) == engine.verdicts
    assert engine.wants


def test_a_failure_of_an_earlier_life_is_not_held_against_the_engine() -> None:
    engine = Engine().shows(healthy())
    life = engine.judge.ask(engine.now)
    engine.shows(REFUSED, healthy())
    engine.judge.hear(life, "broke off", engine.now)
    assert State.FIRST_ANSWER is engine.judge.state


def test_without_statistics_health_and_the_first_answer_alone_are_judged() -> None:
    engine = Engine().shows(WITHOUT_STATS)
    assert (State.FIRST_ANSWER, True, False, True) == engine.verdicts
    engine.answers().shows_for(36_000, WITHOUT_STATS)
    assert (State.READY, True, True, True) == engine.verdicts
    assert "/metrics does not tell busy from hung, so /health and the first answer alone are judged" == engine.words


def test_one_page_of_metrics_that_did_not_come_is_no_hang() -> None:
    engine = serving().shows(healthy(3, 9)).shows_for(10 * HANG_SECONDS, WITHOUT_STATS)
    assert (State.READY, True, True, True) == engine.verdicts
