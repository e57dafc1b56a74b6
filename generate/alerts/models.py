"""Alerts about resources: what the operator says of them. They need the ServiceMonitor alone."""

from generate.alerts.rules import NAMED, RESOURCE, RESTART, Alert, Recording, RuleGroup

_DOWN = "NemotronModelDown"

_CONDITION = "nemotron_operator_resource_condition"

_GPUS = "nemotron_operator_resource_gpus"

_START = "nemotron_operator_resource_start_asked_timestamp_seconds"


def _list_gpus(state: str) -> str:
    return f'max by ({RESOURCE}) ({_GPUS}{{state="{state}", {NAMED}}})'


def _list_conditions(kind: str, status: str) -> str:
    return f'max by ({RESOURCE}) ({_CONDITION}{{condition="{kind}", {status}, {NAMED}}})'


_WANTED = f"and on ({RESOURCE}) {_list_gpus('desired')} > 0"
"""What is suspended, or scaled to zero, is not missed."""

_STANDS_STILL = f"""\
unless on ({RESOURCE}) {_list_gpus("ready")}
> max by ({RESOURCE}) ({_GPUS}{{state="ready", {NAMED}}} offset 5m)"""
"""Each replica that begins to serve begins the time anew: many take long, one after another."""

DOWN = Alert(
    name=_DOWN,
    # An outage ends when it is over, and not when those 7 days are: what was told once keeps itself.
    # Over time it is asked by resource, and not by series: each process of the operator begins new ones.
    # What was resumed, or scaled up from zero, is not wanted for long yet: it may load.
    expr=f"""\
{_list_conditions("Available", 'status!="True"')} == 1
and on ({RESOURCE}) min_over_time((
  {_list_gpus("desired")}
)[30m:1m]) > 0
and on ({RESOURCE}) max_over_time((
  {_list_conditions("Available", 'status="True"')}
  or max by ({RESOURCE}) (ALERTS{{alertname="{_DOWN}", alertstate="firing", {NAMED}}})
)[7d:5m]) == 1
unless on ({RESOURCE}) (
  time() - max by ({RESOURCE}) ({_START}{{{NAMED}}}) < 1800
  unless on ({RESOURCE}) {_list_conditions("Stalled", 'status="True"')} == 1
)""",
    for_="5m",
    severity="critical",
    summary="{{ $labels.namespace }}/{{ $labels.name }} served, and has had no ready replica for 5 minutes.",
    description=(
        "Every request to {{ $labels.namespace }}/{{ $labels.name }} fails. Why, and what to do: "
        "`kubectl -n {{ $labels.namespace }} describe nemo {{ $labels.name }}`."
    ),
    why="A readiness probe that fails for a moment is over by then. What has not served within 7 days is not meant, "
    "but for an outage that was told by then; nor what was resumed within half an hour, or changed: an only replica "
    "loads for that long, unless it is Stalled.",
    keep_firing_for=RESTART,
)

NOT_READY = Alert(
    name="NemotronModelNotReady",
    expr=f"""\
{_list_conditions("Ready", 'status!="True"')} == 1
{_WANTED}
{_STANDS_STILL}""",
    for_="1h",
    severity="warning",
    summary="{{ $labels.namespace }}/{{ $labels.name }} has not been Ready for an hour.",
    description=(
        "{{ $labels.namespace }}/{{ $labels.name }} is asked to serve and not Ready, and for an hour no replica began "
        "to serve: not all of the desired revision do, or it gave no right answer. An older revision may still serve. "
        "What it waits for: `kubectl -n {{ $labels.namespace }} describe nemo {{ $labels.name }}`."
    ),
    why="An hour fetches 500 GB at 150 MB/s, or loads the largest model of the catalogue twice. Each replica that "
    "begins to serve begins it anew.",
    keep_firing_for=RESTART,
)

STALLED = Alert(
    name="NemotronModelStalled",
    expr=f"""{_list_conditions("Stalled", 'status="True"')} == 1""",
    for_="10m",
    severity="warning",
    summary="{{ $labels.namespace }}/{{ $labels.name }} goes no further without a person.",
    description=(
        "The operator has tried what it may: {{ $labels.namespace }}/{{ $labels.name }} waits for somebody to change "
        "something. What, with the command: `kubectl -n {{ $labels.namespace }} describe nemo {{ $labels.name }}`."
    ),
    why="Stalled is set where waiting cannot help; 10 minutes are for whoever is editing the resource right now.",
    keep_firing_for=RESTART,
)

PAID_NOT_SERVING = Alert(
    name="NemotronGpusPaidNotServing",
    expr=f"""\
{_list_gpus("requested")}
- {_list_gpus("ready")}
> 0
{_STANDS_STILL}""",
    for_="45m",
    severity="warning",
    summary="{{ $value }} GPUs of {{ $labels.namespace }}/{{ $labels.name }} are taken and serve nothing.",
    description=(
        "Pods of {{ $labels.namespace }}/{{ $labels.name }} have held {{ $value }} GPUs for 45 minutes without being "
        "ready, and no replica began to serve. Nobody else can have them. Which pods: "
        "`kubectl -n {{ $labels.namespace }} get pods -l nemotron.dev/deployment={{ $labels.name }}`."
    ),
    why="Images, weights and compilation take a healthy start up to half an hour on slow storage. Of many replicas "
    "each that begins to serve begins it anew.",
    keep_firing_for=RESTART,
)

RECORDINGS = (
    Recording(
        "namespace_name:nemotron_gpus_paid_not_ready:sum",
        f"""\
{_list_gpus("requested")}
- {_list_gpus("ready")}""",
        "GPUs that pods hold without serving",
    ),
)

GROUP = RuleGroup("nemotron-models", (*RECORDINGS, DOWN, NOT_READY, STALLED, PAID_NOT_SERVING))
