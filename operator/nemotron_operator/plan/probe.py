"""The probe's part of the plan: where the engine's health is told, and after how long of what it is doubted."""

from collections.abc import Iterable

from nemotron_operator.api.spec import EnvironmentVariable
from nemotron_operator.plan.serving_plan import ProbePlan

PORT, OTHER_PORT = 8088, 8089
"""Where the sidecar listens; the other one where the engine itself is on the first."""

STALL_SECONDS = 60
"""An engine that has requests running and makes no token for so long is not ready: clients go to another replica. The
longest steps between two tokens are those that compile a kernel for a shape not seen before."""

HANG_SECONDS = 120
"""After so long it counts as hung. The kubelet restarts it only when it has heard so, without a break, for another
`LIVENESS_PATIENCE_SECONDS`."""

CANARY_SECONDS = 60
"""How often an engine without requests is asked for a token: only so is one found that hangs while nobody asks it."""

LONGEST_BACK_OFF_SECONDS = 300
"""The kubelet's longest pause before it starts a container that failed again."""

LIVENESS_PATIENCE_SECONDS = LONGEST_BACK_OFF_SECONDS + 30
"""How long liveness may fail. While the sidecar waits to be started again nobody answers, which the kubelet cannot
tell from an engine that is hung: it has to outlive the longest pause, the sidecar's start, and two probes."""

EXECUTE_TIMEOUT_VARIABLE, EXECUTE_TIMEOUT_SECONDS = "VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS", 300
"""How long vLLM's executor of several processes waits for a step before it ends the engine itself, and says why; one
that runs in the engine's own process, as on a single GPU, waits for ever (vllm/v1/executor)."""


def plan_probe(model: str, port: int, env: Iterable[EnvironmentVariable]) -> ProbePlan:
    """Decide where the sidecar listens and how patient it is: more than vLLM, which knows better why it ends."""
    timeout_seconds = max([EXECUTE_TIMEOUT_SECONDS, *_read_execute_timeouts(env)])
    return ProbePlan(
        port=OTHER_PORT if port == PORT else PORT,
        model=model,
        stall_seconds=STALL_SECONDS,
        hang_seconds=max(HANG_SECONDS, timeout_seconds - LONGEST_BACK_OFF_SECONDS),
        canary_seconds=CANARY_SECONDS,
        liveness_patience_seconds=LIVENESS_PATIENCE_SECONDS,
    )


def _read_execute_timeouts(env: Iterable[EnvironmentVariable]) -> list[int]:
    values = [variable.value or "" for variable in env if variable.name == EXECUTE_TIMEOUT_VARIABLE]
    return [int(value) for value in values if value.isdecimal()]
