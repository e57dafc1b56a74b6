"""Whatever an engine shows, and however completions end, the judge keeps its promises."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from nemotron_operator.probe.engine_probe import Judge, Look, Work

STALL_SECONDS = 60
HANG_SECONDS = 300
CANARY_SECONDS = 60

pauses = st.sampled_from([1.0, 5.0, 30.0, 100.0, 301.0])


class AnyEngine(RuleBasedStateMachine):
    """An engine that steps, idles, hangs, dies and comes back, and what must be true of every verdict."""

    def __init__(self) -> None:
        super().__init__()
        self.judge = Judge(STALL_SECONDS, HANG_SECONDS, CANARY_SECONDS)
        self.now = 0.0
        self.steps = 0
        self.has_answered_in_this_life = False
        self.was_healthy = False
        self.has_been_healthy = False
        self.life_shown_at = 0.0
        self.asked: int | None = None
        self.asked_in_this_life = False

    def show(self, look: Look, pause: float) -> None:
        self.now += pause
        self.judge.see(look, self.now)
        if look.health == 200:
            self.was_healthy = self.has_been_healthy = True
        if self.judge.wants_completion(self.now):
            assert self.asked is None
            assert look.health == 200
            self.asked, self.asked_in_this_life = self.judge.ask(self.now), True

    def end_life(self) -> None:
        self.steps = 0
        self.has_answered_in_this_life = self.asked_in_this_life = self.was_healthy = False

    @rule(pause=pauses, steps=st.integers(1, 100), requests=st.integers(0, 3))
    def steps_are_done(self, pause: float, steps: int, requests: int) -> None:
        self.steps += steps
        self.life_shown_at = self.now + pause
        self.show(Look(200, Work(requests, self.steps, float(self.steps), 0.0)), pause)
        assert self.judge.is_live, "tokens flow"

    @rule(pause=pauses)
    def nothing_moves(self, pause: float) -> None:
        self.show(Look(200, Work(2, self.steps, float(self.steps), 0.0)), pause)

    @rule(pause=pauses)
    def it_is_idle(self, pause: float) -> None:
        if self.asked is None:
            self.life_shown_at = self.now + pause
        self.show(Look(200, Work(0, self.steps, float(self.steps), 0.0)), pause)

    @rule(pause=pauses, look=st.sampled_from([Look(), Look(503), Look(500)]))
    def it_is_silent_or_unwell(self, pause: float, look: Look) -> None:
        self.show(look, pause)
        if look.health is not None:
            assert not self.judge.is_ready

    @rule(pause=pauses)
    def it_refuses_connections(self, pause: float) -> None:
        self.end_life()
        self.show(Look(is_refused=True), pause)
        assert not self.judge.is_started
        assert not self.judge.is_ready

    @precondition(lambda self: self.was_healthy and self.steps > 0)
    @rule(pause=pauses)
    def it_is_replaced_within_one_look(self, pause: float) -> None:
        self.end_life()
        self.life_shown_at = self.now + pause
        self.show(Look(200, Work(0, 0, 0.0, 0.0)), pause)
        assert self.judge.is_started
        assert not self.judge.is_ready

    @precondition(lambda self: self.asked is not None)
    @rule(failure=st.sampled_from(["", "500", "broke off"]))
    def a_completion_ends(self, failure: str) -> None:
        assert self.asked is not None
        self.judge.hear(self.asked, failure, self.now)
        if self.asked_in_this_life:
            self.has_answered_in_this_life = not failure
        self.asked = None

    @invariant()
    def ready_means_answered_by_this_life(self) -> None:
        assert self.has_answered_in_this_life or not self.judge.is_ready

    @invariant()
    def ready_means_started_and_live(self) -> None:
        assert not self.judge.is_ready or (self.judge.is_started and self.judge.is_live)

    @invariant()
    def no_restart_before_it_was_healthy_or_within_the_budget(self) -> None:
        if not self.has_been_healthy or self.now - self.life_shown_at <= HANG_SECONDS:
            assert self.judge.is_live

    @invariant()
    def there_are_words_in_one_line(self) -> None:
        words = self.judge.explain(self.now)
        assert words
        assert "\n" not in words


TestAnyEngine = AnyEngine.TestCase
TestAnyEngine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
