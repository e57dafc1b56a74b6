"""What an alert and a recording rule are, and what their texts stand on."""

from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["critical", "warning"]
"""`critical` wakes somebody: requests fail now. `warning` is read in working hours."""

ENGINES = 'job="nemotron-engines"'
"""Selects the engines' targets: the chart's PodMonitor names their job."""

OPERATOR = "OPERATOR_TARGETS"
"""Stands for what selects the operator's own targets: the chart fills in its Service and its namespace."""

RESOURCE = "namespace, name"
"""Labels of everything that is said of one NemotronDeployment."""

NAMED = 'name!=""'
"""Selects resources with series of their own: further ones are told as one without a name."""

RESTART = "10m"
"""For how long what is said of resources may be missing before an alert ends: the operator, or its node, restarts."""

RUNBOOK_BASE = "RUNBOOK_BASE"
"""Stands for where the runbooks are: the chart's values say it."""


@dataclass(frozen=True)
class Alert:
    """One alert."""

    name: str
    """Its name, and that of its page in docs/runbooks."""

    expr: str
    """The query; every line is one of PromQL."""

    for_: str
    """How long it must hold, as Prometheus writes durations."""

    severity: Severity

    summary: str
    """One line, with the resource's name where there is one."""

    description: str
    """What is so, with numbers, and what to do next."""

    why: str
    """Why these numbers; for the table in docs/observability.md."""

    keep_firing_for: str = ""
    """How long it goes on when it does not hold any more; empty for not at all."""

    def render(self) -> dict[str, Any]:
        """Render it as PrometheusRule has it."""
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.for_,
            **({"keep_firing_for": self.keep_firing_for} if self.keep_firing_for else {}),
            "labels": {"severity": self.severity},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": f"{RUNBOOK_BASE}/{self.name}.md",
            },
        }


@dataclass(frozen=True)
class Recording:
    """A query whose answer is kept as a series: for long ranges, and for dashboards of one's own."""

    name: str
    expr: str

    meaning: str
    """What the series says, for the table in docs/observability.md."""

    def render(self) -> dict[str, Any]:
        """Render it as PrometheusRule has it."""
        return {"record": self.name, "expr": self.expr}


@dataclass(frozen=True)
class RuleGroup:
    """Rules that are evaluated one after another."""

    name: str

    rules: tuple[Alert | Recording, ...]

    reads: Literal["", "engines", "operator"] = ""
    """Whose targets they are about: where Prometheus has none of them by this chart, the group is left out."""

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """Its alerts."""
        return tuple(rule for rule in self.rules if isinstance(rule, Alert))

    @property
    def recordings(self) -> tuple[Recording, ...]:
        """Its recording rules."""
        return tuple(rule for rule in self.rules if isinstance(rule, Recording))

    def render(self) -> dict[str, Any]:
        """Render it as PrometheusRule has it."""
        return {"name": self.name, "rules": [rule.render() for rule in self.rules]}
