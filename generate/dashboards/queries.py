"""Queries that both dashboards ask, of the resources that a selector takes."""

from generate.alerts.rules import ENGINES, RESOURCE

LONGEST_RANGE = "$__rate_interval"
"""What Grafana makes of the panel's width and the interval of the scrapes."""

OPERATOR = "nemotron_operator"
"""Prefix of the operator's metrics."""


def sum_gpus(state: str, selector: str) -> str:
    """Sum the GPUs in a state. Both replicas of the operator may tell them."""
    return f'sum(max by ({RESOURCE}) ({OPERATOR}_resource_gpus{{state="{state}", {selector}}}))'


def sum_compared_gpus(selector: str) -> tuple[str, str, str]:
    """Sum the GPUs that are wanted, paid and ready."""
    return sum_gpus("desired", selector), sum_gpus("requested", selector), sum_gpus("ready", selector)


def sum_idle_gpus(selector: str) -> str:
    """Sum the GPUs that are paid and do not serve."""
    return f"{sum_gpus('requested', selector)} - {sum_gpus('ready', selector)}"


def list_gpus(state: str, selector: str) -> str:
    """List the GPUs in a state by resource."""
    return f'max by ({RESOURCE}) ({OPERATOR}_resource_gpus{{state="{state}", {selector}}})'


def count_condition(condition: str, selector: str) -> str:
    """Count the resources of which a condition is true; 0 where it is true of none."""
    return (
        f'count(max by ({RESOURCE}) ({OPERATOR}_resource_condition{{condition="{condition}", status="True", '
        f"{selector}}}) == 1) or vector(0)"
    )


def rate(metric: str, selector: str, by: str) -> str:
    """Rate of a counter."""
    return f"sum by ({by}) (rate({metric}{{{selector}}}[{LONGEST_RANGE}]))"


def quantile(share: float, histogram: str, selector: str, by: str = "") -> str:
    """Quantile of a histogram, over all that `by` does not tell apart."""
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}_bucket{{{selector}}}[{LONGEST_RANGE}])))"


def mean(histogram: str, selector: str, by: str) -> str:
    """Mean of a histogram over the range that is shown."""
    total, count = (
        f"sum by ({by}) (increase({histogram}_{part}{{{selector}}}[$__range]))" for part in ("sum", "count")
    )
    return f"{total} / ({count} > 0)"


def share_of_errors(selector: str) -> str:
    """Share of the requests that the engines answer with 5xx; 0 where there are requests and none of them."""
    requests = f'http_requests_total{{{ENGINES}, handler=~"/v1/.*", {selector}'
    failed = f'sum(rate({requests}, status=~"5.."}}[{LONGEST_RANGE}])) or vector(0)'
    return f"({failed}) / sum(rate({requests}}}[{LONGEST_RANGE}]))"
