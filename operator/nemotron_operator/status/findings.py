"""What is true now, one function for each condition. A finding knows nothing of the past."""

from nemotron_operator.api.conditions import ConditionType, Finding, Reason
from nemotron_operator.plan.serving_plan import CachePlan, ServingPlan
from nemotron_operator.status.amounts import format_size
from nemotron_operator.status.checks import describe_check, tell_damage
from nemotron_operator.status.held_gpus import tell_held, tell_lost
from nemotron_operator.status.judgement import Decision, Judged, describe_retry, is_reason, no, unknown, yes
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.observed_jobs import JobState, ObservedJob
from nemotron_operator.status.provided import find_provided
from nemotron_operator.status.rollout import explain_pause
from nemotron_operator.status.rollout_trouble import explain_rollout, tell_what_makes_pods
from nemotron_operator.status.scaling import tell_zero
from nemotron_operator.status.verification import count_serving, serves_whole
from nemotron_operator.status.volume_wait import find_wait


def find_model_cached(decision: Decision, observation: Observation, arrival: str = "") -> Judged:
    """Tell whether the weights are on the volume; `arrival` goes on with the sentence that they are fetched."""
    kind = ConditionType.MODEL_CACHED
    if not isinstance(decision, ServingPlan):
        return Judged(unknown(kind, Reason.WAITING, "Nothing is fetched before the spec can be planned."))
    cache = decision.cache
    if cache.provided_path is not None:
        return find_provided(cache, observation, decision.identity.namespace)
    if cache.cached is not None:
        cached = cache.cached
        return Judged(
            yes(
                kind,
                Reason.CACHED,
                f"{cached.files} files, {format_size(cached.size_bytes)} of {cached.repository} at "
                f"{cached.commit[:12]} are on volume {cache.claim_name!r}, each checked against the hub's hash."
                f"{describe_check(cache, observation, decision.identity.namespace)}",
            )
        )
    fetching = _find_download(cache, observation, decision.identity.namespace, arrival)
    return tell_damage(fetching, cache.damage) if cache.damage else fetching


def _find_download(cache: CachePlan, observation: Observation, namespace: str, arrival: str) -> Judged:
    kind, job = ConditionType.MODEL_CACHED, observation.job
    what = cache.download.origin.label if cache.download else "the model"
    if job is not None and job.state is JobState.FAILED:
        return _judge_failed_download(job, what, namespace)
    # One that has just reported, after the plan was made, is taken up by the next reconcile.
    if job is not None and job.state is JobState.COMPLETE and job.result is None:
        return _judge_silent_download(job, what, namespace)
    wait = find_wait(cache.claim_name, observation.cache_pods, observation, namespace)
    if wait is not None:
        return wait
    retry = describe_retry(job.failed_pods, job.failure) if job is not None else ""
    message = f"Fetching {what} to volume {cache.claim_name!r}{arrival}.{retry}"
    return Judged(no(kind, Reason.DOWNLOADING, message))


def _judge_failed_download(job: ObservedJob, what: str, namespace: str) -> Judged:
    failure = job.failure
    reason = failure.reason if failure and is_reason(failure.reason) else Reason.DOWNLOAD_FAILED
    words = failure.message if failure else f"{job.failed_pods} pods failed without a word."
    message = (
        f"Fetching {what} failed: {words} Then delete the Job to try again: `kubectl -n {namespace} delete job "
        f"{job.name}`; what is already on the volume is kept."
    )
    return Judged(no(ConditionType.MODEL_CACHED, reason, message), needs_human=True)


def _judge_silent_download(job: ObservedJob, what: str, namespace: str) -> Judged:
    """Explain a Job that ended well and left no report: not our downloader, or its last words got lost."""
    message = (
        f"The Job that fetches {what} ended without a report. If the operator's downloaderImage is not one that holds "
        f"`nemotron-download`, correct it; then delete the Job: `kubectl -n {namespace} delete job {job.name}`."
    )
    return Judged(no(ConditionType.MODEL_CACHED, Reason.DOWNLOAD_FAILED, message), needs_human=True)


def find_available(decision: Decision, observation: Observation) -> Judged:
    """Tell whether at least one replica serves, of whatever revision."""
    kind, server = ConditionType.AVAILABLE, observation.server
    if observation.ready_pods > 0:
        message = f"{observation.ready_pods} of {len(observation.server_pods)} pods serve."
        return Judged(yes(kind, Reason.SERVING, message))
    if isinstance(decision, ServingPlan) and decision.is_scaled_to_zero:
        return Judged(no(kind, Reason.SCALED_TO_ZERO, tell_zero(decision, observation)))
    if isinstance(decision, ServingPlan) and decision.replicas == 0:
        return _judge_rest(kind, observation)
    if server is None or server.is_scaled_to_zero:
        return Judged(no(kind, Reason.WAITING, "No pod takes a GPU before the model is planned and cached."))
    return _judge_rollout(decision, observation, kind)


def _judge_rollout(decision: Decision, observation: Observation, kind: ConditionType) -> Judged:
    trouble = explain_pause(decision, observation) or explain_rollout(decision, observation)
    if trouble is not None:
        return Judged(no(kind, trouble.reason, trouble.message), trouble.needs_human)
    starting = [pod for pod in observation.server_pods if not pod.ready]
    kind_of_server = observation.server.kind if observation.server else "Deployment"
    if not starting:
        message = f"The {kind_of_server} is making its pods."
        if kind_of_server != "Deployment":
            # It says nowhere itself that it may not.
            message += f" {tell_what_makes_pods(decision, observation)} what keeps it from that, if none comes."
        return Judged(no(kind, Reason.ROLLING_OUT, message))
    pods = "1 pod loads" if len(starting) == 1 else f"{len(starting)} pods load"
    budget = f" within a budget of {decision.startup.budget_seconds} s" if isinstance(decision, ServingPlan) else ""
    return Judged(
        no(kind, Reason.LOADING, f"{pods} the weights and compile{'s' if len(starting) == 1 else ''}{budget}.")
    )


def find_ready(
    decision: Decision,
    observation: Observation,
    desired_revision: str | None,
    steps: tuple[Judged, ...],
    verified: Judged,
) -> Judged:
    """Sum up: all desired replicas serve and have answered, or the first step that is not there yet."""
    kind = ConditionType.READY
    blocking = next((step for step in steps if step.finding.status != "True"), None)
    if isinstance(decision, ServingPlan) and decision.is_scaled_to_zero and _is_unavailable(blocking):
        return Judged(_judge_answer(verified.finding, tell_zero(decision, observation), Reason.SCALED_TO_ZERO))
    if blocking is not None:
        return Judged(
            no(kind, blocking.finding.reason, blocking.finding.message + _add_survivors(observation, blocking))
        )
    if not isinstance(decision, ServingPlan):
        raise AssertionError("a decision without a plan blocks earlier")  # noqa: TRY004 - no mistake of a type
    if decision.replicas == 0:
        return _judge_rest(kind, observation)
    serving = count_serving(observation, desired_revision)
    if serves_whole(decision, observation, desired_revision):
        return Judged(_judge_answer(verified.finding, _tell_serving(decision, observation, serving)))
    trouble = explain_pause(decision, observation) or explain_rollout(decision, observation)
    wanted = max(decision.replicas, decision.scaling.least_replicas if decision.scaling else 0)
    progress = f"{serving} of {wanted} replicas serve the desired revision."
    old = observation.ready_pods - serving
    if old > 0:
        progress += f" {old} of the revision before still serve{'s' if old == 1 else ''}."
    if trouble is not None:
        return Judged(no(kind, trouble.reason, f"{progress} {trouble.message}"), trouble.needs_human)
    return Judged(no(kind, Reason.ROLLING_OUT, progress))


def _judge_rest(kind: ConditionType, observation: Observation) -> Judged:
    """Tell that nothing is to serve, and whether the GPUs are free already."""
    reason = Reason.STOPPING if observation.holding_pods else Reason.SUSPENDED
    return Judged(no(kind, reason, f"No replica is desired, {tell_held(observation)}.{tell_lost(observation)}"))


def hold_back(ready: Judged, extras: tuple[Judged, ...]) -> Judged:
    """Take what is asked for beside the serving into account.

    What needs a human keeps the whole from being ready, and so does an adapter that is still on its way: clients would
    ask for it in vain. What others make of a route or a scaler is only told.
    """
    blocking = next((extra for extra in extras if extra.needs_human or _is_awaited(extra)), None)
    if blocking is None or ready.finding.status != "True":
        return ready
    message = f"{ready.finding.message} {blocking.finding.message}"
    return Judged(no(ConditionType.READY, blocking.finding.reason, message))


def _is_awaited(extra: Judged) -> bool:
    finding = extra.finding
    return finding.type is ConditionType.ADAPTED and finding.status != "True" and finding.reason != Reason.SUSPENDED


def _tell_serving(plan: ServingPlan, observation: Observation, serving: int) -> str:
    """Tell how many serve, and what keeps the others from it: with a scaler they are not waited for."""
    told = f"{serving} of {max(serving, plan.replicas)} replicas serve."
    if serving >= plan.replicas:
        return told
    trouble = explain_pause(plan, observation) or explain_rollout(plan, observation)
    return f"{told} {trouble.message if trouble else 'The others are on their way.'}"


def _is_unavailable(blocking: Judged | None) -> bool:
    return blocking is not None and blocking.finding.type is ConditionType.AVAILABLE


def _judge_answer(verified: Finding, serving: str, reason: Reason = Reason.SERVING) -> Finding:
    """Take the answer, or that nobody asks for one, for the last step."""
    if verified.status == "True" or verified.reason == Reason.NOT_REQUESTED:
        return yes(ConditionType.READY, reason, serving)
    if reason is Reason.SCALED_TO_ZERO:
        return no(ConditionType.READY, reason, f"{serving} This revision has not answered yet: it is asked then.")
    return no(ConditionType.READY, verified.reason, f"{serving} {verified.message}")


def _add_survivors(observation: Observation, blocking: Judged) -> str:
    """Say that an earlier revision still serves, when what blocks is not the serving itself."""
    ready = observation.ready_pods
    if ready == 0 or blocking.finding.type is ConditionType.AVAILABLE:
        return ""
    pods = "1 pod of the revision before keeps" if ready == 1 else f"{ready} pods of the revision before keep"
    return f" Meanwhile {pods} serving."


def find_progress(ready: Judged, steps: tuple[Judged, ...]) -> tuple[Finding, ...]:
    """Add `Stalled` or `Reconciling`, which are present only while true (kstatus)."""
    if ready.finding.status == "True":
        return ()
    stalled = next((step for step in (*steps, ready) if step.needs_human), None)
    if stalled is not None:
        return (yes(ConditionType.STALLED, stalled.finding.reason, stalled.finding.message),)
    if ready.finding.reason in {Reason.SUSPENDED, Reason.SCALED_TO_ZERO}:
        return ()
    return (yes(ConditionType.RECONCILING, ready.finding.reason, ready.finding.message),)
