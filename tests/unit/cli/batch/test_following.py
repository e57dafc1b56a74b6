"""What is told of a Job while it runs, and how its end is read."""

import json
from typing import Any

from nemotron_operator.cli.batch.following import (
    JobEnd,
    describe_progress,
    describe_waiting,
    explain_pod,
    read_end,
    read_progress,
)

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
