"""Why a node cannot pull an image, by what its container runtime says.

Sources: containerd/containerd#2052, #11103; kubernetes/kubernetes#110678; namespacelabs/foundation#846.
"""

from nemotron_operator.api.conditions import Reason
from nemotron_operator.status.causes import Cause, cause
from nemotron_operator.status.explanation import Explanation

_CANNOT_PULL = "Pod {pod} cannot pull {image}: {said}."


def _status(codes: str) -> str:
    """Match an HTTP status that stands alone: digests, ports and tags are made of digits too."""
    return rf"(?:^|(?<=[\s(\[=]))(?:{codes})(?![\w./-])"


IMAGE_CAUSES: tuple[Cause, ...] = (
    cause(
        Reason.IMAGE_PULL_FAILED,
        rf"toomanyrequests|Too Many Requests|{_status('429')}|rate limit|pull QPS exceeded",
        "Pod {pod} cannot pull {image} yet, as the registry limits how often it is asked: {said}.",
        "It is tried again by itself; credentials in podTemplate.imagePullSecrets, or a mirror, raise the limit.",
        passes_by_itself=True,
    ),
    cause(
        Reason.IMAGE_PULL_FAILED,
        rf"{_status('401|403')}|[Uu]nauthorized|authentication required|no basic auth|authorization failed|denied",
        "Pod {pod} cannot pull {image}, as the registry refuses access: {said}.",
        "Name a Secret with credentials in podTemplate.imagePullSecrets (`kubectl -n {namespace} create secret "
        "docker-registry`), or correct {field}: registries say the same of an image that is not there.",
    ),
    cause(
        Reason.IMAGE_PULL_FAILED,
        r"x509|failed to verify certificate",
        "Pod {pod} cannot pull {image}, as the node does not trust the registry's certificate: {said}.",
        "Have the node's container runtime trust the CA, or correct {field}.",
    ),
    cause(
        Reason.IMAGE_PULL_FAILED,
        r"no space left on device",
        "Pod {pod} cannot pull {image}, as the node's disk is full: {said}.",
        "`kubectl describe node {node}` shows DiskPressure; free its disk, or cordon it and delete the pod.",
    ),
    cause(
        Reason.IMAGE_PULL_FAILED,
        r"i/o timeout|no such host|connection refused|connection reset|TLS handshake timeout|deadline exceeded"
        rf"|network is unreachable|unexpected EOF|{_status('50[234]')}",
        "Pod {pod} cannot pull {image} yet, as the registry does not answer: {said}.",
        "It is tried again by itself; if it lasts, check the registry's name in {field}, and whether node {node} "
        "reaches it.",
        passes_by_itself=True,
    ),
    cause(
        Reason.IMAGE_PULL_FAILED,
        r"not found|manifest unknown|no match for platform",
        "Pod {pod} cannot pull {image}, as the registry has no such image: {said}.",
        "Correct {field}.",
    ),
)

IMAGE_UNKNOWN = Explanation(
    Reason.IMAGE_PULL_FAILED,
    _CANNOT_PULL,
    "Check {field} and podTemplate.imagePullSecrets; `kubectl -n {namespace} describe pod {pod}` has the events.",
)
"""For what no row knows: some kubelets say only that they wait."""


def find_image_cause(said: str) -> Explanation:
    """Find the row that knows these words, else the one for all."""
    return next((row.explanation for row in IMAGE_CAUSES if row.read(said) is not None), IMAGE_UNKNOWN)
