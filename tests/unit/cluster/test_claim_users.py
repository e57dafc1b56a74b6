from typing import Any

from nemotron_operator.cluster.cache import ObjectCache
from nemotron_operator.cluster.claim_users import find_claim_users, list_bereaved, list_forsaken_claims
from nemotron_operator.cluster.kinds import CLAIM, DEPLOYMENT, KINDS_BY_NAME, NEMOTRON
from nemotron_operator.plan.facts import ClaimUser, Facts
from nemotron_operator.plan.lookups import list_lookups
from nemotron_operator.render.manifests import Manifests, render
from tests.support.fixtures.deployments import BF16, DeploymentBuilder, a_deployment
from tests.support.fixtures.live_objects import a_live_object, child_labels
from tests.support.fixtures.plans import CATALOG, plan

JSON = dict[str, Any]

DELETING = a_deployment().having("cache.retention", "Delete")


def a_body(deployment: DeploymentBuilder, name: str, *, told: bool = True) -> JSON:
    """Make the resource as the API server has it, with its volume in the status once it was planned."""
    body = deployment.named(name).body
    claim_name = list_lookups(deployment.parsed, CATALOG).shared_claim_name
    status = {"status": {"cache": {"claimName": claim_name}}} if told else {}
    return {**body, **status, "metadata": {**body["metadata"], "uid": f"uid-of-{name}"}}


def a_cache(*bodies: JSON) -> ObjectCache:
    cache = ObjectCache()
    for body in bodies:
        cache.upsert(NEMOTRON, body)
    return cache


def names_of_users(deployment: DeploymentBuilder, cache: ObjectCache) -> list[tuple[str, str]]:
    claim_name = list_lookups(deployment.parsed, CATALOG).shared_claim_name
    users = find_claim_users(deployment.parsed, claim_name, CATALOG, cache)
    return [(user.name, user.retention) for user in users]


def test_all_that_name_a_volume_are_its_users_planned_or_not() -> None:
    retaining, other = a_deployment(), DELETING.with_model(BF16)
    cache = a_cache(a_body(DELETING, "c"), a_body(retaining, "b", told=False), a_body(other, "a", told=False))
    assert [("b", "Retain"), ("c", "Delete")] == names_of_users(DELETING.named("c"), cache)


def test_one_that_turns_to_a_volume_is_its_user_before_its_status_says_so() -> None:
    """Its own reconcile would else leave it out, and the volume would go with the others under its pods."""
    turned = a_body(DELETING, "turned")
    turned["status"]["cache"]["claimName"] = "model-before"
    assert [("turned", "Delete")] == names_of_users(DELETING.named("turned"), a_cache(turned))
    turned["status"]["observedGeneration"] = turned["metadata"]["generation"]
    assert [] == names_of_users(DELETING, a_cache(turned))


def test_one_that_turned_away_is_a_user_until_its_pods_are_made_for_the_other_volume() -> None:
    turned = a_body(DELETING.with_model(BF16), "turned")
    turned["status"]["observedGeneration"] = turned["metadata"]["generation"]
    cache = a_cache(turned)
    assert [] == names_of_users(DELETING, cache)
    claim_name = list_lookups(DELETING.parsed, CATALOG).shared_claim_name
    cache.upsert(DEPLOYMENT, a_server("turned", str(claim_name)))
    assert [("turned", "Delete")] == names_of_users(DELETING, cache)


def test_a_resource_that_goes_is_no_user() -> None:
    going = a_body(DELETING, "going")
    going["metadata"]["deletionTimestamp"] = "2026-11-24T08:00:00Z"
    assert [("stays", "Delete")] == names_of_users(DELETING, a_cache(going, a_body(DELETING, "stays")))


def test_a_resource_that_retains_its_volume_asks_for_no_users() -> None:
    assert [] == names_of_users(a_deployment(), a_cache(a_body(a_deployment(), "one")))


def test_a_resource_of_another_namespace_is_no_user() -> None:
    elsewhere = a_body(DELETING, "one")
    elsewhere["metadata"]["namespace"] = "elsewhere"
    assert [] == names_of_users(DELETING, a_cache(elsewhere))


def test_those_who_shared_with_a_deleted_resource_look_again_if_they_would_delete() -> None:
    deleted = a_body(a_deployment(), "deleted")
    cache = a_cache(
        a_body(DELETING, "shares"), a_body(a_deployment(), "retains"), a_body(DELETING.with_model(BF16), "x")
    )
    assert {("team", "shares")} == list_bereaved(deleted, cache)


def a_server(name: str, claim_name: str) -> JSON:
    volumes = [{"name": "models", "persistentVolumeClaim": {"claimName": claim_name}}, {"name": "tmp", "emptyDir": {}}]
    return a_live_object("Deployment", name, spec={"replicas": 0, "template": {"spec": {"volumes": volumes}}})


def render_of(deployment: DeploymentBuilder) -> Manifests:
    identity = deployment.parsed.identity
    user = ClaimUser(identity.name, identity.uid, deployment.parsed.spec.cache.retention)
    return render(plan(deployment, Facts(claim_users=(user,))))


def old_claim(owner: str, **annotations: str) -> JSON:
    claim = a_live_object("PersistentVolumeClaim", "model-old", owner={"uid": owner})
    claim["metadata"]["annotations"] = {f"nemotron.dev/{name}": value for name, value in annotations.items()}
    return claim


def forsaken(deployment: DeploymentBuilder, claim: JSON, *others: JSON) -> list[str]:
    cache = ObjectCache()
    cache.upsert(CLAIM, claim)
    for other in others:
        cache.upsert(KINDS_BY_NAME[other["kind"]], other)
    found = list_forsaken_claims(render_of(deployment), deployment.parsed.identity, cache)
    return [one["metadata"]["name"] for one in found]


def test_a_volume_goes_when_its_only_user_turned_to_another_and_no_pod_is_left_on_it() -> None:
    uid = DELETING.parsed.identity.uid
    claim = old_claim(uid, retention="Delete")
    volumes = [{"name": "models", "persistentVolumeClaim": {"claimName": "model-old"}}]
    pod = a_live_object("Pod", "old", labels=child_labels(), spec={"volumes": volumes})
    assert [] == forsaken(DELETING, claim, pod)
    assert ["model-old"] == forsaken(DELETING, claim, {**pod, "status": {"phase": "Succeeded"}})
    assert ["model-old"] == forsaken(DELETING, claim)


def test_a_volume_stays_while_pods_would_be_made_for_it_though_none_is_there() -> None:
    claim = old_claim(DELETING.parsed.identity.uid, retention="Delete")
    assert [] == forsaken(DELETING, claim, a_server("nemotron", "model-old"))
    assert ["model-old"] == forsaken(DELETING, claim, a_server("nemotron", "model-new"))


def test_a_volume_that_others_own_or_somebody_retains_stays() -> None:
    uid = DELETING.parsed.identity.uid
    assert [] == forsaken(DELETING, old_claim("somebody-else", retention="Delete"))
    assert [] == forsaken(DELETING, old_claim(uid))
    assert [] == forsaken(a_deployment(), old_claim(uid, retention="Delete"))
