import json
import re
from importlib import metadata
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.spdx import is_expression
from cyclonedx.validation.json import JsonStrictValidator

from generate.locked_packages import LOCK, list_locked_packages
from release.bill_of_materials import render_bill_of_materials
from tests.release.conftest import EPOCH_SECONDS


@pytest.fixture(scope="module")
def text() -> str:
    return render_bill_of_materials("1.2.3", EPOCH_SECONDS)


@pytest.fixture(scope="module")
def bom(text: str) -> dict[str, Any]:
    bom: dict[str, Any] = json.loads(text)
    return bom


def test_it_is_valid_by_the_schema_of_cyclonedx(text: str) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(text) is None
    assert validator.validate_str(text.replace('"library"', '"livrary"', 1)) is not None


def test_it_lists_every_package_of_the_lock(bom: dict[str, Any]) -> None:
    expected = set(re.findall(r"^([a-z0-9.-]+)(?:\[.*\])?==(\S+)", LOCK.read_text(), re.MULTILINE))
    actual = {(component["name"], component["version"]) for component in bom["components"]}
    assert expected == actual


def test_every_package_is_there_because_another_wants_it(bom: dict[str, Any]) -> None:
    wanted_by = {entry["ref"]: entry.get("dependsOn", []) for entry in bom["dependencies"]}
    seen: set[str] = set()
    left = [bom["metadata"]["component"]["bom-ref"]]
    while left:
        name = left.pop()
        if name not in seen:
            seen.add(name)
            left += wanted_by[name]
    assert set(wanted_by) == seen


def test_it_is_the_same_bytes_for_the_same_commit(text: str) -> None:
    assert text == render_bill_of_materials("1.2.3", EPOCH_SECONDS)


def test_every_licence_is_one_that_spdx_knows() -> None:
    licences = {package.name: package.licence for package in list_locked_packages()}
    # The empty text is an expression to it.
    assert {} == {name: licence for name, licence in licences.items() if not (licence and is_expression(licence))}


def test_every_package_brings_the_text_of_its_licence_into_the_image() -> None:
    names = {package.name for package in list_locked_packages()}
    texts = re.compile(r"\.dist-info/.*(licen[cs]e|copying)", re.IGNORECASE)
    assert set() == {name for name in names if not any(texts.search(str(file)) for file in metadata.files(name) or ())}
