"""Find the programs of the control plane: given, installed, built before, or built now, in that order."""

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.go_build import build
from lab.tools import (
    ACTIONLINT,
    GITOPS,
    HELM_3,
    KUBE_SCORE,
    LEADER_WORKER_SETS,
    MODULES,
    NODE_MODULES,
    PROMQL,
    REGO,
    GoModule,
    ask_minor_version,
)

ASSETS_VARIABLE = "KUBEBUILDER_ASSETS"
"""A folder of programs that the person vouches for, as envtest has it."""


@dataclass(frozen=True)
class Binaries:
    """Every program that a laboratory cluster takes, as absolute paths."""

    kube_apiserver: Path
    kube_controller_manager: Path
    kube_scheduler: Path
    kubectl: Path
    etcd: Path
    kwok: Path
    kwokctl: Path
    helm: Path


@dataclass(frozen=True)
class NodeBinaries:
    """Every program that one real node takes beside those, as absolute paths."""

    kubelet: Path
    kube_proxy: Path
    containerd: Path
    containerd_shim_runc_v2: Path
    ctr: Path
    coredns: Path
    pause: Path


def find_or_build(say: Callable[[str], None]) -> Binaries:
    """Return the programs of every cluster, building from pinned Go modules those that this machine lacks."""
    return Binaries(**_find_or_build(MODULES, say))


def find_or_build_node(say: Callable[[str], None]) -> NodeBinaries:
    """Return the programs of a real node in the same way."""
    return NodeBinaries(**_find_or_build(NODE_MODULES, say))


def find_or_build_helms(say: Callable[[str], None]) -> dict[str, Path]:
    """Return both Helms that the chart is for, `helm` and `helm3`, in the same way."""
    return _find_or_build([*(module for module in MODULES if module.name == "helm"), HELM_3], say)


def find_or_build_helm(say: Callable[[str], None]) -> Path:
    """Return the Helm that makes the packages of a release in the same way."""
    return _find_or_build((module for module in MODULES if module.name == "helm"), say)["helm"]


def find_or_build_lws_manager(say: Callable[[str], None]) -> Path:
    """Return the controller of LeaderWorkerSets in the same way."""
    return _find_or_build([LEADER_WORKER_SETS], say)["lws_manager"]


def find_or_build_promql(say: Callable[[str], None]) -> Path:
    """Return the program that evaluates queries and rules as Prometheus does, in the same way."""
    return _find_or_build([PROMQL], say)["nemotron_promql"]


def find_or_build_actionlint(say: Callable[[str], None]) -> Path:
    """Return the program that reads workflows in the same way."""
    return _find_or_build([ACTIONLINT], say)["actionlint"]


def find_or_build_manifest_checks(say: Callable[[str], None]) -> dict[str, Path]:
    """Return the programs that check manifests, `kube_score` and `nemotron_rego`, in the same way."""
    return _find_or_build([KUBE_SCORE, REGO], say)


def find_or_build_gitops(say: Callable[[str], None]) -> Path:
    """Return the program that judges resources as GitOps tools do, in the same way."""
    return _find_or_build([GITOPS], say)["nemotron_gitops"]


def _find_or_build(modules: Iterable[GoModule], say: Callable[[str], None]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for module in modules:
        for program in module.packages:
            found[program] = find(program, module, os.environ) or build(module, say) / program
    return {program.replace("-", "_"): path for program, path in found.items()}


def find(program: str, module: GoModule, environment: Mapping[str, str]) -> Path | None:
    """Look for one program without building it."""
    return (
        _find_in_assets(program, environment)
        or _find_on_path(program, module, environment)
        or _executable(module.output / program)
    )


def _find_in_assets(program: str, environment: Mapping[str, str]) -> Path | None:
    folder = environment.get(ASSETS_VARIABLE)
    return _executable(Path(folder) / program) if folder else None


def _find_on_path(program: str, module: GoModule, environment: Mapping[str, str]) -> Path | None:
    """Take an installed program only at the pinned minor version: a kubectl of 2020 is on many machines."""
    found = shutil.which(program, path=environment.get("PATH", os.defpath))
    if found is None or ask_minor_version(Path(found)) != module.minor_version:
        return None
    return Path(found).absolute()


def _executable(path: Path) -> Path | None:
    return path.absolute() if path.is_file() and os.access(path, os.X_OK) else None
