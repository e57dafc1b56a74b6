"""Whatever a file holds, a person gets an answer or one line; never a traceback."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.fixtures.deployments import BF16, FP8, DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import COMMIT
from tests.support.fixtures.specs import deployments
from tests.unit.cli.command import nemoctl

HEADER = {"apiVersion": "nemotron.dev/v1alpha1", "kind": "NemotronDeployment"}
FIELDS = ["metadata", "name", "namespace", "uid", "spec", "model", "source", "parallelism", "tensor", "engine", "items"]

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.text() | st.sampled_from([FP8, BF16])
)
contents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any") / "nemo.yaml"


def check(file: Path) -> None:
    """Plan and render a file: the exit code says what happened, and the error is one line each."""
    for command in ("plan", "render"):
        answer = nemoctl(command, file)
        assert answer.code in {0, 1, 2}
        assert answer.code != 2 or (answer.out == "" and answer.err.startswith("nemoctl: ")), answer
        assert all(line.startswith("nemoctl: ") for line in answer.err.splitlines())


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@example(content=b"? {a: b}\n: c\n")
@example(content=b"!!python/object:os.system {}\n")
@example(content=b"a: !!float x\n")
@example(content=b"a: 0b_\n")
@example(content=b"<<: 3\n")
@example(content=b"a: 1:99:99\n")
@example(content=b"&a [*a]\n")
@example(content=b"\x00")
def test_any_bytes(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    check(file)


@given(content=contents)
def test_any_content(file: Path, content: object) -> None:
    file.write_text(yaml.safe_dump(content))
    check(file)


@given(metadata=contents, spec=contents)
def test_any_content_under_the_right_header(file: Path, metadata: object, spec: object) -> None:
    file.write_text(yaml.safe_dump({**HEADER, "metadata": metadata, "spec": spec}))
    check(file)


@given(part=st.sampled_from(["model", "engine", "parallelism", "cache", "replicas", "podTemplate"]), content=contents)
def test_any_content_of_one_field(file: Path, part: str, content: object) -> None:
    file.write_text(yaml.safe_dump(a_deployment().having(part, content).body))
    check(file)


@given(name=st.text(), namespace=st.text(), uid=contents)
def test_any_name(file: Path, name: str, namespace: str, uid: object) -> None:
    body = a_deployment().named(name, namespace).body
    file.write_text(yaml.safe_dump({**body, "metadata": {**body["metadata"], "uid": uid}}))
    check(file)


@given(deployment=deployments())
def test_plan_and_render_agree_on_any_sound_deployment(file: Path, deployment: DeploymentBuilder) -> None:
    file.write_text(yaml.safe_dump(deployment.body))
    report = nemoctl("plan", file, "-o", "json").document
    as_yaml = nemoctl("render", file, "--commit", COMMIT)
    as_json = nemoctl("render", file, "--commit", COMMIT, "-o", "json")
    is_started = report["fits"] or report["reason"] == "DoesNotFitNotEnforced"
    assert is_started == (as_yaml.code == 0), report["message"]
    assert json.loads(as_json.out)["items"] == as_yaml.documents
