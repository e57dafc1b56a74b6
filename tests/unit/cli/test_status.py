from pathlib import Path
from typing import Any

import pytest
import yaml

from nemotron_operator.cli import cluster_access
from tests.support.fixtures.deployments import GENERATION, a_deployment
from tests.unit.cli.api_server import ApiServer
from tests.unit.cli.command import nemoctl, read_words

READY = {
    "type": "Ready",
    "status": "True",
    "reason": "Serving",
    "message": "1 of 1 replicas serve.",
    "observedGeneration": GENERATION,
    "lastTransitionTime": "2026-11-24T08:00:00Z",
}
STATUS = {"observedGeneration": GENERATION, "conditions": [READY], "replicas": 1, "readyReplicas": 1}


def a_resource(name: str = "nemotron", status: dict[str, Any] | None = None) -> dict[str, Any]:
    return a_deployment().named(name).with_status(STATUS if status is None else status).body


def test_a_deployment_is_shown(api: ApiServer, kubeconfig: Path) -> None:
    api.hold(a_resource())
    answer = nemoctl("status", "nemotron", "--kubeconfig", kubeconfig)
    assert (0, "") == (answer.code, answer.err)
    assert answer.out.startswith(
        "team/nemotron  Ready: Serving\n  1 of 1 replicas serve.\n\n  Replicas  1 pod, 1 ready\n"
    )


def test_all_deployments_are_listed(api: ApiServer, kubeconfig: Path) -> None:
    api.hold(a_resource("a"), a_resource("b", {"observedGeneration": -1}))
    answer = nemoctl("status", "--kubeconfig", kubeconfig)
    expected = f"""\
team/a  Ready: Serving
  1 of 1 replicas serve.
team/b  not seen yet
  The operator has seen nothing of it, the spec is at generation {GENERATION}.
"""
    assert expected == answer.out


def test_wide_is_a_line_for_each(api: ApiServer, kubeconfig: Path) -> None:
    api.hold(a_resource("a"), a_resource("b", {"observedGeneration": -1}))
    header, *lines = nemoctl("status", "--kubeconfig", kubeconfig, "-o", "wide").out.splitlines()
    assert "NAME READY REASON PODS SERVING GPUS CACHE MODEL UPDATE MESSAGE" == read_words(header)
    assert "team/a True Serving 1 1 - - - - 1 of 1 replicas serve." == read_words(lines[0])
    assert "team/b Unknown NotSeen 0 0 - - - -" == read_words(lines[1])


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_one_deployment_is_an_object_and_all_are_a_list(api: ApiServer, kubeconfig: Path, output: str) -> None:
    api.hold(a_resource())
    expected = {"namespace": "team", "name": "nemotron", "generation": GENERATION, "status": STATUS}
    assert expected == nemoctl("status", "nemotron", "--kubeconfig", kubeconfig, "-o", output).document
    assert [expected] == nemoctl("status", "--kubeconfig", kubeconfig, "-o", output).document


def test_no_deployment_is_an_empty_answer_and_a_note(api: ApiServer, kubeconfig: Path) -> None:
    api.hold()
    answer = nemoctl("status", "--kubeconfig", kubeconfig)
    expected = (
        "nemoctl: There is no NemotronDeployment in namespace 'team'. `nemoctl status -A` looks into every namespace.\n"
    )
    assert (0, "", expected) == (answer.code, answer.out, answer.err)
    answer = nemoctl("status", "-A", "--kubeconfig", kubeconfig)
    assert "nemoctl: There is no NemotronDeployment in any namespace.\n" == answer.err
    assert [] == nemoctl("status", "--kubeconfig", kubeconfig, "-o", "json").document


@pytest.mark.parametrize(
    ("arguments", "namespace"),
    [([], "team"), (["--context", "other"], "elsewhere"), (["-n", "own"], "own"), (["-A"], None)],
)
def test_the_namespace_is_chosen_as_kubectl_does(
    api: ApiServer, kubeconfig: Path, arguments: list[str], namespace: str | None
) -> None:
    api.hold(namespace=namespace or "unused")
    answer = nemoctl("status", "--kubeconfig", kubeconfig, *arguments)
    scope = f"in namespace {namespace!r}" if namespace else "in any namespace"
    assert answer.err.startswith(f"nemoctl: There is no NemotronDeployment {scope}.")


def test_a_context_without_a_namespace_means_default(api: ApiServer, tmp_path: Path) -> None:
    kubeconfig = api.write_kubeconfig(tmp_path / "k.yaml", namespace=None)
    api.hold(namespace="default")
    assert "in namespace 'default'" in nemoctl("status", "--kubeconfig", kubeconfig).err


def test_the_environment_names_the_kubeconfig(api: ApiServer, kubeconfig: Path) -> None:
    api.hold(a_resource())
    assert 0 == nemoctl("status", KUBECONFIG=str(kubeconfig)).code


def test_a_pod_looks_into_its_own_namespace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cluster_access, "find_kubeconfig", lambda: None)
    monkeypatch.setattr(cluster_access, "POD_NAMESPACE_PATH", tmp_path / "namespace")
    assert "default" == cluster_access.ClusterTarget().choose_namespace()
    (tmp_path / "namespace").write_text("own\n")
    assert "own" == cluster_access.ClusterTarget().choose_namespace()


def fails(*arguments: str | Path) -> str:
    """Run `status`, which has to fail with one line, and give the line."""
    answer = nemoctl("status", *arguments, KUBECONFIG=None)
    assert (2, "", 1) == (answer.code, answer.out, answer.err.count("\n"))
    return answer.err.removeprefix("nemoctl: ").rstrip("\n")


def test_a_missing_deployment_is_told_with_what_there_is(api: ApiServer, kubeconfig: Path) -> None:
    api.hold(a_resource("nemotron-70b"), a_resource("other"))
    expected = "There is no NemotronDeployment 'nemotron-70' in namespace 'team'. There is: nemotron-70b."
    assert expected == fails("nemotron-70", "--kubeconfig", kubeconfig)
    expected = "There is no NemotronDeployment 'x' in namespace 'team'. There is: nemotron-70b, other."
    assert expected == fails("x", "--kubeconfig", kubeconfig)


def test_a_missing_deployment_in_an_empty_namespace_says_where_to_look(api: ApiServer, kubeconfig: Path) -> None:
    api.hold()
    expected = (
        "There is no NemotronDeployment 'x' in namespace 'team'. "
        "`nemoctl status --all-namespaces` lists what there is elsewhere."
    )
    assert expected == fails("x", "--kubeconfig", kubeconfig)


@pytest.mark.parametrize("arguments", [[], ["nemotron"], ["-A"]])
def test_a_cluster_without_the_definition_says_what_to_install(
    api: ApiServer, kubeconfig: Path, arguments: list[str]
) -> None:
    del api
    expected = (
        "This cluster does not know nemotrondeployments.nemotron.dev: the operator's definitions are not installed. "
        "Install the chart nemotron-operator-crds, or choose another cluster with --kubeconfig or --context."
    )
    assert expected == fails(*arguments, "--kubeconfig", kubeconfig)


def test_a_missing_permission_says_how_to_check_it(api: ApiServer, kubeconfig: Path) -> None:
    api.refuse(403, 'nemotrondeployments.nemotron.dev is forbidden: User "kim" cannot list')
    expected = (
        "Your credentials may not read nemotrondeployments.nemotron.dev in namespace 'team'. Check with "
        "`kubectl auth can-i list nemotrondeployments -n team`, and have the platform team bind a role that may."
    )
    assert expected == fails("--kubeconfig", kubeconfig)
    assert "in any namespace. Check with `kubectl auth can-i list nemotrondeployments --all-namespaces`" in fails(
        "-A", "--kubeconfig", kubeconfig
    )


def test_a_client_without_credentials_is_told_to_log_in(api: ApiServer, kubeconfig: Path) -> None:
    api.refuse(403, 'forbidden: User "system:anonymous" cannot list')
    assert fails("--kubeconfig", kubeconfig).startswith("The API server takes you for anonymous: ")


def test_credentials_that_expired_are_told(api: ApiServer, kubeconfig: Path) -> None:
    api.refuse(401, "Unauthorized")
    assert "log in to the cluster again" in fails("--kubeconfig", kubeconfig)


def test_an_answer_of_another_kind_is_told(api: ApiServer, kubeconfig: Path) -> None:
    api.refuse(500, "etcd is gone")
    assert fails("--kubeconfig", kubeconfig).endswith(": etcd is gone")


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path: Path) -> None:
    expected = f"There is no kubeconfig at {tmp_path}/nix. Set KUBECONFIG or --kubeconfig to the file of your cluster."
    assert expected == fails("--kubeconfig", tmp_path / "nix")


@pytest.mark.parametrize("text", ["", "a: [", "hello", "{}", "contexts: 3"])
def test_a_kubeconfig_that_is_broken_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    message = fails("--kubeconfig", path)
    assert message.startswith(f"The kubeconfig {path} cannot be used: ")
    assert message.endswith(f"`kubectl --kubeconfig {path} config view` shows it.")


def test_a_context_that_is_not_there_is_named(api: ApiServer, kubeconfig: Path) -> None:
    del api
    assert "Expected object with name nope" in fails("--kubeconfig", kubeconfig, "--context", "nope")


def test_an_api_server_that_is_not_there_is_named(kubeconfig: Path, tmp_path: Path) -> None:
    config = yaml.safe_load(kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:1"
    path = tmp_path / "nobody.yaml"
    path.write_text(yaml.safe_dump(config))
    message = fails("--kubeconfig", path)
    assert message.startswith("No API server answers at http://127.0.0.1:1 (")
    assert message.endswith("). Check that the cluster runs and that the kubeconfig names it.")


@pytest.mark.parametrize("arguments", [["-A", "nemotron"], ["-A", "-n", "team"]])
def test_all_namespaces_go_with_no_name(arguments: list[str]) -> None:
    expected = (
        "Invalid value for '--all-namespaces': it goes with neither NAME nor --namespace. "
        "`nemoctl status --help` shows what there is."
    )
    assert expected == fails(*arguments)
