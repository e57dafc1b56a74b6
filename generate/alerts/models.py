"""Alerts about resources: what the operator says of them. They need the ServiceMonitor alone."""

from generate.alerts.rules import RESOURCE, Alert, Recording, RuleGroup

_CONDITION = "nemotron_operator_resource_condition"

_GPUS = "nemotron_operator_resource_gpus"

_WANTED = f'and on ({RESOURCE}) max by ({RESOURCE}) ({_GPUS}{{state="desired"}}) > 0'
"""What is suspended, or scaled to zero, is not missed."""

DOWN = Alert(
    name="NemotronModelDown",
    # What was resumed, or scaled up from zero, is not wanted for long yet: it may load.
    expr=f"""\
max by ({RESOURCE}) ({_CONDITION}{{condition="Available", status!="True"}}) == 1
and on ({RESOURCE}) max by ({RESOURCE}) (min_over_time({_GPUS}{{state="desired"}}[30m])) > 0
and on ({RESOURCE}) max by ({RESOURCE}) (
  max_over_time({_CONDITION}{{condition="Available", status="True"}}[1d])
) == 1""",
    for_="5m",
    severity="critical",
    summary="{{ $labels.namespace }}/{{ $labels.name }} served, and has had no ready replica for 5 minutes.",
    description=(
        "Every request to {{ $labels.namespace }}/{{ $labels.name }} fails. Why, and what to do: "
        "`kubectl -n {{ $labels.namespace }} describe nemo {{ $labels.name }}`."
    ),
    why="A readiness probe that fails for a moment is over by then. What has never served is not meant, nor what was "
    "resumed within half an hour: that may still load.",
)

NOT_READY = Alert(
    name="NemotronModelNotReady",
    expr=f"""\
max by ({RESOURCE}) ({_CONDITION}{{condition="Ready", status!="True"}}) == 1
{_WANTED}""",
    for_="1h",
    severity="warning",
    summary="{{ $labels.namespace }}/{{ $labels.name }} has not been Ready for an hour.",
    description=(
        "{{ $labels.namespace }}/{{ $labels.name }} is asked to serve and not Ready: not all replicas of the desired "
        "revision serve, or it gave no right answer. An older revision may still serve. What it waits for: "
        "`kubectl -n {{ $labels.namespace }} describe nemo {{ $labels.name }}`."
    ),
    why="An hour fetches 500 GB at 150 MB/s, or loads the largest model of the catalogue twice.",
)

STALLED = Alert(
    name="NemotronModelStalled",
    expr=f'max by ({RESOURCE}) ({_CONDITION}{{condition="Stalled", status="True"}}) == 1',
    for_="10m",
    severity="warning",
    summary="{{ $labels.namespace }}/{{ $labels.name }} goes no further without a person.",
    description=(
        "The operator has tried what it may: {{ $labels.namespace }}/{{ $labels.name }} waits for somebody to change "
        "something. What, with the command: `kubectl -n {{ $labels.namespace }} describe nemo {{ $labels.name }}`."
    ),
    why="Stalled is set where waiting cannot help; 10 minutes are for whoever is editing the resource right now.",
)

PAID_NOT_SERVING = Alert(
    name="NemotronGpusPaidNotServing",
    expr=f"""\
max by ({RESOURCE}) ({_GPUS}{{state="requested"}})
- max by ({RESOURCE}) ({_GPUS}{{state="ready"}})
> 0""",
    for_="45m",
    severity="warning",
    summary="{{ $value }} GPUs of {{ $labels.namespace }}/{{ $labels.name }} are taken and serve nothing.",
    description=(
        "Pods of {{ $labels.namespace }}/{{ $labels.name }} have held {{ $value }} GPUs for 45 minutes without being "
        "ready. Nobody else can have them. Which pods: `kubectl -n {{ $labels.namespace }} get pods "
        "-l nemotron.dev/deployment={{ $labels.name }}`."
    ),
    why="Images, weights and compilation take a healthy start up to half an hour on slow storage.",
)

DOWNLOAD_STUCK = Alert(
    name="NemotronDownloadStuck",
    expr="""\
max by (job) (nemotron_operator_downloads_remaining_bytes) > 0
and max by (job) (nemotron_operator_downloads_active) > 0
and max by (job) (changes(nemotron_operator_downloads_remaining_bytes[30m])) == 0""",
    for_="5m",
    severity="warning",
    summary="Downloads have not moved for half an hour, with {{ $value | humanize1024 }}B still to fetch.",
    description=(
        "Downloads run, {{ $value | humanize1024 }}B are left, and not one byte came in 30 minutes. Which: "
        "`kubectl get jobs -A -l nemotron.dev/component=cache`."
    ),
    why="A download that moves is told every 15 seconds; a hub that is down is tried again within minutes.",
)

RECORDINGS = (
    Recording(
        "namespace_name:nemotron_gpus_paid_not_ready:sum",
        f"""\
max by ({RESOURCE}) ({_GPUS}{{state="requested"}})
- max by ({RESOURCE}) ({_GPUS}{{state="ready"}})""",
        "GPUs that pods hold without serving",
    ),
)

GROUP = RuleGroup("nemotron-models", (*RECORDINGS, DOWN, NOT_READY, STALLED, PAID_NOT_SERVING, DOWNLOAD_STUCK))
