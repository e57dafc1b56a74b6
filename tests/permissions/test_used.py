"""What the operator may do is what it did in the cluster tier, of which `make test-cluster` has all recorded."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from lab.binaries import find_or_build_helms
from lab.recorded_permissions import Permission
from tests.support.granted_permissions import TEAMS, TEAMS_VALUES, read_granted
from tests.support.helm import CHART, RELEASE, Helm, read_objects
from tests.support.recorded_calls import FOLDER_VARIABLE, read_kept_permissions, read_ran_files

CLUSTER_TIER = Path(__file__).resolve().parent.parent / "cluster"

NOT_RECORDED: Mapping[Permission, str] = {
    Permission("nemotron.dev", "nemotrondeployments/finalizers", "update"): (
        "the API server asks itself whether it is granted before it takes an owner reference that blocks deletion: "
        "OwnerReferencesPermissionEnforcement, which the laboratory has on, so that nothing could be made without it"
    ),
    Permission("apps", "controllerrevisions", "create"): (
        "the API server asks itself, where server-side apply finds nothing to change: recorded is the patch alone"
    ),
}
"""What is granted and cannot be recorded, with the reason."""


@pytest.fixture(scope="module")
def folder() -> Path:
    """What the tests of the cluster tier have left."""
    named = os.environ.get(FOLDER_VARIABLE)
    if not named:
        pytest.fail(f"{FOLDER_VARIABLE} names no folder with recorded requests. `make test-cluster` makes one.")
    return Path(named)


@pytest.fixture(scope="module")
def used(folder: Path) -> frozenset[Permission]:
    """What was asked for, and was allowed."""
    return read_kept_permissions(folder)


@pytest.fixture(scope="module")
def granted(tmp_path_factory: pytest.TempPathFactory) -> frozenset[Permission]:
    """What the chart grants: to a release for all namespaces, and to one for some, which has a Lease of its own."""
    helm = Helm(find_or_build_helms(print)["helm"], tmp_path_factory.mktemp("helm"))
    for_all = read_granted(read_objects(helm.render()).values(), RELEASE)
    for_some = read_objects(helm.run("template", TEAMS, str(CHART), values=TEAMS_VALUES))
    return for_all | read_granted(for_some.values(), TEAMS)


def describe(permissions: Iterable[Permission]) -> list[str]:
    return sorted(" ".join(part for part in (each.verb, each.resource, each.name) if part) for each in permissions)


def test_all_of_the_cluster_tier_was_recorded(folder: Path) -> None:
    expected = {str(path.relative_to(CLUSTER_TIER)) for path in CLUSTER_TIER.rglob("test_*.py")}
    missing = sorted(expected - read_ran_files(folder))
    assert [] == missing, f"these did not run: {', '.join(missing)}; run `make test-cluster`"


def test_nothing_was_used_that_is_not_granted(used: frozenset[Permission], granted: frozenset[Permission]) -> None:
    missing = describe(used - granted)
    assert [] == missing, f"used, and not granted by the chart: {', '.join(missing)}"


def test_nothing_is_granted_that_was_not_used(used: frozenset[Permission], granted: frozenset[Permission]) -> None:
    unused = describe(granted - used - NOT_RECORDED.keys())
    assert [] == unused, f"granted, and used by no test: {', '.join(unused)}"


def test_no_reason_is_given_for_what_needs_none(used: frozenset[Permission], granted: frozenset[Permission]) -> None:
    assert [] == describe(used & NOT_RECORDED.keys())
    assert [] == describe(NOT_RECORDED.keys() - granted)
