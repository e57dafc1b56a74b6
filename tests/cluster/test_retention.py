"""What becomes of a volume: shared, kept, or gone with the last resource that used it."""

from typing import Any

import pytest

from tests.support.cluster import FP8, Body, Namespace, a_resource, wait_until

pytestmark = pytest.mark.usefixtures("operator")

VOLUMES = "nemotron.dev/component=cache"


def _at_revision(revision: str, **spec: Any) -> Body:  # noqa: ANN401 - any field of the spec
    resource = a_resource(cache={"retention": "Delete"}, **spec)
    resource["spec"]["model"]["source"] = {"huggingFace": {"repository": FP8, "revision": revision}}
    return resource


def _volumes(namespace: Namespace) -> list[str]:
    return [claim["metadata"]["name"] for claim in namespace.list("pvc", VOLUMES)]


def _wait_until_owned_by(namespace: Namespace, *names: str) -> None:
    def owners() -> list[str]:
        (claim,) = namespace.list("pvc", VOLUMES)
        return sorted(owner["name"] for owner in claim["metadata"].get("ownerReferences", []))

    wait_until(f"the volume is owned by {names}", lambda: owners() == sorted(names))


def _delete(namespace: Namespace, name: str) -> None:
    namespace.kubectl("delete", "nemo", name)
    wait_until("its pods are gone", lambda: not namespace.list("pod", f"nemotron.dev/deployment={name}"))


def test_a_volume_is_shared_and_goes_with_the_last_of_its_users(namespace: Namespace) -> None:
    namespace.apply(*[a_resource(name, cache={"retention": "Delete"}) for name in ("one", "two")])
    for name in ("one", "two"):
        namespace.wait_until_ready(name)
    _wait_until_owned_by(namespace, "one", "two")

    _delete(namespace, "one")
    _wait_until_owned_by(namespace, "two")
    namespace.wait_until_ready("two")

    _delete(namespace, "two")
    wait_until("the volume is gone", lambda: not _volumes(namespace))


def test_one_user_that_retains_it_keeps_it_for_all(namespace: Namespace) -> None:
    namespace.apply(a_resource("deletes", cache={"retention": "Delete"}))
    namespace.wait_until_ready("deletes")
    _wait_until_owned_by(namespace, "deletes")

    namespace.apply(a_resource("retains"))
    namespace.wait_until_ready("retains")
    _wait_until_owned_by(namespace)

    _delete(namespace, "retains")
    _wait_until_owned_by(namespace, "deletes")


def test_another_revision_is_fetched_beside_what_serves_and_the_old_volume_goes_after_it(namespace: Namespace) -> None:
    namespace.apply(_at_revision("a" * 40))
    serving = namespace.wait_until_ready()["status"]["servingRevision"]
    (old,) = _volumes(namespace)

    slowly = {"annotations": {"lab.nemotron.dev/fetch-seconds": "5"}}
    namespace.apply(_at_revision("b" * 40, podTemplate=slowly))
    namespace.wait_for_reason("nemotron", "ModelCached", "Downloading")
    resource = namespace.get("nemo", "nemotron")
    assert resource is not None
    assert (serving, 1) == (resource["status"]["servingRevision"], resource["status"]["readyReplicas"])
    assert 2 == len(_volumes(namespace))

    namespace.wait_until_ready()
    wait_until("the old volume is gone", lambda: old not in _volumes(namespace))
    assert 1 == len(_volumes(namespace))
