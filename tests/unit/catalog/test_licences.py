import re

import pytest

from nemotron_operator.catalog.catalog import load_catalog
from nemotron_operator.catalog.entry import CatalogEntry
from nemotron_operator.catalog.licences import LICENCES, UNKNOWN, find_licence

ENTRIES = load_catalog().entries


@pytest.mark.parametrize("name", ENTRIES)
def test_each_licence_of_the_catalogue_is_described_with_the_place_of_its_text(name: str) -> None:
    for identifier in ENTRIES[name].licences:
        licence = LICENCES[identifier]
        assert licence.title
        assert licence.url.startswith("https://")
        assert licence.terms.endswith(".")


@pytest.mark.parametrize("name", [name for name in ENTRIES if re.search("/Llama-3", name)])
def test_the_licence_of_the_llama_that_a_model_was_made_from_holds_too(name: str) -> None:
    version = re.findall(r"Llama-3[._](\d)", name)[0]
    assert f"llama3.{version}" in ENTRIES[name].licences


def test_no_licence_is_described_that_no_model_has() -> None:
    assert LICENCES.keys() == {identifier for entry in ENTRIES.values() for identifier in entry.licences}


@pytest.mark.parametrize("version", ["3.1", "3.3"])
def test_the_notice_of_a_llama_licence_is_the_line_that_it_asks_for(version: str) -> None:
    expected = (
        f"Llama {version} is licensed under the Llama {version} Community License, "
        "Copyright © Meta Platforms, Inc. All Rights Reserved."
    )
    assert expected == find_licence(f"llama{version}").notice
    assert "Built with Llama" in find_licence(f"llama{version}").terms


def test_of_a_licence_that_nobody_described_the_identifier_is_known() -> None:
    licence = find_licence("apache-2.0")
    assert ("apache-2.0", "", "", "") == (licence.title, licence.url, licence.notice, licence.terms)


def test_a_model_is_made_from_none_where_it_names_none() -> None:
    fields = {"name": "a/b", "repository": "a/b", "revision": "main", "context": {"maxModelLen": 1}, "sources": ["us"]}
    assert (UNKNOWN,) == CatalogEntry.model_validate({**fields, "licence": UNKNOWN}).licences
