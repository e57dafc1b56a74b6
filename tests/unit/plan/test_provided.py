import pytest

from nemotron_operator.plan.facts import Facts
from nemotron_operator.plan.lookups import list_lookups
from nemotron_operator.plan.serving_plan import InspectionPlan, ServingPlan
from tests.support.fixtures.deployments import DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import (
    CATALOG,
    CONFIG,
    INSPECTED,
    facts_when_cached,
    plan,
    plan_cached,
    plan_or_refuse,
)

IMAGE = "registry.example.com/models/nemotron:1"
WITH_IMAGES = CONFIG.model_copy(update={"allowed_model_image_prefixes": ("registry.example.com/models/",)})

PROVIDED = a_deployment().with_provided_weights("mine", "a/b")


def without_a_look(deployment: DeploymentBuilder) -> Facts:
    return Facts(claims=facts_when_cached(deployment).claims)


def inspection_of(planned: ServingPlan) -> InspectionPlan:
    assert planned.cache.inspection is not None
    return planned.cache.inspection


def test_weights_of_the_users_have_a_path_once_somebody_looked() -> None:
    assert plan(PROVIDED, without_a_look(PROVIDED)).cache.model_path is None
    seen = plan_cached(PROVIDED).cache
    assert ("a/b", INSPECTED) == (seen.model_path, seen.inspected)


def test_what_is_looked_up_is_the_job_that_is_planned() -> None:
    expected = list_lookups(PROVIDED.parsed, CATALOG).inspect_job_name
    assert expected == inspection_of(plan_cached(PROVIDED)).job_name


@pytest.mark.parametrize(
    "other",
    [
        a_deployment().with_provided_weights("other", "a/b"),
        a_deployment().with_provided_weights("mine", "a"),
        PROVIDED.having("model.source.persistentVolumeClaim.manifest", value=True),
    ],
)
def test_another_volume_directory_or_wish_is_another_job(other: DeploymentBuilder) -> None:
    assert inspection_of(plan_cached(PROVIDED)).job_name != inspection_of(plan_cached(other)).job_name


def test_the_name_of_the_job_is_short_enough_for_the_longest_resource() -> None:
    longest = PROVIDED.named("a" * 48)
    assert 63 >= len(inspection_of(plan_cached(longest)).job_name)


def test_a_manifest_is_given_the_means_and_the_time_to_read_everything() -> None:
    looks = inspection_of(plan_cached(PROVIDED))
    reads = inspection_of(plan_cached(PROVIDED.having("model.source.persistentVolumeClaim.manifest", value=True)))
    assert (False, True) == (looks.writes_manifest, reads.writes_manifest)
    assert ("100m", "128Mi", 3600) == (looks.cpu, looks.memory, looks.deadline_seconds)
    assert (CONFIG.download_cpu, CONFIG.download_memory) == (reads.cpu, reads.memory)
    assert looks.deadline_seconds < reads.deadline_seconds


@pytest.mark.parametrize(("path", "expected"), [(None, ""), ("model/fp8", "model/fp8")])
def test_weights_in_an_image_need_no_volume_and_no_look(path: str | None, expected: str) -> None:
    cache = plan(a_deployment().with_weights_in_image(IMAGE, path), config=WITH_IMAGES).cache
    assert (None, IMAGE, expected) == (cache.claim_name, cache.image, cache.model_path)
    assert (None, None, None) == (cache.new_claim, cache.download, cache.inspection)


def test_every_node_pulls_its_own_copy_of_an_image() -> None:
    deployment = a_deployment().with_weights_in_image(IMAGE).with_replicas(40)
    planned = plan(deployment, config=WITH_IMAGES)
    assert (40, False) == (planned.replicas, planned.cache.is_for_one_node)


@pytest.mark.parametrize(
    ("version", "word"),
    [((1, 35), None), ((1, 37), None), ((2, 0), None), (None, None), ((1, 33), True)],
    ids=["1.35", "1.37", "2.0", "unknown", "1.33 with the feature gate"],
)
def test_an_image_is_served_where_the_cluster_mounts_it(
    version: tuple[int, int] | None,
    word: bool | None,  # noqa: FBT001 - a row
) -> None:
    config = WITH_IMAGES.model_copy(update={"image_volumes": word})
    decision = plan_or_refuse(a_deployment().with_weights_in_image(IMAGE), Facts(api_server_version=version), config)
    assert isinstance(decision, ServingPlan)


def test_nothing_but_the_api_servers_version_is_looked_up_for_an_image() -> None:
    lookups = list_lookups(a_deployment().with_weights_in_image(IMAGE).parsed, CATALOG)
    assert ((), None, None, True) == (
        lookups.claim_names,
        lookups.job_name,
        lookups.inspect_job_name,
        lookups.has_image,
    )
