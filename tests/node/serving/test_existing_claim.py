"""Weights that are on a volume of the user's already: looked at by the real program, and served as they are."""

from lab.hub import Hub
from lab.real_operator import tiny_resource
from lab.tiny_model import NAME
from lab.volumes import REAL_STORAGE_CLASS
from tests.node.serving.test_serving import QUESTION, START_SECONDS, Served
from tests.support.cluster import Body, Namespace

CLAIM: Body = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "team-models"},
    "spec": {
        "storageClassName": REAL_STORAGE_CLASS,
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "1Gi"}},
    },
}


def test_what_one_resource_fetched_into_a_claim_another_serves_from_there(namespace: Namespace, hub: Hub) -> None:
    """The first one is suspended: it fills the claim and starts no engine."""
    filling = tiny_resource(hub, "filling", suspend=True, cache={"existingClaim": "team-models"})
    namespace.apply(CLAIM, filling)
    namespace.wait_for_reason("filling", "ModelCached", "Cached", START_SECONDS)
    resource = namespace.get("nemo", "filling")
    assert resource is not None
    fetched = resource["status"]["cache"]

    serving = tiny_resource(hub)
    claim = {"claimName": "team-models", "path": fetched["commit"]}
    serving["spec"]["model"] = {"name": NAME, "source": {"persistentVolumeClaim": claim}, "servedNames": ["tiny"]}
    del serving["spec"]["cache"]
    namespace.apply(serving)

    served = Served(namespace, namespace.wait_until_ready("tiny", START_SECONDS))
    found = served.resource["status"]["cache"]
    assert (fetched["bytes"], fetched["manifestSha256"]) == (found["bytes"], found["manifestSha256"])
    completion = served.connect().chat.completions.create(model="tiny", messages=QUESTION, max_tokens=8)
    assert completion.choices[0].message.content
