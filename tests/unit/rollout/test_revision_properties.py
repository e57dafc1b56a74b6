"""Whatever happens, in whatever order: a decision is final until somebody wishes something else."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from nemotron_operator.plan.node_pool import NodeGpus
from nemotron_operator.plan.rollout import RolloutPlan
from tests.unit.rollout.world import World

INPUTS, VERSIONS = ["a", "b", "c"], ["1", "2", "3"]


class Life(RuleBasedStateMachine):
    """The life of one served model."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @initialize(inputs=st.sampled_from(INPUTS))
    def begin(self, inputs: str) -> None:
        self.world.want(inputs)
        self.world.reconcile()

    @rule(inputs=st.sampled_from(INPUTS))
    def change_the_spec(self, inputs: str) -> None:
        self.world.want(inputs)
        rollout = self._settle()
        assert rollout.failure is not None or inputs == rollout.inputs

    @rule(data=st.data())
    def pin(self, data: st.DataObject) -> None:
        self.world.pinned = data.draw(st.sampled_from([None, "nonsense", *sorted(self.world.records)]))
        self._settle()

    @rule()
    def adopt(self) -> None:
        update = self.world.decide().update
        self.world.pinned = update.revision if update else None
        rollout = self._settle()
        assert rollout.update is None

    @rule(moment=st.sampled_from(["2026-11-26T12:00:00Z", "now"]))
    def restart(self, moment: str) -> None:
        self.world.restarted_at = moment
        self._settle()

    @rule()
    def fail(self) -> None:
        was_taken_back = self.world.decide().failure is not None
        before = self.world.decide()
        if self.world.fails():
            rollout = self._settle()
            assert rollout.failure is not None
            assert (before.revision, True) == (rollout.revision, before.base_revision != rollout.base_revision)
            assert self.world.records[rollout.base_revision].has_served
        else:
            assert was_taken_back == (self.world.decide().failure is not None)

    @rule()
    def serve(self) -> None:
        self._changes_no_pod(self.world.is_served)

    @rule(version=st.sampled_from(VERSIONS))
    def upgrade_the_operator(self, version: str) -> None:
        """It changes no pod but for those that somebody chose: whose record was lost, and that it renders again."""
        before = self.world.decide().applied_revision
        self.world.version = version
        rollout = self._settle()
        assert before == rollout.applied_revision or rollout.base_revision == self.world.pinned

    @rule()
    def lose_all_records(self) -> None:
        if self.world.decide().failure is None:
            self._changes_no_pod(self.world.records.clear)

    @rule(strategy=st.sampled_from(["Auto", "Surge", "Replace"]), replicas=st.integers(0, 3))
    def change_what_no_pod_shows(self, strategy: Literal["Auto", "Surge", "Replace"], replicas: int) -> None:
        changed = replace(self.world.plan, rollout_strategy=strategy, replicas=replicas)
        self._changes_no_pod(lambda: setattr(self.world, "plan", changed))

    @rule(free=st.lists(st.integers(0, 8), max_size=3) | st.none())
    def change_what_is_free(self, free: list[int] | None) -> None:
        nodes = None if free is None else [NodeGpus(8, 8 - each, f"h100-{name}") for name, each in enumerate(free)]
        self._changes_no_pod(lambda: setattr(self.world, "nodes", nodes))

    @invariant()
    def what_was_decided_stays(self) -> None:
        if self.world.live is None:
            return
        before, records = self.world.live, dict(self.world.records)
        rollout = self.world.reconcile()
        assert (None, ()) == (rollout.record, rollout.forgotten)
        assert (before, records) == (self.world.live, self.world.records)

    def _settle(self) -> RolloutPlan:
        """Reconcile until it shows what was changed: what was lost is kept again first."""
        rollout = self.world.reconcile()
        assert rollout.base_revision in self.world.records
        return rollout

    def _changes_no_pod(self, happen: Callable[[], object]) -> None:
        before = self.world.decide().applied_revision
        happen()
        assert before == self._settle().applied_revision


Life.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestLife = Life.TestCase
