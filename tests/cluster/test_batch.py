"""A batch beside a model that serves: the API server takes its objects, and the operator leaves them alone."""

from functools import partial
from pathlib import Path
from typing import Any

import yaml

from tests.support.cluster import Namespace, RunningOperator, wait_until, wait_until_alone
from tests.support.gpu_pool import GpuPool


def _show(namespace: Namespace, prompts: Path, *options: str) -> list[dict[str, Any]]:
    """Show the objects; simulated kubelets carry no files, so the test makes the objects itself."""
    files = (f"--input={prompts}", f"--output={prompts.with_name('results.jsonl')}")
    said = namespace.nemoctl("batch", "nemotron", "-n", namespace.name, *files, "--dry-run", *options)
    return list(yaml.safe_load_all(said))


def test_a_batch_is_admitted_runs_to_its_end_and_is_none_of_the_operators(
    pool: GpuPool, namespace: Namespace, operator: RunningOperator, tmp_path: Path
) -> None:
    """The namespace enforces the restricted Pod Security Standard, which refuses pods, and not the Job of them."""
    node, prompts = pool.add_node(), tmp_path / "prompts.jsonl"
    prompts.write_text('{"prompt": "How many r in strawberry?"}\n')
    namespace.apply(pool.a_resource(parallelism={"tensor": 2}))
    before = namespace.wait_until_ready()
    ways = [_show(namespace, prompts), _show(namespace, prompts, "--through-server")]
    wait_until_alone(namespace)
    writes = operator.count_writes()

    for objects in ways:
        namespace.apply(*objects)
    for claim, carrier, job in ways:
        name = job["metadata"]["name"]
        wait_until("the Job is complete", partial(_is_complete, namespace, name))
        (pod,) = namespace.list("pod", f"batch.kubernetes.io/job-name={name}")
        assert node == pod["spec"]["nodeName"]
        for each in (claim, carrier):
            assert namespace.get(each["kind"], each["metadata"]["name"]) is not None

    namespace.kubectl("annotate", "nemo", "nemotron", "test/wake=1")
    after = namespace.wait_until_ready()
    assert before["status"] == after["status"]
    assert writes == operator.count_writes()


def _is_complete(namespace: Namespace, name: str) -> bool:
    conditions = (namespace.get("job", name) or {}).get("status", {}).get("conditions", [])
    return any(each["type"] == "Complete" and each["status"] == "True" for each in conditions)
