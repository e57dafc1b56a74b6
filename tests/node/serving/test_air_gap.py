"""A cluster without internet: the pods' network is cut, a bundle is imported, and a real engine answers from it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam

from lab.control_plane import KubectlError
from lab.hub import Hub
from lab.network_cut import cut_off_pods
from lab.node_settings import ACCELERATOR_LABEL, DEVELOPMENT_TAINT
from lab.real_operator import CONFIG, serve_tiny_model, tiny_resource
from lab.tiny_model import NAME
from nemotron_operator.config import load_config
from nemotron_operator.render.pods import CONTAINER_SECURITY, POD_SECURITY
from tests.support.cluster import Body, Namespace
from tests.support.web_server import is_answered

START_SECONDS = 300
"""An engine takes half a minute to start on a quiet machine, three on a busy one."""

CONNECT_SECONDS = 5
"""How long a pod tries to reach an address; on the node's own link an answer takes a millisecond."""

QUESTION: list[ChatCompletionMessageParam] = [{"role": "user", "content": "How many r in strawberry?"}]

CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3])).close()"


@pytest.fixture
def prober(namespace: Namespace) -> Iterator[Body]:
    """A pod that can be told to connect somewhere."""
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "prober"},
        "spec": {
            "automountServiceAccountToken": False,
            "nodeSelector": ACCELERATOR_LABEL,
            "tolerations": [{"key": DEVELOPMENT_TAINT["key"], "operator": "Exists"}],
            "terminationGracePeriodSeconds": 0,
            "securityContext": POD_SECURITY,
            "containers": [
                {
                    "name": "prober",
                    "image": load_config(CONFIG).downloader_image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sleep", "3600"],
                    "securityContext": CONTAINER_SECURITY,
                }
            ],
        },
    }
    namespace.apply(body)
    namespace.kubectl("wait", "--for=condition=Ready", "pod/prober", "--timeout=60s")
    yield body
    namespace.kubectl("delete", "pod", "prober", "--wait=false")


def test_a_cluster_without_internet_serves_what_a_bundle_brings(
    namespace: Namespace, prober: Body, tmp_path: Path
) -> None:
    del prober
    bundle, resource = tmp_path / "bundle", tmp_path / "resource.yaml"
    with serve_tiny_model(namespace.plane) as hub:
        resource.write_text(json.dumps(tiny_resource(hub)))
        nemoctl(namespace, "bundle", "export", "-f", resource, "--output", bundle)
        assert reaches(namespace, hub)
        with cut_off_pods(namespace.plane):
            assert is_answered(f"{hub.url}/api/models/{NAME}")
            assert not reaches(namespace, hub)
    fetched = len(hub.requests)

    with cut_off_pods(namespace.plane):
        said = nemoctl(namespace, "bundle", "import", bundle, "--namespace", namespace.name)
        assert "every byte verified" in said
        assert "already" in nemoctl(namespace, "bundle", "import", bundle, "--namespace", namespace.name)
        namespace.kubectl("apply", "-f", str(bundle / "resource.yaml"))
        status = namespace.wait_until_ready("tiny", START_SECONDS)["status"]
        assert answer(namespace)
        description = json.loads((bundle / "bundle.json").read_text())
        assert (description["commit"], description["manifestSha256"], description["bytes"]) == (
            status["cache"]["commit"],
            status["cache"]["manifestSha256"],
            status["cache"]["bytes"],
        )
        assert [] == namespace.list("job", "nemotron.dev/component=cache")
        (listed,) = json.loads(nemoctl(namespace, "cache", "ls", "--namespace", namespace.name, "-o", "json"))
        assert (["tiny"], description["commit"]) == (listed["usedBy"], listed["commit"])
    assert fetched == len(hub.requests)


def nemoctl(namespace: Namespace, *arguments: str | Path) -> str:
    """Run the command line as a person on this machine does."""
    plane = namespace.plane
    environment = {
        **os.environ,
        "KUBECONFIG": str(plane.kubeconfig),
        "NEMOTRON_OPERATOR_CONFIG": str(CONFIG),
        "PATH": f"{plane.binaries.kubectl.parent}{os.pathsep}{os.environ['PATH']}",
    }
    command = [str(Path(sys.executable).with_name("nemoctl")), *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    return done.stdout


def reaches(namespace: Namespace, hub: Hub) -> bool:
    """Tell whether a pod can connect to the hub."""
    address = urlsplit(hub.url)
    target = (str(address.hostname), str(address.port), str(CONNECT_SECONDS))
    try:
        namespace.kubectl("exec", "prober", "--", "python", "-c", CONNECT, *target)
    except KubectlError as error:
        if "TimeoutError" not in str(error):
            raise
        return False
    return True


def answer(namespace: Namespace) -> str | None:
    """Ask the model through its Service, from this machine."""
    service = namespace.get("service", "tiny")
    assert service is not None
    url = f"http://{service['spec']['clusterIP']}:{service['spec']['ports'][0]['port']}/v1"
    client = OpenAI(base_url=url, api_key="none", timeout=120, max_retries=0)
    completion = client.chat.completions.create(model="tiny", messages=QUESTION, max_tokens=16)
    return completion.choices[0].message.content
