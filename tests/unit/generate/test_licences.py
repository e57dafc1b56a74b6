import re

from generate.licences import render_licences, render_models
from nemotron_operator.catalog.catalog import load_catalog
from nemotron_operator.catalog.licences import LICENCES


def test_every_model_of_the_catalogue_has_a_row_with_its_licences() -> None:
    rows = {cells[1].strip(" `"): cells[2] for line in render_models().splitlines()[2:] if (cells := line.split("|"))}
    entries = load_catalog().entries
    assert list(entries) == list(rows)
    for name, entry in entries.items():
        assert [LICENCES[each].title for each in entry.licences] == re.findall(r"\[(.*?)\]", rows[name])


def test_every_row_leads_to_a_section_with_terms_and_notice() -> None:
    page = render_licences()
    anchors = {
        "#" + line.removeprefix("### ").lower().replace(".", "").replace(" ", "-")
        for line in page.splitlines()
        if line.startswith("### ")
    }
    assert len(LICENCES) == len(anchors)
    assert anchors == {part.partition(")")[0] for part in render_models().split("](")[1:]}
    for licence in LICENCES.values():
        assert licence.terms in page
        assert licence.notice in page
