from copy import deepcopy
from pathlib import Path

import pytest

from nemotron_operator.cli.cluster_access import ClusterTarget
from nemotron_operator.cli.life.rollback import roll_back
from nemotron_operator.cli.life.waiting import Wait
from nemotron_operator.cluster.kinds import NEMOTRON
from nemotron_operator.render.metadata import PINNED_REVISION_ANNOTATION
from tests.unit.cli.cache.cluster_api import Body, ClusterApi
from tests.unit.cli.command import nemoctl
from tests.unit.cli.life.models import (
    NAME,
    NOW,
    a_spec,
    a_status,
    a_template,
    keep,
    not_ready,
    pin_of,
    revision_of,
    serve,
    spec_of,
)

Login = tuple[str, Path]

SMALL, LARGE, HUGE = a_template(4096), a_template(8192), a_template(16384)

SERVED = "by operator 0.1.0, served"


def refuses(login: Login, *arguments: str) -> str:
    """Run `rollback`, which has to refuse with one line, and give the line."""
    answer = nemoctl("rollback", NAME, *arguments, *login)
    assert (1, "", 1) == (answer.code, answer.out, answer.err.count("\n"))
    return answer.err.removeprefix("nemoctl: ").rstrip("\n")


def test_the_last_revision_that_served_comes_back(cluster: ClusterApi, login: Login) -> None:
    small = keep(cluster, 1, a_spec(4096), SMALL)
    keep(cluster, 2, a_spec(16384), HUGE, served=False)
    keep(cluster, 3, a_spec(8192, apiKeySecretRef={"name": "s"}), LARGE)
    serve(cluster, a_spec(8192, apiKeySecretRef={"name": "s"}), a_status(LARGE))
    answer = nemoctl("rollback", NAME, *login)
    expected = f"""\
team/nemotron -> revision {small}, number 1, of 2026-11-21T08:00:00Z, {SERVED}
  spec.apiKeySecretRef.name: not set (was s)
  spec.engine.maxModelLen: 8192 -> 4096
"""
    assert (0, expected) == (answer.code, answer.out)
    expected = f"nemoctl: 'nemotron' goes back to revision {small}. `nemoctl status nemotron -n team` shows it.\n"
    assert expected == answer.err
    assert (a_spec(4096), small, ["nemoctl"]) == (spec_of(cluster), pin_of(cluster), cluster.managers)


def test_what_is_no_part_of_a_revision_stays_as_it_is(cluster: ClusterApi, login: Login) -> None:
    kept = a_spec(4096, rollout={"strategy": "Surge", "drainSeconds": 60}, cache={"size": "100Gi", "verify": "Daily"})
    keep(cluster, 1, kept, SMALL)
    now = a_spec(8192, replicas=4, suspend=True, rollout={"strategy": "Replace"}, cache={"size": "200Gi"})
    keep(cluster, 2, now, LARGE)
    serve(cluster, now, a_status(LARGE))
    assert 0 == nemoctl("rollback", NAME, *login).code
    stays = {"replicas": 4, "suspend": True}
    rollout, cache = {"strategy": "Replace", "drainSeconds": 60}, {"size": "200Gi", "verify": "Daily"}
    assert a_spec(4096, **stays, rollout=rollout, cache=cache) == spec_of(cluster)


def test_where_only_the_render_differs_only_the_annotation_changes(cluster: ClusterApi, login: Login) -> None:
    new = a_template(image="vllm:2")
    old = keep(cluster, 1, a_spec(), SMALL)
    adopted = keep(cluster, 2, a_spec(), new)
    serve(cluster, a_spec(replicas=3), a_status(new), annotations={PINNED_REVISION_ANNOTATION: adopted})
    answer = nemoctl("rollback", NAME, *login)
    assert (0, a_spec(replicas=3), old) == (answer.code, spec_of(cluster), pin_of(cluster))
    assert ["  the spec is the same", "  image vllm:2 -> vllm:1"] == answer.out.splitlines()[1:]


def test_a_dry_run_changes_nothing(cluster: ClusterApi, login: Login) -> None:
    small = keep(cluster, 1, a_spec(4096), SMALL)
    keep(cluster, 2, a_spec(8192), LARGE)
    serve(cluster, a_spec(8192), a_status(LARGE))
    answer = nemoctl("rollback", NAME, "--dry-run", *login)
    assert (0, [], a_spec(8192)) == (answer.code, cluster.writes, spec_of(cluster))
    assert answer.out.startswith(f"team/nemotron -> revision {small}, ")
    expected = (
        "nemoctl: Nothing is changed, this was a dry run. spec.replicas, spec.autoscaling, spec.suspend, "
        "spec.rollout.strategy and spec.cache.size would stay as they are.\n"
    )
    assert expected == answer.err


@pytest.mark.parametrize("length", [12, 6])
def test_a_revision_is_named_by_its_beginning(cluster: ClusterApi, login: Login, length: int) -> None:
    small = keep(cluster, 1, a_spec(4096), SMALL)
    keep(cluster, 2, a_spec(8192), LARGE)
    keep(cluster, 3, a_spec(16384), HUGE)
    serve(cluster, a_spec(16384), a_status(HUGE))
    assert 0 == nemoctl("rollback", NAME, "--to", small[:length], *login).code
    assert (a_spec(4096), small) == (spec_of(cluster), pin_of(cluster))


def test_a_revision_is_named_by_its_number(cluster: ClusterApi, login: Login) -> None:
    small = keep(cluster, 1, a_spec(4096), SMALL)
    keep(cluster, 2, a_spec(8192), LARGE)
    serve(cluster, a_spec(8192), a_status(LARGE))
    assert 0 == nemoctl("rollback", NAME, "--to", "1", *login).code
    assert small == pin_of(cluster)


def test_a_revision_is_named_as_the_status_calls_it_after_a_restart(cluster: ClusterApi, login: Login) -> None:
    small = keep(cluster, 1, a_spec(4096), SMALL)
    keep(cluster, 2, a_spec(8192), LARGE)
    restarted = {"nemotron.dev/restarted-at": NOW}
    serve(cluster, a_spec(8192), a_status(LARGE, restarted_at=NOW), annotations=restarted)
    assert 0 == nemoctl("rollback", NAME, "--to", revision_of(SMALL, NOW), *login).code
    assert small == pin_of(cluster)


def test_a_refused_spec_goes_back_to_what_serves(cluster: ClusterApi, login: Login) -> None:
    keep(cluster, 1, a_spec(4096), SMALL)
    large = keep(cluster, 2, a_spec(8192), LARGE)
    refused = a_status(None, servingRevision=large, conditions=not_ready("ContextDoesNotFit", "It needs 4 GPUs."))
    serve(cluster, a_spec(9_000_000), refused)
    assert 0 == nemoctl("rollback", NAME, *login).code
    assert (a_spec(8192), large) == (spec_of(cluster), pin_of(cluster))


def test_a_failed_revision_goes_back_to_the_one_before(cluster: ClusterApi, login: Login) -> None:
    small = keep(cluster, 1, a_spec(4096), SMALL)
    keep(cluster, 2, a_spec(8192), LARGE, served=False, failed=revision_of(LARGE))
    serve(cluster, a_spec(8192), a_status(LARGE, servingRevision=small))
    assert 0 == nemoctl("rollback", NAME, *login).code
    assert (a_spec(4096), small) == (spec_of(cluster), pin_of(cluster))


def test_going_back_to_a_failed_revision_is_told_to_be_another_try(cluster: ClusterApi, login: Login) -> None:
    large = keep(cluster, 1, a_spec(8192), LARGE, served=False, failed=revision_of(LARGE))
    keep(cluster, 2, a_spec(4096), SMALL)
    serve(cluster, a_spec(4096), a_status(SMALL))
    answer = nemoctl("rollback", NAME, "--to", large, *login)
    expected = f"nemoctl: Revision {large} failed before (CrashLoop), and gets another try."
    assert (0, expected) == (answer.code, answer.err.splitlines()[-1])


def test_a_failed_revision_that_is_asked_for_already_is_tried_again_by_a_restart(
    cluster: ClusterApi, login: Login
) -> None:
    small = keep(cluster, 1, a_spec(4096), SMALL)
    large = keep(cluster, 2, a_spec(8192), LARGE, served=False, failed=revision_of(LARGE))
    serve(cluster, a_spec(8192), a_status(LARGE, servingRevision=small))
    answer = nemoctl("rollback", NAME, "--to", large, *login)
    expected = (
        f"nemoctl: 'nemotron' asks for revision {large} already. It failed (CrashLoop); "
        "`nemoctl restart nemotron -n team` tries it again.\n"
    )
    assert (0, "", expected, []) == (answer.code, answer.out, answer.err, cluster.writes)


def test_a_second_rollback_before_the_operator_looked_does_not_turn_back(cluster: ClusterApi, login: Login) -> None:
    small = keep(cluster, 1, a_spec(4096), SMALL)
    keep(cluster, 2, a_spec(8192), LARGE)
    serve(cluster, a_spec(8192), a_status(LARGE))
    assert 0 == nemoctl("rollback", NAME, *login).code
    assert f"Nothing earlier than revision {small} of 'nemotron' is kept; " in refuses(login)
    answer = nemoctl("rollback", NAME, "--to", small, *login)
    expected = f"nemoctl: 'nemotron' asks for revision {small} already. `nemoctl status nemotron -n team` shows it.\n"
    assert (0, "", expected) == (answer.code, answer.out, answer.err)
    assert (1, a_spec(4096)) == (len(cluster.writes), spec_of(cluster))


def test_nothing_earlier_is_refused(cluster: ClusterApi, login: Login) -> None:
    serve(cluster, a_spec(), a_status(None))
    expected = (
        "Nothing is kept of 'nemotron' yet: no pod of it was ever made. `nemoctl history nemotron -n team` lists what "
        "there is."
    )
    assert expected == refuses(login)
    small = keep(cluster, 1, a_spec(4096), SMALL)
    serve(cluster, a_spec(4096), a_status(SMALL))
    expected = (
        f"Nothing earlier than revision {small} of 'nemotron' is kept; `nemoctl history nemotron -n team` lists what "
        "there is."
    )
    assert expected == refuses(login)


def test_a_revision_that_never_served_has_to_be_named(cluster: ClusterApi, login: Login) -> None:
    small = keep(cluster, 1, a_spec(4096), SMALL, served=False)
    keep(cluster, 2, a_spec(8192), LARGE)
    serve(cluster, a_spec(8192), a_status(LARGE))
    expected = (
        f"No earlier revision of 'nemotron' has served: {small}. Name one with --to to bring it back all the same; "
        "`nemoctl history nemotron -n team` tells more of each."
    )
    assert expected == refuses(login)
    assert 0 == nemoctl("rollback", NAME, "--to", small, *login).code


def test_an_unknown_revision_is_refused_with_what_there_is(cluster: ClusterApi, login: Login) -> None:
    small, large = keep(cluster, 1, a_spec(4096), SMALL), keep(cluster, 2, a_spec(8192), LARGE)
    serve(cluster, a_spec(8192), a_status(LARGE))
    expected = (
        f"No revision 'xyz' is kept. There is: {small}, {large}; `nemoctl history nemotron -n team` tells more of each."
    )
    assert expected == refuses(login, "--to", "xyz")


def test_a_beginning_that_several_have_is_refused(cluster: ClusterApi, login: Login) -> None:
    templates = [a_template(number) for number in range(1, 18)]
    kept = [keep(cluster, 100 + number, a_spec(number), each) for number, each in enumerate(templates)]
    beginnings = [revision[0] for revision in kept]
    shared = next(each for each in beginnings if beginnings.count(each) > 1)
    serve(cluster, a_spec(17), a_status(templates[-1]))
    several = ", ".join(revision for revision in kept if revision.startswith(shared))
    assert refuses(login, "--to", shared).startswith(f"'{shared}' is the beginning of {several}. Give more of it; ")


def test_weights_that_are_elsewhere_now_do_not_come_back(cluster: ClusterApi, login: Login) -> None:
    small = keep(cluster, 1, a_spec(), SMALL, inputs="one-commit")
    keep(cluster, 2, a_spec(), LARGE, inputs="another")
    serve(cluster, a_spec(), a_status(LARGE))
    expected = (
        f"Revision {small} has the same spec, but was made for weights that are elsewhere now. Name the commit or the "
        "volume that you want in spec.model.source."
    )
    assert expected == refuses(login)


def test_a_status_that_moves_on_meanwhile_does_no_harm(cluster: ClusterApi, login: Login) -> None:
    small = keep(cluster, 1, a_spec(4096), SMALL)
    keep(cluster, 2, a_spec(8192), LARGE)
    body = serve(cluster, a_spec(8192), a_status(LARGE))
    _meanwhile(cluster, {**body, "metadata": {**body["metadata"], "resourceVersion": "7"}})
    assert 0 == nemoctl("rollback", NAME, *login).code
    assert (a_spec(4096), small) == (spec_of(cluster), pin_of(cluster))


def test_a_spec_that_changes_meanwhile_is_not_overwritten(cluster: ClusterApi, login: Login) -> None:
    keep(cluster, 1, a_spec(4096), SMALL)
    keep(cluster, 2, a_spec(8192), LARGE)
    body = serve(cluster, a_spec(8192), a_status(LARGE))
    changed = {**body, "spec": a_spec(1024), "metadata": {**body["metadata"], "resourceVersion": "7"}}
    _meanwhile(cluster, changed)
    answer = nemoctl("rollback", NAME, *login)
    expected = (
        "nemoctl: Somebody else changes 'nemotron' at this moment; nothing was rolled back. Look at "
        "`nemoctl history nemotron -n team`, and try again.\n"
    )
    assert (2, expected, a_spec(1024)) == (answer.code, answer.err, spec_of(cluster))


def _meanwhile(cluster: ClusterApi, changed: Body) -> None:
    """Have somebody write once, after the command has read."""
    pending = [changed]

    def write(api: ClusterApi, path: str) -> None:
        del path
        if pending:
            api.put(NEMOTRON, deepcopy(pending.pop()))

    cluster.before_patch = write


@pytest.mark.parametrize(
    ("metadata", "tool"),
    [
        ({"annotations": {"argocd.argoproj.io/tracking-id": "a:b"}}, "Argo CD brings this resource"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}, "Flux brings this resource"),
        ({"annotations": {"meta.helm.sh/release-name": "r"}}, "A Helm release brings this resource"),
        ({"managedFields": [{"manager": "argocd-controller"}]}, "Argo CD brings this resource"),
        (
            {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}},
            "It was applied from a file: change the file, too",
        ),
    ],
)
def test_whoever_brings_the_spec_is_warned_of(cluster: ClusterApi, login: Login, metadata: Body, tool: str) -> None:
    keep(cluster, 1, a_spec(4096), SMALL)
    keep(cluster, 2, a_spec(8192), LARGE)
    serve(cluster, a_spec(8192), a_status(LARGE), **metadata)
    answer = nemoctl("rollback", NAME, *login)
    assert 0 == answer.code
    assert answer.err.splitlines()[-1].startswith(f"nemoctl: {tool}")


def wait_for_rollback(cluster: ClusterApi, tmp_path: Path, status: Body) -> int:
    """Roll back, and have the operator answer with a status."""

    def answer(api: ClusterApi, path: str, body: Body) -> None:
        del path
        api.put(NEMOTRON, {**body, "status": {**status, "observedGeneration": body["metadata"]["generation"]}})

    cluster.after_write = answer
    target = ClusterTarget(kubeconfig=cluster.write_kubeconfig(tmp_path / "k.yaml"))
    return roll_back(NAME, None, target, Wait(30, poll_seconds=0.01), is_dry_run=False)


def test_a_rollback_is_waited_for(cluster: ClusterApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(cluster, 1, a_spec(4096), SMALL)
    keep(cluster, 2, a_spec(8192), LARGE)
    serve(cluster, a_spec(8192), a_status(LARGE))
    assert 0 == wait_for_rollback(cluster, tmp_path, a_status(SMALL))
    assert "nemoctl: 'nemotron' is ready: 1 of 1 replicas serve." == capsys.readouterr().err.splitlines()[-1]


def test_other_pods_than_those_that_were_asked_for_are_no_success(
    cluster: ClusterApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = keep(cluster, 1, a_spec(4096), SMALL)
    keep(cluster, 2, a_spec(8192), LARGE)
    serve(cluster, a_spec(8192), a_status(LARGE))
    assert 1 == wait_for_rollback(cluster, tmp_path, a_status(HUGE))
    expected = f"nemoctl: 'nemotron' serves, but revision {revision_of(HUGE)} and not {small}: "
    assert capsys.readouterr().err.splitlines()[-1].startswith(expected)
