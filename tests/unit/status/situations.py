"""Situations of one resource: what was decided and seen, and what has to be told of it."""

from dataclasses import dataclass, field

from nemotron_operator.api.status import NemotronDeploymentStatus
from nemotron_operator.api.v1alpha1 import InvalidDeployment, parse_deployment
from nemotron_operator.status.findings import Decision
from nemotron_operator.status.observation import DownloadFailure, JobState, Observation
from tests.support.fixtures.deployments import BF16, a_deployment
from tests.support.fixtures.observations import (
    NEW,
    OLD,
    PENDING_VOLUME,
    a_job,
    a_pod,
    a_server,
    downloading,
    serving,
    trouble,
)
from tests.support.fixtures.plans import facts_when_cached, plan, plan_cached, refuse
from tests.support.kstatus import Verdict

NOBODY_ASKED = ("Unknown", "NotRequested")
FITS = ("True", "Fits")
CACHED = ("True", "Cached")
WAITING = ("False", "Waiting")


@dataclass(frozen=True)
class Situation:
    """One row of the table."""

    name: str
    decision: Decision
    observation: Observation
    conditions: dict[str, tuple[str, str]]
    """Status and reason by type, without `Verified`, of which the same is told always."""
    verdict: Verdict
    words: dict[str, list[str]] = field(default_factory=dict)
    """What the messages have to say, by type."""
    desired_revision: str | None = None
    previous: NemotronDeploymentStatus = field(default_factory=NemotronDeploymentStatus)

    @property
    def all_conditions(self) -> dict[str, tuple[str, str]]:
        """Every condition that has to stand in the status."""
        return {**self.conditions, "Verified": NOBODY_ASKED}


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


def rolling(  # noqa: PLR0913 - a row has columns
    name: str,
    observation: Observation,
    ready: tuple[str, str],
    words: list[str],
    *,
    replicas: int = 1,
    progress: str = "Reconciling",
    verdict: Verdict = Verdict.IN_PROGRESS,
) -> Situation:
    """Describe a situation in which at least one pod serves."""
    is_moving = {} if ready[0] == "True" else {progress: ("True", ready[1])}
    return Situation(
        name,
        plan_cached(a_deployment().with_replicas(replicas)),
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
KILLED = trouble("CrashLoopBackOff", ended="OOMKilled", exit_code=137, restarts=2)
NO_NODE = "0/4 nodes are available: 4 Insufficient nvidia.com/gpu."
GATED = DownloadFailure("HubForbidden", "The repository is gated: accept its licence on the hub first.")
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
        "VolumePending",
        ["is not bound yet", NO_NODE],
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
        downloading(a_job(failed_pods=1, failure=DownloadFailure("HubUnavailable", "The hub answered 503."))),
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
        serving(a_pod(name="nemotron-x", unschedulable=NO_NODE)),
        "Unschedulable",
        ["No node takes pod nemotron-x", NO_NODE],
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
        "CrashLoop",
        ["ended 3 times, with exit code 1", LAST_WORDS, "kubectl -n team logs nemotron-x --previous"],
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
        serving(a_pod(unschedulable=NO_NODE), deadline="ReplicaSet has timed out progressing."),
        "ProgressDeadlineExceeded",
        [NO_NODE],
        progress="Stalled",
        verdict=Verdict.FAILED,
    ),
    starting(
        "the deadline passes in a crash loop",
        serving(a_pod(in_trouble=CRASHING), deadline="ReplicaSet has timed out progressing."),
        "CrashLoop",
        [LAST_WORDS],
        progress="Stalled",
        verdict=Verdict.FAILED,
    ),
    rolling(
        "serving",
        serving(a_pod(ready=True)),
        ("True", "Serving"),
        ["1 of 1 replicas serve."],
        verdict=Verdict.CURRENT,
    ),
    rolling(
        "serving with all replicas",
        serving(a_pod(ready=True, name="a"), a_pod(ready=True, name="b")),
        ("True", "Serving"),
        ["2 of 2 replicas serve."],
        replicas=2,
        verdict=Verdict.CURRENT,
    ),
    rolling(
        "one of two replicas serves",
        serving(a_pod(ready=True, name="a"), a_pod(name="b")),
        ("False", "RollingOut"),
        ["1 of 2 replicas serve the desired revision."],
        replicas=2,
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
        ("False", "CrashLoop"),
        ["1 of the revision before still serves.", LAST_WORDS],
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
        serving(a_pod(ready=True)),
        {
            "Ready": ("True", "Serving"),
            "Planned": FITS,
            "ModelCached": ("True", "Provided"),
            "Available": ("True", "Serving"),
        },
        Verdict.CURRENT,
        {"ModelCached": ["'models/a' on volume 'mine'", "not checked"]},
        NEW,
    ),
    Situation(
        "a plan that does not fit and is only warned of",
        plan(
            a_deployment().with_tensor(1).that_only_warns(),
            facts_when_cached(a_deployment().with_tensor(1)),
        ),
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
