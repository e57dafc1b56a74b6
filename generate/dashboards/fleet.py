"""The fleet: what all models do, what they cost, and whether the operator is well."""

from generate.alerts.rules import ENGINES, NAMED, RESOURCE
from generate.dashboards.model import UID as MODEL_UID
from generate.dashboards.panels import (
    GREEN,
    RED,
    YELLOW,
    YES_OR_NO,
    Panel,
    Query,
    Section,
    compare_gpus,
    tile,
    tile_failures,
    tile_first_token,
)
from generate.dashboards.queries import (
    OPERATOR,
    count_condition,
    list_gpus,
    mean,
    quantile,
    rate,
    share_of_errors,
    sum_compared_gpus,
    sum_gpus,
    sum_idle_gpus,
)

UID = "nemotron-fleet"

TITLE = "Nemotron / Fleet"

_CHOSEN = 'namespace=~"$namespace"'

_ENGINES = f"{_CHOSEN}, {NAMED}"
"""Selects engines that the operator serves, and none that somebody else brought to the same namespace."""

_EACH = "{{namespace}}/{{name}}"

_PHASES = "plan|cache|schedule|pull|load|verify"

_TILES = Section(
    "Now",
    (
        tile(
            "Ready",
            count_condition("Ready", _CHOSEN),
            meaning="NemotronDeployments whose desired revision serves with all replicas and has answered.",
        ),
        tile(
            "Stalled",
            count_condition("Stalled", _CHOSEN),
            meaning="They go no further without a person.",
            limits=((None, GREEN), (1, RED)),
        ),
        tile(
            "GPUs paid",
            sum_gpus("requested", _CHOSEN),
            meaning="Of pods that hold a node's GPUs, ready or not.",
        ),
        tile(
            "Paid, not ready",
            sum_idle_gpus(_CHOSEN),
            meaning="GPUs that are taken and serve nothing: pods that pull, load or fail.",
            limits=((None, GREEN), (1, YELLOW), (16, RED)),
        ),
        tile(
            "Requests",
            f"sum(rate(vllm:request_success_total{{{_ENGINES}}}[$__rate_interval]))",
            unit="reqps",
        ),
        tile(
            "Tokens answered",
            f"sum(rate(vllm:generation_tokens_total{{{_ENGINES}}}[$__rate_interval]))",
            unit="short",
            meaning="Per second.",
        ),
        tile_first_token(quantile(0.95, "vllm:time_to_first_token_seconds", _ENGINES)),
        tile_failures(share_of_errors(_CHOSEN), meaning="Answered with 5xx under /v1."),
    ),
)

_MODELS = Section(
    "Models",
    (
        Panel(
            "Each NemotronDeployment",
            (
                Query(
                    f'max by ({RESOURCE}) ({OPERATOR}_resource_condition{{condition="Ready", status="True", '
                    f"{_CHOSEN}}}) or 0 * {list_gpus('desired', _CHOSEN)}",
                    "Ready",
                ),
                Query(list_gpus("desired", _CHOSEN), "GPUs wanted"),
                Query(list_gpus("requested", _CHOSEN), "GPUs paid"),
                Query(list_gpus("ready", _CHOSEN), "GPUs ready"),
                Query(rate("vllm:request_success_total", _ENGINES, RESOURCE), "Requests/s"),
                Query(rate("vllm:generation_tokens_total", _ENGINES, RESOURCE), "Tokens/s"),
                Query(quantile(0.95, "vllm:time_to_first_token_seconds", _ENGINES, RESOURCE), "First token, p95"),
                Query(f"sum by ({RESOURCE}) (vllm:num_requests_waiting{{{_ENGINES}}})", "Waiting"),
                Query(f"avg by ({RESOURCE}) (vllm:kv_cache_usage_perc{{{_ENGINES}}})", "KV cache"),
            ),
            kind="table",
            words=YES_OR_NO,
            meaning="A name leads to the dashboard of that model.",
            link=f"/d/{MODEL_UID}?var-datasource=${{datasource}}"
            "&var-namespace=${__data.fields.Namespace}&var-name=${__value.text}",
            units={"First token, p95": "s", "KV cache": "percentunit"},
            width=24,
            height=9,
        ),
    ),
)

_GPUS = Section(
    "GPUs and starts",
    (
        compare_gpus(
            *sum_compared_gpus(_CHOSEN),
            meaning="The gap between paid and ready is money for nothing; between wanted and paid, GPUs are missing.",
        ),
        Panel(
            "Paid, not ready, by model",
            (Query(f"{list_gpus('requested', _CHOSEN)} - {list_gpus('ready', _CHOSEN)} > 0", _EACH),),
            is_stacked=True,
        ),
        Panel(
            "GPU hours in this range",
            (
                Query(
                    f'sum by ({RESOURCE}) (increase({OPERATOR}_gpu_seconds_total{{state="requested", {_CHOSEN}}}'
                    "[$__range])) / 3600",
                    "Paid",
                ),
                Query(
                    f'sum by ({RESOURCE}) (increase({OPERATOR}_gpu_seconds_total{{state="ready", {_CHOSEN}}}'
                    "[$__range])) / 3600",
                    "Ready",
                ),
            ),
            kind="table",
        ),
        Panel(
            "Time to ready, by phase",
            (Query(mean(f"{OPERATOR}_time_to_ready_seconds", f'phase=~"{_PHASES}"', "phase"), "{{phase}}"),),
            unit="s",
            is_stacked=True,
            meaning="Mean of the starts within the range that is shown.",
            width=12,
        ),
        Panel(
            "Conditions, by reason",
            (
                Query(
                    f'sum by (condition, reason) ({OPERATOR}_resources{{condition=~"Ready|Stalled"}}) > 0',
                    "{{condition}}: {{reason}}",
                ),
            ),
            is_stacked=True,
            width=12,
        ),
    ),
)

_SERVING = Section(
    "Serving",
    (
        Panel(
            "Requests answered, by model",
            (Query(rate("vllm:request_success_total", _ENGINES, RESOURCE), _EACH),),
            unit="reqps",
        ),
        Panel(
            "Tokens of prompts, by model",
            (Query(rate("vllm:prompt_tokens_total", _ENGINES, RESOURCE), _EACH),),
            meaning="Per second.",
        ),
        Panel(
            "Tokens answered, by model",
            (Query(rate("vllm:generation_tokens_total", _ENGINES, RESOURCE), _EACH),),
            meaning="Per second.",
        ),
        Panel(
            "Time to first token, p95",
            (Query(quantile(0.95, "vllm:time_to_first_token_seconds", _ENGINES, RESOURCE), _EACH),),
            unit="s",
        ),
        Panel(
            "Time between tokens, p95",
            (Query(quantile(0.95, "vllm:inter_token_latency_seconds", _ENGINES, RESOURCE), _EACH),),
            unit="s",
        ),
        Panel(
            "Whole answer, p95",
            (Query(quantile(0.95, "vllm:e2e_request_latency_seconds", _ENGINES, RESOURCE), _EACH),),
            unit="s",
        ),
        Panel("Requests waiting", (Query(f"sum by ({RESOURCE}) (vllm:num_requests_waiting{{{_ENGINES}}})", _EACH),)),
        Panel(
            "KV cache in use",
            (Query(f"avg by ({RESOURCE}) (vllm:kv_cache_usage_perc{{{_ENGINES}}})", _EACH),),
            unit="percentunit",
            top=1,
        ),
        Panel(
            "HTTP answers other than 2xx",
            (
                Query(
                    rate("http_requests_total", f'{ENGINES}, {_CHOSEN}, status!~"2.."', f"{RESOURCE}, status"),
                    f"{_EACH} {{{{status}}}}",
                ),
            ),
            unit="reqps",
        ),
    ),
)

_CACHE = Section(
    "Weights",
    (
        Panel("Verified on volumes", (Query(f"sum({OPERATOR}_cached_bytes)", "bytes"),), unit="bytes", width=12),
        Panel(
            "Still to fetch",
            (Query(f"sum({OPERATOR}_downloads_remaining_bytes)", "bytes"),),
            unit="bytes",
            meaning="Of downloads that run and tell their progress.",
            width=12,
        ),
    ),
)

_OPERATOR = Section(
    "Operator",
    (
        Panel(
            "Replicas that lead",
            (Query(f"sum by (namespace, job) ({OPERATOR}_leader)", "{{namespace}}/{{job}}"),),
            meaning="One, always.",
        ),
        Panel("Reconciles", (Query(rate(f"{OPERATOR}_reconcile_total", "", "result"), "{{result}}"),), unit="ops"),
        Panel(
            "Length of a reconcile, p95",
            (Query(quantile(0.95, f"{OPERATOR}_reconcile_time_seconds", ""), "p95"),),
            unit="s",
        ),
        Panel(
            "Wait for a reconcile, p95",
            (Query(quantile(0.95, f"{OPERATOR}_workqueue_queue_duration_seconds", ""), "p95"),),
            unit="s",
        ),
        Panel(
            "Requests to the API server",
            (Query(rate(f"{OPERATOR}_api_requests_total", "", "code"), "{{code}}"),),
            unit="reqps",
        ),
        Panel(
            "Lag of the event loop, p99",
            (Query(quantile(0.99, f"{OPERATOR}_event_loop_lag_seconds", ""), "p99"),),
            unit="s",
        ),
        Panel(
            "Memory",
            (Query(f"process_resident_memory_bytes and on (job, instance) {OPERATOR}_leader", "{{pod}}"),),
            unit="bytes",
        ),
        Panel("Objects in the watch cache", (Query(f"sum by (kind) ({OPERATOR}_cache_objects) > 0", "{{kind}}"),)),
        Panel(
            "Since the last full list",
            (
                Query(
                    f"time() - max by (namespace, job) ({OPERATOR}_last_resync_timestamp_seconds)",
                    "{{namespace}}/{{job}}",
                ),
            ),
            unit="s",
        ),
    ),
)

SECTIONS = (_TILES, _MODELS, _GPUS, _SERVING, _CACHE, _OPERATOR)
