"""A cluster as far as a rollout is decided by it: what is kept, what is live, and what somebody wants."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nemotron_operator.plan.node_pool import NodeGpus
from nemotron_operator.plan.rollout import FailedRevision, RevisionRecord, RolloutPlan
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.rollout.facts import LivePod, LiveServer, RolloutFacts
from nemotron_operator.rollout.revision import choose_revision
from nemotron_operator.rollout.strategy import needs_room, plan_rollout
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.plans import plan_cached

PLAN = plan_cached(a_deployment().having("cache.accessModes", ["ReadWriteMany"]))

JSON = dict[str, Any]


def a_template(version: str = "1", inputs: str = "a", gpus: int = 8, claim: str = "models") -> JSON:
    """Render pods as some version of the operator does for some inputs."""
    resources = {"limits": {"nvidia.com/gpu": str(gpus)}, "requests": {"nvidia.com/gpu": str(gpus)}}
    engine = {"name": "vllm", "image": f"vllm:{version}", "args": [f"--name={inputs}"], "resources": resources}
    volumes = [{"name": "models", "persistentVolumeClaim": {"claimName": claim}}]
    return {
        "metadata": {"labels": {"app": "x"}, "annotations": {}},
        "spec": {"containers": [engine], "volumes": volumes},
    }


def show(template: JSON) -> JSON:
    """Show a template as the API server does: with its defaults written out."""
    metadata = {"creationTimestamp": None, **template["metadata"]}
    return {"metadata": metadata, "spec": {**template["spec"], "dnsPolicy": "ClusterFirst", "restartPolicy": "Always"}}


@dataclass
class World:
    """One resource: what it wants, and what became of it."""

    plan: ServingPlan = PLAN
    version: str = "1"
    gpus: int = 8
    records: dict[str, RevisionRecord] = field(default_factory=dict)
    live: LiveServer | None = None
    pinned: str | None = None
    restarted_at: str | None = None
    nodes: Sequence[NodeGpus] | None = (NodeGpus(8, 8, "h100-0"),)
    without_weights: frozenset[str] = frozenset()
    rendered_as: str | None = None
    """What pods show of the inputs, where that is not all."""
    asked_for_nodes: int = 0

    def want(self, inputs: str) -> None:
        self.plan = replace(self.plan, inputs=inputs)

    def rendered(self) -> JSON:
        return a_template(self.version, self.rendered_as or self.plan.inputs, self.gpus)

    def decide(self) -> RolloutPlan:
        """Decide, and change nothing."""
        records = tuple(self.records.values())
        facts = RolloutFacts(self.live, records, self.pinned, self.restarted_at, self.without_weights)
        chosen = choose_revision(self.plan, self.rendered(), {"inputs": self.plan.inputs}, self.version, facts)
        nodes = None
        if needs_room(self.plan, chosen, self.live):
            self.asked_for_nodes += 1
            nodes = self.nodes
        return plan_rollout(self.plan, chosen, self.live, nodes)

    def reconcile(self) -> RolloutPlan:
        """Decide, and bring it about: nothing serves of new pods yet, and old ones go on."""
        rollout, live = self.decide(), self.live
        if rollout.record is not None:
            self.records[rollout.base_revision] = rollout.record
        for base_revision in rollout.forgotten:
            del self.records[base_revision]
        is_same = live is not None and live.revision == rollout.applied_revision
        self.live = LiveServer(
            revision=rollout.applied_revision,
            base_revision=rollout.base_revision,
            inputs=rollout.inputs,
            operator_version=rollout.operator_version,
            strategy=rollout.strategy,
            why=rollout.why,
            replicas=self.plan.replicas,
            is_settled=is_same and live is not None and live.is_settled,
            is_short_of_gpus=is_same and live is not None and live.is_short_of_gpus,
            ready_pods=live.ready_pods if live else 0,
            pods=live.pods if live else (),
            template=show(dict(rollout.pod_template)),
        )
        return rollout

    def is_served(self) -> None:
        """Let all replicas of what is applied serve."""
        rollout = self.decide()
        assert self.live is not None
        pods = (LivePod("h100-0", self.gpus, claims=frozenset({"models"})),) * self.plan.replicas
        self.live = replace(self.live, is_settled=True, is_short_of_gpus=False, ready_pods=len(pods), pods=pods)
        record = self.records.get(self.live.base_revision)
        if record is not None and rollout.failure is None:
            self.records[self.live.base_revision] = replace(record, has_served=True, failed=None)

    def fails(self) -> bool:
        """Let the pods that are applied fail, with nothing left that serves; tell whether they are taken back."""
        assert self.live is not None
        self.live = replace(self.live, is_settled=False, ready_pods=0)
        rollout = self.decide()
        record = self.records.get(rollout.base_revision)
        if not rollout.can_go_back or rollout.failure is not None or record is None:
            return False
        failed = FailedRevision(rollout.revision, "CrashLoop", "It crashes.")
        self.records[rollout.base_revision] = replace(record, failed=failed)
        return True


def serving(**changes: Any) -> World:  # noqa: ANN401 - any field of a world
    """Make a world in which the first revision serves."""
    world = World(**changes)
    world.reconcile()
    world.is_served()
    return world
