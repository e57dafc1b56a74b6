"""Alerts about the operator itself. Models that serve go on without it, so nobody is woken up."""

from generate.alerts.rules import OPERATOR, Alert, RuleGroup
from nemotron_operator.runtime.work_queue import LASTING_FAILURES

_FAILED_CODES = "401|429|5..|[a-z]+"
"""What no reconcile asks for; a request without an answer has a word as its code. 404 and 409 are answers, and so is
403: a namespace that may not be read yet, a quota or a policy refuses for as long as somebody wants it to."""

_LEASE, _ALL_ELSE = 'kind="Lease"', 'kind!="Lease"'
"""Requests that are judged apart: the Lease is asked for every 2 seconds, and would hide whatever else fails."""


def _fails(requests: str) -> str:
    metric = "nemotron_operator_api_requests_total"
    return f"""\
sum by (namespace, job) (rate({metric}{{{OPERATOR}, {requests}, code=~"{_FAILED_CODES}"}}[10m]))
/ sum by (namespace, job) (rate({metric}{{{OPERATOR}, {requests}}}[10m]))
> 0.05"""


DOWN = Alert(
    name="NemotronOperatorDown",
    # `absent` tells the labels of a selector, and of nothing else.
    expr=f"""\
absent(up{{{OPERATOR}}})
or max by (namespace, job) (up{{{OPERATOR}}}) == 0""",
    for_="10m",
    severity="warning",
    summary="Prometheus has not reached the operator for 10 minutes.",
    description=(
        "Models that serve go on. Nothing new is served, no rollout moves, and no status is true any more. Look at the "
        "pods: `kubectl -n {{ $labels.namespace }} get pods -l app.kubernetes.io/name=nemotron-operator`."
    ),
    why="A new node pulls the image and starts the operator within 5 minutes.",
)

NOT_LEADING = Alert(
    name="NemotronOperatorNotLeading",
    expr=f"max by (namespace, job) (nemotron_operator_leader{{{OPERATOR}}}) == 0",
    for_="5m",
    severity="warning",
    summary="No replica of the operator in {{ $labels.namespace }} leads.",
    description=(
        "The operator's pods run, and none acts: each waits for the Lease. Who holds it: "
        "`kubectl -n {{ $labels.namespace }} get lease -o yaml`."
    ),
    why="A Lease of a leader that vanished is free after 15 seconds.",
)

NOT_LISTING = Alert(
    name="NemotronOperatorNotListing",
    # One that stands by lists nothing, and one that led before has ended: only who leads is asked.
    expr=f"""\
max by (namespace, job) (
  (
    nemotron_operator_last_resync_timestamp_seconds{{{OPERATOR}}} == 0
    or time() - nemotron_operator_last_resync_timestamp_seconds{{{OPERATOR}}}
    > clamp_min(3 * nemotron_operator_resync_period_seconds{{{OPERATOR}}}, 300)
  )
  and nemotron_operator_leader{{{OPERATOR}}} == 1
)""",
    for_="10m",
    severity="warning",
    summary="The operator in {{ $labels.namespace }} leads, and cannot list what there is.",
    description=(
        "Models that serve go on. The definition is missing, or a list is refused or fails: nothing new is served, and "
        "of models that are down nobody may be told. So is a namespace that it is to serve and may not read. Which "
        "list: `kubectl -n {{ $labels.namespace }} logs -l "
        "app.kubernetes.io/name=nemotron-operator --tail=-1`."
    ),
    why="A list that fails is asked for again every 5 seconds: 10 minutes of that are no start, and no rolling API "
    "server. One that listed before has missed three of its lists by then (`resyncSeconds`).",
)

RECONCILE_ERRORS = Alert(
    name="NemotronReconcileErrors",
    expr=f"""\
sum by (namespace, job) (rate(nemotron_operator_reconcile_total{{{OPERATOR}, result="error"}}[15m]))
/ sum by (namespace, job) (rate(nemotron_operator_reconcile_total{{{OPERATOR}}}[15m]))
> 0.1""",
    for_="15m",
    severity="warning",
    summary="{{ $value | humanizePercentage }} of the operator's reconciles fail.",
    description=(
        "A reconcile fails where the API server refuses or does not answer, or by a fault of the operator; each is "
        "tried again. Which resources: `kubectl -n {{ $labels.namespace }} logs -l "
        "app.kubernetes.io/name=nemotron-operator --tail=200`."
    ),
    why="Conflicts with other writers make single errors; every tenth for half an hour is a cause that stays.",
)

RECONCILE_STUCK = Alert(
    name="NemotronReconcileStuck",
    expr=f"max by (namespace, job) (nemotron_operator_workqueue_failing_keys{{{OPERATOR}}}) > 0",
    for_="30m",
    severity="warning",
    summary="Resources whose every reconcile fails: {{ $value }}.",
    description=(
        "For half an hour at least one resource failed each time that the operator worked on it; it is tried every "
        "minute. Which: `kubectl -n {{ $labels.namespace }} logs -l app.kubernetes.io/name=nemotron-operator "
        "--tail=-1 --since=5m`."
    ),
    why=f"Counted from the {LASTING_FAILURES}th failure in a row. One resource of many is no tenth of all reconciles, "
    "and waits all the same.",
)

API_ERRORS = Alert(
    name="NemotronApiErrors",
    expr=f"{_fails(_ALL_ELSE)}\nor\n{_fails(_LEASE)}",
    for_="15m",
    severity="warning",
    summary=(
        "{{ $value | humanizePercentage }} of the operator's requests to the API server, or of those for its Lease, "
        "fail."
    ),
    description=(
        "The API server refuses (401, 429), fails (5xx) or does not answer {{ $value | humanizePercentage }} of "
        "the requests, or of those for its Lease. Which: "
        "`sum by (verb, kind, code) (rate(nemotron_operator_api_requests_total[10m]))`."
    ),
    why="A rolling API server is back sooner. 403 does not count: a namespace that may not be read, a quota or a "
    "policy refuses for as long as somebody wants it to; what it keeps from is told by conditions and the log.",
)

BACKLOG = Alert(
    name="NemotronWorkqueueBacklog",
    expr=f"""\
histogram_quantile(
  0.95,
  sum by (namespace, job, le) (rate(nemotron_operator_workqueue_queue_duration_seconds_bucket{{{OPERATOR}}}[10m]))
)
> 30""",
    for_="15m",
    severity="warning",
    summary="Changes wait {{ $value | humanizeDuration }} for the operator (p95).",
    description=(
        "One of 20 changes waits longer than {{ $value | humanizeDuration }} before the operator looks at it: it lacks "
        "CPU, the API server is slow, or there are more resources than its `workers` take."
    ),
    why="500 resources at once are through in 15 seconds on two cores.",
)

DOWNLOAD_STUCK = Alert(
    name="NemotronDownloadStuck",
    expr=f"""\
max by (namespace, job) (nemotron_operator_downloads_remaining_bytes{{{OPERATOR}}}) > 0
and max by (namespace, job) (nemotron_operator_downloads_active{{{OPERATOR}}}) > 0
and max by (namespace, job) (changes(nemotron_operator_downloads_remaining_bytes{{{OPERATOR}}}[30m])) == 0""",
    for_="5m",
    severity="warning",
    summary="Downloads have not moved for half an hour, with {{ $value | humanize1024 }}B still to fetch.",
    description=(
        "Downloads run, {{ $value | humanize1024 }}B are left, and not one byte came in 30 minutes. Which: "
        "`kubectl get jobs -A -l nemotron.dev/component=cache`."
    ),
    why="A download that moves is told every 15 seconds; a hub that is down is tried again within minutes.",
)

GROUP = RuleGroup(
    "nemotron-operator",
    (DOWN, NOT_LEADING, NOT_LISTING, RECONCILE_ERRORS, RECONCILE_STUCK, API_ERRORS, BACKLOG, DOWNLOAD_STUCK),
    reads="operator",
)
