"""The controller of LeaderWorkerSets: asked on this machine alone, and of no other pods than those of groups."""

import re
from pathlib import Path

import pytest

from lab import leader_worker_sets
from lab.errors import LabError
from lab.leader_worker_sets import _configure, _make_webhooks, _wait_until_it_listens
from lab.processes import Component

WEBHOOKS = [hook for made in _make_webhooks(b"CA", 9443) for hook in made["webhooks"]]


def test_webhooks_are_asked_on_loopback_and_their_certificate_is_checked() -> None:
    assert 4 == len(WEBHOOKS)
    for hook in WEBHOOKS:
        assert re.fullmatch(r"https://127\.0\.0\.1:9443/(mutate|validate)-\S+", hook["clientConfig"]["url"])
        assert "Q0E=" == hook["clientConfig"]["caBundle"]


def test_pods_that_belong_to_no_group_are_not_asked_about() -> None:
    of_pods = [hook for hook in WEBHOOKS if hook["rules"][0]["resources"] == ["pods"]]
    assert 2 == len(of_pods)
    assert all("leaderworkerset.sigs.k8s.io/name" in str(hook["objectSelector"]) for hook in of_pods)


def test_the_controller_listens_on_loopback_and_leads_alone(tmp_path: Path) -> None:
    settings = _configure(tmp_path, 9443, 8081)
    assert ("127.0.0.1", "127.0.0.1:8081") == (
        settings["webhook"]["host"],
        settings["health"]["healthProbeBindAddress"],
    )
    assert not settings["leaderElection"]["leaderElect"]


def test_a_controller_that_ends_at_once_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leader_worker_sets, "START_SECONDS", 1)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "lws-manager.log").write_text("no certificate\n")
    with pytest.raises(LabError, match="no certificate"):
        _wait_until_it_listens(Component("lws-manager", tmp_path, ("/nowhere",), {}), 1)
