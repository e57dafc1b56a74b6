import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.api.crd import render_structural_schema
from nemotron_operator.api.spec import NemotronDeploymentSpec
from nemotron_operator.plan.arguments import (
    OPERATOR_ARGUMENTS,
    OPERATOR_VARIABLES,
    TYPED_ARGUMENTS,
    UNSAFE_ARGUMENTS,
    UNSAFE_VARIABLE_PREFIXES,
    UNSAFE_VARIABLES,
    explain_forbidden_argument,
    explain_forbidden_variable,
)
from nemotron_operator.render.engine import render_arguments, render_environment
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.plans import plan_cached
from tests.support.vllm_options import OPTIONS, complete

FORBIDDEN = sorted({*TYPED_ARGUMENTS, *OPERATOR_ARGUMENTS, *UNSAFE_ARGUMENTS})
LONG = [name for name in FORBIDDEN if name.startswith("--")]


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_forbidden_argument_is_known_to_vllm(name: str) -> None:
    assert name in OPTIONS


@pytest.mark.parametrize("name", FORBIDDEN)
@pytest.mark.parametrize("form", ["{}", "{}=1", "{} 1", "{}=a=b", "{}= "])
def test_a_forbidden_argument_is_refused_in_every_form(name: str, form: str) -> None:
    assert explain_forbidden_argument(form.format(name))


@pytest.mark.parametrize("name", LONG)
def test_underscores_and_parts_of_json_are_the_argument_too(name: str) -> None:
    assert explain_forbidden_argument("--" + name.removeprefix("--").replace("-", "_"))
    assert explain_forbidden_argument(f"{name}.key=1")
    assert explain_forbidden_argument(f"{name}.a.b")


@pytest.mark.parametrize(
    "argument",
    [
        *("--tensor-par=8", "--tensor_par", "--max-model", "--gpu-mem=0.5", "--api-k=secret", "--hf-tok=secret"),
        *("--no-trust-remote-code", "--no-trust", "--no_trust_remote_code", "--middlew=evil", "--override-gen={}"),
        *(
            "--worker-ext=evil",
            "--tool-parser-p=/x.py",
            "--allowed-loc=/",
            "--conf=/x.yaml",
            "--override_generation.a=1",
        ),
    ],
)
def test_a_beginning_stands_for_the_whole(argument: str) -> None:
    assert explain_forbidden_argument(argument)


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("--tensor-parallel-size=8", "is set by spec.parallelism.tensor: use that field"),
        ("-tp", "is a short form: write the argument in full, so that it can be checked"),
        ("--trust-remote-code", "is set by spec.model.trustRemoteCode: use that field"),
        ("--host=0.0.0.0", "is the operator's alone, as the rendered pod depends on it: remove it"),
        ("--quantization=fp8", "is the operator's alone, as the rendered pod depends on it: remove it"),
        ("--middleware=evil.Module", "loads code, opens files or shows a secret: it is not allowed here"),
        ("--hf-token=hf_x", "loads code, opens files or shows a secret: it is not allowed here"),
    ],
)
def test_a_refusal_says_which_field_to_use_or_why_not(argument: str, words: str) -> None:
    assert words == explain_forbidden_argument(argument)


def test_a_field_that_a_refusal_names_exists() -> None:
    for path in TYPED_ARGUMENTS.values():
        schema = render_structural_schema(NemotronDeploymentSpec)
        for name in path.split("."):
            schema = schema["properties"][name]


@pytest.mark.parametrize("argument", ["--x", "value", "", "1", "{}", "/models/x", "tensor-parallel-size", "-1", "-0.5"])
def test_what_is_no_argument_of_ours_is_allowed(argument: str) -> None:
    assert explain_forbidden_argument(argument) is None


def test_every_other_option_of_vllm_is_allowed() -> None:
    long = [option for option in OPTIONS if option.startswith("--")]
    others = [option for option in long if option not in FORBIDDEN and complete(option) not in FORBIDDEN]
    refused = {option for option in others if explain_forbidden_argument(option)}
    negations = {option for option in refused if "--" + option.removeprefix("--no-") in FORBIDDEN}
    assert set() == refused - negations


def test_an_option_that_begins_a_forbidden_one_is_allowed() -> None:
    assert explain_forbidden_argument("--reasoning-parser=deepseek_r1") is None
    assert explain_forbidden_argument("--reasoning-parser-plugin=/x.py")
    assert explain_forbidden_argument("--reasoning-parser-p=/x.py")


def list_beginnings() -> set[str]:
    """List every beginning that argparse completes to a forbidden argument."""
    beginnings = {name[:length] for name in LONG for length in range(3, len(name) + 1)}
    return {beginning for beginning in beginnings if complete(beginning) in FORBIDDEN}


def test_every_beginning_that_vllm_completes_is_refused() -> None:
    beginnings = list_beginnings()
    assert len(beginnings) > 100
    assert [] == [beginning for beginning in beginnings if explain_forbidden_argument(beginning) is None]


@pytest.mark.parametrize("argument", [option for option in OPTIONS if not option.startswith("--")])
@pytest.mark.parametrize("form", ["{}", "{}=2", "{}2", "{} 2"])
def test_every_short_form_is_refused_as_nobody_can_tell_what_it_stands_for(argument: str, form: str) -> None:
    assert explain_forbidden_argument(form.format(argument))


def test_what_the_operator_renders_is_refused_from_the_user() -> None:
    rendered = render_arguments(plan_cached(a_deployment().with_tensor(2)))
    options = [argument.split("=", 1)[0] for argument in rendered if argument.startswith("--")]
    assert [] == [option for option in options if explain_forbidden_argument(option) is None]


def list_rendered_variables() -> list[str]:
    deployment = a_deployment().with_api_key("keys", "api")
    return [variable["name"] for variable in render_environment(plan_cached(deployment))]


@pytest.mark.parametrize("name", list_rendered_variables())
def test_a_variable_that_the_operator_renders_is_refused_from_the_user(name: str) -> None:
    """Otherwise it would stand twice in the pod, which server-side apply refuses."""
    assert explain_forbidden_variable(name)


@pytest.mark.parametrize("name", [*sorted(OPERATOR_VARIABLES), *sorted(UNSAFE_VARIABLES)])
def test_a_variable_of_the_lists_is_refused(name: str) -> None:
    assert explain_forbidden_variable(name)


@given(st.sampled_from(UNSAFE_VARIABLE_PREFIXES), st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ_", max_size=20))
def test_a_family_of_unsafe_variables_is_refused(prefix: str, rest: str) -> None:
    assert explain_forbidden_variable(prefix + rest)


@pytest.mark.parametrize("name", ["VLLM_LOGGING_LEVEL", "NCCL_DEBUG", "OMP_NUM_THREADS", "MY_PATH", "LDAP", "CUDA_X"])
def test_other_variables_are_allowed(name: str) -> None:
    assert explain_forbidden_variable(name) is None
