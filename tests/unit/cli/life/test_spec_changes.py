import pytest

from nemotron_operator.cli.life.spec_changes import Spec, list_changes, make_merge_patch
from tests.support.memory_gateway import merge


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "a.b: 1 -> 2"),
        ({"a": "x"}, {}, "a: not set (was x)"),
        ({}, {"a": ["--x"]}, 'a: ["--x"] (was not set)'),
        ({"a": {"b": 1}}, {"a": 1}, 'a: {"b": 1} -> 1'),
        ({}, {"a": {"b": 1}}, "a.b: 1 (was not set)"),
        ({}, {"a": "x" * 61}, f"a: {'x' * 60}... (was not set)"),
        ({"a": True}, {"a": False}, "a: true -> false"),
    ],
)
def test_a_change_is_told_in_a_few_words(before: Spec, after: Spec, words: str) -> None:
    assert [words] == [change.describe() for change in list_changes(before, after)]


@pytest.mark.parametrize(
    "after",
    [
        {"replicas": 3},
        {"autoscaling": {"maxReplicas": 2}},
        {"suspend": True},
        {"rollout": {"strategy": "Surge"}},
        {"cache": {"size": "1Gi"}},
    ],
)
def test_what_no_revision_is_about_is_no_change(after: Spec) -> None:
    assert () == list_changes({}, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"b": 3}, "e": {"f": {}}}),
        ({"a": 1}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": {}}),
        ({"a": 1}, {"a": 1}),
        ({}, {"a": {"b": {"c": 1}}}),
    ],
)
def test_a_merge_patch_brings_one_spec_to_another(before: Spec, after: Spec) -> None:
    assert after == merge(before, make_merge_patch(before, after))


def test_equal_specs_need_no_patch() -> None:
    assert {} == make_merge_patch({"a": {"b": 1}}, {"a": {"b": 1}})
