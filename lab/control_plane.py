"""One real control plane on this machine: etcd, API server, controller manager, scheduler and KWOK, on loopback."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from lab.binaries import Binaries
from lab.directories import lab_home
from lab.errors import LabError
from lab.file_lock import file_lock
from lab.kwokctl_settings import render_settings
from lab.node_namespaces import find_holder, remove_node
from lab.node_network import pick_network, read_network
from lab.processes import Component, find_remains, read_components

READY_SECONDS = 60
"""How long a control plane may take to answer; it takes about four on two cores."""

_POLL_SECONDS = 0.1


class KubectlError(LabError):
    """Kubectl refused; the text is its command and what it printed."""


@dataclass(frozen=True)
class ControlPlane:
    """A cluster by its name; several can stand side by side."""

    name: str
    binaries: Binaries
    home: Path = field(default_factory=lab_home)
    """Holds `clusters/<name>`; kwokctl looks through it to give no port twice."""

    with_real_node: bool = False
    """Whether a real node can join: its pods then reach the API server by a relay."""

    @property
    def directory(self) -> Path:
        """Everything of this cluster: certificates, data, logs, process ids."""
        return cluster_directory(self.name, self.home)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.directory / "kubeconfig.yaml"

    def create(self) -> bool:
        """Make the cluster, or keep the one that runs; return whether it is new. What is half dead is replaced."""
        with file_lock(self.home / "clusters.lock"):
            if self.is_healthy():
                return False
            delete_cluster(self.directory)
            try:
                self._install()
                self.wait_until_ready()
            except BaseException:
                # The next attempt starts from nothing; a cluster that never answered has nothing to look at but this.
                delete_cluster(self.directory)
                raise
        return True

    def delete(self) -> None:
        """Stop every process and remove all that the cluster stored."""
        with file_lock(self.home / "clusters.lock"):
            delete_cluster(self.directory)

    def is_healthy(self) -> bool:
        """Tell whether all components run, from today's programs, and the API server answers."""
        try:
            components = self.components()
        except LabError:
            return False
        return all(map(self._is_current, components.values())) and self._is_fit_for_node() and self.answers()

    def answers(self) -> bool:
        """Tell whether the API server says that it is ready."""
        try:
            return self.kubectl("get", "--raw", "/readyz", "--request-timeout=2s") == "ok"
        except KubectlError:
            return False

    def wait_until_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait for the API server to answer."""
        deadline = time.monotonic() + seconds
        while not self.answers():
            if time.monotonic() > deadline:
                raise LabError(
                    f"The cluster {self.name} did not answer within {seconds:.0f} s.{self.describe_components()}"
                )
            time.sleep(_POLL_SECONDS)

    def components(self) -> dict[str, Component]:
        """Return the cluster's processes by name."""
        return read_components(self.directory)

    def component(self, name: str) -> Component:
        """Return one process: etcd, kube-apiserver, kube-controller-manager, kube-scheduler or kwok-controller."""
        components = self.components()
        if name not in components:
            raise LabError(f"The cluster {self.name} has no component {name}; it has {', '.join(components)}.")
        return components[name]

    def stop_component(self, name: str, with_signal: signal.Signals = signal.SIGTERM) -> None:
        """Stop one component and wait until it is gone; SIGKILL gives it no chance to say goodbye."""
        self.component(name).stop(with_signal)

    def start_component(self, name: str) -> None:
        """Start one component again, and wait for the API server if everything under it runs."""
        self.component(name).start()
        if all(self.component(needed).is_running() for needed in ("etcd", "kube-apiserver")):
            self.wait_until_ready()

    def kubectl(self, *args: str, input: str | None = None) -> str:  # noqa: A002 -- as subprocess.run calls it
        """Run kubectl as the administrator and return what it printed."""
        command = [str(self.binaries.kubectl), "--kubeconfig", str(self.kubeconfig), *args]
        environment = {**os.environ, **kubectl_environment(self.directory)}
        answer = subprocess.run(command, input=input, env=environment, capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise KubectlError(f"kubectl {' '.join(args)}: {(answer.stderr or answer.stdout).strip()}")
        return answer.stdout

    def describe_components(self) -> str:
        """Quote the end of each component's log, for an error message: the reason is usually there."""
        tails = []
        for component in find_remains(self.directory):
            lines = component.log.read_text(errors="replace").splitlines() if component.log.exists() else []
            state = "runs" if component.is_running() else "has ended"
            tails.append(f"\n{component.name} {state}:" + "".join(f"\n  {line}" for line in lines[-3:]))
        return "".join(tails)

    def _is_current(self, component: Component) -> bool:
        program = Path(component.command[0]).resolve()
        return component.is_running() and program in {path.resolve() for path in vars(self.binaries).values()}

    def _is_fit_for_node(self) -> bool:
        """Tell whether a node can join or has joined; without its namespaces it is lost, and its cluster with it."""
        if read_network(self.directory) is None:
            return not self.with_real_node
        return find_holder(self.directory).is_running()

    def _install(self) -> None:
        if " " in str(self.home):
            raise LabError(f"kwokctl cannot work in a folder with a space: {self.home}. Set XDG_CACHE_HOME to another.")
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        settings = _settings_file(self.directory)
        network = pick_network(self.home) if self.with_real_node else None
        settings.write_text(yaml.safe_dump(render_settings(self.binaries, self.directory, network)))
        command = [str(self.binaries.kwokctl), "--config", str(settings), "--name", self.name, "create", "cluster"]
        # An empty --kubeconfig: kwokctl would otherwise add a context to the user's own.
        command += ["--kubeconfig", "", "--timeout", f"{READY_SECONDS}s"]
        answer = subprocess.run(command, env=self._environment(), capture_output=True, text=True, check=False)
        settings.unlink()
        if answer.returncode != 0:
            reason = _last_message(answer.stderr)
            raise LabError(f"kwokctl could not make the cluster {self.name}: {reason}{self.describe_components()}")
        if network is not None:
            network.save(self.directory)

    def _environment(self) -> dict[str, str]:
        """Keep kwokctl out of the user's home, and give it our kubectl before any other."""
        path = f"{self.binaries.kubectl.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return {**os.environ, "KWOK_WORKDIR": str(self.home), "PATH": path, **kubectl_environment(self.directory)}


def cluster_directory(name: str, home: Path) -> Path:
    """Say where a cluster of this name keeps its things."""
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name):
        raise LabError(f"A cluster's name is lower-case letters, digits and hyphens; {name!r} is not.")
    return home / "clusters" / name


def kubectl_environment(directory: Path) -> dict[str, str]:
    """Keep kubectl's cache of API discovery with the cluster: ports are given again, and a home stays as it was."""
    return {"KUBECACHEDIR": str(directory / "kubectl-cache")}


def delete_cluster(directory: Path) -> None:
    """Stop a cluster's processes and remove its folder; this takes none of its programs, so it always works."""
    _settings_file(directory).unlink(missing_ok=True)
    if not directory.exists():
        return
    remove_node(directory)
    for component in find_remains(directory):
        # Nothing is worth saving, and the API server would wait for watches to end.
        component.stop(signal.SIGKILL)
    shutil.rmtree(directory)


def _settings_file(directory: Path) -> Path:
    """Say where kwokctl's settings lie while it makes the cluster: beside the folder, which is still kwokctl's."""
    return directory.with_name(f"{directory.name}.settings.yaml")


def _last_message(log: str) -> str:
    """Take the last thing that kwokctl said out of its JSON log lines."""
    lines = log.strip().splitlines()
    try:
        entry = json.loads(lines[-1])
    except (IndexError, ValueError):
        return log.strip()
    return f"{entry.get('msg', '')}: {entry.get('err', '')}"
