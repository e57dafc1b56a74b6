"""For each alert an hour or two in which it fires, and one in which it is nearly so and it does not."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.monitoring.prometheus import STEP_SECONDS, Written

MODEL = 'namespace="team-a", name="nano"'

POD = f'job="nemotron-engines", pod="nano-1", {MODEL}'

OPERATOR = 'job="operator-metrics", namespace="platform", pod="operator-1"'

OF_THE_MODEL = {"namespace": "team-a", "name": "nano"}

OF_THE_OPERATOR = {"job": "operator-metrics", "namespace": "platform"}


def condition(kind: str, status: str, *, more: str = MODEL) -> str:
    return f'nemotron_operator_resource_condition{{condition="{kind}", status="{status}", {more}}}'


def gpus(state: str, *, more: str = MODEL) -> str:
    return f'nemotron_operator_resource_gpus{{state="{state}", {more}}}'


def engine(metric: str, more: str = "") -> str:
    return f"{metric}{{{POD}{more}}}"


def foreign(metric: str, more: str = "") -> str:
    """Name what Prometheus reads of a vLLM in the same namespace that is not the operator's."""
    return f'{metric}{{job="other-vllm", pod="other-1", namespace="team-a"{more}}}'


def operator(metric: str, more: str = "") -> str:
    return f"nemotron_operator_{metric}{{{OPERATOR}{more}}}"


def another_operator(metric: str, pod: str, namespace: str = "platform") -> str:
    return f'nemotron_operator_{metric}{{job="operator-metrics", namespace="{namespace}", pod="{pod}"}}'


@dataclass(frozen=True)
class Scenario:
    """What is scraped each minute, in promtool's notation, and when the alert is to be seen first."""

    alert: str
    fires: Mapping[str, str]
    is_silent: Mapping[str, str]
    first_minute: int
    """The minute in which it fires first."""
    labels: Mapping[str, str]
    says: str
    """What the summary says, with the numbers of this scenario."""
    minutes: int = 120

    @property
    def seconds(self) -> int:
        """How long it lasts."""
        return self.minutes * STEP_SECONDS


@dataclass(frozen=True)
class Case:
    """One more hour or two of an alert."""

    alert: str
    name: str
    """What is so, as a part of a test's name."""
    series: Mapping[str, str]
    first_minute: int | None
    """The minute in which it fires first; None where it is silent."""
    last_minute: int | None = None
    """The last minute in which it fires; None where nobody asks."""
    minutes: int = 120
    step_minutes: int = 1
    """How far apart the values are, and how often the rules are evaluated."""

    @property
    def seconds(self) -> int:
        """How long it lasts."""
        return self.minutes * STEP_SECONDS


def write(series: Mapping[str, str]) -> list[Written]:
    """Write a scenario's series for the program."""
    return [Written(name, values) for name, values in series.items()]


SERVES_40_MINUTES_THEN_NOT = {
    condition("Available", "True"): "1x40 stale",
    condition("Available", "False"): "_x41 1x80",
}

BEFORE, AFTER = f'{MODEL}, pod="operator-1"', f'{MODEL}, pod="operator-2"'
"""The model, as one process of the operator tells of it and as the next one does."""

START_ASKED = f"nemotron_operator_resource_start_asked_timestamp_seconds{{{MODEL}}}"

EIGHT_DAYS = 8 * 24 * 60
"""In minutes. Values of so long a time are five minutes apart."""

DOWN_FOR_EIGHT_DAYS = {
    condition("Available", "True"): "1x8 stale",
    condition("Available", "False"): "_x9 1x2295",
    gpus("desired"): "2x2304",
}

OTHERS = 'namespace="platform"'
"""Further resources, told as one without a name: the namespace is then that of the operator's target."""

SCENARIOS = (
    Scenario(
        "NemotronModelDown",
        fires={**SERVES_40_MINUTES_THEN_NOT, gpus("desired"): "2x120"},
        # Suspended at that moment, and resumed 20 minutes before the end.
        is_silent={**SERVES_40_MINUTES_THEN_NOT, gpus("desired"): "2x40 0x60 2x18"},
        first_minute=46,
        labels={**OF_THE_MODEL, "severity": "critical"},
        says="team-a/nano served, and has had no ready replica for 5 minutes.",
    ),
    Scenario(
        "NemotronModelNotReady",
        fires={condition("Ready", "False"): "1x120", gpus("desired"): "2x120"},
        is_silent={condition("Ready", "False"): "1x120", gpus("desired"): "0x120"},
        first_minute=60,
        labels=OF_THE_MODEL,
        says="team-a/nano has not been Ready for an hour.",
    ),
    Scenario(
        "NemotronModelStalled",
        fires={condition("Stalled", "True"): "1x120"},
        is_silent={condition("Stalled", "True"): "1x8 stale"},
        first_minute=10,
        labels=OF_THE_MODEL,
        says="team-a/nano goes no further without a person.",
    ),
    Scenario(
        "NemotronGpusPaidNotServing",
        fires={gpus("requested"): "8x120", gpus("ready"): "2x120"},
        is_silent={gpus("requested"): "8x120", gpus("ready"): "2x40 8x80"},
        first_minute=45,
        labels=OF_THE_MODEL,
        says="6 GPUs of team-a/nano are taken and serve nothing.",
    ),
    Scenario(
        "NemotronDownloadStuck",
        # Those of another operator move.
        fires={
            operator("downloads_active"): "1x120",
            operator("downloads_remaining_bytes"): "2147483648x120",
            'nemotron_operator_downloads_active{job="operator-metrics", namespace="other"}': "1x120",
            'nemotron_operator_downloads_remaining_bytes{job="operator-metrics", namespace="other"}': "9000-1x120",
        },
        is_silent={operator("downloads_active"): "1x120", operator("downloads_remaining_bytes"): "2147483648-1000x120"},
        first_minute=5,
        labels=OF_THE_OPERATOR,
        says="Downloads have not moved for half an hour, with 2GiB still to fetch.",
    ),
    Scenario(
        "NemotronQueueGrowing",
        fires={engine("vllm:num_requests_waiting"): "20x60", engine("vllm:num_requests_running"): "16x60"},
        is_silent={
            engine("vllm:num_requests_waiting"): "20x60",
            engine("vllm:num_requests_running"): "24x60",
            foreign("vllm:num_requests_waiting"): "20x60",
            foreign("vllm:num_requests_running"): "16x60",
        },
        first_minute=10,
        labels=OF_THE_MODEL,
        says="20 requests wait for team-a/nano.",
    ),
    Scenario(
        "NemotronKvCacheFull",
        fires={engine("vllm:kv_cache_usage_perc"): "0.98x60"},
        is_silent={engine("vllm:kv_cache_usage_perc"): "0.9x60", foreign("vllm:kv_cache_usage_perc"): "0.98x60"},
        first_minute=15,
        labels=OF_THE_MODEL,
        says="The KV cache of team-a/nano is 98% full.",
    ),
    Scenario(
        "NemotronTimeToFirstTokenHigh",
        # Half of the requests take between 10 and 20 seconds.
        fires={
            engine("vllm:time_to_first_token_seconds_bucket", ', le="10.0"'): "0+6x60",
            engine("vllm:time_to_first_token_seconds_bucket", ', le="20.0"'): "0+12x60",
            engine("vllm:time_to_first_token_seconds_bucket", ', le="+Inf"'): "0+12x60",
            engine("vllm:time_to_first_token_seconds_count"): "0+12x60",
        },
        # As late, but a request a minute.
        is_silent={
            engine("vllm:time_to_first_token_seconds_bucket", ', le="10.0"'): "0x60",
            engine("vllm:time_to_first_token_seconds_bucket", ', le="20.0"'): "0+1x60",
            engine("vllm:time_to_first_token_seconds_bucket", ', le="+Inf"'): "0+1x60",
            engine("vllm:time_to_first_token_seconds_count"): "0+1x60",
            foreign("vllm:time_to_first_token_seconds_bucket", ', le="10.0"'): "0+6x60",
            foreign("vllm:time_to_first_token_seconds_bucket", ', le="20.0"'): "0+12x60",
            foreign("vllm:time_to_first_token_seconds_bucket", ', le="+Inf"'): "0+12x60",
            foreign("vllm:time_to_first_token_seconds_count"): "0+12x60",
        },
        first_minute=18,
        labels=OF_THE_MODEL,
        says="First tokens of team-a/nano take 19s (p95).",
    ),
    Scenario(
        "NemotronErrorsHigh",
        fires={
            engine("http_requests_total", ', handler="/v1/chat/completions", status="2xx"'): "0+90x60",
            engine("http_requests_total", ', handler="/v1/chat/completions", status="5xx"'): "0+10x60",
        },
        is_silent={
            engine("http_requests_total", ', handler="/v1/chat/completions", status="2xx"'): "0+90x60",
            engine("http_requests_total", ', handler="/v1/chat/completions", status="4xx"'): "0+90x60",
            engine("http_requests_total", ', handler="/tokenize", status="5xx"'): "0+90x60",
        },
        first_minute=11,
        labels={**OF_THE_MODEL, "severity": "critical"},
        says="10% of the requests to team-a/nano fail.",
    ),
    Scenario(
        "NemotronEngineRestarting",
        fires={engine("process_start_time_seconds"): "100x20 1300x20 2500x20"},
        is_silent={engine("process_start_time_seconds"): "100x20 1300x40"},
        first_minute=42,
        labels={**OF_THE_MODEL, "pod": "nano-1"},
        says="The engine in team-a/nano-1 started 2 more times within an hour.",
    ),
    Scenario(
        "NemotronEngineNotScraped",
        fires={gpus("ready"): "2x60", engine("up"): "0x60"},
        is_silent={
            gpus("ready"): "2x60",
            engine("up"): "1x60",
            f'up{{job="nemotron-engines", pod="b", {MODEL}}}': "0x60",
        },
        first_minute=15,
        labels=OF_THE_MODEL,
        says="Prometheus reads no engine of team-a/nano, which has ready replicas.",
    ),
    Scenario(
        "NemotronOperatorDown",
        # Another operator of the same cluster is none of this release's.
        fires={'up{job="operator-metrics", namespace="platform", pod="a"}': "1x20 0x60", 'up{job="x"}': "1x120"},
        is_silent={f"up{{{OPERATOR}}}": "1x120", 'up{job="operator-metrics", namespace="platform", pod="b"}': "0x120"},
        first_minute=31,
        labels=OF_THE_OPERATOR,
        says="Prometheus has not reached the operator for 10 minutes.",
    ),
    Scenario(
        "NemotronOperatorNotLeading",
        fires={operator("leader"): "1x20 0x60"},
        is_silent={
            operator("leader"): "0x120",
            'nemotron_operator_leader{job="operator-metrics", namespace="platform", pod="operator-2"}': "1x120",
        },
        first_minute=26,
        labels=OF_THE_OPERATOR,
        says="No replica of the operator in platform leads.",
    ),
    Scenario(
        "NemotronOperatorNotListing",
        # Its definition is missing, say; another operator of the cluster lists.
        fires={
            operator("leader"): "1x60",
            operator("last_resync_timestamp_seconds"): "0x60",
            operator("resync_period_seconds"): "600x60",
            another_operator("leader", "operator-1", "other"): "1x60",
            another_operator("last_resync_timestamp_seconds", "operator-1", "other"): "1+60x60",
            another_operator("resync_period_seconds", "operator-1", "other"): "600x60",
        },
        # One that stands by has listed nothing; another operator of the cluster is none of this release's.
        is_silent={
            operator("leader"): "1x120",
            operator("last_resync_timestamp_seconds"): "1x29 1800x29 3600x29 5400x29",
            operator("resync_period_seconds"): "600x120",
            another_operator("leader", "operator-2"): "0x120",
            another_operator("last_resync_timestamp_seconds", "operator-2"): "0x120",
            another_operator("resync_period_seconds", "operator-2"): "600x120",
            another_operator("leader", "operator-1", "other"): "1x120",
            another_operator("last_resync_timestamp_seconds", "operator-1", "other"): "0x120",
            another_operator("resync_period_seconds", "operator-1", "other"): "600x120",
        },
        first_minute=10,
        labels=OF_THE_OPERATOR,
        says="The operator in platform leads, and cannot list what there is.",
    ),
    Scenario(
        "NemotronReconcileErrors",
        fires={
            operator("reconcile_total", ', result="success"'): "0+30x60",
            operator("reconcile_total", ', result="error"'): "0+10x60",
        },
        is_silent={
            operator("reconcile_total", ', result="success"'): "0+30x60",
            operator("reconcile_total", ', result="error"'): "0+3x60",
        },
        first_minute=16,
        labels=OF_THE_OPERATOR,
        says="25% of the operator's reconciles fail.",
    ),
    Scenario(
        "NemotronReconcileStuck",
        # One of 500 resources: the tenth of all reconciles that NemotronReconcileErrors asks for never comes.
        fires={
            operator("workqueue_failing_keys"): "1x60",
            operator("reconcile_total", ', result="success"'): "0+50x60",
            operator("reconcile_total", ', result="error"'): "0+1x60",
        },
        is_silent={operator("workqueue_failing_keys"): "1x25 0x5 1x25"},
        first_minute=30,
        labels=OF_THE_OPERATOR,
        says="Resources whose every reconcile fails: 1.",
    ),
    Scenario(
        "NemotronApiErrors",
        fires={
            operator("api_requests_total", ', verb="get", kind="Node", code="200"'): "0+90x60",
            operator("api_requests_total", ', verb="list", kind="Node", code="timeout"'): "0+6x60",
            operator("api_requests_total", ', verb="list", kind="Node", code="503"'): "0+4x60",
        },
        is_silent={
            operator("api_requests_total", ', verb="get", kind="Node", code="200"'): "0+90x60",
            operator("api_requests_total", ', verb="list", kind="Job", code="403"'): "0+90x60",
            operator("api_requests_total", ', verb="get", kind="Job", code="404"'): "0+90x60",
            operator("api_requests_total", ', verb="patch", kind="Job", code="409"'): "0+90x60",
        },
        first_minute=16,
        labels=OF_THE_OPERATOR,
        says="10% of the operator's requests to the API server, or of those for its Lease, fail.",
    ),
    Scenario(
        "NemotronWorkqueueBacklog",
        fires={
            operator("workqueue_queue_duration_seconds_bucket", ', le="30.0"'): "0+0x60",
            operator("workqueue_queue_duration_seconds_bucket", ', le="60.0"'): "0+10x60",
            operator("workqueue_queue_duration_seconds_bucket", ', le="+Inf"'): "0+10x60",
        },
        is_silent={
            operator("workqueue_queue_duration_seconds_bucket", ', le="10.0"'): "0+10x60",
            operator("workqueue_queue_duration_seconds_bucket", ', le="+Inf"'): "0+10x60",
        },
        first_minute=16,
        labels=OF_THE_OPERATOR,
        says="Changes wait 58.5s for the operator (p95).",
    ),
)

CASES = (
    Case(
        "NemotronModelDown",
        "an update in place of the only replica may load",
        {
            **SERVES_40_MINUTES_THEN_NOT,
            gpus("desired"): "2x120",
            # Asked for in minute 40; half an hour is over in minute 70.
            START_ASKED: "_x40 2400x80",
        },
        first_minute=75,
    ),
    Case(
        "NemotronModelDown",
        "an update in place that is stalled is down",
        {
            **SERVES_40_MINUTES_THEN_NOT,
            condition("Stalled", "True"): "_x50 1x70",
            gpus("desired"): "2x120",
            START_ASKED: "_x40 2400x80",
        },
        first_minute=55,
    ),
    Case(
        "NemotronModelDown",
        "a spec that is refused hides nothing",
        {
            **SERVES_40_MINUTES_THEN_NOT,
            condition("Planned", "False"): "1x120",
            condition("Stalled", "True"): "1x120",
            gpus("desired"): "2x120",
            START_ASKED: "1200x120",
        },
        first_minute=46,
    ),
    Case(
        "NemotronModelDown",
        "what has never served is not down",
        {condition("Available", "False"): "1x120", gpus("desired"): "2x120"},
        first_minute=None,
    ),
    Case(
        "NemotronModelDown",
        "an outage of eight days is still told",
        DOWN_FOR_EIGHT_DAYS,
        first_minute=50,
        last_minute=EIGHT_DAYS,
        minutes=EIGHT_DAYS,
        step_minutes=5,
    ),
    Case(
        "NemotronModelDown",
        "it ends when the model serves after more than seven days",
        {
            condition("Available", "True"): "1x8 stale _x2199 1x95",
            condition("Available", "False"): "_x9 1x2199 stale",
            gpus("desired"): "2x2304",
        },
        first_minute=50,
        last_minute=2209 * 5 + 5,
        minutes=EIGHT_DAYS,
        step_minutes=5,
    ),
    Case(
        "NemotronModelDown",
        "it ends when the resource is suspended after more than seven days",
        {**DOWN_FOR_EIGHT_DAYS, gpus("desired"): "2x2208 0x95"},
        first_minute=50,
        last_minute=2209 * 5 + 5,
        minutes=EIGHT_DAYS,
        step_minutes=5,
    ),
    Case(
        "NemotronModelDown",
        "it ends when the resource is gone after more than seven days",
        {
            condition("Available", "True"): "1x8 stale",
            condition("Available", "False"): "_x9 1x2199 stale",
            gpus("desired"): "2x2208 stale",
        },
        first_minute=50,
        last_minute=2209 * 5 + 5,
        minutes=EIGHT_DAYS,
        step_minutes=5,
    ),
    Case(
        "NemotronModelDown",
        "a change that mends nothing after more than seven days is told as down again",
        {**DOWN_FOR_EIGHT_DAYS, START_ASKED: f"_x2209 {2209 * 300}x94"},
        first_minute=50,
        last_minute=EIGHT_DAYS,
        minutes=EIGHT_DAYS,
        step_minutes=5,
    ),
    Case(
        "NemotronModelDown",
        "what was resumed may load though the operator restarts meanwhile",
        {
            **SERVES_40_MINUTES_THEN_NOT,
            gpus("desired", more=BEFORE): "2x40 0x60 2x2 stale",
            gpus("desired", more=AFTER): "_x104 2x16",
        },
        first_minute=None,
    ),
    Case(
        "NemotronModelDown",
        "a restart of the operator does not end it",
        {
            condition("Available", "True"): "1x40 stale",
            condition("Available", "False", more=BEFORE): "_x41 1x20 stale",
            gpus("desired", more=BEFORE): "2x61 stale",
            condition("Available", "False", more=AFTER): "_x66 1x54",
            gpus("desired", more=AFTER): "_x66 2x54",
        },
        first_minute=46,
        last_minute=65,
        minutes=65,
    ),
    Case(
        "NemotronModelDown",
        "a series of all further resources is no model",
        {
            condition("Available", "True", more=OTHERS): "1x40 stale",
            condition("Available", "False", more=OTHERS): "_x41 1x80",
            gpus("desired", more=OTHERS): "2x120",
        },
        first_minute=None,
    ),
    Case(
        "NemotronModelStalled",
        "it ends ten minutes after the operator told it last",
        {condition("Stalled", "True"): "1x20 stale"},
        first_minute=10,
        last_minute=30,
    ),
    Case(
        "NemotronModelNotReady",
        "a rollout of many replicas in which one after another begins to serve",
        {
            condition("Ready", "False"): "1x180",
            gpus("desired"): "24x180",
            gpus("ready"): "16x38 24x2 16x38 24x2 16x38 24x2 16x38 24x17",
        },
        first_minute=None,
        minutes=180,
    ),
    Case(
        "NemotronGpusPaidNotServing",
        "many replicas that begin to serve one after another",
        {gpus("requested"): "32x180", gpus("ready"): "0x35 8x35 16x35 24x35 32x40"},
        first_minute=None,
        minutes=180,
    ),
    Case(
        "NemotronGpusPaidNotServing",
        "a rollout that stands still after its first replica",
        {gpus("requested"): "24x120", gpus("ready"): "8x30 16x90"},
        # Minute 31 has the first replica, and for 5 minutes it is news.
        first_minute=81,
    ),
    Case(
        "NemotronGpusPaidNotServing",
        "GPUs of further resources are told as one without a name",
        {gpus("requested", more=OTHERS): "24x120", gpus("ready", more=OTHERS): "8x120"},
        first_minute=None,
    ),
    Case(
        "NemotronOperatorNotListing",
        "a leader that listed and cannot any more",
        {
            operator("leader"): "1x120",
            operator("last_resync_timestamp_seconds"): "60x120",
            operator("resync_period_seconds"): "600x120",
        },
        # Three periods after its last list are over in minute 31, and then they have to be over for 10 minutes.
        first_minute=42,
    ),
    Case(
        "NemotronOperatorNotListing",
        "who lists more rarely is waited for longer",
        {
            operator("leader"): "1x120",
            operator("last_resync_timestamp_seconds"): "60x120",
            operator("resync_period_seconds"): "3600x120",
        },
        first_minute=None,
    ),
    Case(
        "NemotronOperatorNotListing",
        "who lists more often than Prometheus asks is not called late",
        {
            operator("leader"): "1x120",
            operator("last_resync_timestamp_seconds"): "1+60x120",
            operator("resync_period_seconds"): "10x120",
        },
        first_minute=None,
    ),
    Case(
        "NemotronOperatorNotListing",
        "one that stood by for long, leads, and lists within ten minutes",
        {
            operator("leader"): "1x60 stale",
            operator("last_resync_timestamp_seconds"): "1+60x60 stale",
            operator("resync_period_seconds"): "600x60 stale",
            another_operator("leader", "operator-2"): "0x60 1x60",
            another_operator("last_resync_timestamp_seconds", "operator-2"): "0x68 4140+60x51",
            another_operator("resync_period_seconds", "operator-2"): "600x120",
        },
        first_minute=None,
    ),
    Case(
        "NemotronOperatorNotListing",
        "leaders that follow one another, none of which can list",
        {
            operator("leader"): "1x6 stale",
            operator("last_resync_timestamp_seconds"): "0x6 stale",
            operator("resync_period_seconds"): "600x6 stale",
            another_operator("leader", "operator-2"): "0x6 1x60",
            another_operator("last_resync_timestamp_seconds", "operator-2"): "0x60",
            another_operator("resync_period_seconds", "operator-2"): "600x60",
        },
        first_minute=10,
        minutes=60,
    ),
    Case(
        "NemotronApiErrors",
        "requests for the Lease do not hide a kind that cannot be listed",
        {
            operator("api_requests_total", ', verb="GET", kind="Lease", code="200"'): "0+30x60",
            operator("api_requests_total", ', verb="PUT", kind="Lease", code="200"'): "0+30x60",
            operator("api_requests_total", ', verb="GET", kind="Node", code="200"'): "0+9x60",
            operator("api_requests_total", ', verb="LIST", kind="Node", code="503"'): "0+1x60",
        },
        first_minute=16,
    ),
    Case(
        "NemotronApiErrors",
        "a Lease that is answered too late",
        {
            operator("api_requests_total", ', verb="GET", kind="Lease", code="200"'): "0+20x60",
            operator("api_requests_total", ', verb="PUT", kind="Lease", code="cancelled"'): "0+2x60",
            operator("api_requests_total", ', verb="GET", kind="Node", code="200"'): "0+900x60",
        },
        first_minute=16,
    ),
    Case(
        "NemotronApiErrors",
        "watches that do not begin",
        {
            operator("api_requests_total", ', verb="WATCH", kind="Pod", code="unreachable"'): "0+8x60",
            operator("api_requests_total", ', verb="GET", kind="Node", code="200"'): "0+90x60",
        },
        first_minute=16,
    ),
    Case(
        "NemotronDownloadStuck",
        "downloads of another release are its own to tell",
        {
            'nemotron_operator_downloads_active{job="operator-metrics", namespace="other"}': "1x120",
            'nemotron_operator_downloads_remaining_bytes{job="operator-metrics", namespace="other"}': "2147483648x120",
        },
        first_minute=None,
    ),
)
"""What only one alert has to tell apart."""
