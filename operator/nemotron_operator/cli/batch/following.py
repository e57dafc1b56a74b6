"""Following a Job: what its pods wait for, how far they are, and how it ends."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from nemotron_operator.cli.batch.manifests import KUEUE_PREFIX, SEND_CONTAINER, Batch
from nemotron_operator.cli.batch.summary import format_rate
from nemotron_operator.cli.cluster_access import explained
from nemotron_operator.cli.tables import format_seconds
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import CLAIM, JOB, POD
from nemotron_operator.constants import QUEUE_LABEL
from nemotron_operator.errors import OperatorError
from nemotron_operator.render.pods import ENGINE_CONTAINER

POLL_SECONDS = 3.0
"""How often the Job is looked at."""

QUIET_SECONDS = 10.0
"""How long it is quiet between two lines about progress."""

JOB_NAME_LABEL = "batch.kubernetes.io/job-name"
"""Label by which Kubernetes marks the pods of a Job."""

WORDS_SHOWN = 400
"""How much of a program's last words is shown, counted from their end."""

NO_POD_SECONDS = 30.0
"""How long a Job may take to make a pod before a person is told where to look."""

LOST_SECONDS = 60.0
"""How long a pod that is taken away may take to end: twice its grace period."""

ReadLog = Callable[[str, str], str | None]
"""Gives the end of the log of a pod's container; None where it cannot be read."""


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How a Job ended."""

    is_complete: bool
    seconds: int
    """From its start to its end."""
    why: str = ""
    """Why it failed."""


@dataclass(slots=True)
class Following:
    """Looks at a Job until it has ended, and tells what changes."""

    batch: Batch
    read_log: ReadLog
    say: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    _told: str = ""
    _told_at: float = float("-inf")
    _ended_pods: set[str] = field(default_factory=set)
    _first: tuple[float, int] | None = None
    """When requests were first seen to be done, and how many."""
    _state: str = ""
    """What was found at the last look."""
    _state_since: float = 0.0

    async def follow(self, gateway: ClusterGateway) -> JobEnd:
        """Follow it to its end.

        Raises
        ------
        OperatorError
            Somebody deleted it, or the cluster cannot be asked.
        """
        batch = self.batch
        while True:
            with explained("get", JOB, batch.namespace):
                job = await gateway.get(JOB, batch.namespace, batch.name)
            if job is None:
                raise OperatorError(await _explain_lost_job(batch, gateway))
            with explained("list", POD, batch.namespace):
                pods, _ = await gateway.list_all(POD, batch.namespace, f"{JOB_NAME_LABEL}={batch.name}")
            pods.sort(key=lambda pod: pod["metadata"].get("creationTimestamp") or "")
            self._tell_ended(pods)
            if end := read_end(job, pods):
                return end
            await asyncio.to_thread(self.look, job, pods)
            await asyncio.sleep(POLL_SECONDS)

    def _tell_ended(self, pods: list[KubernetesObject]) -> None:
        for pod in pods:
            name = pod["metadata"]["name"]
            if (pod.get("status") or {}).get("phase") == "Failed" and name not in self._ended_pods:
                self._ended_pods.add(name)
                self.say(f"The pod {name!r} ended: {explain_pod(pod)} What was answered stays.")

    def look(self, job: KubernetesObject, pods: list[KubernetesObject]) -> None:
        """Tell how a Job is that has not ended."""
        running = [pod for pod in pods if (pod.get("status") or {}).get("phase") in {"Pending", "Running"}]
        if not running:
            # What is suspended may be so for hours, and has from then on its time to make a pod.
            is_suspended = bool((job.get("spec") or {}).get("suspend"))
            seconds = self._measure_state("suspended" if is_suspended else "no pod")
            self._tell(describe_podless(job, self.batch.namespace, seconds, has_failed=bool(pods)))
            return
        pod = running[-1]
        name, node = pod["metadata"]["name"], pod["spec"].get("nodeName")
        is_lost = (pod.get("status") or {}).get("reason") == "NodeLost"
        if node is not None and (is_lost or "deletionTimestamp" in pod["metadata"]):
            seconds = self._measure_state(f"{name} goes")
            self._tell(describe_going(name, node, is_late=is_lost or seconds >= LOST_SECONDS))
            return
        self._measure_state(name)
        if (pod.get("status") or {}).get("phase") == "Pending":
            self._tell(f"The pod {name!r} waits: {describe_waiting(pod)}")
            return
        log = self.read_log(name, SEND_CONTAINER if self.batch.is_through_server else ENGINE_CONTAINER)
        if log is None:
            look = (
                f"`kubectl logs {name} -n {self.batch.namespace}` says why, `kubectl get node {node}` how its node is"
            )
            self._tell(f"The log of the pod {name!r} cannot be read: {look}.")
            return
        self._tell_progress(read_progress(log))

    def _measure_state(self, state: str) -> float:
        """Measure for how long a state has lasted, in seconds."""
        if state != self._state:
            self._state, self._state_since = state, self.clock()
        return self.clock() - self._state_since

    def _tell_progress(self, progress: Mapping[str, Any]) -> None:
        done, total = progress.get("done", 0), progress.get("total", self.batch.requests)
        now = self.clock()
        if not done:
            starts = "Nothing is answered yet." if self.batch.is_through_server else "The engine starts."
            self._tell(starts)
            return
        if self._first is None or done < self._first[1]:
            self._first = (now, done)
        if now - self._told_at >= QUIET_SECONDS:
            self._tell(describe_progress(done, total, self._measure(now, done), progress.get("concurrency")))

    def _measure(self, now: float, done: int) -> float:
        """Measure requests each second since the first were seen."""
        began, before = self._first or (now, done)
        return (done - before) / (now - began) if now > began else 0

    def _tell(self, text: str) -> None:
        if text != self._told:
            self._told, self._told_at = text, self.clock()
            self.say(text)


async def _explain_lost_job(batch: Batch, gateway: ClusterGateway) -> str:
    with explained("get", CLAIM, batch.namespace):
        volume = await gateway.get(CLAIM, batch.namespace, batch.name)
    if volume is None or "deletionTimestamp" in volume["metadata"]:
        return explain_gone(batch)
    return (
        f"Somebody deleted the Job {batch.name!r}. What was answered is on the volume of the same name: the same "
        "command goes on."
    )


def explain_gone(batch: Batch) -> str:
    """Say what to look for where a batch is not there any more."""
    return (
        f"The batch {batch.name!r} is gone with its answers: another nemoctl has fetched them, into the file that it "
        "was told, or somebody deleted it. The same command would ask everything anew."
    )


def describe_progress(done: int, total: int, rate: float, concurrency: int | None) -> str:
    """Write how far it is: share, rate, and how long the rest takes."""
    text = f"{done:,} of {total:,} requests done ({100 * done // max(1, total)} %)"
    if rate > 0:
        text += f", {format_rate(rate)} requests/s, {format_seconds(round((total - done) / rate))} left"
    if concurrency == 0:
        text += "; it waits, as requests of others wait at the server"
    elif concurrency is not None:
        text += f", {concurrency} at a time"
    return f"{text}."


def read_progress(log: str) -> Mapping[str, Any]:
    """Read the last line of progress in a log; empty where there is none."""
    for line in reversed(log.splitlines()):
        if not line.startswith('{"progress"'):
            continue
        try:
            progress = json.loads(line)["progress"]
        except ValueError:
            continue
        if isinstance(progress, dict):
            return progress
    return {}


def read_end(job: KubernetesObject, pods: list[KubernetesObject]) -> JobEnd | None:
    """Read how a Job ended; None while it has not."""
    status = job.get("status") or {}
    for condition in status.get("conditions") or []:
        if condition.get("status") != "True" or condition["type"] not in {"Complete", "Failed"}:
            continue
        seconds = _count_seconds(status.get("startTime"), condition.get("lastTransitionTime"))
        if condition["type"] == "Complete":
            return JobEnd(is_complete=True, seconds=seconds)
        failed = [pod for pod in pods if (pod.get("status") or {}).get("phase") == "Failed"]
        last = f" Its last pod: {explain_pod(failed[-1])}" if failed else ""
        return JobEnd(is_complete=False, seconds=seconds, why=f"{condition.get('message', 'it failed')}.{last}")
    return None


def explain_pod(pod: KubernetesObject) -> str:
    """Say why a pod ended, in the last words of its containers."""
    status = pod.get("status") or {}
    containers = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    for container in containers:
        terminated = (container.get("state") or {}).get("terminated") or {}
        if terminated.get("exitCode"):
            said = _shorten(_read_message(terminated.get("message") or ""))
            return (
                f"{container['name']}: {terminated.get('reason', 'Error')}, exit code {terminated['exitCode']}.{said}"
            )
    return f"{status.get('message') or status.get('reason') or 'it was taken away'}."


def describe_podless(job: KubernetesObject, namespace: str, seconds: float, *, has_failed: bool = False) -> str:
    """Say why a Job has no pod that runs."""
    name, labels = job["metadata"]["name"], job["metadata"].get("labels") or {}
    if (job.get("spec") or {}).get("suspend"):
        if QUEUE_LABEL in labels:
            return f"Kueue holds the Job until its queue has room: `kubectl get workloads -n {namespace}` says more."
        resumed = json.dumps({"spec": {"suspend": False}}, separators=(",", ":"))
        return (
            f"Somebody suspended the Job: `kubectl patch job {name} -n {namespace} -p '{resumed}'` lets it go on. Or "
            f"Kueue did, where it manages Jobs without a queue: `kubectl get workloads -n {namespace}` says more."
        )
    if seconds < NO_POD_SECONDS:
        return "The Job makes a pod."
    pauses = " It waits longer after each pod that failed." if has_failed else ""
    return (
        f"The Job has had no pod for {NO_POD_SECONDS:.0f} s: `kubectl describe job {name} -n {namespace}` says "
        f"why.{pauses}"
    )


def describe_going(name: str, node: str, *, is_late: bool) -> str:
    """Say that a pod is taken away, or cannot be as long as nobody knows what became of its node."""
    pod = f"The pod {name!r} on the node {node!r}"
    if not is_late:
        return f"{pod} is being taken away."
    return (
        f"{pod} does not end, and until it has the Job makes no other one. If `kubectl get node {node}` says that the "
        f"node is lost, and it is off, `kubectl delete node {node}` or `kubectl taint node {node} "
        "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute` lets the Job go on."
    )


def describe_waiting(pod: KubernetesObject) -> str:
    """Say what a pod waits for."""
    status = pod.get("status") or {}
    if any(each.get("reason") == "SchedulingGated" for each in status.get("conditions") or []):
        return _describe_gate(pod)
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") not in {None, "PodInitializing", "ContainerCreating"}:
            return f"{waiting['reason']}:{_shorten(waiting.get('message') or container['name'])}"
    unscheduled = (each for each in status.get("conditions") or [] if each.get("reason") == "Unschedulable")
    return next((each["message"] for each in unscheduled if each.get("message")), "it is about to start.")


def _describe_gate(pod: KubernetesObject) -> str:
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    gates = [gate["name"] for gate in pod["spec"].get("schedulingGates") or []]
    look = f"`kubectl describe pod {name} -n {namespace}` shows it"
    if any(gate.startswith(KUEUE_PREFIX) for gate in gates):
        look += f", and `kubectl get workloads -n {namespace}` what Kueue waits for"
    return f"its gate {', '.join(gates)} keeps it from the scheduler: {look}."


def _read_message(text: str) -> str:
    """Read what a program says in its JSON line, else the text itself."""
    try:
        content = json.loads(text)
    except ValueError:
        return text
    return str(content.get("message", text)) if isinstance(content, dict) else text


def _shorten(text: str) -> str:
    words = " ".join(text.split())
    return f" {words[-WORDS_SHOWN:]}" if words else ""


def _count_seconds(start: str | None, end: str | None) -> int:
    if start is None or end is None:
        return 0
    began, ended = (datetime.fromisoformat(text) for text in (start, end))
    return max(0, round((ended - began).total_seconds()))
