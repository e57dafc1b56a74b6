"""The speed of the plan: in process, and from the shell."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from nemotron_operator.plan.memory.account import estimate_gpu_memory
from nemotron_operator.plan.memory.expert_padding import count_expert_padding_bytes, count_marlin_padding_bytes
from nemotron_operator.plan.memory.parallelism import explain_illegal_size, list_stages
from nemotron_operator.plan.memory.weights import count_parameters, count_stage_weights_bytes
from nemotron_operator.plan.planner import make_plan
from tests.bench.table import print_figure
from tests.support.fixtures.deployments import DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import CATALOG, CONFIG, NO_FACTS

REPEATS = 20
"""Plans of each model that are timed."""

RUNS = 10
"""Starts of the command that are timed."""

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "model-card.yaml"

NEMOCTL = Path(sys.executable).with_name("nemoctl")

_MEMORIES = (
    count_expert_padding_bytes,
    count_marlin_padding_bytes,
    count_parameters,
    count_stage_weights_bytes,
    estimate_gpu_memory,
    explain_illegal_size,
    list_stages,
)
"""What the plan remembers between calls."""


def measure_speed() -> None:
    """Time plans of every model in process, then `nemoctl plan` beside an interpreter that does nothing."""
    deployments = [a_deployment().with_model(name) for name in CATALOG.entries]
    for deployment in deployments:
        _plan(deployment)
    _print_plans("a plan in process, all remembered", deployments, lambda: None)
    _print_plans("a plan in process, nothing remembered", deployments, _forget)
    command = [str(NEMOCTL), "plan", str(EXAMPLE)]
    ours, bare = _time_side_by_side(command, [sys.executable, "-c", "pass"])
    print_figure("nemoctl plan from the shell, shortest / median", f"{min(ours):.3f} / {statistics.median(ours):.3f} s")
    print_figure("python -c pass beside it", f"{min(bare):.3f} / {statistics.median(bare):.3f} s")
    print_figure("ratio of the medians", f"{statistics.median(ours) / statistics.median(bare):.1f}")


def _print_plans(what: str, deployments: Sequence[DeploymentBuilder], before: Callable[[], None]) -> None:
    by_model = {each.parsed.spec.model.name: _time_plans(each, before) for each in deployments}
    slowest = max(by_model, key=lambda name: by_model[name])
    median = statistics.median(by_model.values())
    print_figure(f"{what}, median over {len(by_model)} models", f"{1000 * median:.2f} ms")
    print_figure(f"  the slowest: {slowest}", f"{1000 * by_model[slowest]:.2f} ms")


def _time_plans(deployment: DeploymentBuilder, before: Callable[[], None]) -> float:
    """Time plans one by one; the median of the seconds."""
    seconds = []
    for _ in range(REPEATS):
        before()
        started = time.perf_counter()
        _plan(deployment)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def _plan(deployment: DeploymentBuilder) -> None:
    make_plan(deployment.parsed, NO_FACTS, CONFIG, CATALOG)


def _forget() -> None:
    for memory in _MEMORIES:
        memory.cache_clear()


def _time_side_by_side(one: Sequence[str], other: Sequence[str]) -> tuple[list[float], list[float]]:
    """Time two commands in turn, so that both meet the same load."""
    pairs = [(_time_command(one), _time_command(other)) for _ in range(RUNS)]
    return [first for first, _ in pairs], [second for _, second in pairs]


def _time_command(command: Sequence[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60)
    return time.perf_counter() - started
