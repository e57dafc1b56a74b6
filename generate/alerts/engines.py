"""Alerts about requests: what the engines say. They need the PodMonitor, which gives the labels namespace and name.

An engine without a name is somebody else's: every Prometheus that reads one has the same `vllm:` series of it.
"""

from generate.alerts.rules import ENGINES, NAMED, RESOURCE, RESTART, Alert, Recording, RuleGroup

QUEUE_GROWING = Alert(
    name="NemotronQueueGrowing",
    expr=f"""\
sum by ({RESOURCE}) (avg_over_time(vllm:num_requests_waiting{{{NAMED}}}[10m]))
> clamp_min(sum by ({RESOURCE}) (avg_over_time(vllm:num_requests_running{{{NAMED}}}[10m])), 8)""",
    for_="10m",
    severity="warning",
    summary="{{ $value | humanize }} requests wait for {{ $labels.namespace }}/{{ $labels.name }}.",
    description=(
        "On average of 10 minutes {{ $value | humanize }} requests waited, more than were answered at a time: each "
        "waits longer than its answer takes. Give it replicas or `spec.autoscaling`, or less to do."
    ),
    why="More waiting than running doubles what a client waits. Fewer than 8 are a burst on a small model.",
)

KV_CACHE_FULL = Alert(
    name="NemotronKvCacheFull",
    expr=f"avg by ({RESOURCE}) (avg_over_time(vllm:kv_cache_usage_perc{{{NAMED}}}[10m])) > 0.95",
    for_="15m",
    severity="warning",
    summary="The KV cache of {{ $labels.namespace }}/{{ $labels.name }} is {{ $value | humanizePercentage }} full.",
    description=(
        "With its KV cache at {{ $value | humanizePercentage }} the engine takes no further sequence, and preempts "
        "running ones, whose tokens are computed again. What the plan holds: "
        "`kubectl -n {{ $labels.namespace }} get nemo {{ $labels.name }} -o jsonpath='{.status.plan}'`."
    ),
    why="Full for a moment is good use; full for 25 minutes means preemption, which answers late and computes twice.",
)

FIRST_TOKEN_LATE = Alert(
    name="NemotronTimeToFirstTokenHigh",
    expr=f"""\
histogram_quantile(
  0.95,
  sum by ({RESOURCE}, le) (rate(vllm:time_to_first_token_seconds_bucket{{{NAMED}}}[10m]))
)
> 10
and on ({RESOURCE}) sum by ({RESOURCE}) (rate(vllm:time_to_first_token_seconds_count{{{NAMED}}}[10m])) > 0.05""",
    for_="15m",
    severity="warning",
    summary="First tokens of {{ $labels.namespace }}/{{ $labels.name }} take {{ $value | humanizeDuration }} (p95).",
    description=(
        "One of 20 requests waits longer than {{ $value | humanizeDuration }} for its first token. Either it queues "
        "(NemotronQueueGrowing), or prompts are long: compare time in the queue with time of prefill on the dashboard."
    ),
    why="A person gives up after 10 seconds. Below 3 requests a minute one slow request would be the p95.",
)

ERRORS = Alert(
    name="NemotronErrorsHigh",
    expr=f"""\
sum by ({RESOURCE}) (rate(http_requests_total{{{ENGINES}, handler=~"/v1/.*", status=~"5.."}}[5m]))
/ sum by ({RESOURCE}) (rate(http_requests_total{{{ENGINES}, handler=~"/v1/.*"}}[5m]))
> 0.05""",
    for_="10m",
    severity="critical",
    summary="{{ $value | humanizePercentage }} of the requests to {{ $labels.namespace }}/{{ $labels.name }} fail.",
    description=(
        "The engines of {{ $labels.namespace }}/{{ $labels.name }} answer {{ $value | humanizePercentage }} of the "
        "requests under /v1 with 5xx. Their words: `kubectl -n {{ $labels.namespace }} logs "
        "-l nemotron.dev/deployment={{ $labels.name }},nemotron.dev/component=server -c vllm --tail=100`."
    ),
    why="5 % is more than a pod's end costs, which drains its requests; 4xx are the client's.",
)

RESTARTING = Alert(
    name="NemotronEngineRestarting",
    expr=f"sum by ({RESOURCE}, pod) (changes(process_start_time_seconds{{{ENGINES}}}[1h])) >= 2",
    for_="0m",
    severity="warning",
    summary="The engine in {{ $labels.namespace }}/{{ $labels.pod }} started {{ $value }} more times within an hour.",
    description=(
        "The engine of {{ $labels.name }} ended and was started again {{ $value }} times in an hour; each time its "
        "requests are lost and its weights loaded anew. Its last words: `kubectl -n {{ $labels.namespace }} describe "
        "pod {{ $labels.pod }}`."
    ),
    why="Once is an accident, which the operator tells; twice within an hour comes again. One that never gets as far "
    "as serving is NemotronModelStalled.",
)

NOT_SCRAPED = Alert(
    name="NemotronEngineNotScraped",
    expr=f"""\
max by ({RESOURCE}) (nemotron_operator_resource_gpus{{state="ready", {NAMED}}}) > 0
unless on ({RESOURCE}) max by ({RESOURCE}) (up{{{ENGINES}}}) == 1""",
    for_="15m",
    severity="warning",
    summary="Prometheus reads no engine of {{ $labels.namespace }}/{{ $labels.name }}, which has ready replicas.",
    description=(
        "{{ $labels.namespace }}/{{ $labels.name }} serves on {{ $value }} GPUs, and none of its engines is read: its "
        "dashboards are empty, its alerts silent, and KEDA or an adapter for HorizontalPodAutoscalers see no load."
    ),
    why="A new pod is found within a minute or two; 15 leave room for Prometheus' own restart.",
    keep_firing_for=RESTART,
)

RECORDINGS = (
    Recording(
        "namespace_name:vllm_generation_tokens:rate5m",
        f"sum by ({RESOURCE}) (rate(vllm:generation_tokens_total{{{NAMED}}}[5m]))",
        "tokens that are answered per second",
    ),
    Recording(
        "namespace_name:vllm_prompt_tokens:rate5m",
        f"sum by ({RESOURCE}) (rate(vllm:prompt_tokens_total{{{NAMED}}}[5m]))",
        "tokens of prompts per second",
    ),
    Recording(
        "namespace_name:vllm_time_to_first_token_seconds:p95_5m",
        "histogram_quantile(0.95, "
        f"sum by ({RESOURCE}, le) (rate(vllm:time_to_first_token_seconds_bucket{{{NAMED}}}[5m])))",
        "p95 of the time to the first token, in seconds",
    ),
)

GROUP = RuleGroup(
    "nemotron-engines",
    (*RECORDINGS, QUEUE_GROWING, KV_CACHE_FULL, FIRST_TOKEN_LATE, ERRORS, RESTARTING, NOT_SCRAPED),
    reads="engines",
)
