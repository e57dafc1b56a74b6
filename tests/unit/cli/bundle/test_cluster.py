"""An import into a cluster, but for the cluster: kubectl here runs the real receiver on this machine."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nemotron_operator.cli.bundle.loader import name_loader
from nemotron_operator.cluster.kinds import CLAIM, POD
from nemotron_operator.cluster.observation import read_recorded_model
from nemotron_operator.plan.facts import Damage
from nemotron_operator.plan.names import name_shared_claim
from nemotron_operator.render.metadata import DAMAGED_MODEL_ANNOTATION, record_damage
from tests.unit.cli.bundle.bundles import (
    COMMIT,
    CONFIG,
    FILES,
    REPOSITORY,
    RESOURCE,
    make_bundle,
    make_test_manifest,
    read_tree,
)
from tests.unit.cli.cache.cluster_api import NO_RIGHT, Body, ClusterApi
from tests.unit.cli.command import Answer, nemoctl

pytestmark = pytest.mark.program

Login = tuple[str, Path]

CLAIM_NAME = name_shared_claim(REPOSITORY, "main")
LOADER_NAME = name_loader(CLAIM_NAME)

KUBECTL = """#!/bin/sh
echo "$@" > {home}/arguments
{before}
exec {python} -m nemotron_operator.volume.main receive --destination={home}/volume --termination-message-path=/dev/null
"""


class Machine:
    """A machine with kubectl, and the volume that its pod would mount."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        self.volume = home / "volume"
        self.volume.mkdir()
        self.set_kubectl()
        monkeypatch.setenv("PATH", f"{home}{os.pathsep}{os.environ['PATH']}")

    def set_kubectl(self, before: str = "") -> None:
        """Make kubectl do something before it receives."""
        program = self.home / "kubectl"
        program.write_text(KUBECTL.format(home=self.home, python=sys.executable, before=before))
        program.chmod(0o755)

    @property
    def arguments(self) -> list[str]:
        """What kubectl was asked for."""
        return (self.home / "arguments").read_text().split()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    home = tmp_path / "machine"
    home.mkdir()
    return Machine(home, monkeypatch)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "bundle")


def run_pods(api: ClusterApi, path: str, body: Body) -> None:
    """Run every pod as soon as it is made, as a kubelet would."""
    if "/pods/" in path and "status" not in body:
        running = {"name": "receive", "state": {"running": {}}}
        api.objects[path] = {**body, "status": {"phase": "Running", "containerStatuses": [running]}}


def import_(bundle: Path, login: Login, *arguments: str) -> Answer:
    return nemoctl("bundle", "import", bundle, *login, "--operator-config", CONFIG, *arguments)


def test_the_volume_is_filled_recorded_and_left_without_a_pod(
    cluster: ClusterApi, login: Login, machine: Machine, bundle: Path
) -> None:
    cluster.after_write = run_pods
    answer = import_(bundle, login)
    assert 0 == answer.code, answer.err
    assert answer.out == (
        f"The claim '{CLAIM_NAME}' in namespace 'team' holds {REPOSITORY} at main (commit 0123456789ab, 4 files, "
        f"0.00 GiB), every byte verified.\nNext: kubectl apply -n team -f {bundle}/resource.yaml\n"
    )
    assert FILES.items() <= read_tree(machine.volume / COMMIT).items()
    claim = cluster.get(CLAIM, CLAIM_NAME)
    assert claim is not None
    recorded = read_recorded_model(claim)
    assert recorded is not None
    manifest = make_test_manifest()
    assert (REPOSITORY, COMMIT, manifest.size_bytes, 4, manifest.sha256) == (
        recorded.repository,
        recorded.commit,
        recorded.size_bytes,
        recorded.files,
        recorded.manifest_sha256,
    )
    assert cluster.get(POD, LOADER_NAME) is None
    kinds = [("POST", "persistentvolumeclaims"), ("POST", "pods"), ("DELETE", "pods"), ("PATCH", CLAIM.plural)]
    assert kinds == [(method, path.split("/")[5]) for method, path in cluster.writes]


def test_kubectl_speaks_with_the_same_cluster(
    cluster: ClusterApi, login: Login, machine: Machine, bundle: Path
) -> None:
    cluster.after_write = run_pods
    import_(bundle, login, "--context", "other")
    expected = [
        *("--kubeconfig", str(login[1]), "--context", "other", "--namespace", "elsewhere"),
        *("exec", "--stdin", LOADER_NAME, "--container=receive", "--"),
        *("nemotron-volume", "receive", "--destination=/models", "--revision=main"),
    ]
    assert expected == machine.arguments


def test_a_second_import_does_nothing_and_says_so(
    cluster: ClusterApi, login: Login, machine: Machine, bundle: Path
) -> None:
    cluster.after_write = run_pods
    import_(bundle, login)
    cluster.writes.clear()
    (machine.home / "arguments").unlink()
    answer = import_(bundle, login)
    assert (0, "", []) == (answer.code, answer.err, cluster.writes)
    assert answer.out == (
        f"The claim '{CLAIM_NAME}' holds {REPOSITORY} at main (commit 0123456789ab, 4 files, 0.00 GiB) already. "
        f"Next: kubectl apply -n team -f {bundle}/resource.yaml\n"
    )
    assert not (machine.home / "arguments").exists()


def test_a_failed_import_leaves_a_claim_that_the_next_one_completes(
    cluster: ClusterApi, login: Login, machine: Machine, bundle: Path
) -> None:
    cluster.after_write = run_pods
    machine.set_kubectl("echo 'error: the connection was lost' >&2; exit 1")
    answer = import_(bundle, login)
    assert (1, "") == (answer.code, answer.out)
    assert answer.err.endswith(
        "is not imported: It ended with exit code 1: error: the connection was lost. The same command tries again.\n"
    )
    claim = cluster.get(CLAIM, CLAIM_NAME)
    assert claim is not None
    assert (None, None) == (read_recorded_model(claim), cluster.get(POD, LOADER_NAME))
    machine.set_kubectl()
    assert 0 == import_(bundle, login).code


def test_a_damaged_file_is_named_and_the_pod_goes(
    cluster: ClusterApi, login: Login, machine: Machine, bundle: Path
) -> None:
    cluster.after_write = run_pods
    path = bundle / "models" / COMMIT / "model.safetensors"
    path.write_bytes(b"x" + FILES["model.safetensors"][1:])
    answer = import_(bundle, login)
    assert 2 == answer.code
    assert f"nemoctl: {path}: is damaged: " in answer.err
    assert cluster.get(POD, LOADER_NAME) is None
    assert not (machine.volume / COMMIT).exists()


def test_ctrl_c_removes_the_pod(cluster: ClusterApi, login: Login, machine: Machine, bundle: Path) -> None:
    cluster.after_write = run_pods
    # The first bytes are read before, so that the transfer is under way.
    machine.set_kubectl("head -c 512 >/dev/null; kill -INT $PPID; exec sleep 600")
    program = "from nemotron_operator.cli.main import main; main()"
    arguments = ("bundle", "import", bundle, *login, "--operator-config", CONFIG)
    command = [sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (130, "") == (done.returncode, done.stdout)
    assert "Traceback" not in done.stderr
    assert [("POST", "pods"), ("DELETE", "pods")] == [
        (method, path.split("/")[5]) for method, path in cluster.writes if "/pods" in path
    ]


def test_a_pod_that_does_not_run_ends_in_an_error_and_goes(
    cluster: ClusterApi, login: Login, machine: Machine, bundle: Path
) -> None:
    answer = import_(bundle, login, "--timeout", "1")
    assert 2 == answer.code
    assert f"The pod '{LOADER_NAME}' does not run after 1 s: it is not scheduled yet. " in answer.err
    assert cluster.get(POD, LOADER_NAME) is None
    assert not (machine.home / "arguments").exists()


def test_another_import_is_not_disturbed(cluster: ClusterApi, login: Login, machine: Machine, bundle: Path) -> None:
    cluster.put(POD, {"metadata": {"name": LOADER_NAME}, "spec": {}})
    answer = import_(bundle, login)
    assert 2 == answer.code
    assert f"`kubectl delete pod {LOADER_NAME} -n team`" in answer.err
    assert cluster.get(POD, LOADER_NAME) is not None
    assert not (machine.home / "arguments").exists()


def a_claim(**metadata: object) -> Body:
    labels = {"app.kubernetes.io/managed-by": "nemotron-operator", "nemotron.dev/component": "cache"}
    return {
        "metadata": {"name": CLAIM_NAME, "labels": labels, **metadata},
        "spec": {"resources": {"requests": {"storage": "1Gi"}}},
    }


def a_record(commit: str) -> dict[str, str]:
    cached = {
        "repository": REPOSITORY,
        "commit": commit,
        "size_bytes": 1,
        "files": 1,
        "manifest_sha256": "a",
        "verified_at": "2026-11-24T08:00:00Z",
    }
    return {"nemotron.dev/cached-model": json.dumps(cached)}


WHERE = f"The claim '{CLAIM_NAME}' in namespace 'team'"
OTHER_COMMIT = (
    f"{WHERE} holds commit ffffffffffff of {REPOSITORY} at main, the bundle brings 0123456789ab. Export with "
    f"--revision {COMMIT}, which gets a volume of its own, or delete the old one: "
    f"`nemoctl cache rm {CLAIM_NAME} -n team`."
)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"labels": {}}, f"{WHERE} was not made by nemotron-operator (no label says who), and is not touched."),
        ({"deletionTimestamp": "2026-11-24T08:00:00Z"}, f"{WHERE} is being deleted. Wait until it is gone: "),
        ({"annotations": a_record("f" * 40)}, OTHER_COMMIT),
    ],
    ids=["foreign", "deleted", "other commit"],
)
def test_a_claim_that_is_not_to_be_filled_is_left_alone(
    cluster: ClusterApi, login: Login, bundle: Path, metadata: Body, message: str
) -> None:
    cluster.put(CLAIM, a_claim(**metadata))
    answer = import_(bundle, login)
    assert (2, "", []) == (answer.code, answer.out, cluster.writes)
    assert answer.err.startswith(f"nemoctl: {message}")


def test_a_claim_that_the_operator_made_before_is_filled(
    cluster: ClusterApi, login: Login, machine: Machine, bundle: Path
) -> None:
    cluster.put(CLAIM, a_claim())
    cluster.after_write = run_pods
    assert 0 == import_(bundle, login).code
    assert (machine.volume / COMMIT).is_dir()
    claim = cluster.get(CLAIM, CLAIM_NAME)
    assert claim is not None
    assert read_recorded_model(claim) is not None


def test_a_volume_that_was_found_to_be_damaged_is_filled_again(
    cluster: ClusterApi, login: Login, machine: Machine, bundle: Path
) -> None:
    cluster.after_write = run_pods
    import_(bundle, login)
    claim = cluster.get(CLAIM, CLAIM_NAME)
    assert claim is not None
    shutil.rmtree(machine.volume / COMMIT)
    damage = Damage("2999-01-01T00:00:00Z", "model.safetensors differs.")
    claim["metadata"]["annotations"][DAMAGED_MODEL_ANNOTATION] = record_damage(damage)
    assert 0 == import_(bundle, login).code
    assert FILES.items() <= read_tree(machine.volume / COMMIT).items()


def test_without_kubectl_the_way_out_is_told(
    cluster: ClusterApi, login: Login, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    answer = import_(bundle, login)
    assert (2, []) == (answer.code, cluster.writes)
    assert answer.err.startswith("nemoctl: There is no kubectl on PATH, and import sends the files through it.")


def test_without_a_cluster_the_address_is_told(bundle: Path, login: Login, cluster: ClusterApi, tmp_path: Path) -> None:
    nobody = tmp_path / "nobody.yaml"
    nobody.write_text(login[1].read_text().replace(cluster.address, "http://127.0.0.1:1"))
    answer = import_(bundle, ("--kubeconfig", nobody))
    assert 2 == answer.code
    assert "No API server answers at http://127.0.0.1:1 (" in answer.err


def test_a_resource_of_another_model_is_named(login: Login, tmp_path: Path) -> None:
    source = {"huggingFace": {"repository": REPOSITORY, "revision": "v2"}}
    bundle = make_bundle(tmp_path / "b", {**RESOURCE, "spec": {"model": {"source": source}}})
    answer = import_(bundle, login)
    assert 2 == answer.code
    expected = f"{bundle}/resource.yaml: names {REPOSITORY} at v2, and the bundle carries {REPOSITORY} at main."
    assert answer.err.startswith(f"nemoctl: {expected}")


def test_the_namespace_of_the_resource_counts_as_with_kubectl(
    cluster: ClusterApi, login: Login, machine: Machine, tmp_path: Path
) -> None:
    cluster.after_write = run_pods
    resource = {**RESOURCE, "metadata": {"name": "tiny", "namespace": "prod"}}
    bundle = make_bundle(tmp_path / "b", resource)
    assert 2 == import_(bundle, login, "-n", "test").code
    assert [] == cluster.writes
    assert 0 == import_(bundle, login).code
    assert cluster.get(CLAIM, CLAIM_NAME, "prod") is not None
    assert (machine.volume / COMMIT).is_dir()


def test_a_volume_that_shall_go_with_its_users_has_none_before_they_exist(
    cluster: ClusterApi, login: Login, machine: Machine, tmp_path: Path
) -> None:
    """The garbage collector would delete a claim whose owner is not there."""
    cluster.after_write = run_pods
    resource = {**RESOURCE, "spec": {**RESOURCE["spec"], "cache": {"retention": "Delete"}}}
    assert 0 == import_(make_bundle(tmp_path / "b", resource), login).code
    claim = cluster.get(CLAIM, CLAIM_NAME)
    assert claim is not None
    assert "ownerReferences" not in claim["metadata"]
    assert (machine.volume / COMMIT).is_dir()


def test_a_resource_that_is_refused_makes_nothing(cluster: ClusterApi, login: Login, bundle: Path) -> None:
    answer = import_(bundle, login, "--size", "1Ki")
    assert (1, "", []) == (answer.code, answer.out, cluster.writes)
    assert answer.err.startswith("nemoctl: tiny: CacheTooSmall: ")


def test_a_missing_permission_says_how_to_check_it(
    cluster: ClusterApi, login: Login, machine: Machine, bundle: Path
) -> None:
    cluster.refusals["POST", "pods"] = NO_RIGHT
    answer = import_(bundle, login)
    assert 2 == answer.code
    assert "`kubectl auth can-i create pods -n team`" in answer.err
    assert not (machine.home / "arguments").exists()


def test_a_policy_or_quota_that_refuses_the_pod_is_quoted(
    cluster: ClusterApi, login: Login, machine: Machine, bundle: Path
) -> None:
    cluster.refusals["POST", "pods"] = 'pods "import-a" is forbidden: exceeded quota: pods=10'
    answer = import_(bundle, login)
    assert 2 == answer.code
    assert answer.err.endswith(': pods "import-a" is forbidden: exceeded quota: pods=10.\n')
    assert not (machine.home / "arguments").exists()
