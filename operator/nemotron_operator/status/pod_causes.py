"""What is told of a pod that does not run, beside what its engine says: by kubelet, scheduler and controllers."""

from nemotron_operator.api.conditions import Reason
from nemotron_operator.status.causes import Cause, cause
from nemotron_operator.status.explanation import Explanation

SLOW_VOLUME = (
    "the volume is slower than it was when the model was downloaded, or, with weights of yours, than "
    "assumedReadMibPerSecond in the operator's configuration. Choose a faster StorageClass, or lower that number."
)
"""Why a start takes longer than its budget, and what to do."""

NO_NODE = Explanation(
    Reason.UNSCHEDULABLE,
    "No node takes pod {pod}: {said}",
    "`kubectl get nodes -L nvidia.com/gpu.product` and `kubectl describe node` show what is free.",
    passes_by_itself=True,
)

WAITING_FOR_GPU = Explanation(
    Reason.WAITING_FOR_GPU,
    "Pod {pod} waits for GPUs: it {need}",
    "It starts by itself when they are free; `kubectl describe nodes` shows which pods hold them.",
    passes_by_itself=True,
)

WAITING_FOR_QUOTA = Explanation(
    Reason.WAITING_FOR_QUOTA,
    "Pod {pod} waits until Kueue admits it.",
    "`kubectl -n {namespace} get workloads` shows what its queue lacks; it starts by itself.",
    passes_by_itself=True,
)

GROUP_RESTARTING = Explanation(
    Reason.GROUP_RESTARTING,
    "Pod {pod} on node {node} ended with exit code {code}, so LeaderWorkerSet makes all pods of its replica anew. Its "
    "last words: {said}.",
    "If that goes on, `kubectl -n {namespace} logs {pod} --previous` shows more while the pod is there.",
    passes_by_itself=True,
)

SECRET_NOT_FOUND = Explanation(
    Reason.SECRET_NOT_FOUND,
    "Pod {pod} cannot start: {said}.",
    "Create it with `kubectl -n {namespace} create secret generic NAME --from-literal=KEY=VALUE`, or correct the "
    "reference; the pod then starts by itself.",
)

CONTAINER_NOT_CREATED = Explanation(
    Reason.CONTAINER_NOT_CREATED,
    "The node cannot start container {container} of pod {pod}: {said}.",
    "A command that is not found: engine.image holds no vLLM. An error of a hook or a device: the NVIDIA container "
    "toolkit of node {node}. `kubectl -n {namespace} describe pod {pod}` has the events.",
)

PROBE_FAILED = Explanation(
    Reason.PROBE_FAILED,
    "Container {container} of pod {pod}, which asks the engine whether it is well, does not run: {said}.",
    "It needs python3 in engine.image; `kubectl -n {namespace} logs {pod} -c {container} --previous` shows more.",
)

SIDECAR_CAUSES: tuple[Cause, ...] = (
    # probe/engine_probe.py and probe/adapter_loader.py: explain_refusal, read_key.
    cause(
        Reason.PROBE_FAILED,
        r"The engine does not take the API key: the Secret",
        "The engine of pod {pod} does not take the API key of container {container}: the Secret that "
        "spec.apiKeySecretRef names has changed since one of the two started.",
        "`nemoctl restart {deployment} -n {namespace}` starts both anew.",
    ),
    cause(
        Reason.PROBE_FAILED,
        r"The engine does not take the API key: what the Secret|VLLM_API_KEY holds spaces, line ends",
        "What the Secret that spec.apiKeySecretRef names holds is no API key that a client can send to the engine of "
        "pod {pod}: there are spaces, line ends or other characters in it, or around it.",
        "Put the key alone into it (`printf %s`, not `echo`), then `nemoctl restart {deployment} -n {namespace}`.",
    ),
)
"""Why the containers end that ask the engine with its API key, by their last words."""

OUT_OF_MEMORY = Explanation(
    Reason.OUT_OF_MEMORY,
    "Pod {pod} was ended by the kernel {times}: host memory ran out.",
    "Raise podTemplate.memory, or its limit in the namespace.",
)

STARTUP_TIMEOUT = Explanation(
    Reason.STARTUP_TIMEOUT,
    "Pod {pod} did not serve within its start-up budget of {budget} s, and Kubernetes ended it {times}.",
    "`kubectl -n {namespace} logs {pod} --previous` shows how far it came. If it still read weights: "
    f"{SLOW_VOLUME}",
)

ENGINE_HUNG = Explanation(
    Reason.ENGINE_HUNG,
    "Kubernetes ended the engine of pod {pod}{after}: it had stopped to make progress.",
    "`kubectl -n {namespace} logs {pod}{probe}` tells what was seen; `dmesg` on node {node} shows whether a GPU failed "
    "(Xid). It starts again by itself.",
    passes_by_itself=True,
)

CRASH_LOOP = Explanation(
    Reason.CRASH_LOOP,
    "Pod {pod} ended {times}, with exit code {code}. Its last words: {said}",
    "(`kubectl -n {namespace} logs {pod}{which} --previous` shows more)",
)

NODE_LOST = Explanation(
    Reason.NODE_LOST,
    "Node {node} reports no more, and pod {pod} with it.",
    "`kubectl get node {node}` shows since when. Kubernetes replaces the pod after five minutes; if the node never "
    "comes back, delete it: `kubectl delete node {node}`.",
    passes_by_itself=True,
)

_ONCE_OFF = (
    "`kubectl get node {node}` shows since when. No pod takes its place before node {node} is back, or gone for "
    "Kubernetes too; once it is certainly off: `kubectl delete node {node}`, or `kubectl taint node {node} "
    "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute`."
)

NODE_LOST_OF_GROUP = Explanation(
    Reason.NODE_LOST,
    "Node {node} reports no more, and pod {pod} with it.",
    f"It is one of a replica over several nodes. {_ONCE_OFF}",
    passes_by_itself=True,
)
"""A StatefulSet makes no pod of a name that is taken, and what runs on a node without a kubelet keeps its name."""

NODE_LOST_WITH_LEAVING_POD = Explanation(
    Reason.NODE_LOST,
    "Node {node} reports no more, so pod {pod} cannot end.",
    "`kubectl get node {node}` shows since when; once it is certainly off, `kubectl delete node {node}` ends the pod.",
    passes_by_itself=True,
)

ENGINE_UNREADY = Explanation(
    Reason.ENGINE_UNREADY,
    "Pod {pod} has served and is not ready at the moment: {said}.",
    "`kubectl -n {namespace} logs {pod}{probe}` tells what was seen. It serves again by itself, or Kubernetes starts "
    "its engine again.",
    passes_by_itself=True,
)

PODS_OVER_QUOTA = Explanation(
    Reason.REFUSED_BY_CLUSTER,
    "Deployment {name} may not make all of its pods: {said}.",
    "Raise that quota, or free some of it: `kubectl -n {namespace} describe quota` shows who uses it. The pods then "
    "come by themselves.",
)

PODS_REFUSED = Explanation(
    Reason.REFUSED_BY_CLUSTER,
    "Deployment {name} may not make all of its pods: {said}.",
    "Change that policy, webhook or limit, or what it refuses in the spec: `kubectl -n {namespace} get events "
    "--field-selector reason=FailedCreate` shows each attempt. The pods then come by themselves.",
)

EVICTED = Explanation(
    Reason.EVICTED,
    "Node {node} evicted pod {pod}: {said}",
    "Another pod takes its place. If memory ran out, raise podTemplate.memory; `kubectl describe node {node}` shows "
    "what is short.",
    passes_by_itself=True,
)

NODE_SHUT_DOWN = Explanation(
    Reason.NODE_LOST,
    "Node {node} was shut down, and pod {pod} with it: {said}",
    "Another pod takes its place.",
    passes_by_itself=True,
)

POD_REFUSED = Explanation(
    Reason.POD_REFUSED,
    "Node {node} refused pod {pod} ({refusal}): {said}",
    "Another pod takes its place. If that goes on, `kubectl cordon {node}` and look at its device plugin: it offers "
    "what it does not have.",
    passes_by_itself=True,
)

POD_CAUSES: tuple[Explanation, ...] = (
    WAITING_FOR_QUOTA,
    WAITING_FOR_GPU,
    NO_NODE,
    SECRET_NOT_FOUND,
    CONTAINER_NOT_CREATED,
    PROBE_FAILED,
    *(row.explanation for row in SIDECAR_CAUSES),
    OUT_OF_MEMORY,
    STARTUP_TIMEOUT,
    ENGINE_HUNG,
    ENGINE_UNREADY,
    NODE_LOST,
    NODE_LOST_OF_GROUP,
    NODE_LOST_WITH_LEAVING_POD,
    NODE_SHUT_DOWN,
    EVICTED,
    POD_REFUSED,
    CRASH_LOOP,
    GROUP_RESTARTING,
    PODS_OVER_QUOTA,
    PODS_REFUSED,
)
"""All of them, in the order of a pod's life, and those of pods that never come to life."""
