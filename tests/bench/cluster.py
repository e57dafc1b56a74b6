"""What a user waits for and what the operator costs, against a control plane on this machine."""

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from lab.bring_up import apply, bring_up
from lab.control_plane import ControlPlane
from lab.operator_process import install_chart, make_operator, start_operator
from lab.progress import Progress
from lab.unasked import read_unasked
from lab.volumes import volumes
from tests.bench.fan_out import time_fan_out
from tests.bench.first_token import measure_first_token
from tests.bench.table import print_figure
from tests.support.cluster import Namespace, RunningOperator, a_resource, wait_until

RESOURCES = 100
"""Resources that are created together."""

REST_SECONDS = 60
"""How long nothing happens while writes are counted."""

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "model-card.yaml"


def measure_cluster(say: Callable[[str], None]) -> None:
    """Measure and print.

    Raises
    ------
    LabError
        Something did not come up.
    """
    print("shared with the control plane (etcd, API server, controllers, scheduler, KWOK) that is measured against")
    started = time.monotonic()
    plane = bring_up("bench", say)
    try:
        install_chart(plane)
        component = make_operator(plane)
        operator = RunningOperator(component, start_operator(component))
        plane.kubectl("apply", "-f", "-", input=json.dumps(read_unasked(EXAMPLE)))
        ready = Progress(plane, "nemotron-70b", lambda *_: None).follow(timeout_seconds=120)
        print_figure("start of the cluster to Ready, programs built", f"{time.monotonic() - started:.1f} s")
        print_figure("kubectl apply to Ready (simulated download 3 s, load 4 s)", f"{ready:.1f} s")
        _measure_fan_out(plane, operator)
        _measure_rest(operator)
    finally:
        plane.delete()
    # Last and alone: a cluster at rest costs a real engine some of its time too.
    measure_first_token(say)


def _measure_fan_out(plane: ControlPlane, operator: RunningOperator) -> None:
    """Create many resources at once, and time each from its creation to its Deployment."""
    apply(plane, volumes(RESOURCES))
    plane.kubectl("create", "namespace", "bench")
    plane.kubectl("label", "namespace", "bench", "pod-security.kubernetes.io/enforce=restricted")
    namespace = Namespace(plane, "bench")
    namespace.apply(a_resource("first", replicas=0))
    namespace.wait_for_reason("first", "ModelCached", "Cached")
    # Their model is on the shared volume already, so that the way to the Deployment is the operator's own.
    bodies = [a_resource(f"nemotron-{number}", replicas=0) for number in range(RESOURCES)]
    seconds = time_fan_out(plane, "bench", bodies, patience=180)
    print_figure(f"resources out of {RESOURCES} whose Deployment was applied", str(len(seconds)))
    print_figure("create to Deployment applied, p50", f"{statistics.median(seconds):.3f} s")
    print_figure("create to Deployment applied, p99", f"{statistics.quantiles(seconds, n=100)[98]:.3f} s")
    memory_bytes = operator.read_metrics()["process_resident_memory_bytes"]
    print_figure("operator's resident memory", f"{memory_bytes / 2**20:.0f} MiB")


def _measure_rest(operator: RunningOperator) -> None:
    wait_until("quiet", lambda: _is_quiet(operator), seconds=120)
    before = operator.count_writes()
    cpu = operator.read_metrics()["process_cpu_seconds_total"]
    time.sleep(REST_SECONDS)
    used = operator.read_metrics()["process_cpu_seconds_total"] - cpu
    print_figure(f"API writes per minute at rest, {RESOURCES + 2} resources", str(operator.count_writes() - before))
    print_figure("operator's CPU at rest", f"{100 * used / REST_SECONDS:.1f} % of a core")


def _is_quiet(operator: RunningOperator) -> bool:
    before = operator.count_writes()
    time.sleep(3)
    return operator.count_writes() == before
