"""The values of monitoring."""

from typing import Annotated

from pydantic import Field

from generate.alerts.alert_files import list_alerts
from generate.charts.values import KubernetesObject, Labels, ValuesModel

Duration = Annotated[str, Field(pattern=r"^([0-9]+(ms|s|m|h))*$")]
"""A duration of Prometheus; empty for Prometheus' own default."""


AlertName = Annotated[str, Field(json_schema_extra={"enum": [alert.name for alert in list_alerts()]})]
"""The name of an alert."""


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


class EngineMonitorValues(MonitorValues):
    """An object that tells the Prometheus Operator to read the engines."""

    tls_config: KubernetesObject = {"insecureSkipVerify": True}
    """How engines with a certificate are read, as in its API. They are asked by the address of their pods, for which no
    certificate is made, so that no name can be verified; what is read is encrypted and holds no prompts."""


class RuleValues(ValuesModel):
    """Alerts and recording rules."""

    enabled: bool = False
    """Whether to make the PrometheusRule. What it says of engines needs `monitoring.engines`, and what it says of the
    operator `monitoring.operator`: without them those groups are left out."""

    labels: Labels = {}
    """Labels by which a Prometheus selects it."""

    alert_labels: Labels = {}
    """Labels that each alert gets, such as {team: platform}."""

    disabled: list[AlertName] = []
    """Alerts to leave out, by their names; docs/observability.md of the sources lists them."""

    runbook_base_url: str = "https://github.com/nemotron-operator/nemotron-operator/blob/main/docs/runbooks"
    """Where the runbooks are: each alert leads to its name with .md below it."""


class MonitoringValues(ValuesModel):
    """What the Prometheus Operator reads."""

    operator: MonitorValues = MonitorValues()
    """A ServiceMonitor for the operator's own metrics."""

    engines: EngineMonitorValues = EngineMonitorValues()
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
