"""The chart's ValidatingAdmissionPolicies as they are rendered; what they refuse is the cluster tier's to see."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.gitops.judges import Judges
from tests.policy.admission import AdmissionPolicy, Review
from tests.policy.rendered import ROOT, Body
from tests.support.helm import CHART, Helm, HelmError, read_objects
from tests.support.policies import BROKEN, GPU_CHANGES, HUB, KEPT, RULES, SECRETS, from_hub, render_policies

SPEC = ("ValidatingAdmissionPolicy", "rules-spec")

LARGEST_NUMBER_OF_SECRETS = 108
"""As `_policies.tpl` has it."""

CRD = ROOT / "crds" / "nemotron.dev_nemotrondeployments.yaml"


MODEL: Body = {"name": "nvidia/x"}

DEFAULTS: Body = {"replicas": 1, "suspend": False, "planPolicy": "Enforce"}
"""As the definition has them."""

HUB_CONFIG = {"hubEndpoint": f"{HUB}/"}


def render(helm: Helm, **policies: Any) -> dict[tuple[str, str], Body]:  # noqa: ANN401 - values of any type
    """Render policies under the name `rules`."""
    return read_objects(render_policies(helm, "rules", **policies))


def fill(spec: Body) -> Body:
    """Give a spec a model, and the defaults of the definition."""
    return {"model": MODEL, **DEFAULTS, **spec}


def merge(before: Body, patch: Body) -> Body:
    """Patch a spec as a merge patch does."""
    merged = {**before}
    for field, value in patch.items():
        nested = isinstance(value, dict) and isinstance(before.get(field), dict)
        merged[field] = merge(before[field], value) if nested else value
    return {field: value for field, value in merged.items() if value is not None}


def test_without_a_word_there_is_no_policy(helms: dict[str, Helm]) -> None:
    assert [] == [kind for kind, _ in read_objects(helms["helm"].render()) if "Admission" in kind]


@pytest.mark.parametrize("rules", [RULES, *({rule: value} for rule, value in RULES.items())], ids=str)
def test_both_helms_render_the_same_policies(rules: dict[str, Any], helms: dict[str, Helm]) -> None:
    assert render(helms["helm"], **rules) == render(helms["helm3"], **rules)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_that_is_not_set_leaves_nothing_behind(rule: str, helms: dict[str, Helm]) -> None:
    def count(**rules: object) -> int:
        policies = [body for (kind, _), body in render(helms["helm"], **rules).items() if not kind.endswith("Binding")]
        return sum(len(policy["spec"]["validations"]) for policy in policies)

    others = {name: value for name, value in RULES.items() if name != rule}

    # The endpoints are looked at for the sake of the organisations too.
    assert (count(**others) == count(**RULES)) == (rule == "allowedEndpoints")
    assert count(**{rule: RULES[rule]}) > 0


def test_policies_without_a_rule_are_refused(helms: dict[str, Helm]) -> None:
    with pytest.raises(HelmError) as error:
        render(helms["helm"])

    assert "policies.enabled is true, and no rule is set. Set one" in str(error.value)


def test_only_another_spec_is_looked_at(helms: dict[str, Helm]) -> None:
    policy = render(helms["helm"], **RULES)[SPEC]["spec"]

    assert [["nemotrondeployments"]] == [rule["resources"] for rule in policy["matchConstraints"]["resourceRules"]]
    assert ["request.operation == 'CREATE' || object.spec != oldObject.spec"] == [
        condition["expression"] for condition in policy["matchConditions"]
    ]


def test_the_rules_hold_where_the_operator_serves(helms: dict[str, Helm]) -> None:
    values = {"watchNamespaces": ["a", "b"], "policies": {"enabled": True, "requireDigests": True}}
    text = helms["helm"].run("template", "rules", str(CHART), "--show-only=templates/policies.yaml", values=values)
    binding = read_objects(text)["ValidatingAdmissionPolicyBinding", "rules-spec"]

    expected = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["a", "b"]}
    assert {"matchExpressions": [expected]} == binding["spec"]["matchResources"]["namespaceSelector"]


@pytest.mark.parametrize("action", ["Deny", "Warn", "Audit"])
def test_the_action_is_that_of_every_binding(action: str, helms: dict[str, Helm]) -> None:
    rendered = render(helms["helm"], action=action, **RULES)

    bindings = [body for (kind, _), body in rendered.items() if kind == "ValidatingAdmissionPolicyBinding"]
    assert [[action]] * 2 == [binding["spec"]["validationActions"] for binding in bindings]


def test_gpus_of_other_names_count_too(helms: dict[str, Helm]) -> None:
    values = {
        "policies": {"enabled": True, "maxGpusPerResource": 8},
        "config": {
            "accelerators": {
                "MIG": {
                    "resourceName": "nvidia.com/mig-3g.40gb",
                    "nodeLabels": {"mig": ["3g"]},
                    "usableMemoryMib": 40000,
                }
            }
        },
    }
    text = helms["helm"].run("template", "rules", str(CHART), "--show-only=templates/policies.yaml", values=values)

    (counted,) = (
        variable["expression"]
        for variable in read_objects(text)["ValidatingAdmissionPolicy", "rules-gpus"]["spec"]["variables"]
        if variable["name"] == "gpusPerReplica"
    )
    assert '["nvidia.com/gpu","nvidia.com/mig-3g.40gb"]' in counted


def read_definition() -> Body:
    """Read the schema of the spec."""
    schema: Body = yaml.safe_load(CRD.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema["properties"]["spec"]  # type: ignore[no-any-return]


def list_secret_fields(schema: Body, path: str, most: int = 1) -> Iterator[tuple[str, int]]:
    """Give every field whose name says that it names a Secret, and how many of it there may be."""
    for name, field in schema.get("properties", {}).items():
        here = f"{path}.{name}"
        if "secret" in name.lower():
            yield here, most * field.get("maxItems", 1)
        elif field.get("type") == "array":
            yield from list_secret_fields(field["items"], f"{here}[]", most * field.get("maxItems", 1))
        else:
            yield from list_secret_fields(field, here, most)


def test_every_field_that_names_a_secret_is_looked_at(helms: dict[str, Helm]) -> None:
    fields = [field for field, _ in list_secret_fields(read_definition(), "spec")]
    (references,) = (
        variable["expression"]
        for variable in render(helms["helm"], **RULES)[SPEC]["spec"]["variables"]
        if variable["name"] == "references"
    )

    assert sorted(SECRETS) == sorted(fields)
    assert [] == [field for field in fields if f"'{field}/" not in references]


def test_as_many_secrets_are_looked_at_as_a_resource_may_name(helms: dict[str, Helm]) -> None:
    # Each of the 32 adapters has one source, which is a hub or an object store.
    most = sum(most for _, most in list_secret_fields(read_definition(), "spec")) - 32
    assert most <= LARGEST_NUMBER_OF_SECRETS
    (secrets,) = (
        variable["expression"]
        for variable in render(helms["helm"], **RULES)[SPEC]["spec"]["variables"]
        if variable["name"] == "secrets"
    )
    assert f",{LARGEST_NUMBER_OF_SECRETS - 1}]" in secrets


WITHOUT_AUTHORIZER = {rule: value for rule, value in RULES.items() if rule != "requireSecretAccess"}
"""The rules that ask nobody."""


def read_policy(judges: Judges, helms: dict[str, Helm], **policies: Any) -> AdmissionPolicy:  # noqa: ANN401
    """Render the policy of the spec."""
    return AdmissionPolicy(judges, render(helms["helm"], **policies)[SPEC]["spec"])


@pytest.mark.parametrize("rule", WITHOUT_AUTHORIZER)
def test_each_rule_refuses_what_breaks_it_and_nothing_else(rule: str, helms: dict[str, Helm], judges: Judges) -> None:
    policy = read_policy(judges, helms, **{rule: RULES[rule]})

    told = policy.list_broken_rules(*(Review(fill(case.spec)) for case in BROKEN))

    assert [rule in case.rules for case in BROKEN] == [bool(words) for words in told]


def test_what_keeps_every_rule_is_admitted(helms: dict[str, Helm], judges: Judges) -> None:
    told = read_policy(judges, helms, **WITHOUT_AUTHORIZER).list_broken_rules(*(Review(fill(spec)) for spec in KEPT))

    assert [] == [(spec, words) for spec, words in zip(KEPT, told, strict=True) if words]


def test_no_change_takes_gpus_past_the_limit(helms: dict[str, Helm], judges: Judges) -> None:
    there_before = [fill(change.before) for change in GPU_CHANGES]
    reviews = [Review(merge(old, change.patch), old) for old, change in zip(there_before, GPU_CHANGES, strict=True)]

    told = read_policy(judges, helms, maxGpusPerResource=8).list_broken_rules(*reviews)

    assert [bool(change.words) for change in GPU_CHANGES] == [bool(words) for words in told]
    # Numbers are computed.
    said = [change.words.lstrip("0123456789") for change in GPU_CHANGES]
    assert [] == [(text, words) for text, words in zip(said, told, strict=True) if text not in "".join(words)]


CLAIM: Body = {"cache": {"existingClaim": "theirs"}}


@pytest.mark.parametrize(
    ("before", "spec", "admitted"),
    [
        (CLAIM, {**CLAIM, "replicas": 2}, True),
        (CLAIM, {}, True),
        (CLAIM, {"cache": {"existingClaim": "another"}}, False),
        ({}, CLAIM, False),
        # Another name for what is on it.
        (CLAIM, {**CLAIM, "model": {"name": "nvidia/y"}}, False),
    ],
)
def test_a_claim_that_was_there_before_may_stay_under_the_same_model(
    before: Body,
    spec: Body,
    admitted: bool,  # noqa: FBT001
    helms: dict[str, Helm],
    judges: Judges,
) -> None:
    policy = read_policy(judges, helms, allowedSources=["huggingFace"])

    (told,) = policy.list_broken_rules(Review(fill(spec), fill(before)))

    assert admitted == (not told)


def test_a_claim_is_a_source_like_any_other_that_is_allowed(helms: dict[str, Helm], judges: Judges) -> None:
    policy = read_policy(judges, helms, allowedSources=["huggingFace", "persistentVolumeClaim"])

    assert [[]] == policy.list_broken_rules(Review(fill(CLAIM)))


def test_the_hub_that_one_gets_by_naming_none_may_be_named(helms: dict[str, Helm], judges: Judges) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    program = [sys.executable, "-c", "from huggingface_hub.constants import ENDPOINT; print(ENDPOINT)"]
    hub = subprocess.run(program, env=environment, capture_output=True, text=True, check=True).stdout.strip()
    specs = [from_hub(endpoint=hub), from_hub(endpoint=f"{hub}/"), from_hub(endpoint=f"{hub}.evil.example.com")]
    for rule, value in (("allowedEndpoints", [HUB]), ("allowedModelOrganizations", ["nvidia"])):
        for config, expected in (({}, [True, True, False]), (HUB_CONFIG, [False, False, False])):
            policy = read_policy(judges, helms, config=config, **{rule: value})
            told = policy.list_broken_rules(*(Review(fill(spec)) for spec in specs))
            assert expected == [not words for words in told]


@pytest.mark.parametrize("rule", ["allowedEndpoints", "allowedModelOrganizations"])
@pytest.mark.parametrize("config", [{}, HUB_CONFIG], ids=["public-hub", "own-hub"])
def test_the_hub_of_the_operator_s_configuration_may_be_named(
    rule: str, config: dict[str, str], helms: dict[str, Helm], judges: Judges
) -> None:
    values = {"allowedEndpoints": ["https://other.example.com"], "allowedModelOrganizations": ["nvidia"]}
    policy = read_policy(judges, helms, config=config, **{rule: values[rule]})
    endpoints = (HUB, f"{HUB}/", f"{HUB}.evil.example.com")
    specs = [from_hub(endpoint=endpoint) for endpoint in endpoints]

    told = policy.list_broken_rules(*(Review(fill(spec)) for spec in specs))

    assert [bool(config), bool(config), False] == [not words for words in told]


def test_a_hub_in_the_configuration_alone_makes_no_rule(helms: dict[str, Helm]) -> None:
    rules = {"maxGpusPerResource": 8}
    assert render(helms["helm"], **rules) == render(helms["helm"], config=HUB_CONFIG, **rules)
