from pathlib import Path

import pytest

from nemotron_operator.cluster.kinds import CLAIM, NEMOTRON
from nemotron_operator.plan.facts import Damage
from tests.unit.cli.cache.cluster_api import NO_RIGHT, ClusterApi
from tests.unit.cli.cache.volumes import COMMIT, REPOSITORY, a_claim, a_user
from tests.unit.cli.command import nemoctl, read_words

Login = tuple[str, Path]


def test_a_volume_is_a_line_with_what_is_on_it_and_who_uses_it(cluster: ClusterApi, login: Login) -> None:
    cluster.put(CLAIM, a_claim())
    cluster.put(NEMOTRON, a_user("b"))
    cluster.put(NEMOTRON, a_user("a"))
    answer = nemoctl("cache", "ls", *login)
    assert (0, "") == (answer.code, answer.err)
    header, line = map(read_words, answer.out.splitlines())
    assert "CLAIM REPOSITORY COMMIT SIZE CAPACITY PHASE USED BY" == header
    assert f"team/model-a {REPOSITORY} {COMMIT[:12]} 68.00 GiB 100Gi Bound a, b" == line


def test_wide_tells_retention_verification_and_read_rate_too(cluster: ClusterApi, login: Login) -> None:
    cluster.put(CLAIM, a_claim("model-a", retention="Delete"))
    cluster.put(CLAIM, a_claim("model-b", cached=None))
    header, first, second = map(read_words, nemoctl("cache", "ls", *login, "-o", "wide").out.splitlines())
    assert header.endswith("USED BY RETENTION VERIFIED READ RATE")
    assert first.endswith("Bound - Delete 2026-11-24T08:00:00Z 1,400 MiB/s")
    assert f"team/model-b {REPOSITORY} - - 100Gi Bound - Retain - -" == second


def test_a_claim_that_waits_tells_what_it_requests(cluster: ClusterApi, login: Login) -> None:
    cluster.put(CLAIM, {**a_claim(cached=None), "status": {"phase": "Pending"}})
    line = read_words(nemoctl("cache", "ls", *login).out.splitlines()[1])
    assert f"team/model-a {REPOSITORY} - - 82Gi Pending -" == line


def test_a_claim_that_waits_for_its_pods_to_end_is_terminating(cluster: ClusterApi, login: Login) -> None:
    claim = a_claim()
    claim["metadata"]["deletionTimestamp"] = "2026-11-24T09:00:00Z"
    cluster.put(CLAIM, claim)
    assert "100Gi Terminating" in read_words(nemoctl("cache", "ls", *login).out)


def a_damage(found_at: str) -> Damage:
    return Damage(found_at, "a.safetensors differs.")


def test_damage_is_told_until_everything_was_verified_again(cluster: ClusterApi, login: Login) -> None:
    cluster.put(CLAIM, a_claim(damage=a_damage("2026-11-24T09:00:00Z")))
    assert "100Gi Damaged" in read_words(nemoctl("cache", "ls", *login).out)
    assert "a.safetensors differs." == nemoctl("cache", "ls", *login, "-o", "json").document[0]["damage"]
    cluster.put(CLAIM, a_claim(damage=a_damage("2026-11-24T07:00:00Z")))
    assert "100Gi Bound" in read_words(nemoctl("cache", "ls", *login).out)
    assert nemoctl("cache", "ls", *login, "-o", "json").document[0]["damage"] is None


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_programs_get_everything(cluster: ClusterApi, login: Login, output: str) -> None:
    cluster.put(CLAIM, a_claim())
    cluster.put(NEMOTRON, a_user())
    expected = {
        "namespace": "team",
        "claimName": "model-a",
        "repository": REPOSITORY,
        "revision": "main",
        "commit": COMMIT,
        "bytes": 68 << 30,
        "files": 26,
        "manifestSha256": "f" * 64,
        "verifiedAt": "2026-11-24T08:00:00Z",
        "readBytesPerSecond": 1400 << 20,
        "damage": None,
        "capacity": "100Gi",
        "phase": "Bound",
        "retention": "Retain",
        "usedBy": ["nemotron"],
    }
    assert [expected] == nemoctl("cache", "ls", *login, "-o", output).document


def test_claims_of_others_and_of_other_namespaces_are_left_out(cluster: ClusterApi, login: Login) -> None:
    cluster.put(CLAIM, {**a_claim("foreign"), "metadata": {"name": "foreign"}})
    cluster.put(CLAIM, a_claim("elsewhere"), namespace="other")
    cluster.put(CLAIM, a_claim("here"))
    cluster.put(NEMOTRON, a_user("stranger", claim="here"), namespace="other")
    assert ["here"] == [each["claimName"] for each in nemoctl("cache", "ls", *login, "-o", "json").document]
    listed = nemoctl("cache", "ls", "-A", *login, "-o", "json").document
    assert [("other", "elsewhere", []), ("team", "here", [])] == [
        (each["namespace"], each["claimName"], each["usedBy"]) for each in listed
    ]


def test_an_empty_namespace_says_where_to_look_next(cluster: ClusterApi, login: Login) -> None:
    cluster.put(NEMOTRON, a_user())
    answer = nemoctl("cache", "ls", *login)
    expected = (
        "nemoctl: There is no model volume in namespace 'team'. `nemoctl cache ls -A` looks into every namespace.\n"
    )
    assert (0, "", expected) == (answer.code, answer.out, answer.err)
    answer = nemoctl("cache", "ls", "-A", *login)
    assert answer.err.startswith("nemoctl: There is no model volume in any namespace. ")
    assert [] == nemoctl("cache", "ls", *login, "-o", "json").document


def test_a_missing_permission_says_how_to_check_it(cluster: ClusterApi, login: Login) -> None:
    cluster.refusals["GET", "persistentvolumeclaims"] = NO_RIGHT
    answer = nemoctl("cache", "ls", *login)
    expected = (
        "nemoctl: Your credentials may not read persistentvolumeclaims in namespace 'team'. Check with `kubectl auth "
        "can-i list persistentvolumeclaims -n team`, and have the platform team bind a role that may.\n"
    )
    assert (2, "", expected) == (answer.code, answer.out, answer.err)


def test_all_namespaces_go_with_no_namespace(login: Login) -> None:
    answer = nemoctl("cache", "ls", "-A", "-n", "team", *login)
    assert "nemoctl: Invalid value for '--all-namespaces': it does not go with --namespace." in answer.err
    assert 2 == answer.code
