from pathlib import Path

import pytest

from nemotron_operator.cli.cluster_access import ClusterTarget
from nemotron_operator.cli.life.adoption import adopt_all
from nemotron_operator.cli.life.waiting import Wait
from nemotron_operator.cluster.kinds import NEMOTRON
from tests.unit.cli.cache.cluster_api import Body, ClusterApi
from tests.unit.cli.command import nemoctl
from tests.unit.cli.life.models import (
    NAME,
    a_condition,
    a_spec,
    a_status,
    a_template,
    not_ready,
    pin_of,
    revision_of,
    serve,
)

Login = tuple[str, Path]

NEW = a_template(image="vllm:2")
AVAILABLE = revision_of(NEW)
MESSAGE = (
    "This operator would render other pods than version 0.1.0 did for the same spec: the image is vllm:2. "
    "`nemoctl adopt nemotron -n team` takes that; so does the next change of the spec that reaches the pods."
)
SHOWN = f"""\
team/nemotron  revision {AVAILABLE} waits
  This operator would render other pods than version 0.1.0 did for the same spec: the image is vllm:2.
"""


def a_waiting(*conditions: Body) -> Body:
    """Make the status of a model that has something to adopt."""
    rollout = {"strategy": "Surge", "message": "", "operatorVersion": "0.1.0", "availableRevision": AVAILABLE}
    status = a_status(a_template(), rollout=rollout)
    update = a_condition("UpdateAvailable", "NewDefaults", MESSAGE, is_true=True)
    return {**status, "conditions": [*(conditions or status["conditions"]), update]}


def take_up(cluster: ClusterApi, failing: str = "") -> None:
    """Have the operator render the new pods for whoever adopts them; those of one model never serve."""

    def answer(api: ClusterApi, path: str, body: Body) -> None:
        del path
        status = a_status(NEW)
        if body["metadata"]["name"] == failing:
            status["conditions"] = not_ready("CrashLoop", "Out of memory.", is_stalled=True)
        api.put(NEMOTRON, {**body, "status": status}, body["metadata"]["namespace"])

    cluster.after_write = answer


def run_all(cluster: ClusterApi, tmp_path: Path) -> int:
    target = ClusterTarget(kubeconfig=cluster.write_kubeconfig(tmp_path / "k.yaml"))
    return adopt_all(target, Wait(30, poll_seconds=0.01))


def test_one_model_is_pinned_to_what_this_operator_renders(cluster: ClusterApi, login: Login) -> None:
    serve(cluster, a_spec(), a_waiting())
    answer = nemoctl("adopt", NAME, *login)
    assert (0, SHOWN, AVAILABLE, ["nemoctl"]) == (answer.code, answer.out, pin_of(cluster), cluster.managers)
    expected = "nemoctl: team/nemotron takes it, by the rollout strategy. `nemoctl status nemotron -n team` shows it.\n"
    assert expected == answer.err


def test_a_dry_run_shows_what_would_change(cluster: ClusterApi, login: Login) -> None:
    serve(cluster, a_spec(), a_waiting())
    answer = nemoctl("adopt", NAME, "--dry-run", *login)
    assert (0, SHOWN, []) == (answer.code, answer.out, cluster.writes)


def test_nothing_to_adopt_is_no_failure(cluster: ClusterApi, login: Login) -> None:
    serve(cluster, a_spec(), a_status(a_template()))
    answer = nemoctl("adopt", NAME, *login)
    assert (0, "", []) == (answer.code, answer.out, cluster.writes)
    assert answer.err.startswith("nemoctl: 'nemotron' has nothing to adopt: ")
    assert 0 == nemoctl("adopt", "--all", *login).code


@pytest.mark.parametrize("arguments", [[], ["--all", "--dry-run"]])
def test_without_a_name_what_waits_is_listed(cluster: ClusterApi, login: Login, arguments: list[str]) -> None:
    serve(cluster, a_spec(), a_waiting())
    serve(cluster, a_spec(), a_status(a_template()), name="other")
    answer = nemoctl("adopt", *arguments, *login)
    assert (0, SHOWN, []) == (answer.code, answer.out, cluster.writes)
    assert answer.err.startswith("nemoctl: Try one with `nemoctl adopt NAME --wait`")


def test_where_nothing_waits_it_says_where_it_looked(cluster: ClusterApi, login: Login) -> None:
    serve(cluster, a_spec(), a_status(a_template()))
    expected = (
        "nemoctl: No NemotronDeployment in namespace 'team' has anything to adopt. `-A` looks into every namespace.\n"
    )
    answer = nemoctl("adopt", *login)
    assert (0, "", expected) == (answer.code, answer.out, answer.err)
    assert (
        "nemoctl: No NemotronDeployment in any namespace has anything to adopt.\n" == nemoctl("adopt", "-A", *login).err
    )


def test_all_are_taken_one_after_the_other(
    cluster: ClusterApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("b", "a", "c"):
        serve(cluster, a_spec(), a_waiting(), name=name)
    take_up(cluster)
    assert 0 == run_all(cluster, tmp_path)
    assert [NEMOTRON.path("team", name) for name in "abc"] == [path for _, path in cluster.writes]
    expected = [
        line
        for name in "abc"
        for line in (
            f"nemoctl: team/{name} takes it, by the rollout strategy; waiting until it serves.",
            f"nemoctl: '{name}' is ready: 1 of 1 replicas serve.",
        )
    ]
    assert expected == capsys.readouterr().err.splitlines()


def test_the_first_that_does_not_serve_is_the_last_that_is_touched(
    cluster: ClusterApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "abc":
        serve(cluster, a_spec(), a_waiting(), name=name)
    take_up(cluster, failing="a")
    assert 1 == run_all(cluster, tmp_path)
    assert [AVAILABLE, None, None] == [pin_of(cluster, name) for name in "abc"]
    assert [
        "nemoctl: 'a' does not come to serve (CrashLoop): Out of memory.",
        "nemoctl: Stopped at team/a; 2 more wait.",
    ] == capsys.readouterr().err.splitlines()[-2:]


def test_a_model_in_trouble_is_left_out(
    cluster: ClusterApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(cluster, a_spec(), a_waiting(*not_ready("CrashLoop", "Out of memory.")), name="a")
    serve(cluster, a_spec(suspend=True), a_waiting(*not_ready("Suspended", "No replica is desired.")), name="b")
    take_up(cluster)
    assert 1 == run_all(cluster, tmp_path)
    assert [None, AVAILABLE] == [pin_of(cluster, name) for name in "ab"]
    expected = "nemoctl: team/a is left out, since it is not ready: `nemoctl status a -n team`; adopt it by its name."
    assert expected == capsys.readouterr().err.splitlines()[0]


def test_all_at_once_without_waiting(cluster: ClusterApi, login: Login) -> None:
    serve(cluster, a_spec(), a_waiting(), name="a")
    serve(cluster, a_spec(), a_waiting(), name="b", namespace="elsewhere")
    assert 0 == nemoctl("adopt", "--all", "-A", "--no-wait", *login).code
    assert [NEMOTRON.path("elsewhere", "b"), NEMOTRON.path("team", "a")] == [path for _, path in cluster.writes]


@pytest.mark.parametrize(
    ("arguments", "option"), [([NAME, "--all"], "--all"), ([NAME, "-A"], "--all-namespaces"), (["-A", "-n", "x"], "-A")]
)
def test_options_that_contradict_each_other_are_refused(arguments: list[str], option: str) -> None:
    answer = nemoctl("adopt", *arguments)
    assert (2, "") == (answer.code, answer.out)
    assert f"Invalid value for '{'--all-namespaces' if option == '-A' else option}'" in answer.err
