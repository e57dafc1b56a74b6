"""What both Helms make of the models' chart: the resources, what a person hears of a mistake, and who is asked."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from nemotron_operator import __version__
from nemotron_operator.api.crd import render_structural_schema
from nemotron_operator.api.spec import NemotronDeploymentSpec
from nemotron_operator.api.v1alpha1 import MAX_NAME_LENGTH, ParsedDeployment, parse_deployment
from nemotron_operator.catalog.catalog import load_catalog
from nemotron_operator.catalog.licences import find_licence
from nemotron_operator.verifier.main import parse_arguments
from nemotron_operator.yaml_text import dump_yaml
from tests.support.helm import MODELS_CHART, NAMESPACE, RELEASE, Body, Helm, HelmError, read_notes, read_objects
from tests.support.network_rules import Pod, admits

ROOT = MODELS_CHART.parent.parent

FP8 = "mysticbeing/Llama-3.1-Nemotron-70B-Instruct-HF-FP8-DYNAMIC"

VALUES_FILES = sorted((MODELS_CHART / "ci").glob("*-values.yaml"))

FAMILY = MODELS_CHART / "ci" / "family-values.yaml"

GOLDEN = Path(__file__).parent / "golden-models" / "family.yaml"

CASES = sorted((ROOT / "tests" / "golden").glob("*/manifests.yaml"))
"""What the operator makes of resources."""

SCHEMA: dict[str, Any] = json.loads((MODELS_CHART / "values.schema.json").read_text())

for_all_values = pytest.mark.parametrize("values_file", VALUES_FILES, ids=lambda path: path.stem)


def render(helm: Helm, *arguments: str, **values: object) -> dict[tuple[str, str], Body]:
    return read_objects(render_once(helm, arguments, json.dumps(values)))


@cache
def render_once(helm: Helm, arguments: tuple[str, ...], values: str) -> str:
    return helm.render(*arguments, values=json.loads(values), chart=MODELS_CHART)


def spec_of(helm: Helm, spec: Body, **values: object) -> Body:
    """Render one deployment, and return its spec."""
    rendered = render(helm, deployments={"nemotron": {"spec": spec}}, **values)
    found: Body = rendered["NemotronDeployment", "nemotron"]["spec"]
    return found


def refusal(helm: Helm, **values: object) -> str:
    with pytest.raises(HelmError) as error:
        helm.render(values=values, chart=MODELS_CHART)
    return str(error.value)


def load_documents(path: Path) -> list[Body]:
    return [body for body in yaml.load_all(path.read_text(), yaml.CSafeLoader) if body]


@for_all_values
def test_helm_finds_nothing_to_warn_of(helm: Helm, values_file: Path) -> None:
    said = helm.run("lint", "--strict", str(MODELS_CHART), f"--values={values_file}")
    assert "1 chart(s) linted, 0 chart(s) failed" in said


@for_all_values
def test_helm_3_and_helm_4_render_the_same_objects(helms: dict[str, Helm], values_file: Path) -> None:
    argument = f"--values={values_file}"
    assert render(helms["helm3"], argument) == render(helms["helm"], argument)


@for_all_values
def test_a_second_rendering_is_the_same_to_the_byte(helm: Helm, values_file: Path) -> None:
    argument = f"--values={values_file}"
    assert helm.render(argument, chart=MODELS_CHART) == helm.render(argument, chart=MODELS_CHART)


@for_all_values
def test_whatever_is_rendered_is_a_resource_as_the_operator_reads_it(helms: dict[str, Helm], values_file: Path) -> None:
    for (kind, _), body in render(helms["helm"], f"--values={values_file}").items():
        if kind == "NemotronDeployment":
            assert isinstance(parse_deployment(body), ParsedDeployment)
            assert NAMESPACE == body["metadata"]["namespace"]


def test_the_family_is_what_it_was_before(helms: dict[str, Helm], update_golden: bool) -> None:  # noqa: FBT001
    rendered = render(helms["helm"], f"--values={FAMILY}")
    text = "".join(f"---\n{dump_yaml(rendered[key])}" for key in sorted(rendered))
    if update_golden:
        GOLDEN.write_text(text)
    assert GOLDEN.read_text() == text


def test_the_family_says_every_field_of_a_spec() -> None:
    values = yaml.safe_load(FAMILY.read_text())
    specs = [values["defaults"]["spec"], *(given["spec"] for given in values["deployments"].values())]
    said = {path for spec in specs for path in leaf_paths(spec)}
    assert set() == set(field_paths(render_structural_schema(NemotronDeploymentSpec))) - said


def field_paths(schema: Body, path: str = "") -> Iterator[str]:
    for name, field in schema["properties"].items():
        inner = field.get("items", field)
        if "properties" in inner:
            yield from field_paths(inner, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def leaf_paths(value: Any, path: str = "") -> Iterator[str]:  # noqa: ANN401 - any YAML
    if isinstance(value, dict):
        yield path.rstrip(".")
        for key, part in value.items():
            yield from leaf_paths(part, f"{path}{key}.")
    elif isinstance(value, list):
        yield path.rstrip(".")
        for part in value:
            yield from leaf_paths(part, path)
    elif value is not None:
        yield path.rstrip(".")


def resources_of_the_examples() -> list[Body]:
    found = [body for path in sorted((ROOT / "examples").glob("*.yaml")) for body in load_documents(path)]
    return [body for body in found if body["kind"] == "NemotronDeployment"]


@pytest.mark.parametrize("resource", resources_of_the_examples(), ids=lambda body: body["metadata"]["name"])
def test_the_spec_of_a_manifest_can_be_copied_into_the_values(helm: Helm, resource: Body) -> None:
    assert resource["spec"] == spec_of(helm, resource["spec"])


def test_the_values_for_the_first_model_are_what_its_card_serves(helm: Helm) -> None:
    rendered = render(helm, f"--values={ROOT / 'examples' / 'helm' / 'model-card-values.yaml'}")
    (expected,) = load_documents(ROOT / "examples" / "model-card.yaml")
    assert expected["spec"] == rendered["NemotronDeployment", "nemotron-70b"]["spec"]


@pytest.mark.parametrize("given", ["maxModelLen=131072", "maxModelLen=10000000", "maxNumBatchedTokens=1048576"])
def test_a_large_number_stays_a_whole_one(helm: Helm, given: str) -> None:
    field, _, number = given.partition("=")
    from_file = render_once(helm, (), json.dumps({"deployments": {"a": a_deployment(engine={field: int(number)})}}))
    from_line = render_once(
        helm,
        (f"--set=deployments.a.spec.engine.{given}", f"--set=deployments.a.spec.model.name={FP8}"),
        json.dumps({}),
    )
    assert f"\n    {field}: {number}\n" in from_file
    assert f"\n    {field}: {number}\n" in from_line


@pytest.mark.parametrize("text", ["3", "1e3", "yes", "null", "0o17", "", "a: b # c", "1_000"])
def test_a_text_stays_a_text_whatever_it_looks_like(helm: Helm, text: str) -> None:
    assert text == spec_of(helm, {"model": {"name": FP8}, "verification": {"expect": text}})["verification"]["expect"]


def a_deployment(**spec: object) -> Body:
    return {"spec": {"model": {"name": FP8}, **spec}}


def test_maps_are_merged_lists_replaced_and_the_deployment_wins(helm: Helm) -> None:
    spec = spec_of(
        helm,
        {
            "model": {"name": FP8},
            "cache": {"size": "9Gi"},
            "engine": {"extraArgs": ["--own"]},
            "podTemplate": {"labels": {"b": "own", "c": "own"}},
        },
        defaults={
            "spec": {
                "replicas": 2,
                "cache": {"size": "1Gi", "accessModes": ["ReadWriteMany"]},
                "engine": {"extraArgs": ["--one", "--two"], "maxModelLen": 4096},
                "podTemplate": {"labels": {"a": "default", "b": "default"}},
            }
        },
    )
    assert {
        "model": {"name": FP8},
        "replicas": 2,
        "cache": {"size": "9Gi", "accessModes": ["ReadWriteMany"]},
        "engine": {"extraArgs": ["--own"], "maxModelLen": 4096},
        "podTemplate": {"labels": {"a": "default", "b": "own", "c": "own"}},
    } == spec


def test_null_takes_a_default_away_with_everything_below_it(helm: Helm) -> None:
    spec = spec_of(
        helm,
        {"model": {"name": FP8}, "cache": None, "apiKeySecretRef": None, "rollout": {"strategy": None}},
        defaults={
            "spec": {
                "cache": {"size": "1Gi"},
                "apiKeySecretRef": {"name": "keys", "key": "key"},
                "rollout": {"strategy": "Surge", "drainSeconds": 9},
            }
        },
    )
    assert {"model": {"name": FP8}, "rollout": {"drainSeconds": 9}} == spec


def test_the_deployments_do_not_see_each_other(helm: Helm) -> None:
    defaults = {"spec": {"podTemplate": {"labels": {"a": "default"}}, "engine": {"env": [{"name": "A", "value": "1"}]}}}
    changed = a_deployment(
        podTemplate={"labels": {"a": None, "b": "own"}}, engine={"env": [{"name": "B", "value": "2"}]}
    )
    rendered = render(helm, defaults=defaults, deployments={"a": changed, "b": a_deployment()})
    assert {"model": {"name": FP8}, **defaults["spec"]} == rendered["NemotronDeployment", "b"]["spec"]


def test_the_overlay_of_the_readme_is_what_it_says(helm: Helm, tmp_path: Path) -> None:
    base, staging = re.findall(r"```yaml\n(.*?)```", (MODELS_CHART / "README.md").read_text(), re.DOTALL)
    files = []
    for name, text in (("base", base), ("staging", staging)):
        (tmp_path / f"{name}.yaml").write_text(text)
        files.append(f"--values={tmp_path / name}.yaml")

    production = render(helm, files[0])
    assert [("NemotronDeployment", "nemotron-70b"), ("NemotronDeployment", "nemotron-nano")] == sorted(
        key for key in production if key[0] != "Pod"
    )
    assert {"name": "nemotron-api-key", "key": "key"} == production["NemotronDeployment", "nemotron-nano"]["spec"][
        "apiKeySecretRef"
    ]
    small = render(helm, *files)
    assert {"NemotronDeployment", "Pod"} == {kind for kind, _ in small}
    assert {
        "accelerator": "H100-80GB",
        "model": {"name": FP8, "servedNames": ["nemotron-70b"]},
        "replicas": 1,
        "cache": {"accessModes": ["ReadWriteMany"]},
    } == small["NemotronDeployment", "nemotron-70b"]["spec"]


@pytest.mark.parametrize("given", [None, {"enabled": False, **a_deployment()}, {"enabled": False}])
def test_what_is_turned_off_or_taken_away_is_not_made(helm: Helm, given: Body | None) -> None:
    assert {} == render(helm, deployments={"nemotron": given})


def test_labels_and_annotations_of_a_deployment_are_over_those_of_all(helm: Helm) -> None:
    labels, annotations = {"team": "chat", "tier": None}, {"argocd.argoproj.io/sync-wave": "10"}
    rendered = render(
        helm,
        commonLabels={"team": "all", "tier": "gold"},
        commonAnnotations={"contact": "us"},
        deployments={"nemotron": {**a_deployment(), "labels": labels, "annotations": annotations}},
    )
    metadata = rendered["NemotronDeployment", "nemotron"]["metadata"]
    assert {**annotations, "contact": "us"} == metadata["annotations"]
    assert {
        "team": "chat",
        "app.kubernetes.io/instance": RELEASE,
        "app.kubernetes.io/managed-by": "Helm",
        "helm.sh/chart": f"nemotron-models-{__version__}",
    } == metadata["labels"]


def test_another_chart_can_have_it_as_a_part(helm: Helm, tmp_path: Path) -> None:
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts" / "nemotron-models").symlink_to(MODELS_CHART)
    (tmp_path / "Chart.yaml").write_text("{apiVersion: v2, name: platform, version: 1.0.0}")
    (tmp_path / "values.yaml").write_text(
        json.dumps({"nemotron-models": {"defaults": {"spec": {"replicas": 2, "suspend": True}}}})
    )
    own = {"defaults": {"spec": {"suspend": None}}, "deployments": {"nemotron": a_deployment()}}
    values = {"global": {"imageRegistry": "registry.example", "region": "north"}, "nemotron-models": own}
    rendered = read_objects(helm.render(values=values, chart=tmp_path))
    assert {"model": {"name": FP8}, "replicas": 2} == rendered["NemotronDeployment", "nemotron"]["spec"]
    (container,) = rendered["Pod", "nemotron-helm-test"]["spec"]["containers"]
    assert f"registry.example/nemotron-operator:{__version__}" == container["image"]


def test_keys_that_nobody_knows_are_refused_at_every_level() -> None:
    allowed_to_be_open = {"GlobalValues"}
    open_schemas = [
        path
        for path, schema in walk_schema(SCHEMA)
        if "properties" in schema and schema.get("additionalProperties") is not False
    ]
    assert [] == [path for path in open_schemas if not {*path.split("/")} & {*allowed_to_be_open, "global"}]


def walk_schema(schema: Any, path: str = "") -> Iterator[tuple[str, Body]]:  # noqa: ANN401 - any JSON
    if isinstance(schema, dict):
        yield path, schema
        for key, part in schema.items():
            yield from walk_schema(part, f"{path}/{key}")
    elif isinstance(schema, list):
        for part in schema:
            yield from walk_schema(part, path)


def test_every_field_has_a_short_description() -> None:
    fields = SCHEMA["definitions"]["SpecOverlay"]["properties"]
    described = [(path, schema["description"]) for path, schema in walk_schema(fields) if "description" in schema]
    expected = set(field_paths(render_structural_schema(NemotronDeploymentSpec)))
    assert len(described) >= len(expected)
    assert [] == [path for path, words in described if not words or "Example:" in words or "Default:" in words]


@pytest.mark.parametrize(
    ("spec", "where", "what"),
    [
        ({"replica": 2}, "", "additional properties 'replica' not allowed"),
        ({"engine": {"maxModelLenn": 4096}}, "/engine", "additional properties 'maxModelLenn' not allowed"),
        ({"model": {"adapters": [{"names": "x"}]}}, "/model/adapters/0", "additional properties 'names' not allowed"),
        ({"engine": {"env": [{"value": "x"}]}}, "/engine/env/0", "missing property 'name'"),
        ({"engine": {"env": [{"name": None}]}}, "/engine/env/0/name", "got null, want string"),
        ({"replicas": "2"}, "/replicas", "got string, want null or integer"),
        ({"replicas": -1}, "/replicas", "minimum: got -1, want 0"),
        ({"suspend": "no"}, "/suspend", "got string, want null or boolean"),
        ({"podTemplate": {"cpu": 32}}, "/podTemplate/cpu", "got number, want null or string"),
        ({"cache": {"size": "200GB"}}, "/cache/size", "'200GB' does not match pattern"),
        ({"engine": {"maxModelLen": 255}}, "/engine/maxModelLen", "minimum: got 255, want 256"),
        ({"engine": {"maxModelLen": "long"}}, "/engine/maxModelLen", "'long' does not match pattern '^auto$'"),
        ({"engine": {"maxModelLen": True}}, "/engine/maxModelLen", "got boolean, want"),
        ({"engine": {"sampling": {"temperature": 0.7}}}, "/engine/sampling/temperature", "got number, want"),
        ({"rollout": {"strategy": "Rolling"}}, "/rollout/strategy", "value must be one of 'Auto', 'Surge', 'Replace'"),
        ({"accelerator": "H100 80GB"}, "/accelerator", "'H100 80GB' does not match pattern"),
        ({"model": {"servedNames": "a"}}, "/model/servedNames", "got string, want null or array"),
    ],
)
@pytest.mark.parametrize("place", ["deployments/nemotron", "defaults"])
def test_a_value_that_cannot_be_is_named_by_its_place(
    helm: Helm, place: str, spec: Body, where: str, what: str
) -> None:
    values: Body = {"spec": spec}
    for key in reversed(place.split("/")):
        values = {key: values}
    assert f"- at '/{place}/spec{where}': {what}" in refusal(helm, **values)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"models": {}}, "- at '': additional properties 'models' not allowed"),
        ({"deployments": [{"name": "nemotron"}]}, "- at '/deployments': got array, want object"),
        (
            {"deployments": {"nemotron": {"model": {"name": FP8}}}},
            "- at '/deployments/nemotron': additional properties 'model' not allowed",
        ),
        (
            {"deployments": {"nemotron": {**a_deployment(), "annotations": {"sync-wave": 10}}}},
            "- at '/deployments/nemotron/annotations/sync-wave': got number, want null or string",
        ),
        (
            {"deployments": {"nemotron": {"spec": {"replicas": 1}}}},
            "deployments.nemotron.spec.model: set model.name, or model.source, or both.",
        ),
        (
            {"deployments": {"nemotron": a_deployment(apiKeySecretRef={"name": "keys"})}},
            "deployments.nemotron.spec.apiKeySecretRef.key: is required, here or in defaults.spec.",
        ),
        (
            {
                "defaults": {"spec": {"model": {"source": {"huggingFace": {"repository": "a/b"}}}}},
                "deployments": {"nemotron": {"spec": {"model": {"source": {"s3": {"bucket": "abc", "prefix": "d"}}}}}},
            },
            (
                "deployments.nemotron.spec.model.source: huggingFace and s3 are set, and there can be one. Take the "
                "others away by null, such as {huggingFace: null}."
            ),
        ),
    ],
)
def test_what_is_wrong_is_said_with_the_way_out(helm: Helm, values: Body, expected: str) -> None:
    assert expected in refusal(helm, **values).splitlines()


@pytest.mark.parametrize("name", ["Nemotron", "nemotron_70b", "70b", "nemotron-", "nemotron.70b", "n" * 49])
def test_a_name_that_no_service_can_have_is_refused(helm: Helm, name: str) -> None:
    expected = (
        f'deployments.{name}: "{name}" cannot be a name. It becomes the name of a Service: at most {MAX_NAME_LENGTH} '
        "characters, lower case letters, digits and '-', starting with a letter."
    )
    assert expected in refusal(helm, deployments={name: a_deployment()}).splitlines()


def test_the_longest_name_is_taken(helm: Helm) -> None:
    name = "n" * MAX_NAME_LENGTH
    assert ("NemotronDeployment", name) in render(helm, deployments={name: a_deployment()})


OWN_LABELS = ("app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "helm.sh/chart")
"""By which the chart tells its objects."""


@pytest.mark.parametrize("label", OWN_LABELS)
def test_a_label_that_the_chart_itself_sets_is_refused(helm: Helm, label: str) -> None:
    said = refusal(
        helm, commonLabels={label: "mine"}, deployments={"a": {**a_deployment(), "labels": {label: "mine"}}}
    ).splitlines()
    for place in ("commonLabels", "deployments.a.labels"):
        assert (
            f"{place} sets {label}, by which the chart itself tells its objects. Take it out; "
            "app.kubernetes.io/part-of and labels of your own are free."
        ) in said


def test_the_labels_that_are_refused_are_all_that_the_chart_sets(helm: Helm) -> None:
    rendered = render(helm, deployments={"a": a_deployment()})
    assert set(OWN_LABELS) == set(rendered["NemotronDeployment", "a"]["metadata"]["labels"])


def test_two_registries_for_one_image_are_refused_as_in_the_operators_chart(helm: Helm) -> None:
    image = {"image": {"registry": "a.example", "repository": "b.example/operator"}}
    with pytest.raises(HelmError) as error:
        helm.render(values=image)
    (expected,) = re.findall(r"image\.registry is .*", str(error.value))
    (actual,) = re.findall(r"image\.registry is .*", refusal(helm, **image))
    assert expected == actual


def test_everything_that_is_wrong_is_said_at_once(helm: Helm) -> None:
    said = refusal(helm, deployments={"A": {"spec": {}}, "b": a_deployment(apiKeySecretRef={})})
    assert ["A:", "A.spec.model:", "b.spec.apiKeySecretRef.name:", "b.spec.apiKeySecretRef.key:"] == [
        line.split()[0].removeprefix("deployments.") for line in said.splitlines() if line.startswith("deployments.")
    ]


def asked_cases() -> list[Path]:
    return [case.parent for case in CASES if any(map(is_verification, load_documents(case)))]


def is_verification(body: Body) -> bool:
    return body["kind"] == "Job" and "-verify-" in body["metadata"]["name"]


@pytest.mark.parametrize("case", asked_cases(), ids=lambda path: path.name)
def test_helm_test_asks_what_the_operators_own_job_asks(helms: dict[str, Helm], case: Path) -> None:
    (resource,) = load_documents(case / "deployment.yaml")
    manifests = load_documents(case / "manifests.yaml")
    (job,) = filter(is_verification, manifests)
    name, namespace = resource["metadata"]["name"], resource["metadata"]["namespace"]
    rendered = render(helms["helm"], deployments={name: {"spec": resource["spec"]}})
    if "certManager" in resource["spec"].get("tls", {}):
        assert ("Pod", f"{name}-helm-test") not in rendered
        return
    pod, wanted = rendered["Pod", f"{name}-helm-test"]["spec"], job["spec"]["template"]["spec"]
    (asking,), (asked) = pod["containers"], wanted["containers"][0]
    arguments = [text.replace(f".{NAMESPACE}.svc", f".{namespace}.svc") for text in asking["args"]]
    assert asked["args"] == arguments
    assert asked["env"] == asking.get("env", [])
    for field in ("command", "imagePullPolicy", "resources", "securityContext"):
        assert asked[field] == asking[field]
    for field in ("automountServiceAccountToken", "enableServiceLinks", "restartPolicy", "securityContext"):
        assert wanted[field] == pod[field]
    assert wanted.get("imagePullSecrets") == pod.get("imagePullSecrets")


def test_helm_test_trusts_the_certificate_of_the_model_and_never_sees_its_key(helm: Helm) -> None:
    pod = render(helm, f"--values={FAMILY}")["Pod", "nemotron-70b-helm-test"]["spec"]
    (container,), (volume,) = pod["containers"], pod["volumes"]
    assert f"--base-url=https://nemotron-70b.{NAMESPACE}.svc:8443/v1" in container["args"]
    assert f"--trusted-certificates={container['volumeMounts'][0]['mountPath']}" in container["args"]
    assert "nemotron-tls" == volume["secret"]["secretName"]
    assert ["tls.crt", "ca.crt"] == [item["key"] for item in volume["secret"]["items"]]


def test_the_name_of_the_certificate_stays_a_text(helm: Helm) -> None:
    spec = {"tls": {"secretName": "007"}}
    pod = render(helm, deployments={"a": a_deployment(**spec)})["Pod", "a-helm-test"]["spec"]
    assert "007" == pod["volumes"][0]["secret"]["secretName"]


def test_a_pod_that_hangs_is_ended_long_after_the_last_answer_could_have_come(helm: Helm) -> None:
    pod = render(helm, deployments={"a": a_deployment()})["Pod", "a-helm-test"]["spec"]
    given = parse_arguments(pod["containers"][0]["args"])
    # As the page says; the pull of the image counts too.
    assert 600 == pod["activeDeadlineSeconds"]
    assert pod["activeDeadlineSeconds"] > 3 * (given.retry_seconds + given.answer_seconds)


def test_the_page_finds_the_pods_that_stay_by_their_labels(helm: Helm) -> None:
    (selector,) = re.findall(r"kubectl delete pods -n models -l (\S+)", (MODELS_CHART / "README.md").read_text())
    wanted = dict(part.split("=") for part in selector.split(","))
    text = helm.run("template", "models", str(MODELS_CHART), values={"deployments": {"a": a_deployment()}})
    labels = read_objects(text)["Pod", "a-helm-test"]["metadata"]["labels"]
    assert wanted.items() <= labels.items()
    assert "Helm" == wanted["app.kubernetes.io/managed-by"]


def test_a_variable_in_the_question_stays_text(helm: Helm) -> None:
    (container,) = render(helm, f"--values={FAMILY}")["Pod", "nemotron-70b-helm-test"]["spec"]["containers"]
    assert "--prompt=What is 6 times $$(SEVEN)?" in container["args"]


@pytest.mark.parametrize(
    "spec",
    [
        {"suspend": True},
        {"replicas": 0},
        {"autoscaling": {"minReplicas": 0, "maxReplicas": 2}},
        {"verification": {"mode": "Never"}},
        {"tls": {"certManager": {"issuerName": "ca"}}},
        {"model": {"name": None, "source": {"persistentVolumeClaim": {"claimName": "a", "path": "b"}}}},
    ],
)
def test_what_does_not_serve_or_cannot_be_asked_gets_no_pod(helm: Helm, spec: Body) -> None:
    rendered = render(helm, deployments={"nemotron": {"spec": {"model": {"name": FP8}, **spec}}})
    assert [("NemotronDeployment", "nemotron")] == list(rendered)


def test_without_tests_there_are_no_pods(helm: Helm) -> None:
    assert [("NemotronDeployment", "a")] == list(
        render(helm, tests={"enabled": False}, deployments={"a": a_deployment()})
    )


def test_the_pods_are_hooks_and_no_part_of_the_release(helm: Helm) -> None:
    for (kind, _), body in render(helm, f"--values={FAMILY}").items():
        hook = (body["metadata"].get("annotations") or {}).get("helm.sh/hook")
        assert (hook == "test") is (kind == "Pod")


def test_the_network_policy_of_the_model_lets_the_pod_in(helm: Helm) -> None:
    folder = ROOT / "tests" / "golden" / "networking"
    (policy,) = (body for body in load_documents(folder / "manifests.yaml") if body["kind"] == "NetworkPolicy")
    name = policy["metadata"]["name"]
    labels = render(helm, deployments={name: a_deployment()})["Pod", f"{name}-helm-test"]["metadata"]["labels"]
    server = Pod({"nemotron.dev/deployment": name, "nemotron.dev/component": "server"}, ports={"http": 8000})
    assert admits(policy, Pod(labels), server, 8000)
    assert not admits(policy, Pod({**labels, "nemotron.dev/deployment": "other"}), server, 8000)


@pytest.mark.parametrize(
    "values",
    [
        {"image": {"registry": "localhost:5000/mine/", "tag": "1", "digest": f"sha256:{'0' * 64}"}},
        {"image": {"repository": "owner/operator"}, "global": {"imageRegistry": "registry.example"}},
        {"image": {"repository": "ghcr.io/owner/operator"}, "global": {"imageRegistry": "registry.example"}},
        {"image": {"defaultRegistry": "own.example"}},
        {"image": {"defaultRegistry": "own.example"}, "global": {"imageRegistry": "registry.example"}},
    ],
)
def test_the_image_is_named_as_in_the_operators_chart(helms: dict[str, Helm], values: Body) -> None:
    operator = read_objects(helms["helm"].render(values=values))["Deployment", RELEASE]["spec"]["template"]["spec"]
    pod = render(helms["helm"], deployments={"a": a_deployment()}, **values)["Pod", "a-helm-test"]["spec"]
    assert operator["containers"][0]["image"] == pod["containers"][0]["image"]


def notes(helms: dict[str, Helm], *arguments: str, **values: object) -> str:
    # Helm 3 shows notes only where it reaches a cluster: the cluster tier reads them.
    command = ("install", RELEASE, str(MODELS_CHART), "--dry-run=client", *arguments)
    return read_notes(helms["helm"].run(*command, values=values))


def test_the_notes_name_the_next_commands_of_each_model(helms: dict[str, Helm]) -> None:
    said = notes(helms, f"--values={FAMILY}")
    for name, port in (("nemotron-70b", 8443), ("nemotron-volume", 8000), ("nemotron-ours", 8000)):
        assert f"\n  kubectl -n {NAMESPACE} wait nemo/{name} --for=condition=Ready --timeout=60m\n" in said
        assert f"\n  kubectl -n {NAMESPACE} port-forward service/{name} {port} &\n" in said
    assert f"helm test {RELEASE} --namespace {NAMESPACE} --logs" in said
    assert '-d \'{"model": "nemotron-70b", "messages": ' in said
    assert "get secret api-keys -o go-template='{{index .data \"partners\" | base64decode}}')" in said
    suspended = said.partition("\nnemotron-nano: ")[2].partition("\nnemotron-ours: ")[0]
    assert "suspended" in suspended
    assert "port-forward" not in suspended
    assert "nemotron-later" not in said


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"suspend": True}, "It is suspended: nothing serves until spec.suspend is false."),
        ({"replicas": 0}, "It has no replicas: nothing serves until spec.replicas is 1 or more."),
        ({"autoscaling": {"minReplicas": 0, "maxReplicas": 2}}, "It may stand at no replicas (spec.autoscaling.min"),
    ],
)
def test_the_notes_name_no_command_that_waits_for_what_may_never_serve(
    helms: dict[str, Helm], spec: Body, said: str
) -> None:
    found = notes(helms, deployments={"nemotron": a_deployment(**spec)})
    assert f"\nnemotron: {FP8}\n\n  {said}" in found
    assert "kubectl -n platform wait" not in found
    assert "port-forward" not in found


def test_autoscaling_from_one_replica_up_serves(helm: Helm) -> None:
    for autoscaling in ({"minReplicas": 1, "maxReplicas": 2}, {"maxReplicas": 2}):
        assert ("Pod", "a-helm-test") in render(helm, deployments={"a": a_deployment(autoscaling=autoscaling)})


@pytest.mark.parametrize("name", ["null", "yes", "true", "on", "n"])
def test_a_name_stays_a_text_whatever_it_looks_like(helm: Helm, name: str) -> None:
    numbered = replace(helm, namespace="123")
    text = numbered.run("template", name, str(MODELS_CHART), values={"deployments": {name: a_deployment()}})
    deployment, pod = sorted((body for body in yaml.safe_load_all(text) if body), key=lambda body: str(body["kind"]))
    for body in (deployment, pod):
        assert "123" == body["metadata"]["namespace"]
        assert name == body["metadata"]["labels"]["app.kubernetes.io/instance"]
    assert name == deployment["metadata"]["name"]
    assert name == pod["metadata"]["labels"]["nemotron.dev/deployment"]


def test_the_notes_show_the_licences_of_every_model_of_the_catalogue(helms: dict[str, Helm]) -> None:
    entries = list(load_catalog().entries.values())
    deployments = {f"m{n:03}": {"spec": {"model": {"name": entry.name}}} for n, entry in enumerate(entries)}
    parts = notes(helms, deployments=deployments).split("\n\nm0")[1:]
    assert len(entries) == len(parts)
    for entry, part in zip(entries, parts, strict=True):
        words = " ".join(part.split())
        for licence in map(find_licence, entry.licences):
            assert f"Licence: {licence.title}, {licence.url} {licence.terms} {licence.notice}".rstrip() in words


def test_the_notes_leave_the_licence_of_an_unknown_model_to_the_user(helms: dict[str, Helm]) -> None:
    said = notes(helms, deployments={"ours": {"spec": {"model": {"name": "my-org/ours"}}}})
    assert "Licence: this chart does not know the one of this model." in said


def test_a_model_is_known_by_the_repository_of_its_source_too(helms: dict[str, Helm]) -> None:
    source = {"huggingFace": {"repository": FP8.upper().replace("MYSTICBEING", "mysticbeing")}}
    said = notes(helms, deployments={"nemotron": {"spec": {"model": {"source": source}}}})
    assert f"\nnemotron: {FP8}\n" in said
    assert 'Show "Built with Llama"' in said


def test_the_notes_of_a_release_without_models_show_how_to_name_one(helm: Helm, helms: dict[str, Helm]) -> None:
    said = notes(helms)
    shown = yaml.safe_load(said.partition("\n\n")[2].partition("\n\nThe ")[0])
    assert ("NemotronDeployment", "nemotron-70b") in render(helm, **shown)


def test_the_chart_carries_the_version_of_the_operator() -> None:
    chart = yaml.safe_load((MODELS_CHART / "Chart.yaml").read_text())
    assert (__version__, __version__) == (chart["version"], chart["appVersion"])
