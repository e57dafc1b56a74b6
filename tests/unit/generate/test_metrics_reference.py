from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from generate.metrics_reference import render_metrics
from nemotron_operator.runtime.metrics import START_PHASES, Metrics

RECORDING = Path(__file__).parents[2] / "monitoring/recorded/operator.prom"
"""What a real operator told on a real control plane."""


def test_every_metric_of_a_real_scrape_is_on_the_page_with_the_labels_that_it_has() -> None:
    described = {each.name: each for each in Metrics().maker.descriptions}
    page = render_metrics()
    families = [
        family
        for family in text_string_to_metric_families(RECORDING.read_text())
        if family.name.startswith("nemotron_operator_") and not family.name.endswith("_created")
    ]
    assert len(families) > 20
    for family in families:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
        labels = {label for sample in samples for label in sample.labels} - {"le"}
        assert (name, set(described[name].labels)) == (name, labels)
        assert f"| `{name}` | {family.type} |" in page
    assert len(described) == len(families), (
        "a new metric: record anew with `python -m tests.monitoring.record_operator`"
    )


def test_every_phase_of_a_start_is_explained() -> None:
    page = render_metrics()
    assert [] == [phase for phase in START_PHASES if f"\n| `{phase}` | " not in page]
