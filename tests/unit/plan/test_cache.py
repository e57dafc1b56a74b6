from dataclasses import replace

import pytest

from nemotron_operator.plan.cache import HEADROOM_PERCENT
from nemotron_operator.plan.facts import ClaimFact, ClaimUser, Facts
from nemotron_operator.plan.lookups import Lookups, list_lookups
from nemotron_operator.plan.memory.weights import count_repository_bytes
from nemotron_operator.plan.serving_plan import NewClaim
from nemotron_operator.render.manifests import render
from nemotron_operator.units import GIB
from tests.support.fixtures.deployments import BF16, FP8, REMOVED, DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import CATALOG, COMMIT, facts_when_cached, plan, plan_cached, render_cached, resolve


def claims_of(deployment: DeploymentBuilder, fact: ClaimFact) -> Facts:
    (name,) = list_lookups(deployment.parsed, CATALOG).claim_names
    return Facts(claims={name: fact})


@pytest.mark.parametrize(("model", "gibibytes"), [(FP8, 82), (BF16, 158)])
def test_a_volume_holds_the_weights_and_a_fifth_in_whole_gibibytes(model: str, gibibytes: int) -> None:
    claim = plan(a_deployment().with_model(model)).cache.new_claim
    assert NewClaim(gibibytes * GIB, None, ("ReadWriteOnce",)) == claim
    weights = count_repository_bytes(resolve(a_deployment().with_model(model)).architecture)
    assert gibibytes * GIB * 100 >= weights * (100 + HEADROOM_PERCENT)


def test_what_the_user_says_of_the_volume_is_taken() -> None:
    cache = {"size": "200Gi", "storageClassName": "fast", "accessModes": ["ReadWriteMany"]}
    expected = NewClaim(200 * GIB, "fast", ("ReadWriteMany",))
    assert expected == plan(a_deployment().having("cache", cache)).cache.new_claim


def test_a_volume_that_exists_keeps_class_and_modes_and_only_grows() -> None:
    live = ClaimFact(100 * GIB, "slow", ("ReadWriteMany",))
    deployment = a_deployment().having("cache.storageClassName", "fast")
    for size, expected in ((REMOVED, 100), ("90Gi", 100), ("200Gi", 200)):
        wanted = deployment.having("cache.size", size)
        claim = plan(wanted, claims_of(wanted, live)).cache.new_claim
        assert NewClaim(expected * GIB, "slow", ("ReadWriteMany",)) == claim


def test_two_resources_of_one_model_share_the_volume_and_download_by_their_own_jobs() -> None:
    one, two = plan(a_deployment().named("one")), plan(a_deployment().named("two"))
    assert one.cache.claim_name == two.cache.claim_name
    assert one.cache.download is not None
    assert two.cache.download is not None
    assert one.cache.download.job_name != two.cache.download.job_name
    assert replace(one.cache.download, job_name="") == replace(two.cache.download, job_name="")


@pytest.mark.parametrize(
    "source",
    [
        {"repository": FP8, "revision": "v2"},
        {"repository": "org/copy"},
    ],
)
def test_another_repository_or_revision_is_another_volume(source: dict[str, str]) -> None:
    other = a_deployment().having("model.source", {"huggingFace": source})
    assert plan(a_deployment()).cache.claim_name != plan(other).cache.claim_name


def test_naming_the_catalogues_own_source_changes_nothing() -> None:
    said = a_deployment().having("model.source", {"huggingFace": {"repository": FP8, "revision": "main"}})
    assert plan(a_deployment()).cache == plan(said).cache


def test_a_private_copy_is_fetched_with_its_token_at_its_main_revision() -> None:
    deployment = a_deployment().with_private_repository("org/copy", "hub", "token")
    download = plan(deployment.having("model.source.huggingFace.endpoint", "https://hub.example")).cache.download
    assert download is not None
    assert ("org/copy", "main", "https://hub.example") == (
        download.origin.repository,
        download.origin.revision,
        download.endpoint,
    )
    assert download.token is not None
    assert ("hub", "token") == (download.token.name, download.token.key)


def test_an_existing_claim_is_filled_and_not_made() -> None:
    cache = plan_cached(a_deployment().with_existing_claim("mine")).cache
    assert ("mine", None, COMMIT) == (cache.claim_name, cache.new_claim, cache.model_path)
    assert cache.download is not None


def test_provided_weights_are_neither_fetched_nor_made() -> None:
    cache = plan_cached(a_deployment().with_provided_weights("mine", "a/b")).cache
    assert ("mine", None, None, "a/b") == (cache.claim_name, cache.new_claim, cache.download, cache.model_path)


def test_a_model_has_a_path_once_it_is_cached() -> None:
    assert plan(a_deployment()).cache.model_path is None
    assert COMMIT == plan_cached(a_deployment()).cache.model_path


def test_the_result_of_another_job_does_not_count() -> None:
    facts = facts_when_cached(a_deployment().with_private_repository("org/copy", "hub", "token"))
    assert plan(a_deployment(), facts).cache.cached is None


@pytest.mark.parametrize(
    "deployment",
    [
        a_deployment(),
        a_deployment().with_existing_claim("mine"),
        a_deployment().with_provided_weights("mine", "a"),
        a_deployment().with_private_repository("org/copy", "hub", "token"),
    ],
)
def test_what_is_looked_up_is_what_is_rendered(deployment: DeploymentBuilder) -> None:
    lookups, manifests = list_lookups(deployment.parsed, CATALOG), render_cached(deployment)
    assert (plan_cached(deployment).cache.claim_name,) == lookups.claim_names
    assert lookups.job_name == (manifests.download_job["metadata"]["name"] if manifests.download_job else None)
    assert lookups.shared_claim_name == (manifests.claim["metadata"]["name"] if manifests.claim else None)


def test_nothing_is_looked_up_for_an_unknown_model() -> None:
    assert Lookups() == list_lookups(a_deployment().with_model("unknown").parsed, CATALOG)


def _users(*retentions: str) -> tuple[ClaimUser, ...]:
    return tuple(ClaimUser(f"user-{number}", f"uid-{number}", it) for number, it in enumerate(retentions))


@pytest.mark.parametrize(
    ("retention", "users", "owners"),
    [
        ("Delete", ("Delete",), 1),
        ("Delete", ("Delete", "Delete"), 2),
        ("Delete", ("Delete", "Retain"), 0),
        ("Retain", (), 0),
    ],
)
def test_a_volume_is_owned_by_all_its_users_if_none_of_them_retains_it(
    retention: str, users: tuple[str, ...], owners: int
) -> None:
    deployment = a_deployment().having("cache.retention", retention)
    facts = Facts(claim_users=_users(*users))
    claim = render(plan(deployment, facts)).claim
    assert claim is not None
    references = claim["metadata"].get("ownerReferences", [])
    assert [user.uid for user in facts.claim_users[:owners]] == [reference["uid"] for reference in references]
    assert not any(reference.get("controller") for reference in references)
