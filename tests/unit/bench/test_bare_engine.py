from typing import Any

from nemotron_operator.verifier.question import Question
from tests.bench.bare_engine import aim, find_url, make_bare_pod, read_question

ENGINE: dict[str, Any] = {
    "name": "vllm",
    "image": "nemotron-vllm-cpu:0.32.0",
    "args": ["/models/abc", "--port=8000"],
    "ports": [{"name": "http", "containerPort": 8000}],
    "volumeMounts": [{"name": "models", "mountPath": "/models"}],
}

TEMPLATE: dict[str, Any] = {
    "metadata": {
        "labels": {"nemotron.dev/component": "server", "nemotron.dev/deployment": "tiny"},
        "annotations": {"nemotron.dev/logging": "{}"},
    },
    "spec": {
        "serviceAccountName": "tiny",
        "serviceAccount": "tiny",
        "terminationGracePeriodSeconds": 165,
        "automountServiceAccountToken": False,
        "initContainers": [{"name": "probe", "restartPolicy": "Always"}],
        "containers": [
            {**ENGINE, "startupProbe": {}, "readinessProbe": {}, "livenessProbe": {}, "lifecycle": {"preStop": {}}}
        ],
        "volumes": [{"name": "models"}],
    },
}


def test_the_bare_pod_is_the_rendered_one_without_probes() -> None:
    expected = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "bare",
            "labels": {"nemotron.dev/component": "bare"},
            "annotations": {"nemotron.dev/logging": "{}"},
        },
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [ENGINE],
            "volumes": [{"name": "models"}],
            "restartPolicy": "Never",
        },
    }
    assert expected == make_bare_pod(TEMPLATE)


def test_the_question_is_the_verification_jobs() -> None:
    arguments = {
        "base-url": "http://tiny.bench.svc:8000/v1",
        "model": "tiny",
        "system-prompt": "You are a helpful assistant.",
        "prompt": "What = 5 $$(HOME)?",
        "expect": "",
        "max-tokens": "64",
        "answer-seconds": "120",
    }
    verify = {"args": [f"--{name}={value}" for name, value in arguments.items()]}
    job = {"spec": {"template": {"spec": {"containers": [verify]}}}}
    expected = Question(
        base_url="http://tiny.bench.svc:8000/v1",
        model="tiny",
        prompt="What = 5 $(HOME)?",
        system_prompt="You are a helpful assistant.",
        max_tokens=64,
    )
    assert expected == read_question(job)


def test_the_bare_pod_is_asked_at_its_own_address() -> None:
    pod = {"spec": {"containers": [ENGINE]}, "status": {"podIP": "10.244.0.7"}}
    asked = aim(Question(base_url="http://tiny.bench.svc:8000/v1", model="tiny", prompt="Hello?"), find_url(pod))
    assert "http://10.244.0.7:8000/v1/chat/completions" == asked.url
