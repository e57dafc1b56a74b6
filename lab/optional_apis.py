"""Kinds that others bring to a cluster: their real definitions, out of the Go modules of their projects."""

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from lab.control_plane import ControlPlane
from lab.directories import lab_home
from lab.errors import LabError
from lab.file_lock import file_lock
from lab.go_toolchain import require_go
from lab.removed_definitions import delete_definitions
from lab.served_definitions import wait_until_served

_GO_MOD = "module nemotron.dev/lab/apis\n\ngo 1.26.0\n"


@dataclass(frozen=True)
class OptionalApi:
    """Definitions of one project."""

    module: str
    version: str
    sum: str
    """What go.sum would say of the module."""

    files: tuple[str, ...]
    """The definitions, inside the module."""

    definitions: tuple[str, ...]
    """Their names in a cluster."""

    @property
    def folder(self) -> Path:
        """Where they are kept once they were fetched: another choice of them is another folder."""
        choice = hashlib.sha256("\n".join(self.files).encode()).hexdigest()[:8]
        return lab_home() / f"apis-{self.module.replace('/', '-')}-{self.version}-{choice}"


APIS = {
    "lws": OptionalApi(
        "sigs.k8s.io/lws",
        "v0.9.0",
        "h1:DcJCgxjjoGOx//QHZkeKpyiblxYq70aCRZNYSfykWyI=",
        (
            "config/crd/bases/leaderworkerset.x-k8s.io_leaderworkersets.yaml",
            # Its controller does not start without them.
            "config/crd/bases/disaggregatedset.x-k8s.io_disaggregatedsets.yaml",
        ),
        ("leaderworkersets.leaderworkerset.x-k8s.io", "disaggregatedsets.disaggregatedset.x-k8s.io"),
    ),
    "keda": OptionalApi(
        "github.com/kedacore/keda/v2",
        "v2.21.0",
        "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=",
        (
            "config/crd/bases/keda.sh_scaledobjects.yaml",
            "config/crd/bases/keda.sh_scaledjobs.yaml",
            "config/crd/bases/keda.sh_triggerauthentications.yaml",
            "config/crd/bases/keda.sh_clustertriggerauthentications.yaml",
        ),
        (
            "scaledobjects.keda.sh",
            "scaledjobs.keda.sh",
            "triggerauthentications.keda.sh",
            "clustertriggerauthentications.keda.sh",
        ),
    ),
    "gateway": OptionalApi(
        "sigs.k8s.io/gateway-api",
        "v1.6.3",
        "h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=",
        (
            "config/crd/standard/gateway.networking.k8s.io_gateways.yaml",
            "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
        ),
        ("gateways.gateway.networking.k8s.io", "httproutes.gateway.networking.k8s.io"),
    ),
    "inference": OptionalApi(
        "sigs.k8s.io/gateway-api-inference-extension",
        "v1.5.0",
        "h1:w9Awt60cmI1vM7Y6N81h8wDCBP0WkmxpdI7GKY0v070=",
        ("config/crd/bases/inference.networking.k8s.io_inferencepools.yaml",),
        ("inferencepools.inference.networking.k8s.io",),
    ),
    "cert-manager": OptionalApi(
        "github.com/cert-manager/cert-manager",
        "v1.21.2",
        "h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68=",
        (
            "deploy/crds/cert-manager.io_certificates.yaml",
            "deploy/crds/cert-manager.io_issuers.yaml",
        ),
        ("certificates.cert-manager.io", "issuers.cert-manager.io"),
    ),
    "argocd": OptionalApi(
        "github.com/argoproj/argo-cd/v3",
        "v3.5.7",
        "h1:Xm1BF+I5OgDKUG3SDK49vn2/Y5AMyaNVko+/JT08gj0=",
        ("manifests/crds/application-crd.yaml",),
        ("applications.argoproj.io",),
    ),
    "flux-kustomize": OptionalApi(
        "github.com/fluxcd/kustomize-controller",
        "v1.9.6",
        "h1:XB+G3A0mky0j5uVHZWv4oSlS2RvZBoNIUhstIvY0JKE=",
        ("config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml",),
        ("kustomizations.kustomize.toolkit.fluxcd.io",),
    ),
    "flux-source": OptionalApi(
        "github.com/fluxcd/source-controller",
        "v1.9.6",
        "h1:nG534/bI6nVpyHra7ONAk6xDB3xPsVT+EOLHZHXPrrc=",
        ("config/crd/bases/source.toolkit.fluxcd.io_ocirepositories.yaml",),
        ("ocirepositories.source.toolkit.fluxcd.io",),
    ),
}
"""By the name under which tests ask for them."""


def install_apis(plane: ControlPlane, names: Iterable[str], say: Callable[[str], None] = lambda _text: None) -> None:
    """Give a cluster the definitions of some projects, and wait until its API server serves them."""
    definitions: list[str] = []
    for name in names:
        api = APIS[name]
        # On the server's side: a definition may be larger than what an annotation holds.
        plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(fetch_definitions(api, say)))
        definitions += [f"crd/{definition}" for definition in api.definitions]
    if definitions:
        wait_until_served(plane, definitions)


def remove_apis(plane: ControlPlane, names: Iterable[str]) -> None:
    """Take the definitions of some projects away, and all objects of their kinds with them."""
    definitions = [f"crd/{definition}" for name in names for definition in APIS[name].definitions]
    delete_definitions(plane, definitions)


def fetch_definitions(api: OptionalApi, say: Callable[[str], None] = lambda _text: None) -> Path:
    """Return a folder with the definitions of one project, fetched once."""
    with file_lock(api.folder.with_name(f".{api.folder.name}.lock")):
        if not api.folder.is_dir():
            say(f"{api.module} {api.version}: fetching its definitions, once")
            _fetch_aside(api)
    return api.folder


def _fetch_aside(api: OptionalApi) -> None:
    """Copy them into a folder beside the real one and rename it: a reader never sees half of them."""
    module = _download(api)
    with tempfile.TemporaryDirectory(dir=api.folder.parent, prefix=".apis-") as temporary:
        folder = Path(temporary) / "definitions"
        folder.mkdir()
        for file in api.files:
            # What Go keeps can only be read, and so could its copy.
            shutil.copyfile(module / file, folder / Path(file).name)
        folder.rename(api.folder)


def _download(api: OptionalApi) -> Path:
    """Let Go fetch the module, and hold it against the sum that is written here."""
    go = require_go(f"the module {api.module}", _GO_MOD)
    command = [str(go), "mod", "download", "-json", f"{api.module}@{api.version}"]
    with tempfile.TemporaryDirectory() as empty:  # inside a module, Go would want all that this one needs
        answer = subprocess.run(command, cwd=empty, capture_output=True, text=True, check=False)
    told = json.loads(answer.stdout or "{}")
    if answer.returncode != 0 or "Error" in told:
        raise LabError(f"{api.module} {api.version} cannot be fetched: {told.get('Error') or answer.stderr.strip()}")
    if told["Sum"] != api.sum:
        raise LabError(f"{api.module} {api.version} is not what it was: its sum is {told['Sum']}, not {api.sum}.")
    return Path(told["Dir"])
