"""The values of charts/nemotron-operator-crds."""

from generate.charts.values import Labels, ValuesModel


class CrdsChartValues(ValuesModel):
    """What may be decided about the definition."""

    keep: bool = True
    """Whether the definition, and every NemotronDeployment with it, outlives the release."""

    labels: Labels = {}
    """Further labels of the definition."""

    annotations: Labels = {}
    """Further annotations of the definition."""
