"""A batch whose pod is killed in the middle, with the real engine: every answer is there, and none was asked twice."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab.hub import Hub
from lab.real_operator import tiny_resource
from lab.volumes import REAL_STORAGE_CLASS
from nemotron_operator.cli.batch.following import read_progress
from tests.node.serving.test_air_gap import nemoctl
from tests.support.cluster import Body, Namespace, wait_until

START_SECONDS = 300
"""An engine takes half a minute to start on a quiet machine, three on a busy one."""

REQUESTS, BEFORE_THE_KILL = 40, 4

JOBS = "batch.kubernetes.io/job-name,nemotron.dev/component=batch"
"""Selects the pods of the Job of a batch."""

ANSWER_TOKENS = 160
"""Long enough that the kill comes in the middle."""


def test_a_batch_outlives_its_pod_and_asks_nothing_twice(namespace: Namespace, hub: Hub, tmp_path: Path) -> None:
    """The model is suspended: a batch has an engine of its own."""
    namespace.apply(tiny_resource(hub, suspend=True))
    namespace.wait_for_reason("tiny", "ModelCached", "Cached", START_SECONDS)
    prompts, results = tmp_path / "prompts.jsonl", tmp_path / "results.jsonl"
    lines = [{"prompt": f"{n}: How many r in strawberry?", "max_tokens": ANSWER_TOKENS} for n in range(REQUESTS)]
    prompts.write_text("\n".join(map(json.dumps, lines)))
    command = ("batch", "tiny", "-n", namespace.name, "--input", prompts, "--output", results, "--keep")
    with ThreadPoolExecutor() as threads:
        running = threads.submit(nemoctl, namespace, *command, "--storage-class", REAL_STORAGE_CLASS)
        killed = wait_until("the first answers", lambda: _find_answering(namespace), START_SECONDS)
        namespace.kubectl("delete", "pod", killed["metadata"]["name"], "--wait=false")
        # The grace of the killed pod, a second engine's start, and most of the answers.
        said = running.result(3 * START_SECONDS)

    assert f"{REQUESTS} answered, 0 failed" in said
    answers = [json.loads(line) for line in results.read_text().splitlines()]
    assert [f"line-{n}" for n in range(1, REQUESTS + 1)] == [answer["custom_id"] for answer in answers]
    assert {None} == {answer["error"] for answer in answers}
    assert all(answer["response"]["body"]["choices"][0]["message"]["content"] for answer in answers)
    (second,) = namespace.list("pod", JOBS)
    assert killed["metadata"]["uid"] != second["metadata"]["uid"]
    log = namespace.kubectl("logs", second["metadata"]["name"], "--container=vllm")
    kept = next(progress for line in log.splitlines() if (progress := read_progress(line)))["done"]
    assert BEFORE_THE_KILL <= kept < REQUESTS
    assert REQUESTS == read_progress(log)["done"]


def _find_answering(namespace: Namespace) -> Body | None:
    """Find the Job's pod once it has answered a few requests."""
    for pod in namespace.list("pod", JOBS):
        if pod["status"]["phase"] == "Running":
            log = namespace.kubectl("logs", pod["metadata"]["name"], "--container=vllm")
            if read_progress(log).get("done", 0) >= BEFORE_THE_KILL:
                return pod
    return None
