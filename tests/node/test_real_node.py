"""What every other test of this tier takes for granted of the node: pods run, are probed, reached, and taken away."""

import json
import signal
import subprocess
import threading
import urllib.error
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lab.binaries import find_or_build_node
from lab.bring_up import apply, bring_up, tear_down
from lab.control_plane import ControlPlane
from lab.debian_packages import find_program
from lab.images import import_image, list_images, run_ctr
from lab.node_network import NodeNetwork, require_network
from lab.node_settings import NODE_NAME, image_store
from lab.oci_archive import write_program_image
from lab.processes import Component
from lab.real_node import RealNode
from tests.support.cluster import wait_until
from tests.support.web_server import WebServers, fetch, is_answered, restricted_container


@pytest.fixture(scope="module")
def web(real_plane: ControlPlane) -> Iterator[WebServers]:
    """Two web servers on the real node."""
    servers = WebServers(real_plane, "web")
    servers.start("one", "two")
    yield servers
    servers.remove()


def node_component(plane: ControlPlane, name: str) -> Component:
    return RealNode(plane, find_or_build_node(print)).components()[name]


def test_the_node_is_ready_beside_the_simulated_ones_and_counts_gpus(real_plane: ControlPlane) -> None:
    nodes = {
        node["metadata"]["name"]: node for node in json.loads(real_plane.kubectl("get", "nodes", "-o", "json"))["items"]
    }
    conditions = {condition["type"]: condition["status"] for condition in nodes[NODE_NAME]["status"]["conditions"]}
    assert conditions["Ready"] == "True"
    assert nodes[NODE_NAME]["status"]["allocatable"]["nvidia.com/gpu"] == "8"
    assert {"h100-0", "cpu-0"} < set(nodes)


def test_a_service_answers_this_machine(web: WebServers) -> None:
    assert fetch(web.url("one", "/name")) == "one"


@pytest.mark.parametrize("name", ["two", "two.web.svc", "two.web.svc.cluster.local"])
def test_a_pod_reaches_another_by_the_name_of_its_service(web: WebServers, name: str) -> None:
    assert web.ask_from("one", f"http://{name}/name") == "two"


def test_a_pod_reaches_itself_through_its_own_service(web: WebServers) -> None:
    assert web.ask_from("one", "http://one.web.svc/name") == "one"


def test_a_pod_reaches_the_api_server_and_trusts_its_certificate(web: WebServers) -> None:
    assert json.loads(web.ask_from("one", "https://kubernetes.default.svc/version"))["gitVersion"] == "v1.37.2"


def test_a_pod_reaches_what_a_test_serves_on_the_nodes_link(web: WebServers) -> None:
    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hub")

    host = require_network(web.plane.directory).host_address
    with ThreadingHTTPServer((host, 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        answer = web.ask_from("one", f"http://{host}:{server.server_port}/")
        server.shutdown()
    assert answer == "hub"


def test_a_name_outside_the_cluster_does_not_exist(web: WebServers) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        web.ask_from("one", "http://example.invalid/")
    assert "no such host" in error.value.read().decode()


def test_kubectl_reads_the_log(web: WebServers) -> None:
    assert "listening on port 8000" in web.kubectl("logs", "one")


def test_kubectl_runs_a_command_in_the_container(web: WebServers) -> None:
    assert web.kubectl("exec", "one", "--", "/web-server", "it", "runs") == "it runs\n"


def test_what_one_pod_writes_to_a_volume_another_reads(web: WebServers) -> None:
    fetch(web.url("one", "/kept"), method="PUT", body=b"kept")
    assert fetch(web.url("two", "/kept")) == "kept"


def test_a_pod_that_nobody_meant_to_run_for_real_is_kept_off_the_node(web: WebServers) -> None:
    spec = {"nodeName": "", "nodeSelector": {"kubernetes.io/hostname": NODE_NAME}}
    container = {**restricted_container(), "name": "stray", "volumeMounts": []}
    metadata = {"name": "stray", "namespace": web.namespace}
    apply(
        web.plane,
        [{"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {**spec, "containers": [container]}}],
    )
    web.kubectl("wait", "--for=condition=PodScheduled=False", "pod/stray", "--timeout=30s")
    message = web.kubectl("get", "pod", "stray", "-o", "jsonpath={.status.conditions[0].message}")
    web.kubectl("delete", "pod", "stray")
    assert "untolerated taint(s)" in message


def test_a_container_that_is_killed_comes_back(web: WebServers) -> None:
    before = web.container("two")
    identity = before["containerID"].removeprefix("containerd://")
    run_ctr(web.plane, "tasks", "kill", "--signal", "SIGKILL", identity)
    wait_until("the container runs again", lambda: is_restarted(web.container("two"), before))
    # Only one question: its Service may answer once more before kube-proxy hears that it was not ready meanwhile.
    assert wait_until("its Service answers", lambda: fetch_if_answered(web.url("two", "/name"))) == "two"


def fetch_if_answered(url: str) -> str | None:
    try:
        return fetch(url)
    except OSError:
        return None


def is_restarted(container: dict[str, Any], before: dict[str, Any]) -> bool:
    restarts: int = container["restartCount"]
    return restarts == before["restartCount"] + 1 and container["ready"] is True


def test_pods_outlive_the_nodes_programs_which_the_next_up_starts_again(web: WebServers) -> None:
    expected = web.container("one")["containerID"]
    for name in ("kubelet", "containerd", "kube-proxy", "coredns", "api-relay"):
        node_component(web.plane, name).stop(signal.SIGKILL)
    assert fetch(web.url("one", "/name")) == "one"
    bring_up(web.plane.name, print, real_node=True)
    # A kubelet that starts again probes anew, and takes a pod for not ready until it has.
    wait_until("one reaches two by its name", lambda: is_answered(web.question("one", "http://two.web.svc/name")))
    actual = web.container("one")["containerID"]
    assert expected == actual


def test_an_archive_is_imported_again_only_when_it_has_changed(web: WebServers, tmp_path: Path) -> None:
    archive, image = tmp_path / "image.tar", "localhost/nemotron-tests/twice:test"
    program = find_or_build_node(print).pause
    write_program_image(archive, image, program)
    assert import_image(web.plane, archive)
    assert image in list_images(web.plane)
    assert not import_image(web.plane, archive)
    write_program_image(archive, image, program)
    assert import_image(web.plane, archive)


def test_taking_a_cluster_away_leaves_nothing_even_where_its_node_was_killed_halfway(real_plane: ControlPlane) -> None:
    machine = look_at_machine()
    plane = bring_up("test-node-gone", print, real_node=True)
    WebServers(plane, "web").start("one")
    network = require_network(plane.directory)
    assert network != require_network(real_plane.directory)
    assert find_remains_of(plane.directory, network)
    for name in ("kubelet", "containerd"):
        node_component(plane, name).stop(signal.SIGKILL)
    tear_down(plane.name, with_images=True)
    assert not image_store(plane.directory, network).exists()
    assert find_remains_of(plane.directory, network) == []
    assert look_at_machine() == machine


def find_remains_of(directory: Path, network: NodeNetwork) -> list[str]:
    """List processes, mounts, control groups, the interface and files of one cluster."""
    commands = [file for file in Path("/proc").glob("[0-9]*/cmdline") if mentions(file, directory)]
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(directory) in line]
    groups = Path("/sys/fs/cgroup").glob(f"**/{network.cgroup}")
    files = [path for path in (directory, Path("/sys/class/net", network.host_interface)) if path.exists()]
    return [*map(str, commands), *mounts, *map(str, groups), *map(str, files)]


def mentions(file: Path, directory: Path) -> bool:
    try:
        return f"{directory}/" in file.read_text()
    except OSError:
        return False


def look_at_machine() -> list[str]:
    """Say what a node in the machine's own namespaces would change: packet filter, forwarding, where programs write."""
    tables = subprocess.run(
        [find_program("nft") or "nft", "list", "ruleset"], check=True, capture_output=True, text=True
    ).stdout
    forwarding = Path("/proc/sys/net/ipv4/ip_forward").read_text()
    folders = ("/run/containerd", "/run/netns", "/var/lib/cni", "/var/lib/kubelet", "/var/log/pods")
    return [tables, forwarding, *(str(path) for folder in folders for path in sorted(Path(folder).glob("**/*")))]
