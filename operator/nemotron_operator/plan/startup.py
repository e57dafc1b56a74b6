"""The startup budget: one number from bytes and read rate, by which probe, deadline, engine and status all go."""

import math

from nemotron_operator.plan.check import choose_start_check_image
from nemotron_operator.plan.facts import CachedModel
from nemotron_operator.plan.memory.weights import count_repository_bytes
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.serving_plan import StartupPlan
from nemotron_operator.units import MIB

COMPILE_SECONDS = 180
"""Compilation, graph capture and warm-up after the weights are read, in seconds, whatever the architecture.

A cold compile cache is assumed. vLLM's own "init engine" line, published with a cold cache: 39 s and 91 s for Llama 8B
(vllm-project/vllm#11005, run-ai/runai-model-streamer#67), 253 s for a mixture of 35B (vllm-project/vllm#44881); with a
warm one 34 s (vllm-project/vllm#20264). Mixtures and hybrids spread as far as dense ones, hence one constant.
The safety factor covers up to 2 x 180 s; one report of 2222 s (vllm-project/vllm#34399) is beyond it."""

STARTUP_SAFETY_FACTOR = 2
"""A start counts as failed only after this many times its estimate.

The assumed read rate is cautious beside what is published: 70B in FP8, 68 GiB, took 12 to 117 s to load, reading
included (rows D1, D16, P2, P61 of tests/accuracy/datapoints.csv), where 200 MiB/s gives 347 s."""

SHORTEST_STARTUP_BUDGET_SECONDS = 600
"""No start is given less than vLLM itself waits for its engine (VLLM_ENGINE_READY_TIMEOUT_S)."""

SCHEDULING_ALLOWANCE_SECONDS = 900
"""Scheduling, a node that has to come up, and the pull of a 10 GB image, before the engine starts."""


PULL_BYTES_PER_SECOND = 50 * MIB
"""What a node pulls and unpacks at least of an image with weights: 70 GB then take 23 minutes."""


def plan_startup(request: PlanRequest, cached: CachedModel | None) -> StartupPlan:
    """Estimate a start, and decide when it counts as failed.

    The volume's read rate is what the download measured, once: a rate that moved would move the pods. Until then, and
    for weights that the operator did not download, it is the configuration's.

    Notes
    -----
    Each GPU of a replica keeps a share, but all of them read the same volume: the bytes are the whole repository's.
    """
    measured = cached.read_bytes_per_second if cached else None
    bytes_per_second = measured or request.config.assumed_read_mib_per_second * MIB
    read_seconds = math.ceil(count_repository_bytes(request.architecture) / bytes_per_second)
    # Where every byte is verified before the start, it is read twice; the probe begins with the engine.
    check_seconds = read_seconds if choose_start_check_image(request) else 0
    estimate = read_seconds + COMPILE_SECONDS
    budget = max(SHORTEST_STARTUP_BUDGET_SECONDS, STARTUP_SAFETY_FACTOR * estimate)
    check_budget = STARTUP_SAFETY_FACTOR * check_seconds
    return StartupPlan(
        estimate_seconds=check_seconds + estimate,
        budget_seconds=budget,
        progress_deadline_seconds=_count_pull_seconds(request) + check_budget + budget + SCHEDULING_ALLOWANCE_SECONDS,
        check_budget_seconds=check_budget,
    )


def _count_pull_seconds(request: PlanRequest) -> int:
    """Count how long the node may take for the image with the weights, which it pulls before the engine starts."""
    source = request.spec.model.source
    if source is None or source.oci_image is None:
        return 0
    return count_repository_bytes(request.architecture) // PULL_BYTES_PER_SECOND
