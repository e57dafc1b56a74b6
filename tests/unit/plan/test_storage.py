import pytest

from nemotron_operator.api.cache import CacheSpec
from nemotron_operator.plan.facts import ClaimFact, Facts
from nemotron_operator.plan.lookups import list_lookups
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.plan.storage import ZONAL_PROVISIONERS, choose_storage_class, needs_storage_classes
from nemotron_operator.plan.volume_doubts import COMPILED_CODE_BYTES
from nemotron_operator.status.planned import find_planned
from nemotron_operator.units import GIB
from tests.support.fixtures.deployments import DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import CATALOG, plan, plan_or_refuse
from tests.support.fixtures.storage import a_class

LIVE = ClaimFact(100 * GIB, "slow", ("ReadWriteOnce",))
(SHARED,) = list_lookups(a_deployment().parsed, CATALOG).claim_names


def planned(deployment: DeploymentBuilder, facts: Facts) -> str:
    """Tell what the plan's message says."""
    return find_planned(plan(deployment, facts), None).finding.message


def test_a_class_that_is_named_is_taken_whatever_the_default() -> None:
    classes = (a_class("default", is_default=True), a_class("fast"))
    assert classes[1] == choose_storage_class(classes, "fast")
    assert choose_storage_class(classes, "other") is None


def test_of_several_defaults_the_newest_counts() -> None:
    old = a_class("old", is_default=True, created_at="2026-01-01T00:00:00Z")
    new = a_class("new", is_default=True, created_at="2026-02-01T00:00:00Z")
    assert new == choose_storage_class((old, new, a_class("newest", created_at="2026-03-01T00:00:00Z")), None)


def test_without_a_default_no_class_is_chosen() -> None:
    assert choose_storage_class((a_class(),), None) is None


@pytest.mark.parametrize(
    ("size", "live", "expected"),
    [
        (None, None, True),
        ("100Gi", None, True),
        (None, LIVE, False),
        ("100Gi", LIVE, False),
        ("90Gi", LIVE, False),
        ("101Gi", LIVE, True),
    ],
)
def test_classes_are_asked_for_only_if_a_volume_is_made_or_grows(
    size: str | None, live: ClaimFact | None, *, expected: bool
) -> None:
    assert expected == needs_storage_classes(CacheSpec(size=size), live)


@pytest.mark.parametrize(
    "facts",
    [
        Facts(),
        Facts(storage_classes=(a_class(is_default=True),)),
        Facts(claims={SHARED: ClaimFact(100 * GIB, "gone", ("ReadWriteOnce",))}, storage_classes=()),
    ],
    ids=["nothing is known", "there is a default", "the volume is there"],
)
def test_what_needs_no_class_is_planned(facts: Facts) -> None:
    assert isinstance(plan_or_refuse(a_deployment(), facts), ServingPlan)


def test_a_claim_of_the_users_needs_no_class() -> None:
    facts = Facts(claims={"mine": LIVE}, storage_classes=())
    assert isinstance(plan_or_refuse(a_deployment().with_existing_claim("mine"), facts), ServingPlan)


def test_a_volume_grows_on_a_class_that_lets_it() -> None:
    facts = Facts(claims={SHARED: LIVE}, storage_classes=(a_class("slow", can_grow=True),))
    claim = plan(a_deployment().having("cache.size", "200Gi"), facts).cache.new_claim
    assert claim is not None
    assert 200 * GIB == claim.size_bytes


def test_a_volume_that_nobody_said_a_size_of_does_not_grow_with_the_catalogue() -> None:
    small = ClaimFact(70 * GIB, "slow", ("ReadWriteOnce",))
    claim = plan(a_deployment(), Facts(claims={SHARED: small}, storage_classes=())).cache.new_claim
    assert claim is not None
    assert 70 * GIB == claim.size_bytes


@pytest.mark.parametrize("provisioner", sorted(ZONAL_PROVISIONERS))
def test_a_zonal_volume_that_is_made_at_once_is_doubted(provisioner: str) -> None:
    facts = Facts(storage_classes=(a_class("gp2", is_default=True, provisioner=provisioner),))
    message = planned(a_deployment(), facts)
    assert "StorageClass 'gp2' makes the volume at once, in any zone" in message
    assert "WaitForFirstConsumer" in message


@pytest.mark.parametrize(
    ("deployment", "facts"),
    [
        (a_deployment(), Facts(storage_classes=(a_class(is_default=True, provisioner="ebs.csi.aws.com", waits=True),))),
        (a_deployment(), Facts(storage_classes=(a_class(is_default=True, provisioner="nfs.csi.k8s.io"),))),
        (
            a_deployment().having("cache.accessModes", ["ReadWriteMany"]),
            Facts(storage_classes=(a_class(is_default=True, provisioner="ebs.csi.aws.com"),)),
        ),
        (
            a_deployment(),
            Facts(claims={SHARED: LIVE}, storage_classes=(a_class(is_default=True, provisioner="ebs.csi.aws.com"),)),
        ),
    ],
    ids=["it waits for its first pod", "it is no disk of a zone", "all nodes mount it", "it is there"],
)
def test_a_volume_that_every_node_reaches_is_not_doubted(deployment: DeploymentBuilder, facts: Facts) -> None:
    assert () == plan(deployment, facts).cache.doubts


def test_a_size_without_room_for_compiled_code_is_doubted_with_the_numbers() -> None:
    message = planned(a_deployment().having("cache.size", "69Gi"), Facts())
    assert "spec.cache.size: 69Gi leaves 1.3 GiB beside the weights of 67.7 GiB" in message
    assert "compiled code may take 2.0 GiB: 70Gi hold both" in message
    assert () == plan(a_deployment().having("cache.size", "70Gi")).cache.doubts
    assert 2 * GIB == COMPILED_CODE_BYTES


@pytest.mark.parametrize(("gibibytes", "is_doubted"), [(1, False), (100, True), (137, True), (138, False)])
def test_a_claim_without_room_for_another_revision_is_doubted(gibibytes: int, *, is_doubted: bool) -> None:
    """One that asks for less than the weights says nothing: what it has may be more."""
    facts = Facts(claims={"mine": ClaimFact(gibibytes * GIB, None, ("ReadWriteMany",))})
    doubts = plan(a_deployment().with_existing_claim("mine"), facts).cache.doubts
    assert is_doubted == bool(doubts)
    assert all("another revision" in doubt and "138Gi together" in doubt for doubt in doubts)
