"""The reference page of the operator's metrics: what each of them says of itself, as tables."""

from collections.abc import Iterable

from nemotron_operator.runtime import fleet_metrics
from nemotron_operator.runtime.metric_maker import MetricDescription
from nemotron_operator.runtime.metrics import START_BUCKETS, Metrics

INTRODUCTION = """\
# The operator's metrics

<!-- Generated from operator/nemotron_operator/runtime by `make generate`. Do not edit. -->

`/metrics` on the operator's port, 8080 in the chart, as Prometheus text or OpenMetrics:

```console
$ kubectl -n nemotron-system port-forward deploy/nemotron-operator 8080 &
$ curl -s localhost:8080/metrics | grep ^nemotron_operator_resource_gpus
nemotron_operator_resource_gpus{name="nemotron-70b",namespace="models",state="desired"} 8.0
nemotron_operator_resource_gpus{name="nemotron-70b",namespace="models",state="requested"} 8.0
nemotron_operator_resource_gpus{name="nemotron-70b",namespace="models",state="ready"} 0.0
```

Metrics of the engines are vLLM's own, at `/metrics` of each pod that serves.
"""

PROCESS = """\
## The process

`process_*` is what Prometheus' client tells of any process: memory, CPU, open files, its start. A replica that stands
by has `nemotron_operator_leader` 0, and none of the series of single resources.
"""

OF_RESOURCES = f"""\
## Single resources

Only the replica that leads tells them, anew at each scrape: the series of a deleted resource end with it. GPUs that are
paid and do not serve are `requested` less `ready`:

```promql
sum by (namespace, name) (rate(nemotron_operator_gpu_seconds_total{{state="requested"}}[5m]))
  - sum by (namespace, name) (rate(nemotron_operator_gpu_seconds_total{{state="ready"}}[5m]))
```

A counter begins at 0 when another replica begins to lead, which `rate` and `increase` allow for. GPUs are looked at
every 5 s and at each scrape; a pod holds GPUs from the moment in which it has a node until it has ended. Where a
changed spec is refused there is no plan, and desired is what goes on of the one before; where there was none, nothing.
GPUs of the Jobs of `nemoctl batch` are not counted.

{fleet_metrics.NAMED_RESOURCES} resources have series of their own, about 13 each. The GPUs of all further ones stand
in one series with an empty namespace and an empty name, so that sums stay right. A scrape of 1000 resources is 12,000
lines and takes the operator 0.1 to 0.2 s: every 30 s is often enough.
"""

OF_STARTS = f"""\
## Phases of a start

`nemotron_operator_time_to_ready_seconds` is observed once for each revision that becomes Ready for the first time, in
buckets from {START_BUCKETS[0]} s to {START_BUCKETS[-1]} s, by the process that saw it asked for: a start during which
the leader changed is in none. The times are those of conditions and of pods, to the second. A phase that did not happen
is not observed, such as `cache` where the model was there. Of several replicas the one counts that was ready last.

| phase | from | to |
|---|---|---|
| `plan` | the resource was made, or its spec changed in more than the replicas | `Planned` |
| `cache` | `Planned` | `ModelCached` |
| `schedule` | the pod was made | it has a node |
| `pull` | it has a node | its engine runs: volumes mounted, image pulled; less the check of the weights |
| `load` | its engine runs | the pod is ready; and the check of the weights, where one is wanted |
| `verify` | the pod is ready | `Verified`, where the model is asked |
| `total` | as `plan` | `Ready`; with waits that are in no phase, such as for pods that have to go first |

Where the engine was started again, `pull` and `load` cannot be told apart and are left out.
"""


def render_metrics() -> str:
    """Render every metric: those of single resources apart, as they need more words."""
    described = Metrics().maker.descriptions
    single = set(fleet_metrics.DESCRIPTIONS)
    return "\n".join(
        [
            INTRODUCTION,
            PROCESS,
            _render_table(each for each in described if each not in single),
            OF_RESOURCES,
            _render_table(fleet_metrics.DESCRIPTIONS),
            OF_STARTS,
        ]
    )


def _render_table(described: Iterable[MetricDescription]) -> str:
    rows = [
        f"| `{each.name}` | {each.kind} | {', '.join(f'`{label}`' for label in each.labels)} | {each.meaning} |"
        for each in described
    ]
    return "\n".join(["| name | type | labels | meaning |", "|---|---|---|---|", *rows, ""])
