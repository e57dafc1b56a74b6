"""`python -m tests.monitoring.record_operator`: write down what the operator tells Prometheus on a real control plane.

The resources are in every state that a dashboard or an alert looks for: ready, loading, downloading, refused, failing,
suspended. What varies from run to run is the numbers, not the series.
"""

import json
import sys
import time
import urllib.request
from pathlib import Path

from lab.bring_up import bring_up
from lab.operator_process import install_chart, make_operator, start_operator
from tests.support.cluster import BF16, FP8, OPERATOR_CONFIG, Body, Namespace, RunningOperator, a_resource, name_cluster

RECORDING = Path(__file__).with_name("recorded") / "operator.prom"

NANO = "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-FP8"

ANSWER = {
    "outcome": "Complete",
    "answer": "There are 3 r in strawberry.",
    "tokens": 9,
    "timeToFirstTokenMilliseconds": 182,
    "tokensPerSecond": "41.7",
    "kvCacheTokens": 100_000,
    "maxConcurrency": "0.76",
}
"""What the real verifier reports of a good answer."""

SECONDS_OF_GPUS = 15
"""How long the resources are left alone, so that GPU-seconds differ from zero."""


def main() -> int:
    """Make the cluster, the resources and the recording; take the cluster away."""
    plane = bring_up(name_cluster("recording"), lambda text: print(f"  {text}", file=sys.stderr))
    try:
        install_chart(plane)
        component = make_operator(plane, options=(f"--config={OPERATOR_CONFIG}",))
        operator = RunningOperator(component, start_operator(component))
        operator.wait_until_synced()
        plane.kubectl("create", "namespace", "models")
        fill(Namespace(plane, "models"))
        time.sleep(SECONDS_OF_GPUS)
        text = scrape(operator.port)
    finally:
        plane.delete()
    RECORDING.parent.mkdir(exist_ok=True)
    RECORDING.write_text(f"# The operator, as tests/monitoring/record_operator.py recorded it.\n{text}")
    print(f"{RECORDING}: {len(text.splitlines())} lines")
    return 0


def fill(namespace: Namespace) -> None:
    """Make the resources and wait until each is in its state."""
    namespace.apply(
        a_resource("ready", verification={}, podTemplate=annotated(answer=json.dumps(ANSWER))),
        a_resource("loading", parallelism={"tensor": 8}, podTemplate=annotated(**{"load-seconds": "3600"})),
        a_resource("downloading", NANO, podTemplate=annotated(**{"fetch-seconds": "3600"})),
        a_resource("refused", BF16, parallelism={"tensor": 1}),
        a_resource("failing", podTemplate=annotated(outcome="crash-loop", message="it fails")),
        a_resource("suspended", FP8, suspend=True),
    )
    namespace.wait_until_ready("ready")
    namespace.wait_for_reason("loading", "Available", "Loading")
    namespace.wait_for_reason("downloading", "ModelCached", "Downloading")
    namespace.wait_for_reason("refused", "Planned", "WeightsDoNotFit")
    namespace.wait_for_reason("failing", "Available", "CrashLoop")
    namespace.wait_for_reason("suspended", "Ready", "Suspended")


def annotated(**marks: str) -> Body:
    """Tell the simulated kubelets what becomes of a pod."""
    return {"annotations": {f"lab.nemotron.dev/{mark}": value for mark, value in marks.items()}}


def scrape(port: int) -> str:
    """Read what Prometheus would read."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


if __name__ == "__main__":
    sys.exit(main())
