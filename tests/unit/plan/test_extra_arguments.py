import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.api.conditions import Reason
from nemotron_operator.catalog.engine_options import EngineOptions, load_engine_options
from nemotron_operator.plan.arguments import UNSAFE_KEYS, explain_forbidden_argument
from nemotron_operator.plan.extra_arguments import ArgumentRefusal, find_refused_argument, list_names
from tests.support.extra_arguments import ACCEPTED, ONLY_THE_OPERATOR_REFUSES, REFUSED
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.plans import plan, refuse
from tests.support.fixtures.specs import texts
from tests.support.vllm_options import ENGINE_OPTIONS, OPTIONS, write_out

VERSIONS = list(load_engine_options().values())
LONG = [name for name in OPTIONS if name.startswith("--")]


def is_allowed(name: str, options: EngineOptions) -> bool:
    """Tell whether no rule forbids any of an option's names."""
    names = options.by_name[name].names
    return not any(explain_forbidden_argument(known) for known in names if known.startswith("--"))


ALLOWED = [name for name in LONG if is_allowed(name, ENGINE_OPTIONS)]


@st.composite
def typos(draw: st.DrawFn) -> str:
    """Draw a name with one letter left out, doubled, changed, or swapped with the next."""
    name = draw(st.sampled_from(LONG))
    place = draw(st.integers(min_value=2, max_value=len(name) - 2))
    letter = draw(st.sampled_from(string.ascii_lowercase))
    return draw(
        st.sampled_from(
            [
                name[:place] + name[place + 1 :],
                name[:place] + name[place] + name[place:],
                name[:place] + letter + name[place + 1 :],
                name[:place] + name[place + 1] + name[place] + name[place + 2 :],
            ]
        )
    )


@pytest.mark.parametrize("options", VERSIONS, ids=lambda options: options.version)
def test_every_option_that_no_rule_forbids_is_accepted(options: EngineOptions) -> None:
    allowed = [name for name in options.by_name if name.startswith("--") and is_allowed(name, options)]
    refused = {name: find_refused_argument(write_out(name, options.by_name[name]), options) for name in allowed}
    assert len(allowed) > 300
    assert {} == {name: refusal for name, refusal in refused.items() if refusal}


@given(st.lists(st.sampled_from(ALLOWED), max_size=5))
def test_options_are_accepted_in_any_order(names: list[str]) -> None:
    written = [item for name in names for item in write_out(name, ENGINE_OPTIONS.by_name[name])]
    assert find_refused_argument(written, ENGINE_OPTIONS) is None


@given(st.lists(st.sampled_from(ALLOWED), max_size=5))
def test_a_value_may_be_an_item_of_its_own(names: list[str]) -> None:
    written = [
        part for name in names for item in write_out(name, ENGINE_OPTIONS.by_name[name]) for part in item.split("=", 1)
    ]
    assert find_refused_argument(written, ENGINE_OPTIONS) is None


@pytest.mark.parametrize(
    ("argument", "why"),
    [
        ("--tokenizer=s3://b/t", "would be fetched past the cache"),
        ('--speculative-config={"model": "GS://b/draft"}', "would be fetched past the cache"),
        ("--speculative-config.model=az://b/draft", "would be fetched past the cache"),
        ('--speculative-config={"method": "ngram", "trust_remote_code": true}', "loads code"),
        ("--kv-transfer-config.kv_connector_module_path=evil", "loads code"),
        ("--spec-method=custom_class", "loads code"),
        ("--tensor-parallel-size=2", "is set by spec.parallelism.tensor"),
    ],
)
def test_what_is_unsafe_is_refused_of_a_version_that_nobody_knows_too(argument: str, why: str) -> None:
    for written in ([argument], argument.split("=", 1)):
        refusal = find_refused_argument(["--new-option", "1", *written], None)
        assert refusal is not None
        assert why in refusal.message


@pytest.mark.parametrize("argument", ["--profiler-config.torch_profiler_dir=gs://b/t", "--new-option=a", "--seed=1"])
def test_what_is_not_unsafe_is_left_to_a_version_that_nobody_knows(argument: str) -> None:
    assert find_refused_argument([argument], None) is None


@given(typos())
def test_a_typo_is_refused_or_is_another_option(typo: str) -> None:
    refusal = find_refused_argument([typo], ENGINE_OPTIONS)
    assert refusal is not None or typo in OPTIONS


@given(typos().filter(lambda typo: typo not in OPTIONS and explain_forbidden_argument(typo) is None))
def test_a_typo_is_told_with_a_name_that_there_is(typo: str) -> None:
    refusal = find_refused_argument(["--seed", "1", typo], ENGINE_OPTIONS)
    assert refusal is not None
    assert 2 == refusal.index
    assert refusal.message.startswith(f"vLLM {ENGINE_OPTIONS.version} has no argument {typo}; did you mean --")
    assert refusal.message.partition("did you mean ")[2].partition("?")[0] in OPTIONS


@given(st.lists(st.one_of(texts.filter(bool), st.sampled_from(OPTIONS), typos())))
def test_any_list_is_accepted_or_one_of_its_items_is_named(arguments: list[str]) -> None:
    refusal = find_refused_argument(arguments, ENGINE_OPTIONS)
    assert refusal is None or (0 <= refusal.index < len(arguments) and refusal.message.endswith((".", "?")))


@pytest.mark.parametrize("arguments", ACCEPTED, ids=" ".join)
def test_what_vllm_takes_is_accepted(arguments: tuple[str, ...]) -> None:
    assert find_refused_argument(arguments, ENGINE_OPTIONS) is None


@pytest.mark.parametrize(("arguments", "index", "message"), [*REFUSED, *ONLY_THE_OPERATOR_REFUSES])
def test_what_does_not_do_is_refused_with_the_way_out(arguments: tuple[str, ...], index: int, message: str) -> None:
    assert ArgumentRefusal(index, message) == find_refused_argument(arguments, ENGINE_OPTIONS)


@pytest.mark.parametrize("key", sorted(UNSAFE_KEYS))
@pytest.mark.parametrize("form", ['{{"{}": "x"}}', '{{"a": {{"{}": 1}}}}', '{{"a": [{{"{}": null}}]}}'])
def test_a_key_that_loads_code_is_found_wherever_it_hides(key: str, form: str) -> None:
    refusal = find_refused_argument([f"--additional-config={form.format(key)}"], ENGINE_OPTIONS)
    assert refusal is not None
    assert "loads code" in refusal.message


@pytest.mark.parametrize("arguments", [["--of-tomorrow=1"], ["value"], ["--seed", "one"]])
def test_of_a_version_that_is_not_known_only_the_rules_hold(arguments: list[str]) -> None:
    assert find_refused_argument(arguments, None) is None
    refusal = find_refused_argument([*arguments, "--middleware=x"], None)
    assert refusal is not None
    assert len(arguments) == refusal.index


def test_the_options_follow_the_version_of_the_image() -> None:
    renamed = a_deployment().with_extra_args("--disable-prefix-caching")
    older = renamed.having("engine.image", "vllm/vllm-openai:v0.32.0")
    assert (
        "spec.engine.extraArgs[0]: vLLM 0.32.0 has no argument --disable-prefix-caching; did you mean "
        "--no-enable-prefix-caching?" == refuse(older).message
    )
    assert Reason.ARGUMENT_NOT_ALLOWED == refuse(older).reason
    plan(renamed)
    plan(renamed.having("engine.image", "vllm/vllm-openai:nightly"))


def test_the_names_of_a_list_are_those_that_vllm_reads() -> None:
    arguments = ["--a_b=1", "--c", "value", "--d.e", "2", "-1", "--no-f"]
    assert ["--a-b", "--c", "--d", "--no-f"] == list_names(arguments)
