import re
from dataclasses import replace

import pytest

from nemotron_operator.api.conditions import Reason
from nemotron_operator.api.v1alpha1 import InvalidDeployment, parse_deployment
from nemotron_operator.plan.facts import CachedModel, ClaimFact, Facts, ServingFact
from nemotron_operator.plan.lookups import list_lookups
from nemotron_operator.units import GIB
from tests.support.fixtures.deployments import DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import CATALOG, CONFIG, facts_when_cached, plan, plan_cached, refuse

SQL = {"name": "sql", "huggingFace": {"repository": "my-org/sql-lora"}}
CHAT = {"name": "chat", "s3": {"bucket": "models", "prefix": "loras/chat"}}
BESIDE = {"name": "beside", "path": "loras/beside"}

IMAGE = "registry.example.com/models/nemotron:1"
WITH_IMAGES = CONFIG.model_copy(update={"allowed_model_image_prefixes": ("registry.example.com/models/",)})


def adapted(*adapters: object) -> DeploymentBuilder:
    return a_deployment().having("model.adapters", list(adapters))


def live(*adapters: object) -> DeploymentBuilder:
    return adapted(*adapters).having("engine.lora.loading", "Live").with_api_key("keys", "api")


def an_adapter(commit: str = "a" * 40, rank: int = 16) -> CachedModel:
    return CachedModel("my-org/sql-lora", commit, 50_000_000, 2, "5d" * 32, "2026-11-24T08:00:00Z", adapter_rank=rank)


def facts_with_adapters(deployment: DeploymentBuilder, *, rank: int = 16) -> Facts:
    """Tell what is seen once the model and all of its adapters are there."""
    names = list_lookups(deployment.parsed, CATALOG).adapter_job_names
    cached = {name: an_adapter(str(index) * 40, rank) for index, name in enumerate(names)}
    return replace(facts_when_cached(deployment), cached_adapters=cached)


def test_without_adapters_there_is_nothing_to_hold() -> None:
    planned = plan_cached(a_deployment().having("engine.lora", {"maxRank": 64}))
    assert (None, (), None) == (planned.lora, planned.adapters, planned.adapter_list)
    assert planned.memory == plan_cached(a_deployment()).memory


def test_adapters_are_fetched_once_the_model_is_there() -> None:
    before, after = plan(adapted(SQL)), plan_cached(adapted(SQL))
    assert [False] == [adapter.is_due for adapter in before.adapters]
    assert [True] == [adapter.is_due for adapter in after.adapters]
    (adapter,) = after.adapters
    assert adapter.download is not None
    assert "my-org/sql-lora at main" == adapter.download.origin.label


def test_pods_wait_for_every_adapter() -> None:
    deployment = adapted(SQL, CHAT, BESIDE)
    facts = facts_with_adapters(deployment)
    (first, _) = facts.cached_adapters
    partly = replace(facts, cached_adapters={first: facts.cached_adapters[first]})
    assert not plan(deployment, partly).has_all_files
    whole = plan(deployment, facts)
    assert whole.has_all_files
    assert ["0" * 40, "1" * 40, "loras/beside"] == [adapter.path for adapter in whole.adapters]


def test_pods_that_load_live_wait_for_the_model_alone() -> None:
    assert plan_cached(live(SQL)).has_all_files
    assert not plan(live(SQL)).has_all_files


def test_the_record_of_an_adapter_outlasts_a_model_that_is_fetched_again() -> None:
    deployment = adapted(SQL)
    facts = replace(facts_with_adapters(deployment), cached_models={})
    assert [True] == [adapter.is_due for adapter in plan(deployment, facts).adapters]


def test_two_names_of_one_adapter_have_one_job() -> None:
    twice = adapted(SQL, {**SQL, "name": "tables"})
    assert 1 == len(list_lookups(twice.parsed, CATALOG).adapter_job_names)


def test_another_revision_or_volume_is_another_job() -> None:
    revised = {"name": "sql", "huggingFace": {"repository": "my-org/sql-lora", "revision": "v2"}}
    deployments = (adapted(SQL), adapted(revised), adapted(SQL).with_existing_claim("mine"))
    names = {list_lookups(each.parsed, CATALOG).adapter_job_names for each in deployments}
    assert 3 == len(names)


def test_where_an_adapter_lies_makes_other_inputs_and_how_it_came_does_not() -> None:
    deployment = adapted(SQL)
    mirrored = adapted({**SQL, "huggingFace": {**SQL["huggingFace"], "endpoint": "https://hub.example.com"}})  # type: ignore[dict-item]
    facts = facts_with_adapters(deployment)
    assert plan(deployment, facts).inputs == plan(mirrored, facts).inputs
    ((name, cached),) = facts.cached_adapters.items()
    moved = replace(facts, cached_adapters={name: replace(cached, commit="f" * 40)})
    assert plan(deployment, facts).inputs != plan(deployment, moved).inputs


def test_a_list_that_is_loaded_live_makes_no_other_inputs_and_the_sizes_do() -> None:
    assert plan_cached(live(SQL)).inputs == plan_cached(live(SQL, BESIDE)).inputs == plan_cached(live()).inputs
    larger = live(SQL).having("engine.lora.maxLoaded", 8)
    assert plan_cached(live(SQL)).inputs != plan_cached(larger).inputs


def test_the_pods_are_told_of_the_adapters_that_are_there_by_another_job_for_another_list() -> None:
    deployment = live(SQL, BESIDE)
    told = [plan_cached(deployment).adapter_list, plan(deployment, facts_with_adapters(deployment)).adapter_list]
    first, second = (each for each in told if each is not None)
    assert (("beside", "loras/beside"),) == first.adapters
    assert (("sql", "0" * 40), ("beside", "loras/beside")) == second.adapters
    assert first.job_name != second.job_name
    alone = plan_cached(live(BESIDE)).adapter_list
    assert alone is not None
    assert (("sql",), (), ()) == (first.kept, second.kept, alone.kept)
    assert first.job_name != alone.job_name
    assert plan_cached(live(BESIDE)).adapter_list == plan_cached(live(BESIDE).having("planPolicy", "Warn")).adapter_list


def test_the_pods_of_a_revision_are_told_when_no_others_are_there() -> None:
    deployment = live(BESIDE)
    facts = facts_when_cached(deployment)
    replaced = plan(deployment, facts).adapter_list
    assert replaced is not None
    assert not replaced.is_due("new")
    listed = plan(deployment, replace(facts, serving=ServingFact("new", 1, is_whole=False))).adapter_list
    assert listed is not None
    assert [True, False] == [listed.is_due("new"), listed.is_due("newer")]


def test_nobody_is_told_while_nothing_serves() -> None:
    assert plan(live(SQL)).adapter_list is None
    assert plan_cached(live(SQL).suspended()).adapter_list is None
    assert plan_cached(adapted(BESIDE)).adapter_list is None


def test_adapters_take_memory_of_the_kv_cache() -> None:
    """Of the 70B model on two GPUs: four of rank 16 take 1.1 GiB of each."""
    without, beside = plan_cached(a_deployment()).memory, plan_cached(adapted(BESIDE)).memory
    taken = beside.working.adapters.expected_bytes
    assert 1.0 < taken / GIB < 1.3
    assert without.kv_cache_bytes - taken == beside.kv_cache_bytes
    larger = plan_cached(adapted(BESIDE).having("engine.lora", {"maxRank": 32, "maxLoaded": 8})).memory
    assert 4 * taken == larger.working.adapters.expected_bytes


REFUSED = {
    "own name": (
        adapted({"name": "a", "path": "x"}).having("model.servedNames", ["a"]),
        "spec.model.adapters[0].name: 'a' is a name of the model itself (a)",
    ),
    "argument": (
        adapted(BESIDE).with_extra_args("--max_loras=8"),
        "spec.engine.extraArgs: '--max-loras' is set by spec.engine.lora.maxLoaded",
    ),
    "servers": (
        live(BESIDE).with_extra_args("--api-server-count=2"),
        "spec.engine.lora.loading: Live does not go with '--api-server-count'",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_adapters_cannot_be_is_refused(name: str) -> None:
    deployment, words = REFUSED[name]
    rejection = refuse(deployment, facts_when_cached(deployment))
    assert Reason.ADAPTER_NOT_ALLOWED == rejection.reason
    assert words in rejection.message


def test_weights_in_an_image_leave_no_place_for_a_download() -> None:
    deployment = adapted(BESIDE, SQL).with_weights_in_image(IMAGE)
    message = refuse(deployment, config=WITH_IMAGES).message
    assert "spec.model.adapters[1]: 'sql' is to be downloaded, and weights in an image" in message
    assert plan(adapted(BESIDE).with_weights_in_image(IMAGE), config=WITH_IMAGES).has_all_files


@pytest.mark.parametrize(
    ("mode", "words"), [("ReadOnlyMany", "can only be read"), ("ReadWriteOncePod", "excludes all others")]
)
def test_a_volume_that_no_job_can_write_to_is_refused_unless_the_adapters_lie_there(mode: str, words: str) -> None:
    def facts_of(deployment: DeploymentBuilder) -> Facts:
        facts = facts_when_cached(deployment)
        return replace(facts, claims={name: ClaimFact(82 * GIB, None, (mode,)) for name in facts.claims})

    provided = adapted(SQL).with_provided_weights("mine", "llama")
    rejection = refuse(provided, facts_of(provided))
    assert Reason.ADAPTER_NOT_ALLOWED == rejection.reason
    assert words in rejection.message
    assert "path" in rejection.message
    beside = adapted(BESIDE).with_provided_weights("mine", "llama")
    assert plan(beside, facts_of(beside)).has_all_files
    alive = live(BESIDE).with_provided_weights("mine", "llama")
    assert "Set loading: Restart" in refuse(alive, facts_of(alive)).message


def test_an_adapter_larger_than_the_engine_was_told_is_refused_with_what_would_do() -> None:
    deployment = adapted(SQL)
    message = refuse(deployment, facts_with_adapters(deployment, rank=24)).message
    assert "16 is less than the rank 24 of adapter 'sql'. Set maxRank: 32" in message
    larger = deployment.having("engine.lora.maxRank", 32)
    assert plan(larger, facts_with_adapters(larger, rank=24)).has_all_files
    assert "none of this rank" in refuse(deployment, facts_with_adapters(deployment, rank=1024)).message


def test_live_loading_without_a_guard_is_no_sound_resource() -> None:
    parsed = parse_deployment(adapted(SQL).having("engine.lora.loading", "Live").body)
    assert isinstance(parsed, InvalidDeployment)
    assert re.search("set apiKeySecretRef or networkPolicy", parsed.message)


def test_live_loading_behind_a_route_wants_a_key_whatever_the_network_lets_through() -> None:
    walled = adapted(SQL).having("engine.lora.loading", "Live").having("networkPolicy", {})
    routed = walled.having("route", {"gateways": [{"name": "inference"}]})
    parsed = parse_deployment(routed.body)
    assert isinstance(parsed, InvalidDeployment)
    assert "whoever reaches its Gateways: set apiKeySecretRef, or loading: Restart" in parsed.message
    for sound in (walled, routed.with_api_key("keys", "api"), routed.having("engine.lora.loading", "Restart")):
        assert not isinstance(parse_deployment(sound.body), InvalidDeployment)
