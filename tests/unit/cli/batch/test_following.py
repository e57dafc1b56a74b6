"""What is told of a Job while it runs, and how its end is read."""

import json
from dataclasses import dataclass, field
from typing import Any

from nemotron_operator.cli.batch.following import (
    Following,
    JobEnd,
    describe_progress,
    describe_waiting,
    explain_pod,
    read_end,
    read_progress,
)
from nemotron_operator.constants import QUEUE_LABEL
from tests.unit.cli.batch.test_manifests import a_batch

Body = dict[str, Any]


def a_pod(phase: str = "Failed", **status: object) -> Body:
    return {"metadata": {"name": "pod"}, "status": {"phase": phase, **status}}


def a_job(kind: str, message: str = "") -> Body:
    condition = {"type": kind, "status": "True", "lastTransitionTime": "2026-11-27T02:04:02Z", "message": message}
    return {"status": {"startTime": "2026-11-27T02:00:00Z", "conditions": [condition]}}


def ended(exit_code: int, reason: str, message: str) -> Body:
    return {"name": "vllm", "state": {"terminated": {"exitCode": exit_code, "reason": reason, "message": message}}}


def test_progress_is_share_rate_and_what_is_left() -> None:
    assert "250 of 1,000 requests done (25 %), 12.5 requests/s, 1 min left." == describe_progress(250, 1000, 12.5, None)
    assert "1 of 3 requests done (33 %), 8 at a time." == describe_progress(1, 3, 0, 8)
    assert describe_progress(1, 3, 0, 0).endswith("(33 %); it waits, as requests of others wait at the server.")


def test_the_last_progress_in_a_log_counts_whatever_stands_around_it() -> None:
    log = '{"progress": {"done": 1}}\nINFO vLLM\n{"progress": {"done": 2}}\n{"progress": {"do\nWARNING\n'
    assert {"done": 2} == read_progress(log)
    assert {} == read_progress("nothing")


def test_a_job_that_runs_has_no_end() -> None:
    assert read_end({}, []) is None
    assert read_end({"status": {"conditions": [{"type": "SuccessCriteriaMet", "status": "True"}]}}, []) is None


def test_the_time_of_a_job_is_from_its_start_to_its_end() -> None:
    assert JobEnd(is_complete=True, seconds=242) == read_end(a_job("Complete"), [])


def test_a_job_that_failed_says_why_in_the_words_of_its_last_pod() -> None:
    words = ended(1, "Error", "torch.OutOfMemoryError: CUDA out of memory.")
    end = read_end(a_job("Failed", "Job has reached the specified backoff limit"), [a_pod(containerStatuses=[words])])
    assert end is not None
    assert not end.is_complete
    assert end.why == (
        "Job has reached the specified backoff limit. Its last pod: vllm: Error, exit code 1. torch.OutOfMemoryError: "
        "CUDA out of memory."
    )


def test_a_programs_own_message_stands_for_its_line() -> None:
    line = json.dumps({"outcome": "Failed", "message": "The volume is full."})
    assert "vllm: Error, exit code 3. The volume is full." == explain_pod(
        a_pod(initContainerStatuses=[ended(3, "Error", line)])
    )


def test_a_pod_that_was_taken_away_has_no_words() -> None:
    assert "it was taken away." == explain_pod(a_pod())


def test_a_pod_waits_for_gpus_or_an_image() -> None:
    message = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
    unschedulable = a_pod("Pending", conditions=[{"reason": "Unschedulable", "message": message}])
    assert message == describe_waiting(unschedulable)
    pulling = {"name": "vllm", "state": {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}}
    assert "ErrImagePull: no such image" == describe_waiting(a_pod("Pending", containerStatuses=[pulling]))
    starting = {"name": "vllm", "state": {"waiting": {"reason": "PodInitializing"}}}
    assert "it is about to start." == describe_waiting(a_pod("Pending", containerStatuses=[starting]))


def test_a_pod_behind_a_gate_says_whose_it_is() -> None:
    gated = [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated", "message": "It is blocked."}]
    pod: Body = {
        "metadata": {"name": "pod", "namespace": "team"},
        "spec": {"schedulingGates": [{"name": "kueue.x-k8s.io/admission"}]},
        "status": {"phase": "Pending", "conditions": gated},
    }
    assert describe_waiting(pod) == (
        "its gate kueue.x-k8s.io/admission keeps it from the scheduler: `kubectl describe pod pod -n team` shows it, "
        "and `kubectl get workloads -n team` what Kueue waits for."
    )
    pod["spec"]["schedulingGates"] = [{"name": "example.com/quota"}]
    assert describe_waiting(pod) == (
        "its gate example.com/quota keeps it from the scheduler: `kubectl describe pod pod -n team` shows it."
    )


NAME = a_batch().name


@dataclass
class Watched:
    """A Job that is looked at, and what was said of it."""

    log: str | None = ""
    now: float = 0.0
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.following = Following(a_batch(), lambda _pod, _container: self.log, self.said.append, lambda: self.now)

    def look(self, *pods: Body, after: float = 0.0, **spec: object) -> str:
        """Look once, some seconds later; returns what was said last."""
        self.now += after
        job = {"metadata": {"name": NAME, "labels": {QUEUE_LABEL: "team-queue"}}, "spec": spec}
        self.following.look(job, list(pods))
        return self.said[-1]


def a_running_pod(**metadata: object) -> Body:
    return {
        "metadata": {"name": "pod", "namespace": "team", **metadata},
        "spec": {"nodeName": "gpu-7"},
        "status": {"phase": "Running"},
    }


def test_a_job_that_kueue_holds_back_has_no_pod() -> None:
    said = Watched().look(suspend=True)
    assert said == "Kueue holds the Job until its queue has room: `kubectl get workloads -n team` says more."


def test_a_job_that_somebody_suspended_goes_on_when_that_is_taken_back() -> None:
    watched = Watched()
    watched.following.look({"metadata": {"name": NAME}, "spec": {"suspend": True}}, [])
    (said,) = watched.said
    assert f"""`kubectl patch job {NAME} -n team -p '{{"spec":{{"suspend":false}}}}'` lets it go on.""" in said
    assert "Or Kueue did, where it manages Jobs without a queue: `kubectl get workloads -n team` says more." in said


def test_a_job_that_was_suspended_for_long_has_its_time_to_make_a_pod() -> None:
    watched = Watched()
    watched.look(suspend=True)
    watched.look(suspend=True, after=3600)
    assert "The Job makes a pod." == watched.look(after=3)
    assert watched.look(after=30).startswith("The Job has had no pod for 30 s")


def test_a_job_that_makes_no_pod_for_long_is_described_by_kubectl() -> None:
    watched = Watched()
    assert "The Job makes a pod." == watched.look()
    assert "The Job makes a pod." == watched.look(after=29)
    assert f"The Job has had no pod for 30 s: `kubectl describe job {NAME} -n team` says why." == watched.look(after=1)
    watched.look(a_running_pod())
    assert "The Job makes a pod." == watched.look(after=60)


def test_a_log_that_cannot_be_read_is_no_engine_that_starts() -> None:
    watched = Watched('{"progress": {"done": 5, "total": 10}}')
    assert "5 of 10 requests done (50 %)." == watched.look(a_running_pod())
    watched.log = None
    assert watched.look(a_running_pod(), after=20) == (
        "The log of the pod 'pod' cannot be read: `kubectl logs pod -n team` says why, `kubectl get node gpu-7` how "
        "its node is."
    )
    watched.log = "INFO vLLM"
    assert "The engine starts." == watched.look(a_running_pod(), after=20)


def test_a_pod_of_a_lost_node_names_the_node_and_the_way_out() -> None:
    watched = Watched()
    going = a_running_pod(deletionTimestamp="2026-11-27T02:04:02Z")
    assert "The pod 'pod' on the node 'gpu-7' is being taken away." == watched.look(going)
    lost = (
        "The pod 'pod' on the node 'gpu-7' does not end, and until it has the Job makes no other one. If `kubectl get "
        "node gpu-7` says that the node is lost, and it is off, `kubectl delete node gpu-7` or `kubectl taint node "
        "gpu-7 node.kubernetes.io/out-of-service=nodeshutdown:NoExecute` lets the Job go on."
    )
    assert lost == watched.look(going, after=60)
    reported = a_running_pod()
    reported["status"]["reason"] = "NodeLost"
    assert lost == Watched().look(reported)
