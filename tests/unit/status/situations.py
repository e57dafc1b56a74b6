"""Situations of one resource: what was decided and seen, and what has to be told of it."""

from dataclasses import dataclass, field, replace

from nemotron_operator.api.status import NemotronDeploymentStatus
from nemotron_operator.api.v1alpha1 import InvalidDeployment, parse_deployment
from nemotron_operator.api.verification import VerificationStatus
from nemotron_operator.plan.node_pool import NodeGpus
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.status.judgement import Decision
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.observed_jobs import JobState
from nemotron_operator.status.observed_pods import ContainerRun, FailedPod, JobFailure
from tests.support.fixtures.deployments import BF16, DeploymentBuilder, a_deployment
from tests.support.fixtures.observations import (
    NEW,
    OLD,
    PENDING_VOLUME,
    a_job,
    a_pod,
    a_server,
    a_verification,
    answered,
    asking,
    downloading,
    serving,
    trouble,
)
from tests.support.fixtures.plans import facts_when_cached, plan, plan_cached, refuse
from tests.support.kstatus import Verdict

NO_VOLUME = "0/4 nodes are available: pod has unbound immediate PersistentVolumeClaims."
NOBODY_ASKED = ("Unknown", "NotRequested")
NOT_ASKED_YET = ("Unknown", "Waiting")
FITS = ("True", "Fits")
CACHED = ("True", "Cached")
WAITING = ("False", "Waiting")


LOST = FailedPod("a", NEW, "NodeLost", "", "2026-11-24T08:00:00Z", "h100-0", is_lost=True)


@dataclass(frozen=True)
class Situation:
    """One row of the table."""

    name: str
    decision: Decision
    observation: Observation
    conditions: dict[str, tuple[str, str]]
    """Status and reason by type, without `Verified`."""
    verdict: Verdict
    words: dict[str, list[str]] = field(default_factory=dict)
    """What the messages have to say, by type."""
    desired_revision: str | None = None
    verified: tuple[str, str] = NOT_ASKED_YET
    previous: NemotronDeploymentStatus = field(default_factory=NemotronDeploymentStatus)

    @property
    def all_conditions(self) -> dict[str, tuple[str, str]]:
        """Every condition that has to stand in the status."""
        return {**self.conditions, "Verified": self.verified}


def fetching(  # noqa: PLR0913 - a row has columns
    name: str,
    observation: Observation,
    reason: str,
    words: list[str],
    *,
    progress: str = "Reconciling",
    verdict: Verdict = Verdict.IN_PROGRESS,
) -> Situation:
    """Describe a situation in which the model is not there yet."""
    return Situation(
        name,
        plan(a_deployment()),
        observation,
        {
            "Ready": ("False", reason),
            progress: ("True", reason),
            "Planned": FITS,
            "ModelCached": ("False", reason),
            "Available": WAITING,
        },
        verdict,
        {"Ready": words, "ModelCached": words, progress: words},
    )


def starting(  # noqa: PLR0913 - a row has columns
    name: str,
    observation: Observation,
    reason: str,
    words: list[str],
    *,
    progress: str = "Reconciling",
    verdict: Verdict = Verdict.IN_PROGRESS,
) -> Situation:
    """Describe a situation in which the model is cached and nothing serves yet."""
    return Situation(
        name,
        plan_cached(a_deployment()),
        observation,
        {
            "Ready": ("False", reason),
            progress: ("True", reason),
            "Planned": FITS,
            "ModelCached": CACHED,
            "Available": ("False", reason),
        },
        verdict,
        {"Ready": words, progress: words},
        NEW,
    )


def stopping(name: str, observation: Observation, available: tuple[str, str], words: list[str]) -> Situation:
    """Describe a suspended model whose pods still hold GPUs."""
    return Situation(
        name,
        plan_cached(a_deployment().suspended()),
        observation,
        {
            "Ready": ("False", "Stopping"),
            "Reconciling": ("True", "Stopping"),
            "Planned": FITS,
            "ModelCached": CACHED,
            "Available": available,
        },
        Verdict.IN_PROGRESS,
        {"Ready": words},
        NEW,
    )


def rolling(  # noqa: PLR0913 - a row has columns
    name: str,
    observation: Observation,
    ready: tuple[str, str],
    words: list[str],
    *,
    deployment: DeploymentBuilder | None = None,
    verified: tuple[str, str] = NOT_ASKED_YET,
    previous: NemotronDeploymentStatus | None = None,
    progress: str = "Reconciling",
    verdict: Verdict = Verdict.IN_PROGRESS,
) -> Situation:
    """Describe a situation in which at least one pod serves."""
    is_moving = {} if ready[0] == "True" else {progress: ("True", ready[1])}
    return Situation(
        name,
        plan_cached(deployment or a_deployment()),
        observation,
        {
            "Ready": ready,
            **is_moving,
            "Planned": FITS,
            "ModelCached": CACHED,
            "Available": ("True", "Serving"),
        },
        verdict,
        {"Ready": words},
        NEW,
        verified,
        previous or NemotronDeploymentStatus(),
    )


def verifying(  # noqa: PLR0913 - a row has columns
    name: str,
    observation: Observation,
    verified: tuple[str, str],
    words: list[str],
    *,
    is_answered: bool = False,
    progress: str = "Reconciling",
    verdict: Verdict = Verdict.IN_PROGRESS,
    previous: NemotronDeploymentStatus | None = None,
) -> Situation:
    """Describe a situation in which all replicas serve, and only the answer counts."""
    ready = ("True", "Serving") if is_answered else ("False", verified[1])
    situation = rolling(
        name,
        observation,
        ready,
        ["1 of 1 replicas serve.", *([] if is_answered else words)],
        verified=verified,
        progress=progress,
        verdict=Verdict.CURRENT if is_answered else verdict,
        previous=previous,
    )
    return replace(situation, words={**situation.words, "Verified": words})


def evicted(observation: Observation) -> Observation:
    """See a pod that a node evicted beside the others."""
    return replace(observation, failed_pods=(LOW_MEMORY,))


def remembering(plan: ServingPlan, revision: str = NEW) -> NemotronDeploymentStatus:
    """Make a status that remembers an answer."""
    assert plan.verification is not None
    return NemotronDeploymentStatus(
        verification=VerificationStatus(
            revision=revision,
            job=plan.verification.name_job(plan.identity.name, revision),
            time_to_first_token_milliseconds=90,
            answer="3",
            expected="3",
            verified_at="2026-11-23T08:00:00Z",
        )
    )


def refused(name: str, decision: Decision, observation: Observation, reason: str, words: list[str]) -> Situation:
    """Describe a situation in which the spec cannot be planned."""
    return Situation(
        name,
        decision,
        observation,
        {
            "Ready": ("False", reason),
            "Stalled": ("True", reason),
            "Planned": ("False", reason),
            "ModelCached": ("Unknown", "Waiting"),
            "Available": ("True", "Serving") if observation.ready_pods else WAITING,
        },
        Verdict.FAILED,
        {"Ready": words, "Planned": words[:1]},
    )


SECRET_MISSING = trouble("CreateContainerConfigError", 'secret "hub-token" not found')
IMAGE_MISSING = trouble("ImagePullBackOff", 'Back-off pulling image "vllm/vllm-openai:v0"')
LAST_WORDS = "ValueError: No available memory for the cache blocks."
CRASHING = trouble("CrashLoopBackOff", ended="Error", exit_code=1, last_words=LAST_WORDS, restarts=3)
FAILED_ONCE = trouble(ended="Error", exit_code=1, last_words=LAST_WORDS, restarts=1)
LONG_LIVED = replace(trouble(ended="Error", exit_code=1, restarts=2), last_run=ContainerRun(86_400, 1054, 25))
LOW_MEMORY = FailedPod(
    "nemotron-x", NEW, "Evicted", "The node was low on resource: memory. ", "2026-11-24T07:54:40Z", "h100-0"
)
KILLED = trouble("CrashLoopBackOff", ended="OOMKilled", exit_code=137, restarts=2)
NO_CPU = "0/4 nodes are available: 1 Insufficient cpu, 3 Insufficient nvidia.com/gpu."
OTHER_NODE = "0/4 nodes are available: 1 Insufficient nvidia.com/gpu, 3 node(s) didn't match pod affinity rules."
TAINTED = "0/4 nodes are available: 4 node(s) had untolerated taint {dedicated: training}."
NO_NODE = "0/4 nodes are available: 4 Insufficient nvidia.com/gpu."
GATED = JobFailure("HubForbidden", "The repository is gated: accept its licence on the hub first.")
NO_ANSWER = JobFailure("NoAnswer", "It answered 503.")
UNEXPECTED = JobFailure("UnexpectedAnswer", "Asked 'How many?', the model answered 'Two.', which lacks '3'.")
TOO_LATE = JobFailure("DeadlineExceeded", "Job was active longer than specified deadline.")
MISFIT = a_deployment().with_tensor(1).with_max_model_len(131_072).that_only_warns()
ASKED = plan_cached(a_deployment())
ASKED_JOB = a_verification(ASKED).name
BROKEN_SPEC = parse_deployment(a_deployment().having("replicas", "two").body)
assert isinstance(BROKEN_SPEC, InvalidDeployment)

SITUATIONS = [
    refused(
        "rejected before anything serves",
        refuse(a_deployment().with_tensor(3)),
        Observation(),
        "TensorParallelDoesNotDivideHeads",
        ["spec.parallelism.tensor: 3 does not divide the model's 64 attention heads"],
    ),
    refused(
        "rejected while the old revision serves",
        refuse(a_deployment().with_model(BF16).with_tensor(1)),
        serving(a_pod(OLD, ready=True)),
        "WeightsDoNotFit",
        ["weights 131.42 GiB", "Meanwhile 1 pod of the revision before keeps serving."],
    ),
    refused(
        "rejected while two old replicas serve",
        refuse(a_deployment().with_tensor(3)),
        serving(a_pod(OLD, ready=True, name="a"), a_pod(OLD, ready=True, name="b")),
        "TensorParallelDoesNotDivideHeads",
        ["does not divide", "Meanwhile 2 pods of the revision before keep serving."],
    ),
    refused(
        "a spec that cannot be read",
        BROKEN_SPEC,
        Observation(),
        "InvalidSpec",
        ["spec.replicas: Input should be a valid integer"],
    ),
    fetching("planned, nothing seen yet", Observation(), "Downloading", ["Fetching mysticbeing/", "at main to volume"]),
    fetching("the volume is pending", downloading(claim=PENDING_VOLUME), "VolumePending", ["is not bound yet"]),
    fetching(
        "the volume waits for its first pod, which no node takes",
        downloading(a_job(), a_pod("", unschedulable=NO_NODE), claim=PENDING_VOLUME),
        "Unschedulable",
        [NO_NODE, "is not bound yet: it is made where this pod runs"],
    ),
    fetching(
        "the first pod waits for its volume",
        downloading(a_job(), a_pod("", unschedulable=NO_VOLUME), claim=PENDING_VOLUME),
        "VolumePending",
        ["is not bound yet", NO_VOLUME],
    ),
    fetching(
        "no node takes the cache pod",
        downloading(a_job(), a_pod("", unschedulable=NO_NODE)),
        "Unschedulable",
        [NO_NODE, "kubectl get nodes"],
    ),
    fetching("downloading", downloading(a_job(), a_pod("", ready=True)), "Downloading", ["Fetching mysticbeing/"]),
    fetching(
        "downloading again after a failure",
        downloading(a_job(failed_pods=1, failure=JobFailure("HubUnavailable", "The hub answered 503."))),
        "Downloading",
        ["Attempt 2; the last one ended with HubUnavailable: The hub answered 503."],
    ),
    fetching(
        "the download gave up",
        downloading(a_job(JobState.FAILED, failed_pods=1, failure=GATED)),
        "HubForbidden",
        [GATED.message, "kubectl -n team delete job nemotron-cache-12345678"],
        progress="Stalled",
        verdict=Verdict.FAILED,
    ),
    fetching(
        "the download gave up without a word",
        downloading(a_job(JobState.FAILED, failed_pods=7)),
        "DownloadFailed",
        ["7 pods failed without a word", "delete job"],
        progress="Stalled",
        verdict=Verdict.FAILED,
    ),
    fetching(
        "the token's Secret is missing",
        downloading(a_job(), a_pod("", name="cache-x", in_trouble=SECRET_MISSING)),
        "SecretNotFound",
        ["Pod cache-x cannot start", 'secret "hub-token" not found', "kubectl -n team create secret generic"],
        progress="Stalled",
        verdict=Verdict.FAILED,
    ),
    starting("the Deployment is new", serving(), "RollingOut", ["The Deployment is making its pods."]),
    starting(
        "loading", serving(a_pod()), "Loading", ["1 pod loads the weights and compiles within a budget of 1054 s"]
    ),
    starting(
        "no node has the GPUs",
        replace(serving(a_pod(name="nemotron-x", unschedulable=NO_NODE)), gpu_nodes=(NodeGpus(8, 7, "h100-0"),)),
        "WaitingForGPU",
        ["Pod nemotron-x waits for GPUs: it needs 2 free H100-80GB on one node; the best node, h100-0, has 1."],
    ),
    starting(
        "no node has the GPUs, and nobody may look at nodes",
        serving(a_pod(name="nemotron-x", unschedulable=NO_NODE)),
        "WaitingForGPU",
        ["Pod nemotron-x waits for GPUs: it needs 2 free H100-80GB on one node", NO_NODE, "kubectl describe nodes"],
    ),
    starting(
        "a node has the GPUs, and something else is missing",
        replace(serving(a_pod(name="nemotron-x", unschedulable=NO_CPU)), gpu_nodes=(NodeGpus(8, 0, "h100-0"),)),
        "Unschedulable",
        ["No node takes pod nemotron-x", NO_CPU, "As node h100-0 has 8 H100-80GB free, it is not the GPUs alone."],
    ),
    starting(
        "a node has the GPUs, and the volume is on another",
        replace(serving(a_pod(unschedulable=OTHER_NODE)), gpu_nodes=(NodeGpus(8, 0, "h100-1"),)),
        "WaitingForGPU",
        ["needs 2 free H100-80GB on one node; node h100-1 has 8 H100-80GB free, but the scheduler said: ", OTHER_NODE],
    ),
    starting(
        "no node is for such pods",
        serving(a_pod(name="nemotron-x", unschedulable=TAINTED)),
        "Unschedulable",
        ["No node takes pod nemotron-x", TAINTED],
    ),
    starting(
        "the image cannot be pulled",
        serving(a_pod(in_trouble=IMAGE_MISSING)),
        "ImagePullFailed",
        ["cannot pull its image", "podTemplate.imagePullSecrets"],
        progress="Stalled",
        verdict=Verdict.FAILED,
    ),
    starting(
        "the API key's Secret is missing",
        serving(a_pod(in_trouble=SECRET_MISSING)),
        "SecretNotFound",
        ['secret "hub-token" not found'],
        progress="Stalled",
        verdict=Verdict.FAILED,
    ),
    starting(
        "one bad moment is no loop",
        serving(a_pod(in_trouble=trouble(ended="Error", exit_code=1, restarts=1))),
        "Loading",
        ["1 pod loads"],
    ),
    starting(
        "the engine crashes again and again",
        serving(a_pod(name="nemotron-x", in_trouble=CRASHING)),
        "KVCacheTooSmall",
        ["leave nothing of a GPU", "ended 4 times", "kubectl -n team logs nemotron-x --previous"],
        progress="Stalled",
        verdict=Verdict.FAILED,
    ),
    starting(
        "the kernel ends the engine",
        serving(a_pod(in_trouble=KILLED)),
        "OutOfMemory",
        ["host memory ran out", "podTemplate.memory"],
        progress="Stalled",
        verdict=Verdict.FAILED,
    ),
    starting(
        "the rollout exceeds its deadline",
        serving(a_pod(), deadline="ReplicaSet has timed out progressing."),
        "ProgressDeadlineExceeded",
        ["The rollout exceeded its deadline: ReplicaSet has timed out", "kubectl -n team logs deploy/nemotron"],
        progress="Stalled",
        verdict=Verdict.FAILED,
    ),
    starting(
        "the deadline passes without a node",
        serving(a_pod(unschedulable=TAINTED), deadline="ReplicaSet has timed out progressing."),
        "ProgressDeadlineExceeded",
        [TAINTED],
        progress="Stalled",
        verdict=Verdict.FAILED,
    ),
    starting(
        "the deadline passes, and the GPUs are still taken",
        serving(a_pod(unschedulable=NO_NODE), deadline="ReplicaSet has timed out progressing."),
        "WaitingForGPU",
        ["It starts by itself"],
    ),
    starting(
        "the engine ended once, and said why",
        serving(a_pod(name="nemotron-x", in_trouble=FAILED_ONCE)),
        "KVCacheTooSmall",
        ["leave nothing of a GPU for the KV cache", "Pod nemotron-x ended once; `kubectl -n team logs nemotron-x"],
    ),
    starting(
        "an engine that ended twice in a long life loads again",
        serving(a_pod(in_trouble=LONG_LIVED)),
        "Loading",
        ["1 pod loads"],
    ),
    starting(
        "an engine that never served ended twice, and loads again",
        serving(a_pod(in_trouble=replace(LONG_LIVED, last_run=ContainerRun(60, 1054, 25)))),
        "CrashLoop",
        ["ended 2 times, with exit code 1"],
        progress="Stalled",
        verdict=Verdict.FAILED,
    ),
    starting(
        "a node evicted a pod, and another loads in its place",
        evicted(serving(a_pod(name="nemotron-y"))),
        "Evicted",
        ["Node h100-0 evicted pod nemotron-x: The node was low on resource: memory.", "Another pod takes its place"],
    ),
    starting(
        "a node evicted a pod, and no GPUs are free for another",
        evicted(serving(a_pod(name="nemotron-y", unschedulable=NO_NODE))),
        "WaitingForGPU",
        ["Pod nemotron-y waits for GPUs", "Node h100-0 evicted pod nemotron-x"],
    ),
    starting(
        "a node evicted a pod a week ago, and another one loads",
        evicted(serving(a_pod(created_at="2026-12-01T08:00:00Z"))),
        "Loading",
        ["1 pod loads"],
    ),
    starting(
        "the deadline passes in a crash loop",
        serving(a_pod(in_trouble=CRASHING), deadline="ReplicaSet has timed out progressing."),
        "KVCacheTooSmall",
        ["parallelism.tensor"],
        progress="Stalled",
        verdict=Verdict.FAILED,
    ),
    rolling(
        "serving, and nobody asks",
        serving(a_pod(ready=True)),
        ("True", "Serving"),
        ["1 of 1 replicas serve."],
        deployment=a_deployment().that_is_asked_nothing(),
        verified=NOBODY_ASKED,
        verdict=Verdict.CURRENT,
    ),
    rolling(
        "serving with all replicas, and nobody asks",
        serving(a_pod(ready=True, name="a"), a_pod(ready=True, name="b")),
        ("True", "Serving"),
        ["2 of 2 replicas serve."],
        deployment=a_deployment().with_replicas(2).that_is_asked_nothing(),
        verified=NOBODY_ASKED,
        verdict=Verdict.CURRENT,
    ),
    rolling(
        "nobody asks any more, though the model did not answer",
        asking(serving(a_pod(ready=True)), a_verification(ASKED, JobState.FAILED, failure=UNEXPECTED)),
        ("True", "Serving"),
        ["1 of 1 replicas serve."],
        deployment=a_deployment().that_is_asked_nothing(),
        verified=NOBODY_ASKED,
        verdict=Verdict.CURRENT,
    ),
    verifying(
        "the question is about to be asked",
        serving(a_pod(ready=True)),
        ("Unknown", "Verifying"),
        ["Asking 'How many r in strawberry?' through the Service."],
    ),
    verifying(
        "the question is asked",
        asking(serving(a_pod(ready=True)), a_verification(ASKED), a_pod("", name="verify-x", ready=True)),
        ("Unknown", "Verifying"),
        ["Asking 'How many r in strawberry?' through the Service."],
    ),
    verifying(
        "the question is asked again",
        asking(serving(a_pod(ready=True)), a_verification(ASKED, failed_pods=1, failure=NO_ANSWER)),
        ("Unknown", "Verifying"),
        ["Attempt 2; the last one ended with NoAnswer: It answered 503."],
    ),
    verifying(
        "no node takes the pod that asks",
        asking(serving(a_pod(ready=True)), a_verification(ASKED), a_pod("", unschedulable=NO_NODE)),
        ("False", "Unschedulable"),
        [NO_NODE],
    ),
    verifying(
        "the image of the pod that asks cannot be pulled",
        asking(serving(a_pod(ready=True)), a_verification(ASKED), a_pod("", in_trouble=IMAGE_MISSING)),
        ("False", "ImagePullFailed"),
        ["cannot pull its image"],
        progress="Stalled",
        verdict=Verdict.FAILED,
    ),
    verifying(
        "the model answered",
        answered(ASKED, serving(a_pod(ready=True))),
        ("True", "Verified"),
        ["The model answered 'There are 3 r in strawberry.', with '3' in it: the first token after 182 ms, then 41.7"],
        is_answered=True,
    ),
    verifying(
        "the model answered earlier, and the Job is gone",
        serving(a_pod(ready=True)),
        ("True", "Verified"),
        ["The model answered '3', with '3' in it: the first token after 90 ms."],
        is_answered=True,
        previous=remembering(ASKED),
    ),
    verifying(
        "an earlier revision answered",
        serving(a_pod(ready=True)),
        ("Unknown", "Verifying"),
        ["Asking 'How many r in strawberry?'"],
        previous=remembering(ASKED, OLD),
    ),
    verifying(
        "another question was answered",
        answered(plan_cached(a_deployment().that_is_asked("Are you there?")), serving(a_pod(ready=True))),
        ("Unknown", "Verifying"),
        ["Asking 'How many r in strawberry?'"],
        previous=remembering(plan_cached(a_deployment().that_is_asked("Are you there?"))),
    ),
    verifying(
        "the answer was unexpected",
        asking(serving(a_pod(ready=True)), a_verification(ASKED, JobState.FAILED, failed_pods=1, failure=UNEXPECTED)),
        ("False", "UnexpectedAnswer"),
        ["the model answered 'Two.', which lacks '3'.", f"`kubectl -n team delete job {ASKED_JOB}`"],
        progress="Stalled",
        verdict=Verdict.FAILED,
    ),
    verifying(
        "there was no answer",
        asking(serving(a_pod(ready=True)), a_verification(ASKED, JobState.FAILED, failed_pods=4, failure=NO_ANSWER)),
        ("False", "NoAnswer"),
        ["It answered 503.", f"`kubectl -n team delete job {ASKED_JOB}`"],
        progress="Stalled",
        verdict=Verdict.FAILED,
    ),
    verifying(
        "the pods that asked said nothing",
        asking(serving(a_pod(ready=True)), a_verification(ASKED, JobState.FAILED, failed_pods=4)),
        ("False", "NoAnswer"),
        ["4 attempts failed without a word."],
        progress="Stalled",
        verdict=Verdict.FAILED,
    ),
    verifying(
        "the Job ran out of time",
        asking(serving(a_pod(ready=True)), a_verification(ASKED, JobState.FAILED, failure=TOO_LATE)),
        ("False", "NoAnswer"),
        ["Job was active longer than specified deadline."],
        progress="Stalled",
        verdict=Verdict.FAILED,
    ),
    verifying(
        "the Job ended without a report",
        asking(serving(a_pod(ready=True)), a_verification(ASKED, JobState.COMPLETE)),
        ("False", "NoAnswer"),
        ["ended without a report", "downloaderImage"],
        progress="Stalled",
        verdict=Verdict.FAILED,
    ),
    rolling(
        "a pod of a revision that has answered is replaced",
        serving(a_pod(ready=True, name="a"), a_pod(name="b")),
        ("False", "RollingOut"),
        ["1 of 2 replicas serve the desired revision."],
        deployment=a_deployment().with_replicas(2),
        verified=("True", "Verified"),
        previous=remembering(ASKED),
    ),
    rolling(
        "one of two replicas serves",
        serving(a_pod(ready=True, name="a"), a_pod(name="b")),
        ("False", "RollingOut"),
        ["1 of 2 replicas serve the desired revision."],
        deployment=a_deployment().with_replicas(2),
    ),
    rolling(
        "the old revision serves while the new one loads",
        serving(a_pod(OLD, ready=True, name="a"), a_pod(name="b")),
        ("False", "RollingOut"),
        ["0 of 1 replicas serve the desired revision.", "1 of the revision before still serves."],
    ),
    rolling(
        "the old revision serves while the new one crashes",
        serving(a_pod(OLD, ready=True, name="a"), a_pod(name="b", in_trouble=CRASHING)),
        ("False", "KVCacheTooSmall"),
        ["1 of the revision before still serves.", "parallelism.tensor"],
        progress="Stalled",
        verdict=Verdict.FAILED,
    ),
    rolling(
        "the new revision serves and the old one is not gone",
        serving(a_pod(OLD, ready=True, name="a"), a_pod(ready=True, name="b")),
        ("False", "RollingOut"),
        ["1 of 1 replicas serve the desired revision. 1 of the revision before still serves."],
    ),
    rolling(
        "the controller has not seen the newest spec",
        serving(a_pod(ready=True), is_observed=False),
        ("False", "RollingOut"),
        ["1 of 1 replicas serve the desired revision."],
    ),
    Situation(
        "suspended at rest",
        plan_cached(a_deployment().suspended()),
        serving(),
        {
            "Ready": ("False", "Suspended"),
            "Planned": FITS,
            "ModelCached": CACHED,
            "Available": ("False", "Suspended"),
        },
        Verdict.IN_PROGRESS,
        {"Ready": ["No replica is desired, no GPU is taken."]},
        NEW,
    ),
    stopping(
        "suspended while its pods end",
        replace(serving(replace(a_pod(ready=True, name="b"), node="h100-0")), leaving_pods=("a",)),
        ("True", "Serving"),
        ["No replica is desired, and pod b and 1 more hold GPUs until they have ended."],
    ),
    stopping(
        "suspended, and one pod is still there",
        replace(serving(), leaving_pods=("a",)),
        ("False", "Stopping"),
        ["No replica is desired, and pod a holds GPUs until it has ended."],
    ),
    stopping(
        "suspended, and a pod cannot end as its node is lost",
        replace(serving(), leaving_pods=("a",), failed_pods=(LOST,)),
        ("False", "Stopping"),
        ["until it has ended. Node h100-0 reports no more, so pod a cannot end.", "`kubectl delete node"],
    ),
    Situation(
        "suspended while the model downloads",
        plan(a_deployment().suspended()),
        downloading(),
        {
            "Ready": ("False", "Downloading"),
            "Reconciling": ("True", "Downloading"),
            "Planned": FITS,
            "ModelCached": ("False", "Downloading"),
            "Available": ("False", "Suspended"),
        },
        Verdict.IN_PROGRESS,
    ),
    Situation(
        "weights of the user's own",
        plan(
            a_deployment().with_provided_weights("mine", "models/a"),
            facts_when_cached(a_deployment().with_provided_weights("mine", "models/a")),
        ),
        answered(ASKED, serving(a_pod(ready=True))),
        {
            "Ready": ("True", "Serving"),
            "Planned": FITS,
            "ModelCached": ("True", "Provided"),
            "Available": ("True", "Serving"),
        },
        Verdict.CURRENT,
        {"ModelCached": ["26 files with config.json, 72.7 GB in 'models/a' on volume 'mine'", "hashes were not"]},
        NEW,
        ("True", "Verified"),
    ),
    Situation(
        "suspended after it has answered",
        plan_cached(a_deployment().suspended()),
        serving(),
        {
            "Ready": ("False", "Suspended"),
            "Planned": FITS,
            "ModelCached": CACHED,
            "Available": ("False", "Suspended"),
        },
        Verdict.IN_PROGRESS,
        {"Verified": ["The model answered '3'"]},
        NEW,
        ("True", "Verified"),
        remembering(ASKED),
    ),
    Situation(
        "a plan that does not fit and is only warned of",
        plan(MISFIT, facts_when_cached(MISFIT)),
        Observation(server=a_server()),
        {
            "Ready": ("False", "RollingOut"),
            "Reconciling": ("True", "RollingOut"),
            "Planned": ("True", "DoesNotFitNotEnforced"),
            "ModelCached": CACHED,
            "Available": ("False", "RollingOut"),
        },
        Verdict.IN_PROGRESS,
        {"Planned": ["planPolicy is Warn", "weights 67.69 GiB"]},
        NEW,
    ),
]
