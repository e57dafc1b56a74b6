"""What is told of the bytes on the volume once they were verified: the next looks at them, and what these found."""

from dataclasses import replace

from nemotron_operator.api.conditions import Reason
from nemotron_operator.plan.check import parse_moment
from nemotron_operator.plan.facts import Damage
from nemotron_operator.plan.serving_plan import CachePlan
from nemotron_operator.render.metadata import CHECK_REQUEST_ANNOTATION
from nemotron_operator.status.judgement import Judged
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.observed_jobs import JobState, ObservedCheck
from nemotron_operator.status.trouble import explain_pods


def describe_check(cache: CachePlan, observation: Observation, namespace: str) -> str:
    """Go on, after what is cached, with the check that is due, and with a request for one that cannot be read."""
    told = [_describe_request(observation.check_request), cache.check_obstacle or ""]
    if cache.check is not None:
        name = cache.check.job_name
        job = next((each for each in observation.checks if each.name == name), None)
        told.append(_describe_job(job, namespace) if job else "Every byte is about to be read again.")
    return "".join(f" {sentence}" for sentence in told if sentence)


def tell_damage(fetching: Judged, damage: Damage) -> Judged:
    """Say of what is fetched again why, for as long as nothing worse is to be said."""
    finding = fetching.finding
    told = {
        "reason": Reason.DAMAGED if finding.reason == Reason.DOWNLOADING else finding.reason,
        "message": f"{damage.message} {finding.message}",
    }
    return replace(fetching, finding=finding.model_copy(update=told))


def _describe_request(asked: str | None) -> str:
    if asked is None or parse_moment(asked) is not None:
        return ""
    return (
        f"The annotation {CHECK_REQUEST_ANNOTATION} is no time in RFC 3339, and was ignored: {asked[:64]!r}. "
        "`nemoctl cache verify` writes a right one."
    )


def _describe_job(job: ObservedCheck, namespace: str) -> str:
    """Tell how far a check is. One that cannot be made says nothing about the bytes: what was verified stays so."""
    trouble = explain_pods(job.pods, namespace)
    if job.state is JobState.FAILED:
        words = job.failure.message if job.failure else "Its pods failed without a word."
        return (
            f"The last check of every byte could not be made: {words} Delete its Job to try again: `kubectl -n "
            f"{namespace} delete job {job.name}`."
        )
    if trouble is not None:
        return f"A check of every byte waits. {trouble.message}"
    again = f" The last attempt ended with {job.failure.reason}: {job.failure.message}" if job.failure else ""
    return f"Every byte is being read again.{again}"
