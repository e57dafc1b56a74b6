"""Explain a container that does not run, or ran and is starting again."""

from collections.abc import Mapping

from nemotron_operator.render.adapter_list import LOADER_CONTAINER
from nemotron_operator.render.pods import ENGINE_CONTAINER, PROBE_CONTAINER, START_CHECK_CONTAINER
from nemotron_operator.status.amounts import format_time_left
from nemotron_operator.status.engine_words import choose_last_words, find_cause
from nemotron_operator.status.explanation import Trouble
from nemotron_operator.status.image_causes import find_image_cause
from nemotron_operator.status.observed_pods import BACK_OFF, ContainerTrouble, ObservedPod
from nemotron_operator.status.pod_causes import (
    CONTAINER_NOT_CREATED,
    CRASH_LOOP,
    ENGINE_HUNG,
    OUT_OF_MEMORY,
    PROBE_FAILED,
    SECRET_NOT_FOUND,
    SIDECAR_CAUSES,
    STARTUP_TIMEOUT,
)

IMAGE_REASONS = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
"""Why the kubelet says that a container waits when an image cannot be pulled, its own or that of a volume
(pkg/kubelet/images/types.go; for volumes since Kubernetes 1.31, kuberuntime_manager.go)."""

CREATION_REASONS = frozenset({"CreateContainerError", "RunContainerError", "StartError", "ContainerCannotRun"})
"""What kubelet and containerd call a container that cannot be started (pkg/kubelet/container/sync_result.go)."""

FIELDS = dict.fromkeys((ENGINE_CONTAINER, PROBE_CONTAINER, LOADER_CONTAINER), "engine.image")
"""Which field names the image of a container; that of all others stands in the operator's configuration."""


def explain_container(pod: ObservedPod, trouble: ContainerTrouble, places: Mapping[str, str]) -> Trouble | None:
    """Explain what keeps a container from running; None while it may only be starting.

    Parameters
    ----------
    places
        Names that messages repeat: of pod, namespace, node and deployment.
    """
    words = {**places, "container": trouble.container, "said": trouble.waiting_message.rstrip(".")}
    if trouble.waiting_reason in IMAGE_REASONS:
        return _explain_pull(pod, trouble, words)
    if trouble.waiting_reason == "CreateContainerConfigError":
        is_secret = "secret" in trouble.waiting_message.lower()
        return (SECRET_NOT_FOUND if is_secret else CONTAINER_NOT_CREATED).explain(words)
    if trouble.waiting_reason in CREATION_REASONS or trouble.last_reason in CREATION_REASONS:
        said = trouble.waiting_message if trouble.waiting_reason in CREATION_REASONS else trouble.last_message
        return _explain_creation(trouble, {**words, "said": said.strip().rstrip(".")})
    if trouble.container in {PROBE_CONTAINER, LOADER_CONTAINER}:
        return _explain_sidecar(pod, trouble, words)
    return _explain_end(pod, trouble, words) if trouble.ends else None


def _explain_pull(pod: ObservedPod, trouble: ContainerTrouble, words: dict[str, str]) -> Trouble:
    """Explain an image that does not come. The kubelet tells of both images in the same place, and names the one."""
    is_of_weights = bool(pod.model_image) and pod.model_image in trouble.waiting_message
    field = FIELDS.get(trouble.container, "the operator's downloaderImage")
    told = {
        "said": words["said"] or trouble.waiting_reason,
        "image": "the image with the weights" if is_of_weights else "its image",
        "field": "spec.model.source.ociImage.reference" if is_of_weights else field,
    }
    return find_image_cause(trouble.waiting_message).explain({**words, **told})


def _explain_creation(trouble: ContainerTrouble, words: dict[str, str]) -> Trouble:
    """Explain a container that cannot be started. It may be a bad moment of the runtime's, unless it comes again."""
    explanation = PROBE_FAILED if trouble.container == PROBE_CONTAINER else CONTAINER_NOT_CREATED
    return explanation.explain(words, needs_human=trouble.is_in_loop)


def _explain_sidecar(pod: ObservedPod, trouble: ContainerTrouble, words: dict[str, str]) -> Trouble | None:
    """Explain a container that runs beside the engine; None while it may start again at once, as after one end."""
    if not (trouble.is_in_loop and trouble.waiting_reason == BACK_OFF):
        return None
    for row in SIDECAR_CAUSES:
        if row.read(trouble.last_message) is not None:
            return row.explanation.explain(words)
    if trouble.container == LOADER_CONTAINER:
        return _explain_end(pod, trouble, words)
    return PROBE_FAILED.explain({**words, "said": choose_last_words(trouble.last_message) or "it said nothing"})


def _explain_end(pod: ObservedPod, trouble: ContainerTrouble, words: dict[str, str]) -> Trouble | None:
    words["times"] = "once" if trouble.ends == 1 else f"{trouble.ends} times"
    if trouble.last_reason == "OOMKilled":
        return OUT_OF_MEMORY.explain(words, needs_human=trouble.is_in_loop)
    if trouble.container == ENGINE_CONTAINER and (told := _explain_engine(pod, trouble, words)) is not None:
        return told
    if not trouble.is_in_loop:
        return None
    # `kubectl logs` shows the engine's without being told.
    other = START_CHECK_CONTAINER if trouble.is_start_check else trouble.container
    last_words = {
        "code": str(trouble.last_exit_code),
        "which": f" --container={other}" if other in {START_CHECK_CONTAINER, LOADER_CONTAINER} else "",
        "said": choose_last_words(trouble.last_message) or "nothing",
    }
    return CRASH_LOOP.explain({**words, **last_words})


def _explain_engine(pod: ObservedPod, trouble: ContainerTrouble, words: dict[str, str]) -> Trouble | None:
    """Explain the end of an engine: what it said tells more than that it was ended, and not every end is a loop."""
    found = find_cause(trouble.last_message)
    if found is not None:
        row, said = found
        told = row.explanation.tell({**words, **said})
        log = f"`kubectl -n {words['namespace']} logs {pod.name} --previous` shows the whole log."
        message = f"{told} Pod {pod.name} ended {words['times']}; {log}"
        return Trouble(row.explanation.reason, message, needs_human=trouble.is_in_loop)
    if not trouble.was_killed:
        return None
    run = trouble.last_run
    if run.has_reached_budget:
        budget = {"budget": str(run.startup_budget_seconds)}
        return STARTUP_TIMEOUT.explain({**words, **budget}, needs_human=trouble.is_in_loop)
    after = f" after {format_time_left(run.seconds)}" if run.seconds is not None else ""
    probe = f" -c {PROBE_CONTAINER}" if pod.has_probe else " --previous"
    return ENGINE_HUNG.explain({**words, "after": after, "probe": probe}, needs_human=trouble.is_in_loop)
