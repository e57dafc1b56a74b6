"""What is known of the answer: from the Job while it runs, from the status after it."""

from nemotron_operator.api.conditions import ConditionType, Reason
from nemotron_operator.api.verification import VerificationStatus
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.status.judgement import Decision, Judged, describe_retry, no, unknown, yes
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.observed_jobs import JobState, ObservedVerification
from nemotron_operator.status.trouble import explain_pods

WORDS_LENGTH = 200
"""How much of prompt and answer a condition repeats, in characters."""


def tell_verification(
    decision: Decision, observation: Observation, desired_revision: str | None, previous: VerificationStatus | None
) -> VerificationStatus | None:
    """Tell the last answer that was expected: a new one, else the one that the status remembers.

    A question that nobody asks any more is forgotten, so that asking for it again asks anew.
    """
    if not isinstance(decision, ServingPlan):
        return previous
    if decision.verification is None:
        return None
    if desired_revision is None:
        return previous
    name = decision.verification.name_job(decision.identity.name, desired_revision)
    asked = observation.find_verification(name)
    if asked is None or asked.answer is None:
        return previous
    return VerificationStatus(
        revision=desired_revision,
        job=asked.name,
        time_to_first_token_milliseconds=asked.answer.time_to_first_token_milliseconds,
        tokens_per_second=asked.answer.tokens_per_second,
        answer=asked.answer.text,
        expected=decision.verification.expect,
        verified_at=asked.answer.answered_at,
    )


def find_verified(
    decision: Decision, observation: Observation, desired_revision: str | None, known: VerificationStatus | None
) -> Judged:
    """Tell whether the desired revision has answered the question.

    Parameters
    ----------
    known
        What `tell_verification` tells of the same moment.
    """
    kind = ConditionType.VERIFIED
    if not isinstance(decision, ServingPlan):
        return Judged(unknown(kind, Reason.WAITING, "Nothing is asked before the spec can be planned."))
    if decision.verification is None:
        message = "spec.verification.mode is Never: Ready rests on the engine's readiness probe alone."
        return Judged(unknown(kind, Reason.NOT_REQUESTED, message))
    if desired_revision is None:
        return Judged(unknown(kind, Reason.WAITING, "Nothing is asked before the model is cached."))
    name = decision.verification.name_job(decision.identity.name, desired_revision)
    if known is not None and known.job == name:
        return Judged(yes(kind, Reason.VERIFIED, _describe_answer(known)))
    asked = observation.find_verification(name)
    is_serving = serves_whole(decision, observation, desired_revision)
    return _judge_question(asked, decision, observation, is_serving=is_serving)


def serves_whole(plan: ServingPlan, observation: Observation, desired_revision: str | None) -> bool:
    """Tell whether all desired replicas of the desired revision serve, and nothing else is there.

    With a scaler it takes no more than the least number: more replicas come and go, and are on their way for minutes.
    """
    serving = count_serving(observation, desired_revision)
    is_observed = observation.server is not None and observation.server.is_observed
    if plan.scaling is not None:
        is_one_revision = all(pod.revision == desired_revision for pod in observation.server_pods)
        return serving >= plan.scaling.least_replicas and plan.replicas > 0 and is_one_revision
    return serving == len(observation.server_pods) == plan.replicas > 0 and is_observed


def count_serving(observation: Observation, desired_revision: str | None) -> int:
    """Count the pods of the desired revision that serve."""
    return sum(pod.ready and pod.revision == desired_revision for pod in observation.server_pods)


def _judge_question(
    job: ObservedVerification | None, plan: ServingPlan, observation: Observation, *, is_serving: bool
) -> Judged:
    kind, namespace = ConditionType.VERIFIED, plan.identity.namespace
    if job is not None and job.state is not JobState.ACTIVE and job.answer is None:
        return _judge_end(job, namespace)
    if job is None and not is_serving:
        which = "all desired replicas serve" if plan.scaling is None else "enough replicas serve"
        return Judged(unknown(kind, Reason.WAITING, f"The question is asked when {which}."))
    trouble = explain_pods(observation.verification_pods, namespace)
    if trouble is not None:
        return Judged(no(kind, trouble.reason, trouble.message), trouble.needs_human)
    retry = describe_retry(job.failed_pods, job.failure) if job is not None else ""
    prompt = plan.verification.prompt if plan.verification else ""
    return Judged(unknown(kind, Reason.VERIFYING, f"Asking {_quote(prompt)} through the Service.{retry}"))


def _judge_end(job: ObservedVerification, namespace: str) -> Judged:
    """Explain a Job that ended and left no answer that was expected."""
    words, reason = f"{_count_attempts(job.failed_pods)} failed without a word.", Reason.NO_ANSWER
    if job.state is JobState.COMPLETE:
        words = (
            "The verification Job ended without a report. If the operator's downloaderImage is not one that holds "
            "`nemotron-verify`, correct it."
        )
    elif job.failure is not None:
        words = job.failure.message
        reason = Reason.UNEXPECTED_ANSWER if job.failure.reason == Reason.UNEXPECTED_ANSWER else Reason.NO_ANSWER
    again = f"To ask again, delete the Job: `kubectl -n {namespace} delete job {job.name}`."
    return Judged(no(ConditionType.VERIFIED, reason, f"{words} {again}"), needs_human=True)


def _describe_answer(known: VerificationStatus) -> str:
    holds = f", with {_quote(known.expected)} in it" if known.expected else ""
    rate = f", then {known.tokens_per_second} tokens a second" if known.tokens_per_second else ""
    return (
        f"The model answered {_quote(known.answer)}{holds}: the first token after "
        f"{known.time_to_first_token_milliseconds} ms{rate}."
    )


def _count_attempts(number: int) -> str:
    return "1 attempt" if number == 1 else f"{number} attempts"


def _quote(text: str) -> str:
    words = " ".join(text.split())
    return repr(words if len(words) <= WORDS_LENGTH else f"{words[:WORDS_LENGTH]}...")
