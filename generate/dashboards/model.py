"""One model: what a NemotronDeployment says of itself, and what its engines do."""

from generate.alerts.rules import ENGINES
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
    quantile,
    rate,
    share_of_errors,
    sum_compared_gpus,
    sum_gpus,
    sum_idle_gpus,
)

UID = "nemotron-model"

TITLE = "Nemotron / Model"

_CHOSEN = 'namespace="$namespace", name="$name"'

_GOOD = "Ready|Available|Planned|ModelCached|Verified|Adapted|Autoscaled|Routed|Certified"
"""Conditions of which true is good."""


_CONDITIONS = f'{OPERATOR}_resource_condition{{condition=~"{_GOOD}", {_CHOSEN}'
"""Begins the selector of all of them."""


def _is_true(condition: str) -> str:
    """Give 1 or 0, and 0 where the condition is absent."""
    found = f'{OPERATOR}_resource_condition{{condition="{condition}", status="True", {_CHOSEN}}}'
    return f"max({found}) or 0 * {sum_gpus('desired', _CHOSEN)}"


def _quantiles(histogram: str) -> tuple[Query, ...]:
    return tuple(Query(quantile(share, histogram, _CHOSEN), f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99))


_TILES = Section(
    "Now",
    (
        tile(
            "Ready",
            _is_true("Ready"),
            words=YES_OR_NO,
            limits=((None, RED), (1, GREEN)),
        ),
        tile(
            "Available",
            _is_true("Available"),
            words=YES_OR_NO,
            limits=((None, RED), (1, GREEN)),
            meaning="At least one replica serves.",
        ),
        tile(
            "GPUs ready",
            sum_gpus("ready", _CHOSEN),
        ),
        tile(
            "Paid, not ready",
            sum_idle_gpus(_CHOSEN),
            limits=((None, GREEN), (1, YELLOW)),
        ),
        tile(
            "Engines read",
            f"sum(up{{{ENGINES}, {_CHOSEN}}})",
            meaning="Engines that Prometheus reaches. An engine that loads is not reached yet.",
        ),
        tile(
            "Waiting",
            f"sum(vllm:num_requests_waiting{{{_CHOSEN}}})",
        ),
        tile_first_token(quantile(0.95, "vllm:time_to_first_token_seconds", _CHOSEN)),
        tile_failures(share_of_errors(_CHOSEN)),
    ),
)

_STATE = Section(
    "State",
    (
        Panel(
            "Conditions",
            (
                Query(
                    f'max by (condition) ({_CONDITIONS}, status="True"}}) or 0 * max by (condition) '
                    f'({_CONDITIONS}, status!="True"}})',
                    "{{condition}}",
                ),
            ),
            kind="states",
            words=YES_OR_NO,
            width=16,
        ),
        compare_gpus(*sum_compared_gpus(_CHOSEN)),
    ),
)

_TRAFFIC = Section(
    "Traffic",
    (
        Panel(
            "Requests, by how they end",
            (Query(rate("vllm:request_success_total", _CHOSEN, "finished_reason"), "{{finished_reason}}"),),
            unit="reqps",
            meaning="`length` met the limit of tokens; `abort` means that the client hung up.",
            is_stacked=True,
        ),
        Panel(
            "Tokens of prompts",
            (Query(rate("vllm:prompt_tokens_total", _CHOSEN, "pod"), "{{pod}}"),),
            meaning="Per second.",
            is_stacked=True,
        ),
        Panel(
            "Tokens answered",
            (Query(rate("vllm:generation_tokens_total", _CHOSEN, "pod"), "{{pod}}"),),
            meaning="Per second.",
            is_stacked=True,
        ),
        Panel("Time to first token", _quantiles("vllm:time_to_first_token_seconds"), unit="s"),
        Panel("Time between tokens", _quantiles("vllm:inter_token_latency_seconds"), unit="s"),
        Panel("Whole answer", _quantiles("vllm:e2e_request_latency_seconds"), unit="s"),
        Panel(
            "Where a request's time goes, p95",
            tuple(
                Query(quantile(0.95, f"vllm:request_{part}_time_seconds", _CHOSEN), part)
                for part in ("queue", "prefill", "decode")
            ),
            unit="s",
            meaning="Queue: too few replicas. Prefill: long prompts. Decode: long answers.",
        ),
        Panel("Tokens of a prompt", _quantiles("vllm:request_prompt_tokens")),
        Panel("Tokens of an answer", _quantiles("vllm:request_generation_tokens")),
        Panel(
            "HTTP answers",
            (Query(rate("http_requests_total", f'{ENGINES}, {_CHOSEN}, handler=~"/v1/.*"', "status"), "{{status}}"),),
            unit="reqps",
            is_stacked=True,
            width=24,
            height=6,
        ),
    ),
)

_ENGINES = Section(
    "Engines",
    (
        Panel("Requests running", (Query(f"sum by (pod) (vllm:num_requests_running{{{_CHOSEN}}})", "{{pod}}"),)),
        Panel("Requests waiting", (Query(f"sum by (pod) (vllm:num_requests_waiting{{{_CHOSEN}}})", "{{pod}}"),)),
        Panel(
            "KV cache in use",
            (Query(f"max by (pod) (vllm:kv_cache_usage_perc{{{_CHOSEN}}})", "{{pod}}"),),
            unit="percentunit",
            top=1,
        ),
        Panel(
            "Preemptions",
            (Query(rate("vllm:num_preemptions_total", _CHOSEN, "pod"), "{{pod}}"),),
            unit="ops",
            meaning="Sequences that made room for others, and are computed again.",
        ),
        Panel(
            "Prompt tokens found in the prefix cache",
            (
                Query(
                    f"{rate('vllm:prefix_cache_hits_total', _CHOSEN, 'pod')} / "
                    f"{rate('vllm:prefix_cache_queries_total', _CHOSEN, 'pod')}",
                    "{{pod}}",
                ),
            ),
            unit="percentunit",
            top=1,
        ),
        Panel(
            "Adapters, since they last ran",
            (
                Query(
                    "time() - max by (running_lora_adapters) "
                    f'(vllm:lora_requests_info{{{_CHOSEN}, running_lora_adapters!=""}})',
                    "{{running_lora_adapters}}",
                ),
            ),
            unit="s",
            meaning="Empty without adapters. vLLM tells which ran together, and not how many requests each had.",
        ),
        Panel(
            "Starts",
            (Query(f"changes(process_start_time_seconds{{{ENGINES}, {_CHOSEN}}}[1h])", "{{pod}}"),),
            meaning="Of engines in the same pod, within the hour before.",
        ),
        Panel(
            "Memory of the server process",
            (Query(f"process_resident_memory_bytes{{{ENGINES}, {_CHOSEN}}}", "{{pod}}"),),
            unit="bytes",
            meaning="Host memory of the process that answers; GPUs are not in it.",
        ),
        Panel(
            "Engines reached",
            (Query(f"up{{{ENGINES}, {_CHOSEN}}}", "{{pod}}"),),
            top=1,
            meaning="0 while an engine loads, or where a NetworkPolicy keeps Prometheus away.",
        ),
    ),
)

SECTIONS = (_TILES, _STATE, _TRAFFIC, _ENGINES)
