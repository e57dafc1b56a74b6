from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.cluster import cache as cache_module
from nemotron_operator.cluster.cache import ObjectCache, deployment_of
from nemotron_operator.cluster.kinds import DEPLOYMENT, JOB, NEMOTRON, POD, ApiKind
from tests.support.fixtures.live_objects import a_live_object, child_labels


def a_pod(name: str = "a", version: int = 1, owner: str = "nemotron", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    return a_live_object("Pod", name, version, labels=child_labels(owner), **more)


@pytest.fixture
def cache() -> ObjectCache:
    return ObjectCache()


def test_what_is_reported_is_found(cache: ObjectCache) -> None:
    assert cache.upsert(POD, a_pod(version=5))
    assert a_pod(version=5) == cache.get(POD, "team", "a")
    assert cache.get(POD, "other", "a") is None
    assert cache.get(JOB, "team", "a") is None
    assert (1, 0) == (cache.count(POD), cache.count(JOB))


@pytest.mark.parametrize("version", [4, 5])
def test_an_old_or_repeated_report_is_no_news(cache: ObjectCache, version: int) -> None:
    cache.upsert(POD, a_pod(version=5, note="new"))
    assert not cache.upsert(POD, a_pod(version=version, note="old"))
    assert {"note": "new"}.items() <= (cache.get(POD, "team", "a") or {}).items()


def test_versions_are_numbers_and_not_texts(cache: ObjectCache) -> None:
    cache.upsert(POD, a_pod(version=9))
    assert cache.upsert(POD, a_pod(version=10))


def test_a_deleted_object_does_not_come_back_by_a_late_report(cache: ObjectCache) -> None:
    cache.upsert(POD, a_pod(version=5))
    assert cache.remove(POD, a_pod(version=8))
    assert not cache.upsert(POD, a_pod(version=7))
    assert cache.get(POD, "team", "a") is None


def test_an_object_that_is_made_anew_is_news(cache: ObjectCache) -> None:
    cache.upsert(POD, a_pod(version=5))
    cache.remove(POD, a_pod(version=8))
    assert cache.upsert(POD, a_pod(version=9))


def test_a_late_deletion_does_not_take_the_successor(cache: ObjectCache) -> None:
    successor = a_pod(version=9)
    successor["metadata"]["uid"] = "another"
    cache.upsert(POD, successor)
    assert not cache.remove(POD, a_pod(version=8))
    assert successor == cache.get(POD, "team", "a")


def test_a_deletion_of_what_was_never_seen_is_remembered_but_no_news(cache: ObjectCache) -> None:
    assert not cache.remove(POD, a_pod(version=8))
    assert not cache.upsert(POD, a_pod(version=7))


def test_only_so_many_deletions_are_remembered(cache: ObjectCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "TOMBSTONES", 2)
    for name in "abc":
        cache.remove(POD, a_pod(name, version=8))
    assert cache.upsert(POD, a_pod("a", version=7))
    assert not cache.upsert(POD, a_pod("b", version=7))
    assert not cache.upsert(POD, a_pod("c", version=7))


def test_children_are_listed_by_name_and_by_owner(cache: ObjectCache) -> None:
    for pod in (a_pod("b"), a_pod("a"), a_pod("c", owner="other"), a_pod("d", namespace="other")):
        cache.upsert(POD, pod)
    cache.upsert(JOB, a_live_object("Job", "e", labels=child_labels()))
    assert ["a", "b"] == [pod["metadata"]["name"] for pod in cache.list_children(POD, "team", "nemotron")]
    assert [] == cache.list_children(DEPLOYMENT, "team", "nemotron")


def test_a_child_that_changes_its_owner_is_listed_there(cache: ObjectCache) -> None:
    cache.upsert(POD, a_pod(version=1))
    cache.upsert(POD, a_pod(version=2, owner="other"))
    assert [] == cache.list_children(POD, "team", "nemotron")
    assert ["a"] == [pod["metadata"]["name"] for pod in cache.list_children(POD, "team", "other")]


def test_a_removed_child_is_not_listed(cache: ObjectCache) -> None:
    cache.upsert(POD, a_pod())
    cache.remove(POD, a_pod(version=2))
    assert [] == cache.list_children(POD, "team", "nemotron")


def test_a_complete_list_takes_the_place_of_what_was_known(cache: ObjectCache) -> None:
    for pod in (a_pod("gone", 1), a_pod("same", 2), a_pod("old", 3)):
        cache.upsert(POD, pod)
    changed = cache.replace_all(POD, [a_pod("same", 2), a_pod("old", 9), a_pod("new", 8)], "10")
    assert {"gone", "old", "new"} == {pod["metadata"]["name"] for pod in changed}
    assert {"same", "old", "new"} == {pod["metadata"]["name"] for pod in cache.list_children(POD, "team", "nemotron")}


def test_what_was_made_after_the_list_is_no_ghost(cache: ObjectCache) -> None:
    cache.upsert(POD, a_pod("young", 11))
    assert [] == cache.replace_all(POD, [], "10")
    assert cache.get(POD, "team", "young") is not None


def test_a_list_of_one_namespace_says_nothing_of_the_others(cache: ObjectCache) -> None:
    cache.upsert(POD, a_pod("a", namespace="other"))
    assert [] == cache.replace_all(POD, [], "10", "team")
    assert 1 == cache.count(POD)


def test_a_ghost_does_not_come_back_by_its_last_report(cache: ObjectCache) -> None:
    cache.upsert(POD, a_pod("gone", 5))
    cache.replace_all(POD, [], "10")
    assert not cache.upsert(POD, a_pod("gone", 5))


def test_a_ghost_does_not_come_back_by_a_report_older_than_the_list(cache: ObjectCache) -> None:
    cache.upsert(POD, a_pod("gone", 5))
    cache.replace_all(POD, [], "10")
    assert not cache.upsert(POD, a_pod("gone", 7))


def test_resources_are_listed_by_namespace(cache: ObjectCache) -> None:
    for namespace in ("team", "other"):
        cache.upsert(NEMOTRON, a_live_object("NemotronDeployment", "a", namespace=namespace))
    assert [("team", "a"), ("other", "a")] == cache.list_deployment_keys()
    assert [("team", "a")] == cache.list_deployment_keys("team")


def test_the_history_of_field_owners_is_dropped_but_for_who_how_and_when(cache: ObjectCache) -> None:
    reported = a_pod()
    reported["metadata"]["managedFields"] = [
        {"manager": "m", "operation": "Update", "subresource": "status", "fieldsV1": {"f:spec": {}}, "time": "now"}
    ]
    cache.upsert(POD, reported)
    kept = cache.get(POD, "team", "a")
    assert kept is not None
    who = {"manager": "m", "operation": "Update", "subresource": "status", "time": "now"}
    assert [who] == kept["metadata"]["managedFields"]


@pytest.mark.parametrize("labels", [None, {}, {"app": "x"}])
def test_what_carries_no_label_of_ours_belongs_to_nobody(labels: dict[str, str] | None) -> None:
    body = a_live_object("Pod", "a")
    body["metadata"]["labels"] = labels
    assert deployment_of(body) is None


reports = st.lists(
    st.tuples(st.sampled_from(["upsert", "remove"]), st.sampled_from("ab"), st.integers(min_value=1, max_value=6)),
    max_size=12,
)


@given(reports)
def test_in_whatever_order_reports_arrive_the_newest_wins(steps: list[tuple[str, str, int]]) -> None:
    cache = ObjectCache()
    newest: dict[str, tuple[int, bool]] = {}
    for verb, name, version in steps:
        pod = a_pod(name, version)
        if verb == "upsert":
            cache.upsert(POD, pod)
        else:
            cache.remove(POD, pod)
        known = newest.get(name, (0, False))
        if verb == "remove" or version > known[0]:
            newest[name] = (max(version, known[0]) if verb == "upsert" else version, verb == "upsert")
        listed = [child["metadata"]["name"] for child in cache.list_children(POD, "team", "nemotron")]
        assert sorted(listed) == listed
        assert cache.count(POD) == len(listed)
    for name in "ab":
        live = cache.get(POD, "team", name)
        assert (live is not None) == (
            name in [c["metadata"]["name"] for c in cache.list_children(POD, "team", "nemotron")]
        )


@pytest.mark.parametrize("kind", [POD, DEPLOYMENT])
def test_the_text_of_a_program_is_kept_once_for_all(cache: ObjectCache, kind: ApiKind) -> None:
    for name in ("a", "b"):
        text = b"print(1)".decode()  # another object each time, as each report brings
        pod = {"initContainers": [{"name": "probe", "command": ["python3", "-c", text]}, {"name": "other"}]}
        spec = pod if kind is POD else {"template": {"spec": pod}}
        cache.upsert(kind, a_live_object(kind.name, name, 1, labels=child_labels("nemotron"), spec=spec))
    first, second = (_program_of(cache.get(kind, "team", name) or {}) for name in ("a", "b"))
    assert first == "print(1)"
    assert first is second


def _program_of(live: dict[str, Any]) -> str:
    spec = live["spec"]
    program: str = spec.get("template", {"spec": spec})["spec"]["initContainers"][0]["command"][-1]
    return program
