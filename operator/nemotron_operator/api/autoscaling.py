"""Autoscaling: how many replicas serve, by what the engines report of their load."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from nemotron_operator.api.fields import ApiModel, require, rule, rules
from nemotron_operator.api.validation_words import whole_percent

_IN_ORDER = "minReplicas must not be larger than maxReplicas"

_ZERO_NEEDS_A_SIGNAL = (
    "minReplicas: 0 needs `by: KEDA` and activation.query: without a pod no engine reports any load, so something else "
    "has to say that somebody asks"
)


class ActivationSpec(ApiModel):
    """What says that somebody asks while no engine runs: a gateway's requests, a queue."""

    query: Annotated[str, Field(min_length=1, max_length=2048)]
    """PromQL whose value, a number, is asked of the operator's `prometheusUrl`. Required.
    Example: `sum(rate(envoy_cluster_upstream_rq_total{cluster="nemotron"}[1m]))`."""

    threshold: Annotated[str | None, Field(max_length=16, pattern=r"^[0-9]{1,8}(\.[0-9]{1,4})?$")] = None
    """Value above which the first replica is started. Default: 0. Example: `"0.1"`."""


class AutoscalingSpec(ApiModel):
    """How many replicas serve, decided by load. `replicas` is not used then."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule("!has(self.minReplicas) || self.minReplicas <= self.maxReplicas", _IN_ORDER),
            rule(
                "!has(self.minReplicas) || self.minReplicas > 0 || "
                "(has(self.by) && self.by == 'KEDA' && has(self.activation))",
                _ZERO_NEEDS_A_SIGNAL,
            ),
        )
    )

    by: Literal["HorizontalPodAutoscaler", "KEDA"] = "HorizontalPodAutoscaler"
    """Who scales. `HorizontalPodAutoscaler` needs the engines' metrics in the custom metrics API, as an adapter for
    Prometheus offers them; `KEDA` asks Prometheus itself and can scale to zero. Default: `HorizontalPodAutoscaler`.
    Example: `KEDA`."""

    min_replicas: Annotated[int, Field(strict=True, ge=0, le=1000)] = 1
    """Replicas that serve even without load; `0` needs KEDA and `activation`. Default: 1. Example: `2`."""

    max_replicas: Annotated[int, Field(strict=True, ge=1, le=1000)]
    """Replicas that serve at most, each with its own GPUs. Required. Example: `4`."""

    waiting_requests: Annotated[int, Field(strict=True, ge=1, le=100_000)] = 5
    """Requests that wait for a place in a batch, per replica, above which a replica is added (vLLM's
    `num_requests_waiting`). Default: 5. Example: `10`."""

    kv_cache_usage_percent: Annotated[int, Field(strict=True, ge=1, le=100), whole_percent(1, 100)] = 80
    """Share of the KV cache in use, averaged over the replicas, above which a replica is added (vLLM's
    `kv_cache_usage_perc`). Default: 80. Example: `70`."""

    scale_down_delay_seconds: Annotated[int | None, Field(strict=True, ge=0, le=3600)] = None
    """How long the load has to be low before a replica is taken away, in seconds. Default: the estimate of a start, at
    least 300, so that no replica goes that would be wanted before it could come back. The last one of `minReplicas: 0`
    stays for at least as long as a start may take. Example: `900`."""

    activation: ActivationSpec | None = None
    """What starts the first replica again when none runs. Default: none. Example: `{query: "sum(my_queue_length)"}`."""

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        return require(self, self.min_replicas <= self.max_replicas, _IN_ORDER)

    @model_validator(mode="after")
    def _scales_to_zero_only_by_a_signal(self) -> Self:
        has_signal = self.by == "KEDA" and self.activation is not None
        return require(self, self.min_replicas > 0 or has_signal, _ZERO_NEEDS_A_SIGNAL)
