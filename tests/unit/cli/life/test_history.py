from pathlib import Path

from tests.unit.cli.cache.cluster_api import NO_RIGHT, ClusterApi
from tests.unit.cli.command import nemoctl, read_words
from tests.unit.cli.life.models import (
    NAME,
    NOW,
    a_spec,
    a_status,
    a_template,
    keep,
    not_ready,
    revision_of,
    serve,
)

Login = tuple[str, Path]

SMALL, LARGE = a_template(4096), a_template(8192)


def read_history(login: Login) -> list[str]:
    """Run `history` and read the lines below the header."""
    answer = nemoctl("history", NAME, *login)
    assert 0 == answer.code
    header, *lines = answer.out.splitlines()
    assert "NUMBER REVISION CREATED OPERATOR STATE CHANGED" == read_words(header)
    return [read_words(line) for line in lines]


def test_each_revision_is_told_with_what_it_changed(cluster: ClusterApi, login: Login) -> None:
    small = keep(cluster, 1, a_spec(4096), SMALL)
    large = keep(cluster, 2, a_spec(8192, apiKeySecretRef={"name": "s"}), LARGE, version="0.2.0")
    serve(cluster, a_spec(8192), a_status(LARGE))
    assert [
        f"1 {small} 2026-11-21T08:00:00Z 0.1.0 served -",
        f"2 {large} 2026-11-22T08:00:00Z 0.2.0 serves apiKeySecretRef.name: s (was not set)",
        "engine.maxModelLen: 4096 -> 8192",
    ] == read_history(login)
    last = nemoctl("history", NAME, "-o", "wide", *login).out.splitlines()[-1]
    assert last.endswith("serves  apiKeySecretRef.name: s (was not set); engine.maxModelLen: 4096 -> 8192")


def test_a_revision_that_failed_is_told_with_the_reason(cluster: ClusterApi, login: Login) -> None:
    small = keep(cluster, 1, a_spec(4096), SMALL)
    large = keep(cluster, 2, a_spec(8192), LARGE, served=False, failed=revision_of(LARGE))
    status = a_status(LARGE, servingRevision=small, conditions=not_ready("CrashLoop", "It failed."))
    serve(cluster, a_spec(8192), status)
    first, second, _, below = read_history(login)
    assert first.endswith("serves -")
    assert "failed: CrashLoop, desired engine.maxModelLen: 4096 -> 8192" in second
    assert f"{large} failed: The KV cache is too small." == below


def test_what_only_the_operator_changed_is_told_by_the_pods(cluster: ClusterApi, login: Login) -> None:
    new = a_template(image="vllm:2")
    keep(cluster, 1, a_spec(), a_template())
    keep(cluster, 2, a_spec(replicas=4), new)
    serve(cluster, a_spec(), a_status(new))
    _, second = nemoctl("history", NAME, "-o", "json", *login).document
    assert [] == second["specChanges"]
    assert second["podChanges"]


def test_a_restart_changes_no_revision(cluster: ClusterApi, login: Login) -> None:
    keep(cluster, 1, a_spec(), SMALL)
    serve(cluster, a_spec(), a_status(SMALL, restarted_at=NOW), annotations={"nemotron.dev/restarted-at": NOW})
    (only,) = read_history(login)
    assert only.endswith("serves -")
    expected = (
        f"nemoctl: Since the restart at {NOW} the status calls the pods of {revision_of(SMALL)} "
        f"{revision_of(SMALL, NOW)}.\n"
    )
    assert expected == nemoctl("history", NAME, *login).err


def test_a_spec_that_the_operator_has_yet_to_look_at_has_no_revision(cluster: ClusterApi, login: Login) -> None:
    keep(cluster, 1, a_spec(4096), SMALL)
    serve(cluster, a_spec(8192), a_status(SMALL), generation=2)
    expected = (
        "nemoctl: The spec of 'nemotron', generation 2, has no revision yet. The operator has yet to look at it.\n"
    )
    assert expected == nemoctl("history", NAME, *login).err


def test_pods_from_before_a_restart_are_told_below(cluster: ClusterApi, login: Login) -> None:
    base = keep(cluster, 1, a_spec(), SMALL)
    status = a_status(SMALL, servingRevision="0ld", desiredRevision=revision_of(SMALL, NOW))
    serve(cluster, a_spec(), status, annotations={"nemotron.dev/restarted-at": NOW})
    answer = nemoctl("history", NAME, *login)
    assert f"1 {base} 2026-11-21T08:00:00Z 0.1.0 desired -" == read_words(answer.out.splitlines()[1])
    expected = "nemoctl: The pods that serve, of revision 0ld, are from before the last restart."
    assert expected == answer.err.splitlines()[-1]


def test_the_chosen_revision_is_pinned(cluster: ClusterApi, login: Login) -> None:
    base = keep(cluster, 1, a_spec(), SMALL)
    serve(cluster, a_spec(), a_status(SMALL), annotations={"nemotron.dev/revision": base})
    (only,) = read_history(login)
    assert only.endswith("serves, pinned -")


def test_a_spec_that_was_refused_has_no_revision(cluster: ClusterApi, login: Login) -> None:
    small = keep(cluster, 1, a_spec(4096), SMALL)
    status = a_status(None, servingRevision=small, conditions=not_ready("ContextDoesNotFit", "It needs 4 GPUs."))
    serve(cluster, a_spec(9_000_000), status)
    expected = "nemoctl: The spec of 'nemotron', generation 1, has no revision yet. It needs 4 GPUs.\n"
    assert expected == nemoctl("history", NAME, *login).err


def test_json_has_everything(cluster: ClusterApi, login: Login) -> None:
    small = keep(cluster, 1, a_spec(4096), SMALL)
    large = keep(cluster, 2, a_spec(8192), LARGE, served=False, failed=revision_of(LARGE))
    serve(cluster, a_spec(8192), a_status(LARGE, servingRevision=small))
    first, second = nemoctl("history", NAME, "-o", "json", *login).document
    expected = {
        "number": 1,
        "revision": small,
        "createdAt": "2026-11-21T08:00:00Z",
        "operatorVersion": "0.1.0",
        "serving": True,
        "desired": False,
        "pinned": False,
        "hasServed": True,
        "failed": None,
        "specChanges": [],
        "podChanges": [],
        "spec": a_spec(4096),
    }
    assert expected == first
    assert {
        "revision": large,
        "reason": "CrashLoop",
        "message": "The KV cache is too small.",
    } == second["failed"]
    assert [{"field": "engine.maxModelLen", "before": 4096, "after": 8192}] == second["specChanges"]
    assert second["podChanges"]


def test_nothing_kept_is_an_empty_answer_and_a_note(cluster: ClusterApi, login: Login) -> None:
    serve(cluster, a_spec(), a_status(None, conditions=not_ready("Downloading", "12 % of 68 GiB.")))
    answer = nemoctl("history", NAME, *login)
    expected = "nemoctl: The spec of 'nemotron', generation 1, has no revision yet. 12 % of 68 GiB.\n"
    assert (0, "", expected) == (answer.code, answer.out, answer.err)


def test_records_of_somebody_else_are_left_out(cluster: ClusterApi, login: Login) -> None:
    keep(cluster, 1, a_spec(), SMALL)
    serve(cluster, a_spec(), a_status(SMALL), uid="another")
    assert [] == nemoctl("history", NAME, "-o", "json", *login).document


def test_a_missing_right_is_told(cluster: ClusterApi, login: Login) -> None:
    serve(cluster, a_spec(), a_status(SMALL))
    cluster.refusals["GET", "controllerrevisions"] = NO_RIGHT
    answer = nemoctl("history", NAME, *login)
    assert (2, "") == (answer.code, answer.out)
    assert answer.err.startswith("nemoctl: Your credentials may not read controllerrevisions.apps in namespace 'team'.")
