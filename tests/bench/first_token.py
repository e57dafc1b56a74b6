"""From `kubectl apply` to the first answered token: a real engine on a real node, beside the bare engine."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lab.bring_up import bring_up
from lab.control_plane import ControlPlane
from lab.errors import LabError
from lab.hub import Hub
from lab.real_node_possible import why_no_real_node
from lab.real_operator import install_real_operator, serve_tiny_model, tiny_resource
from nemotron_operator.render.metadata import SERVER_COMPONENT, VERIFICATION_COMPONENT
from nemotron_operator.verifier.errors import VerificationError
from nemotron_operator.verifier.question import Question
from tests.bench.bare_engine import BareStart, find_url, measure_bare_engine, read_question, wait_for_health
from tests.bench.sightings import Sighting, added, has_address, is_ready
from tests.bench.split import STAGES, MissingStageError, Share, Stage, split, sum_shares
from tests.bench.table import print_figure, print_seconds
from tests.bench.watches import Watches
from tests.support.cluster import Namespace

CLUSTER = "bench-node"
"""A cluster of its own: simulated nodes would take from a real engine."""

RUNS = 2
"""How often all is measured, after a first time that reads the images from the disk and is thrown away."""

READY_SECONDS = 300
"""How long fetch, start and verification may take; half a minute on a quiet machine."""

LATE_SECONDS = 30
"""How much later than Ready a watch may tell of what came before it."""

NAME = "tiny"
"""The resource."""


@dataclass(frozen=True)
class Run:
    """One resource from kubectl to Ready."""

    applied: float
    """When kubectl was started, by the monotonic clock."""

    healthy: float
    """When the engine answered on /health."""

    ready: Sighting
    """The resource when it said that it is Ready."""

    sightings: list[Sighting]
    """Everything that was seen on the way."""

    template: dict[str, Any]
    """The rendered pod."""

    question: Question
    """What the verification asked."""

    @property
    def seconds(self) -> float:
        """The whole way."""
        return self.ready.seconds - self.applied

    @property
    def first_token_seconds(self) -> float:
        """What the verification measured, from its question to the first token."""
        return float(self.ready.body["status"]["verification"]["timeToFirstTokenMilliseconds"]) / 1000

    @cached_property
    def stages(self) -> dict[Stage, float]:
        """The way in its stages."""
        return split(self.sightings, self.applied, self.healthy)


def measure_first_token(say: Callable[[str], None]) -> None:
    """Measure and print, or say why it cannot be measured here."""
    if reason := why_no_real_node():
        print_figure("kubectl apply to the first answered token", "not measured")
        say(f"no real node here: {reason}")
        return
    plane = bring_up(CLUSTER, say, pool=(), real_node=True)
    try:
        install_real_operator(plane, say, replicas=1)
        with serve_tiny_model(plane) as hub, Watches(plane) as watches:
            load = os.getloadavg()[0]
            runs, bare = _measure(plane, watches, hub, say)
            _report(runs, bare, load)
    except (MissingStageError, VerificationError) as error:
        raise LabError(str(error)) from error
    finally:
        plane.delete()


def _measure(
    plane: ControlPlane, watches: Watches, hub: Hub, say: Callable[[str], None]
) -> tuple[list[Run], list[BareStart]]:
    runs: list[Run] = []
    bare: list[BareStart] = []
    for number in range(RUNS + 1):
        namespace = Namespace(plane, f"bench-{number}")
        plane.kubectl("create", "namespace", namespace.name)
        plane.kubectl("label", "namespace", namespace.name, "pod-security.kubernetes.io/enforce=restricted")
        run = _measure_resource(watches, namespace, hub)
        if number == 0:
            say(f"first answer, images read from the disk: {run.seconds:.1f} s; thrown away")
        else:
            runs.append(run)
            bare.append(measure_bare_engine(watches, namespace, run.template, run.question))
            say(f"run {number}: Ready after {run.seconds:.1f} s, bare engine {bare[-1].first_token_seconds:.1f} s")
    return runs, bare


def _measure_resource(watches: Watches, namespace: Namespace, hub: Hub) -> Run:
    applied = time.monotonic()
    namespace.apply(tiny_resource(hub, NAME))
    pod = watches.wait_for("the engine's address", has_address(SERVER_COMPONENT), namespace.name, READY_SECONDS)
    healthy = wait_for_health(find_url(pod.body))
    ready = watches.wait_for("Ready", is_ready(), namespace.name, READY_SECONDS)
    find_job, find_server = added("Job", VERIFICATION_COMPONENT), added("Deployment", SERVER_COMPONENT)
    job = watches.wait_for("the verification Job", find_job, namespace.name, READY_SECONDS)
    server = watches.wait_for("the Deployment", find_server, namespace.name, READY_SECONDS)
    for stage in STAGES:
        # Each kind has a watch of its own: Ready may be told before the end of the Job that it follows from.
        if stage.end is not None:
            watches.wait_for(stage.what, stage.end, namespace.name, LATE_SECONDS)
    sightings = watches.seen(namespace.name)
    _remove(namespace)
    return Run(applied, healthy, ready, sightings, server.body["spec"]["template"], read_question(job.body))


def _remove(namespace: Namespace) -> None:
    """Delete the resource, and give the engine no time for requests that nobody makes."""
    servers = f"nemotron.dev/component={SERVER_COMPONENT}"
    namespace.kubectl("delete", "nemo", NAME)
    namespace.kubectl("wait", "--for=delete", f"deployment/{NAME}", "--timeout=60s")
    namespace.kubectl("delete", "pod", "-l", servers, "--grace-period=1", "--timeout=60s")


def _report(runs: Sequence[Run], bare: Sequence[BareStart], load: float) -> None:
    print("with a real node: vLLM on this machine's CPU, a model of a megabyte, the operator in a pod of its own")
    print_figure("load average before", f"{load:.1f}")
    print_figure(f"figures of {len(runs)} runs, the images in memory", "shortest / median")
    for stage in STAGES:
        print_seconds(f"  {stage.share}: {stage.what}", [run.stages[stage] for run in runs])
    ready, first_token = [run.seconds for run in runs], [start.first_token_seconds for start in bare]
    print_seconds("kubectl apply to Ready, which follows the first answer", ready)
    shares = [sum_shares(run.stages) for run in runs]
    for share in Share:
        print_seconds(f"  {share} altogether", [of_run[share] for of_run in shares])
    print_seconds("question to first token, as the status tells it", [run.first_token_seconds for run in runs])
    print_seconds("bare vllm serve: container started to /health answers", [start.load_seconds for start in bare])
    print_seconds("bare vllm serve: container started to first token", first_token)
    print_figure("kubectl apply to Ready, over the bare engine's first token", f"{min(ready) / min(first_token):.2f}")
    own = [of_run[Share.OPERATOR] for of_run in shares]
    print_seconds("operator's own share of the way to Ready", own)
    probed = [of_run[Share.OPERATOR] + of_run[Share.PROBE] for of_run in shares]
    print_seconds("the same, with the delay of the probes that it renders", probed)
