import io
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from nemotron_operator.api.v1alpha1 import NAME_RULE, InvalidDeployment, ParsedDeployment
from nemotron_operator.cli import documents
from nemotron_operator.cli.documents import STANDARD_INPUT, read_documents
from nemotron_operator.errors import InvalidResourceError
from tests.support.fixtures.deployments import a_deployment
from tests.unit.cli.command import write_yaml

HEADER = "apiVersion: nemotron.dev/v1alpha1\nkind: NemotronDeployment\n"
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "nemo.yaml"


def names(path: Path) -> list[str]:
    return [document.deployment.identity.name for document in read_documents([path]).deployments]


def find_mistake(path: Path) -> str:
    """Read a file whose only document is readable and wrong."""
    (document,) = read_documents([path]).deployments
    assert isinstance(document.deployment, InvalidDeployment)
    return document.deployment.message


def test_every_document_is_read_in_order(file: Path) -> None:
    write_yaml(file, a_deployment().named("b").body, None, a_deployment().named("a").body)
    assert ["b", "a"] == names(file)


def test_a_list_counts_as_its_items(file: Path) -> None:
    items = [a_deployment().named("b").body, a_deployment().named("a").body]
    write_yaml(file, {"apiVersion": "v1", "kind": "List", "items": items})
    assert ["b", "a"] == names(file)


def test_the_file_stands_at_each_document(tmp_path: Path) -> None:
    one = write_yaml(tmp_path / "1.yaml", a_deployment().named("a").body)
    two = write_yaml(tmp_path / "2.yaml", a_deployment().named("a").body)
    read = read_documents([one, two])
    assert [str(one), str(two)] == [document.source for document in read.deployments]


def test_a_deployment_is_parsed(file: Path) -> None:
    write_yaml(file, a_deployment().body)
    (document,) = read_documents([file]).deployments
    assert a_deployment().parsed == document.deployment


@pytest.mark.parametrize("namespace", ["", "namespace:", "namespace: ''"])
def test_the_default_namespace_is_for_those_that_name_none(file: Path, namespace: str) -> None:
    file.write_text(f"{HEADER}metadata:\n  name: a\n  {namespace}\nspec: {{model: {{name: m}}}}\n")
    (document,) = read_documents([file], "team-b").deployments
    assert "team-b" == document.deployment.identity.namespace


def test_a_namespace_of_the_file_wins(file: Path) -> None:
    write_yaml(file, a_deployment().named("a", "own").body)
    (document,) = read_documents([file], "team-b").deployments
    assert "own" == document.deployment.identity.namespace


def test_objects_of_other_kinds_are_skipped_and_named(file: Path) -> None:
    write_yaml(file, SECRET, a_deployment().named("a").body, {"kind": "Service"})
    read = read_documents([file])
    assert ["a"] == [document.deployment.identity.name for document in read.deployments]
    assert (
        f"{file} (document 1): Secret 'token' is no NemotronDeployment, skipped.",
        f"{file} (document 3): Service None is no NemotronDeployment, skipped.",
    ) == read.skipped


def test_standard_input_is_read_for_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    text = yaml.safe_dump(a_deployment().body).encode()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(text)))
    (document,) = read_documents([STANDARD_INPUT]).deployments
    assert "standard input" == document.source


def test_a_status_is_no_mistake(file: Path) -> None:
    write_yaml(file, a_deployment().with_status({"observedGeneration": -1}).body)
    (document,) = read_documents([file]).deployments
    assert isinstance(document.deployment, ParsedDeployment)


def test_a_date_stays_text(file: Path) -> None:
    file.write_text(f"{HEADER}metadata: {{name: a}}\nspec: {{model: {{name: 2026-11-24}}}}\n")
    (document,) = read_documents([file]).deployments
    assert isinstance(document.deployment, ParsedDeployment)
    assert "2026-11-24" == document.deployment.spec.model.name


def test_a_merge_key_is_no_key_that_stands_twice(file: Path) -> None:
    common = "common: &c {name: a}\n"
    file.write_text(f"---\nkind: Note\n{common}---\n{HEADER}metadata: &m {{name: a}}\nspec: {{model: {{<<: *m}}}}\n")
    assert ["a"] == names(file)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty. It must hold a NemotronDeployment (apiVersion: nemotron.dev/v1alpha1)."),
        ("---\n---\n", "is empty. It must hold a NemotronDeployment (apiVersion: nemotron.dev/v1alpha1)."),
        ("# nothing\n", "is empty. It must hold a NemotronDeployment (apiVersion: nemotron.dev/v1alpha1)."),
        ("hello", "must be a mapping with kind: NemotronDeployment, found text."),
        ("- a", "must be a mapping with kind: NemotronDeployment, found a list."),
        ("7", "must be a mapping with kind: NemotronDeployment, found a number."),
        ("a: [b", "line 2, column 1: is not YAML: did not find expected ',' or ']'."),
        ("{{ .Values.x }}: 1", "line 1, column 1: is not YAML: found unhashable key."),
        ("kind: List\nitems: 3\n", "items must be a list, found a number."),
        ("kind: List\nitems: [a]\n", "item 1 must be a mapping, found text."),
        (
            "apiVersion: v1\nkind: Secret\n",
            (
                "holds no NemotronDeployment (found kind: Secret). "
                "Set apiVersion: nemotron.dev/v1alpha1, kind: NemotronDeployment."
            ),
        ),
        (
            "apiVersion: nemotron.dev/v1beta1\nkind: NemotronDeployment\n",
            "apiVersion: must be nemotron.dev/v1alpha1 (found 'nemotron.dev/v1beta1').",
        ),
        (
            "apiVersion: nemotron.dev/v1alpha1\nkind: NemotronDeploymnet\n",
            "kind: must be NemotronDeployment (found 'NemotronDeploymnet').",
        ),
        (HEADER, "metadata: must be a mapping with a name (found None)."),
        (f"{HEADER}metadata: a\n", "metadata: must be a mapping with a name (found 'a')."),
        (f"{HEADER}metadata: {{}}\n", "metadata.name: is required. Name the resource."),
        (f"{HEADER}metadata: {{name: ''}}\n", "metadata.name: is required. Name the resource."),
        (f"{HEADER}metadata: {{name: 123}}\n", "metadata.name: must be text (found 123). Quote it."),
        (f"{HEADER}metadata: {{name: a, namespace: 1}}\n", "metadata.namespace: must be text (found 1). Quote it."),
        (
            f"{HEADER}metadata:\n  name: a\n  name: b\n",
            "line 5, column 3: the key 'name' stands twice in one mapping. Remove one of the two.",
        ),
    ],
)
def test_what_cannot_be_read_is_named(file: Path, text: str, problem: str) -> None:
    file.write_text(text)
    with pytest.raises(InvalidResourceError) as raised:
        read_documents([file])
    assert f"{file}: {problem}" == str(raised.value)


def test_a_position_stands_in_the_message_when_there_are_several(file: Path) -> None:
    write_yaml(file, a_deployment().body, {"apiVersion": "nemotron.dev/v2", "kind": "NemotronDeployment"})
    with pytest.raises(InvalidResourceError, match=r"nemo\.yaml \(document 2\): apiVersion: must be"):
        read_documents([file])


def test_a_position_stands_in_the_message_of_an_item(file: Path) -> None:
    write_yaml(file, {"kind": "List", "items": [{"kind": "NemotronDeployment", "apiVersion": "v1"}]})
    with pytest.raises(InvalidResourceError, match=r"nemo\.yaml \(item 1\): apiVersion: must be"):
        read_documents([file])


def test_what_is_no_text_is_no_yaml(file: Path) -> None:
    file.write_bytes(b"\xe4\xf6")
    with pytest.raises(InvalidResourceError, match="is not YAML: no UTF-8 text at byte 0"):
        read_documents([file])


def test_a_missing_file_is_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(InvalidResourceError) as raised:
        read_documents([tmp_path / "nix.yaml"])
    expected = (
        f"{tmp_path}/nix.yaml: cannot be read (No such file or directory). "
        "Give the path of a YAML file, or - to read a pipe."
    )
    assert expected == str(raised.value)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidResourceError, match=r"cannot be read \(Is a directory\)"):
        read_documents([tmp_path])


def test_a_device_that_never_ends_is_not_read_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "LARGEST_FILE_BYTES", 2 * 1024**2)
    with pytest.raises(InvalidResourceError, match="is larger than 2 MiB"):
        read_documents([Path("/dev/zero")])


@pytest.mark.parametrize("depth", [200, 5000])
def test_deep_nesting_is_a_message(file: Path, depth: int) -> None:
    file.write_text("[" * depth + "]" * depth)
    with pytest.raises(InvalidResourceError, match=r"nested too deeply|found a list"):
        read_documents([file])


def test_a_document_that_holds_itself_is_a_mistake(file: Path) -> None:
    file.write_text(f"{HEADER}metadata: {{name: a}}\nspec: &a [*a]\n")
    assert find_mistake(file).startswith("spec: must be a mapping")


def test_the_longest_name_is_read(file: Path) -> None:
    write_yaml(file, a_deployment().named("a" * 48).body)
    assert ["a" * 48] == names(file)


def test_a_name_that_is_too_long_is_a_mistake(file: Path) -> None:
    write_yaml(file, a_deployment().named("a" * 49).body)
    assert f"metadata.name: '{'a' * 49}' cannot be used. {NAME_RULE}" == find_mistake(file)


@pytest.mark.parametrize("name", ["Nemo", "1-nemo", "nemo-", "nemo.prod", "nemo_1", "nemo\n"])
def test_a_name_that_no_service_may_have_is_a_mistake(file: Path, name: str) -> None:
    write_yaml(file, a_deployment().named(name).body)
    assert f"metadata.name: {name!r} cannot be used. {NAME_RULE}" == find_mistake(file)


@pytest.mark.parametrize("namespace", ["Team", "a" * 64, "-a"])
def test_a_namespace_that_cannot_be_is_a_mistake(file: Path, namespace: str) -> None:
    write_yaml(file, a_deployment().named("a", namespace).body)
    assert find_mistake(file).startswith(f"metadata.namespace: {namespace!r} must be at most 63")


@pytest.mark.parametrize(("field", "advice"), [("sepc", "did you mean spec?"), ("zzz", "remove it")])
def test_a_misspelt_part_is_a_mistake_and_not_an_empty_spec(file: Path, field: str, advice: str) -> None:
    body = dict(a_deployment().body)
    write_yaml(file, {**body, field: body.pop("spec")})
    assert f"{field}: is not a field of a NemotronDeployment; {advice}" == find_mistake(file)


def test_a_misspelt_field_of_the_spec_is_named(file: Path) -> None:
    write_yaml(file, a_deployment().having("acceleratorr", "H200").body)
    assert find_mistake(file).startswith("spec.acceleratorr: is not a field of")
