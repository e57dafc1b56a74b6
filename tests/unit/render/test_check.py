"""The check Job, and the init container before a start."""

from dataclasses import replace
from typing import Any

import pytest

from nemotron_operator.plan.facts import ClaimFact, Damage, Facts
from nemotron_operator.plan.source import choose_claim_name
from nemotron_operator.render.manifests import Manifest, Manifests, render
from tests.support.fixtures.deployments import BF16, DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import CATALOG, COMMIT, facts_when_cached, job_of, plan, render_cached, server_pod_of

DUE = "2026-11-24T07:00:00Z"
DAMAGE = Damage("2026-11-24T07:30:00Z", "model.safetensors differs.", 1_400_000_000)

VOLUME = choose_claim_name(a_deployment().parsed.spec, CATALOG)

TOGETHER = {
    "requiredDuringSchedulingIgnoredDuringExecution": [
        {
            "topologyKey": "kubernetes.io/hostname",
            "labelSelector": {
                "matchLabels": {"nemotron.dev/deployment": "nemotron", "nemotron.dev/volume": VOLUME},
                "matchExpressions": [
                    {"key": "nemotron.dev/component", "operator": "In", "values": ["cache", "inspection", "server"]},
                ],
            },
        }
    ]
}
"""On the node of any pod of the resource's that has this volume; the pod itself counts too."""


def render_due(deployment: DeploymentBuilder, mode: str = "ReadWriteMany") -> Manifests:
    facts = facts_when_cached(deployment)
    claims = {name: ClaimFact(82 * 1024**3, None, (mode,)) for name in facts.claims}
    return render(plan(deployment, replace(facts, claims=claims, check_due=DUE)))


def check_job_of(manifests: Manifests) -> Manifest:
    assert manifests.check_job is not None
    return manifests.check_job


def pod_of(job: Manifest) -> dict[str, Any]:
    pod: dict[str, Any] = job["spec"]["template"]["spec"]
    return pod


def test_a_due_check_reads_the_volume_as_the_download_wrote_it() -> None:
    deployment = a_deployment()
    job, download = check_job_of(render_due(deployment)), job_of(render_cached(deployment))
    check, fetch = pod_of(job), pod_of(download)
    (container,) = check["containers"]
    assert ["nemotron-volume"] == container["command"]
    assert ["verify", "--destination=/models", f"--commit={COMMIT}"] == container["args"]
    assert fetch["volumes"] == check["volumes"]
    assert fetch["containers"][0]["volumeMounts"] == container["volumeMounts"]
    for field in ("securityContext", "tolerations", "serviceAccountName", "automountServiceAccountToken"):
        assert fetch[field] == check[field]
    assert fetch["containers"][0]["securityContext"] == container["securityContext"]


def test_a_check_is_a_job_of_the_cache_that_says_what_it_is() -> None:
    job = check_job_of(render_due(a_deployment()))
    assert "cache" == job["metadata"]["labels"]["nemotron.dev/component"]
    for metadata in (job["metadata"], job["spec"]["template"]["metadata"]):
        assert DUE == metadata["annotations"]["nemotron.dev/check-due-since"]


def test_damage_is_found_once() -> None:
    job = check_job_of(render_due(a_deployment()))
    fail, ignore = job["spec"]["podFailurePolicy"]["rules"]
    (container,) = pod_of(job)["containers"]
    assert (container["name"], [2, 3]) == (fail["onExitCodes"]["containerName"], fail["onExitCodes"]["values"])
    assert "Ignore" == ignore["action"]


def test_nothing_is_rendered_while_no_check_is_due() -> None:
    assert render_cached(a_deployment()).check_job is None


@pytest.mark.parametrize(
    ("mode", "expected"), [("ReadWriteOnce", TOGETHER), ("ReadWriteMany", None), ("ReadOnlyMany", None)]
)
def test_a_volume_of_one_node_is_checked_where_it_is(mode: str, expected: dict[str, Any] | None) -> None:
    affinity = pod_of(check_job_of(render_due(a_deployment(), mode)))["affinity"]
    assert expected == affinity.get("podAffinity")
    assert "nodeAffinity" in affinity


def test_every_pod_on_a_volume_says_on_which() -> None:
    manifests = render_due(a_deployment())
    for owner in (check_job_of(manifests), job_of(render_damaged(a_deployment())), manifests.server):
        assert owner is not None
        assert VOLUME == owner["spec"]["template"]["metadata"]["labels"]["nemotron.dev/volume"]


def test_another_revision_may_run_on_another_node_than_the_pods_of_the_one_before() -> None:
    server = render_due(a_deployment().with_model(BF16), "ReadWriteOnce").server
    assert server is not None
    pod = server["spec"]["template"]
    (term,) = pod["spec"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    own, wanted = pod["metadata"]["labels"], term["labelSelector"]["matchLabels"]
    assert wanted.items() <= own.items()
    assert VOLUME != wanted["nemotron.dev/volume"]


@pytest.mark.parametrize(("name", "length"), [("a" * 63, 63), ("a." * 126 + "a", 63)])
def test_a_long_name_of_a_users_volume_still_makes_a_label(name: str, length: int) -> None:
    facts = Facts(claims={name: ClaimFact(82 * 1024**3, None, ("ReadWriteMany",))})
    job = job_of(render(plan(a_deployment().with_existing_claim(name), facts)))
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert length == len(labels["nemotron.dev/volume"])


def render_damaged(deployment: DeploymentBuilder, mode: str = "ReadWriteMany") -> Manifests:
    names = facts_when_cached(deployment).claims
    claims = {name: ClaimFact(82 * 1024**3, None, (mode,)) for name in names}
    return render(plan(deployment, Facts(claims=claims, damage=DAMAGE)))


def test_damage_stands_on_the_shared_volume_and_the_record_goes() -> None:
    manifests = render_damaged(a_deployment())
    assert manifests.claim is not None
    annotations = manifests.claim["metadata"]["annotations"]
    assert "nemotron.dev/cached-model" not in annotations
    assert '"read_bytes_per_second": 1400000000' in annotations["nemotron.dev/damaged-model"]
    assert manifests.server is None
    assert "nemotron.dev/damaged-model" not in job_of(manifests)["metadata"]["annotations"]


def test_damage_on_a_volume_of_the_users_stands_on_the_job_that_repairs_it() -> None:
    manifests = render_damaged(a_deployment().with_existing_claim("mine"))
    assert manifests.claim is None
    assert "model.safetensors differs" in job_of(manifests)["metadata"]["annotations"]["nemotron.dev/damaged-model"]


def test_a_repair_runs_where_the_volume_is() -> None:
    deployment = a_deployment()
    repair, first = render_damaged(deployment, "ReadWriteOnce"), render(plan(deployment))
    assert TOGETHER == pod_of(job_of(repair))["affinity"]["podAffinity"]
    assert "podAffinity" not in pod_of(job_of(first))["affinity"]


def test_a_start_is_preceded_by_a_check_if_that_is_wanted() -> None:
    pod = server_pod_of(render_cached(a_deployment().having("cache.verify", "OnStart")))["spec"]
    (check, _), (engine,) = pod["initContainers"], pod["containers"]
    assert ["verify", "--destination=/models", f"--commit={COMMIT}"] == check["args"]
    mounts = {mount["mountPath"]: mount for mount in check["volumeMounts"]}
    assert {"/models", "/scratch", "/tmp"} == set(mounts)  # noqa: S108 - a mount of the pod's own
    assert "readOnly" not in mounts["/models"]
    assert engine["securityContext"] == check["securityContext"]
    requests = engine["resources"]["requests"]
    assert {name: requests[name] for name in ("cpu", "memory")} == check["resources"]["requests"]
    engine_mounts = {mount["mountPath"]: mount for mount in engine["volumeMounts"]}
    assert engine_mounts["/models"]["readOnly"]


def test_nothing_precedes_a_start_otherwise() -> None:
    for verify in ("Never", "Schedule"):
        pod = server_pod_of(render_cached(a_deployment().having("cache.verify", verify)))
        assert ["probe"] == [each["name"] for each in pod["spec"]["initContainers"]]


def test_the_probe_does_not_wait_for_the_check_before_the_start() -> None:
    (without,), (checked,) = (
        server_pod_of(render_cached(a_deployment().having("cache.verify", verify)))["spec"]["containers"]
        for verify in ("Never", "OnStart")
    )
    assert without["startupProbe"] == checked["startupProbe"]
