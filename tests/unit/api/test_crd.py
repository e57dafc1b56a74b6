"""The definition is API: what the API server and its clients rely on is checked field by field."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from nemotron_operator.api.conditions import ConditionType
from nemotron_operator.api.crd import render_crd
from nemotron_operator.api.v1alpha1 import MAX_NAME_LENGTH
from nemotron_operator.config import load_config
from nemotron_operator.plan.node_pool import NodeGpus
from nemotron_operator.rollout.capacity import describe_room
from nemotron_operator.yaml_text import dump_yaml
from tests.support.kubernetes_rules import walk

COMMITTED = Path(__file__).parents[3] / "crds" / "nemotron.dev_nemotrondeployments.yaml"
CRD = render_crd()
(VERSION,) = CRD["spec"]["versions"]
ROOT: dict[str, Any] = VERSION["schema"]["openAPIV3Schema"]

Schema = dict[str, Any]

STRUCTURAL_KEYWORDS = {
    "type",
    "description",
    "default",
    "enum",
    "format",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
    "required",
    "properties",
    "items",
    "additionalProperties",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
    "x-kubernetes-int-or-string",
}

TYPES = {"object", "array", "string", "integer", "boolean"}

INT_OR_STRING = "integer or string"
"""What a field is that has no type, since it takes both."""


def type_of(schema: Schema) -> str:
    """Tell the type; both at once is said by an extension in its place."""
    has_both = schema.get("x-kubernetes-int-or-string", False)
    assert has_both == ("type" not in schema)
    return INT_OR_STRING if has_both else str(schema["type"])


def list_schemas(schema: Schema, path: str) -> list[tuple[str, Schema]]:
    """List a schema and all schemas below it by their paths."""
    below = [(f"{path}.{name}", field) for name, field in schema.get("properties", {}).items()]
    if "items" in schema:
        below.append((f"{path}[]", schema["items"]))
    if isinstance(schema.get("additionalProperties"), dict):
        below.append((f"{path}{{}}", schema["additionalProperties"]))
    return [(path, schema), *(found for name, field in below for found in list_schemas(field, name))]


def list_fields(schema: Schema, path: str) -> list[tuple[str, Schema, bool]]:
    """List every named field below a schema: path, schema, whether it is required."""
    fields = []
    for parent_path, parent in list_schemas(schema, path):
        required = parent.get("required", [])
        fields += [(f"{parent_path}.{n}", field, n in required) for n, field in parent.get("properties", {}).items()]
    return fields


SPEC = list_schemas(ROOT["properties"]["spec"], "spec")
STATUS = list_schemas(ROOT["properties"]["status"], "status")
SPEC_FIELDS = list_fields(ROOT["properties"]["spec"], "spec")
STATUS_FIELDS = list_fields(ROOT["properties"]["status"], "status")


def test_the_committed_file_is_the_generated_one() -> None:
    header, _, committed = COMMITTED.read_text().partition("\n")
    assert header.startswith("# Generated from ")
    assert dump_yaml(CRD) == committed, "run `make generate`"


def test_the_committed_file_says_what_was_rendered() -> None:
    assert CRD == yaml.safe_load(COMMITTED.read_text())


def test_the_file_stays_small_enough_for_client_side_apply() -> None:
    assert COMMITTED.stat().st_size < 150_000


def test_it_is_structural() -> None:
    for path, schema in list_schemas(ROOT, "root"):
        assert not set(schema) - STRUCTURAL_KEYWORDS, path
        assert type_of(schema) in {*TYPES, INT_OR_STRING}, path


@pytest.mark.parametrize("keyword", ["$ref", "$defs", "anyOf", "oneOf", "allOf", "title", "const", "nullable"])
def test_it_has_none_of_what_pydantic_writes_and_the_api_server_does_not_take(keyword: str) -> None:
    assert [] == [path for path, schema in list_schemas(ROOT, "root") if keyword in schema]


def test_it_has_no_nulls() -> None:
    assert [] == [path for path, value in walk(CRD) if value is None]


def test_no_number_is_a_float() -> None:
    assert [] == [path for path, schema in list_schemas(ROOT, "root") if type_of(schema) == "number"]
    assert [] == [path for path, value in walk(CRD) if isinstance(value, float)]


def test_a_context_is_a_number_within_bounds_or_one_word() -> None:
    """Bounds hold for numbers only, pattern and length for text only: no rule has to tell them apart."""
    (context,) = [field for path, field, _ in SPEC_FIELDS if path == "spec.engine.maxModelLen"]
    assert (256, 10_000_000, "^auto$", 4) == tuple(
        context[key] for key in ("minimum", "maximum", "pattern", "maxLength")
    )
    assert INT_OR_STRING == type_of(context)


def test_no_field_is_called_phase() -> None:
    assert [] == [path for path, _, _ in SPEC_FIELDS + STATUS_FIELDS if path.endswith(".phase")]


def test_every_list_says_how_it_merges_and_how_long_it_gets() -> None:
    for path, schema in SPEC + STATUS:
        if type_of(schema) == "array":
            assert schema["x-kubernetes-list-type"] in {"atomic", "set", "map"}, path
            assert schema["maxItems"] > 0, path
            if schema["x-kubernetes-list-type"] == "map":
                item = schema["items"]
                assert set(schema["x-kubernetes-list-map-keys"]) <= set(item["required"]), path


def test_every_map_is_bounded() -> None:
    for path, schema in SPEC + STATUS:
        if "additionalProperties" in schema:
            assert schema["maxProperties"] > 0, path


def test_every_text_of_the_spec_is_bounded() -> None:
    for path, schema in SPEC:
        if type_of(schema) in {"string", INT_OR_STRING}:
            assert {"maxLength", "enum", "format"} & set(schema), path


def test_every_pattern_is_anchored() -> None:
    for path, schema in SPEC + STATUS:
        if "pattern" in schema:
            assert schema["pattern"].startswith("^"), path
            assert schema["pattern"].endswith("$"), path


def test_every_number_of_the_spec_is_bounded() -> None:
    for path, schema in SPEC:
        if type_of(schema) in {"integer", INT_OR_STRING} and "enum" not in schema:
            assert "minimum" in schema, path
            assert "maximum" in schema, path


@pytest.mark.parametrize(("path", "schema"), [(path, schema) for path, schema, _ in SPEC_FIELDS + STATUS_FIELDS])
def test_every_field_is_described_by_a_sentence(path: str, schema: Schema) -> None:
    description = schema.get("description", "")
    assert len(description.split()) >= 3, path
    assert description[0].isupper() or description.startswith(("`", "vLLM")), path
    assert description.rstrip("`").endswith("."), path


@pytest.mark.parametrize(("path", "schema", "is_required"), SPEC_FIELDS)
def test_every_field_of_the_spec_tells_its_default_and_an_example(
    path: str,
    schema: Schema,
    is_required: bool,  # noqa: FBT001 - a column of the table
) -> None:
    description = schema["description"]
    assert ("Required." if is_required else "Default: ") in description, path
    assert "Example: " in description, path


@pytest.mark.parametrize(("path", "schema"), [(path, schema) for path, schema, _ in SPEC_FIELDS if "default" in schema])
def test_a_default_of_the_schema_stands_in_the_description(path: str, schema: Schema) -> None:
    said = schema["description"].partition("Default: ")[2]
    default = schema["default"]
    assert said.strip("`").startswith(str(default).lower() if isinstance(default, bool) else str(default)), path


def test_a_required_field_has_no_default() -> None:
    for path, schema, is_required in SPEC_FIELDS + STATUS_FIELDS:
        assert not (is_required and "default" in schema), path


def test_a_new_resource_is_in_progress_before_the_operator_sees_it() -> None:
    status = ROOT["properties"]["status"]
    assert {"observedGeneration": -1} == status["default"]
    assert -1 == status["properties"]["observedGeneration"]["default"]


def test_only_the_spec_is_required() -> None:
    assert ["spec"] == ROOT["required"]
    assert ["model"] == ROOT["properties"]["spec"]["required"]


def test_conditions_are_a_map_by_type() -> None:
    conditions = ROOT["properties"]["status"]["properties"]["conditions"]
    assert ("map", ["type"]) == (conditions["x-kubernetes-list-type"], conditions["x-kubernetes-list-map-keys"])


def test_kubectl_scale_works() -> None:
    assert {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    } == VERSION["subresources"]["scale"]
    assert {} == VERSION["subresources"]["status"]


def test_it_has_a_short_name_and_one_served_and_stored_version() -> None:
    assert ["nemo"] == CRD["spec"]["names"]["shortNames"]
    assert ("v1alpha1", True, True) == (VERSION["name"], VERSION["served"], VERSION["storage"])
    assert "Namespaced" == CRD["spec"]["scope"]


def test_every_path_of_columns_scale_and_selectors_exists() -> None:
    known = {f".{path}" for path, _ in SPEC + STATUS}
    scale = VERSION["subresources"]["scale"].values()
    selectable = [field["jsonPath"] for field in VERSION["selectableFields"]]
    columns = [column["jsonPath"] for column in VERSION["additionalPrinterColumns"]]
    for path in (*scale, *selectable, *columns):
        if path.startswith(".metadata"):
            continue
        plain = path.partition("[")[0]
        assert plain in known, path


def test_the_columns_are_those_of_the_design() -> None:
    columns = [(column["name"], column.get("priority", 0)) for column in VERSION["additionalPrinterColumns"]]
    expected = ["Model", "Ready", "Status", "Desired", "Available", "GPUs", "Cache", "Age"]
    assert [*((name, 0) for name in expected), ("URL", 1), ("Message", 1)] == columns


def test_every_rule_has_a_message_that_is_a_way_out() -> None:
    rules = [rule for _, schema in list_schemas(ROOT, "root") for rule in schema.get("x-kubernetes-validations", [])]
    assert rules
    for rule in rules:
        assert len(rule["message"].split()) >= 4, rule
        assert "\n" not in rule["message"], rule


def test_a_rule_that_compares_with_the_old_value_stands_on_an_optional_field() -> None:
    """A transition rule never runs when the field is new: the field must be the thing that has the rule."""
    for path, schema in SPEC:
        for rule in schema.get("x-kubernetes-validations", []):
            if "oldSelf" in rule["rule"]:
                assert "string" == schema["type"], path


def test_names_leave_room_for_the_suffixes_of_children() -> None:
    (rule,) = ROOT["x-kubernetes-validations"]
    assert f"<= {MAX_NAME_LENGTH} " in rule["rule"]
    assert 63 >= MAX_NAME_LENGTH + len("-cache-12345678")


DESCRIPTIONS = {path: field["description"] for path, field, _ in (*SPEC_FIELDS, *STATUS_FIELDS)}


def test_the_reference_names_every_type_of_condition() -> None:
    assert [] == [kind for kind in ConditionType if kind not in DESCRIPTIONS["status.conditions"]]


def test_the_example_of_a_rollouts_message_is_one_that_is_written() -> None:
    written = describe_room(8, "H100-80GB", [NodeGpus(8, 2, "h100-0")])
    assert f"Example: `{written}`." in DESCRIPTIONS["status.rollout.message"]


def test_the_revision_of_an_adapter_is_main_and_that_of_a_model_the_catalogues() -> None:
    of_adapter = DESCRIPTIONS["spec.model.adapters[].huggingFace.revision"]
    of_model = DESCRIPTIONS["spec.model.source.huggingFace.revision"]
    assert ("Default: `main`." in of_adapter, "catalogue" in of_adapter) == (True, False)
    assert "Default: the catalogue's revision for this model, else `main`." in of_model


@pytest.mark.parametrize(
    ("field", "default"),
    [
        ("image", "Default: the accelerator profile's `engineImage`, else the operator's."),
        ("gpuMemoryUtilizationPercent", "Default: the operator's `gpuMemoryUtilizationPercent`, shipped {percent}, as"),
        ("maxNumSeqs", "Default: the accelerator profile's `maxNumSeqs`, shipped {sequences}, as vLLM"),
        ("maxNumBatchedTokens", "Default: the accelerator profile's `maxNumBatchedTokens`, shipped {tokens}, as vLLM"),
    ],
)
def test_a_default_that_the_configuration_decides_is_told_as_that(field: str, default: str) -> None:
    config = load_config()
    profile = config.accelerators[config.default_accelerator]
    shipped = default.format(
        percent=config.gpu_memory_utilization_percent,
        sequences=profile.max_num_seqs,
        tokens=profile.max_num_batched_tokens,
    )
    assert shipped in DESCRIPTIONS[f"spec.engine.{field}"]
