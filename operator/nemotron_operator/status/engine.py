"""What is known of the engine itself: from the Job that asked it while that is there, from the status after it."""

from nemotron_operator.api.status import EngineStatus
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.status.judgement import Decision
from nemotron_operator.status.observation import Observation


def tell_engine(
    decision: Decision, observation: Observation, desired_revision: str | None, previous: EngineStatus | None
) -> EngineStatus | None:
    """Tell the last report: a new one, else the one that the status remembers.

    Where nobody asks, nobody reads: the report of another revision is then forgotten, as no new one will come.
    """
    if not isinstance(decision, ServingPlan) or desired_revision is None:
        return previous
    if decision.verification is None:
        return previous if previous is not None and previous.revision == desired_revision else None
    name = decision.verification.name_job(decision.identity.name, desired_revision)
    asked = observation.find_verification(name)
    if asked is None or asked.engine is None:
        return previous
    return EngineStatus(
        revision=desired_revision,
        kv_cache_tokens=asked.engine.kv_cache_tokens,
        max_concurrency=asked.engine.max_concurrency,
        read_at=asked.engine.read_at,
    )
