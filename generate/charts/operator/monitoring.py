"""The values of monitoring."""

from typing import Annotated

from pydantic import Field

from generate.charts.values import KubernetesObject, Labels, ValuesModel

Duration = Annotated[str, Field(pattern=r"^([0-9]+(ms|s|m|h))*$")]
"""A duration of Prometheus; empty for Prometheus' own default."""


class MonitorValues(ValuesModel):
    """An object that tells the Prometheus Operator what to read."""

    enabled: bool = False
    """Whether to make it. The cluster must know `monitoring.coreos.com/v1`."""

    interval: Duration = ""
    """How often to read; empty for Prometheus' own default."""

    labels: Labels = {}
    """Labels by which a Prometheus selects it, such as {release: kube-prometheus-stack}."""

    metric_relabelings: list[KubernetesObject] = []
    """Changes to what was read, as in its API."""


class RuleValues(ValuesModel):
    """Alerts."""

    enabled: bool = False
    """Whether to make the PrometheusRule."""

    labels: Labels = {}
    """Labels by which a Prometheus selects it."""

    runbook_base_url: str = ""
    """Where the runbooks are, in place of the project's own pages."""


class MonitoringValues(ValuesModel):
    """What the Prometheus Operator reads."""

    operator: MonitorValues = MonitorValues()
    """A ServiceMonitor for the operator's own metrics."""

    engines: MonitorValues = MonitorValues()
    """One PodMonitor for the vLLM engines of all NemotronDeployments."""

    rules: RuleValues = RuleValues()
    """Alerts, each with a runbook."""


class DashboardValues(ValuesModel):
    """Dashboards for Grafana."""

    enabled: bool = False
    """Whether to make a ConfigMap for each dashboard, which Grafana's sidecar finds by its label."""

    labels: Labels = {"grafana_dashboard": "1"}
    """Labels by which the sidecar finds them."""

    annotations: Labels = {"grafana_folder": "Nemotron"}
    """Annotations, such as the folder."""
