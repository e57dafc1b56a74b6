"""The programs that the laboratory needs: which version, from which Go module, and how to tell a version.

Versions stand in `lab/toolchain/*/go.mod` too; a test holds the two together.
"""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.directories import TOOLCHAIN, go_platform, lab_home
from lab.input_digest import digest_files

VERSION_TIMEOUT_SECONDS = 20
"""A program that cannot say its version in this time is not used."""

_VERSION = re.compile(r"(?<![\w.])v?(\d+\.\d+)\.\d+")


@dataclass(frozen=True)
class GoModule:
    """Programs that are built together, because they share most of their packages."""

    name: str
    """The folder in `lab/toolchain`."""

    version: str
    """The pinned version, without a leading v."""

    packages: Mapping[str, str]
    """Program name to Go package."""

    version_variables: Mapping[str, str]
    """Go variables set by the linker; without them the programs call themselves v0.0.0."""

    cpu_seconds: int
    """What a build with nothing in Go's cache took, for the estimate."""

    folder: Path | None = None
    """Where its go.mod is, if that is not `lab/toolchain/<name>`."""

    build_tags: tuple[str, ...] = ()
    """Go build tags, to leave out what a laboratory node does not take."""

    @property
    def source(self) -> Path:
        """Where its go.mod and go.sum are."""
        return self.folder or TOOLCHAIN / self.name

    @property
    def output(self) -> Path:
        """Where its programs are kept once they are built."""
        return lab_home() / f"{self.name}-{self.version}-{go_platform()}"

    @property
    def minor_version(self) -> str:
        """Major and minor, for example `1.37`."""
        return self.version.rpartition(".")[0]


_KUBERNETES_VERSION = {
    "k8s.io/component-base/version.gitVersion": "v1.37.2",
    "k8s.io/component-base/version.gitMajor": "1",
    "k8s.io/component-base/version.gitMinor": "37",
    "k8s.io/client-go/pkg/version.gitVersion": "v1.37.2",
}

MODULES = (
    GoModule(
        name="kubernetes",
        version="1.37.2",
        packages={
            "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
            "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
            "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
            "kubectl": "k8s.io/kubernetes/cmd/kubectl",
        },
        version_variables=_KUBERNETES_VERSION,
        cpu_seconds=800,
    ),
    GoModule(
        name="etcd",
        version="3.6.16",
        packages={"etcd": "go.etcd.io/etcd/server/v3"},
        version_variables={},
        cpu_seconds=45,
    ),
    GoModule(
        name="kwok",
        version="0.8.0",
        packages={"kwok": "sigs.k8s.io/kwok/cmd/kwok", "kwokctl": "sigs.k8s.io/kwok/cmd/kwokctl"},
        version_variables={"sigs.k8s.io/kwok/pkg/consts.Version": "v0.8.0"},
        cpu_seconds=130,
    ),
    GoModule(
        name="helm",
        version="4.3.1",
        packages={"helm": "helm.sh/helm/v4/cmd/helm"},
        version_variables={"helm.sh/helm/v4/internal/version.version": "v4.3.1"},
        cpu_seconds=175,
    ),
)
"""What every laboratory cluster runs, in the order in which it is built."""

NODE_MODULES = (
    GoModule(
        name="kubernetes-node",
        version="1.37.2",
        packages={"kubelet": "k8s.io/kubernetes/cmd/kubelet", "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy"},
        version_variables=_KUBERNETES_VERSION,
        # After the control plane, with its sources: what the two share is compiled once.
        cpu_seconds=75,
        folder=TOOLCHAIN / "kubernetes",
    ),
    GoModule(
        name="containerd",
        version="2.2.0",
        packages={
            "containerd": "github.com/containerd/containerd/v2/cmd/containerd",
            "containerd-shim-runc-v2": "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
            "ctr": "github.com/containerd/containerd/v2/cmd/ctr",
        },
        version_variables={"github.com/containerd/containerd/v2/version.Version": "2.2.0"},
        cpu_seconds=120,
        build_tags=("no_btrfs", "no_devmapper", "no_zfs"),
    ),
    GoModule(
        name="coredns",
        version="1.15.0",
        packages={"coredns": "nemotron.dev/lab/coredns"},
        version_variables={},
        cpu_seconds=160,
    ),
    GoModule(
        name="pause",
        version="1.0.0",
        packages={"pause": "nemotron.dev/lab/pause"},
        version_variables={},
        cpu_seconds=5,
    ),
)
"""What a cluster with one real node runs beside that."""

HELM_3 = GoModule(
    name="helm3",
    version="3.22.0",
    # A name of its own, so that no Helm 4 is taken for it.
    packages={"helm3": "helm.sh/helm/v3/cmd/helm"},
    # It takes the cluster's version, where it sees no cluster, from the linker too; without, it is 1.20.
    version_variables={
        "helm.sh/helm/v3/internal/version.version": "v3.22.0",
        "helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor": "1",
        "helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor": "37",
        "helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor": "1",
        "helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor": "37",
    },
    cpu_seconds=200,
)
"""The Helm of many clusters still. Only the tests of the chart take it, so no cluster waits for it."""

LEADER_WORKER_SETS = GoModule(
    name="lws",
    version="0.9.0",
    # Its folder is called `cmd`, and so would the program be.
    packages={"lws-manager": "sigs.k8s.io/lws/cmd"},
    version_variables={"sigs.k8s.io/lws/pkg/version.GitVersion": "v0.9.0"},
    cpu_seconds=130,
)
"""The controller of LeaderWorkerSets. Only the tests of several nodes take it, so no cluster waits for it."""


def _our_own(name: str, cpu_seconds: int) -> GoModule:
    """Describe a program that is ours, on the library of a tool: another source is another program."""
    return GoModule(
        name=name,
        version=digest_files(TOOLCHAIN, [name]),
        packages={f"nemotron-{name}": f"nemotron.dev/lab/{name}"},
        version_variables={},
        cpu_seconds=cpu_seconds,
    )


PROMQL = _our_own("promql", cpu_seconds=80)
"""Prometheus' own engine for queries and rules, and Grafana's schema. Only the tests of monitoring take it."""

ACTIONLINT = GoModule(
    name="actionlint",
    version="1.7.12",
    packages={"actionlint": "github.com/rhysd/actionlint/cmd/actionlint"},
    version_variables={"github.com/rhysd/actionlint.version": "1.7.12"},
    cpu_seconds=25,
)
"""Reads GitHub's workflows as GitHub does. Only the tests of the release take it."""

KUBE_SCORE = GoModule(
    name="kube-score",
    version="1.20.0",
    packages={"kube-score": "github.com/zegl/kube-score/cmd/kube-score"},
    version_variables={"main.version": "1.20.0"},
    cpu_seconds=90,
)
"""Checks of Kubernetes manifests. Only the tests of what is rendered take it."""

REGO = _our_own("rego", cpu_seconds=90)
"""OPA's own evaluation of Rego. Only the tests of what is rendered take it."""

# Six after the control plane, with whose versions of Kubernetes and CEL it is pinned.
GITOPS = _our_own("gitops", cpu_seconds=95)
"""Judges resources as kstatus, Argo CD's Lua and Flux' CEL do. Only the tests of GitOps take it."""

_VERSION_ARGUMENTS = {"kubectl": ("version", "--client"), "helm": ("version",), "helm3": ("version",)}


def parse_minor_version(text: str) -> str | None:
    """Find the first version in what a program prints, for example `1.37` in `Kubernetes v1.37.2`."""
    match = _VERSION.search(text)
    return match.group(1) if match else None


def ask_minor_version(program: Path) -> str | None:
    """Run the program for its version; None when it does not say."""
    arguments = _VERSION_ARGUMENTS.get(program.name, ("--version",))
    try:
        answer = subprocess.run(
            [program, *arguments], capture_output=True, text=True, check=False, timeout=VERSION_TIMEOUT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_minor_version(answer.stdout)
