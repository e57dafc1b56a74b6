"""The pipeline while a download runs: it asks the pod, writes seldom, comes back, and rests when there is none."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from typing_extensions import override

from nemotron_operator.cluster import download_progress
from nemotron_operator.cluster.cache import ObjectCache
from nemotron_operator.cluster.kinds import JOB, NEMOTRON, POD
from nemotron_operator.cluster.observe import ClusterView
from nemotron_operator.reconcile import Reconciler
from nemotron_operator.status.progress import INTERVAL_SECONDS
from tests.support.downloader_server import PlayedDownloader, a_downloading_pod, a_progress, say
from tests.support.fixtures.deployments import DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import CATALOG, CONFIG
from tests.unit.test_reconcile import NOW, Cluster

STATUS = ("status", "NemotronDeployment", "nemotron")


class WatchedCluster(Cluster):
    """A cluster with a clock that a test sets."""

    def __init__(self, deployment: DeploymentBuilder, *, shows_progress: bool = True) -> None:
        self.now = NOW
        self.config = CONFIG.model_copy(update={"show_download_progress": shows_progress})
        super().__init__(deployment)

    @override
    def restart(self) -> None:
        view = ClusterView(ObjectCache(), self.gateway)
        self.reconciler = Reconciler(view, self.config, CATALOG, self._tell_time, "operator-0")

    def _tell_time(self) -> datetime:
        return self.now

    def start_download(self, port: int, phase: str = "Running") -> None:
        """Let the pod of the cache Job run, or be as far as a phase says."""
        self.gateway.put(POD, a_downloading_pod(self.find(JOB), port=port, phase=phase))

    def reconcile_after(self, seconds: float) -> list[tuple[str, str, str]]:
        self.now += timedelta(seconds=seconds)
        return self.reconcile()

    def progress(self) -> dict[str, Any] | None:
        progress: dict[str, Any] | None = self.find(NEMOTRON)["status"]["cache"].get("progress")
        return progress

    def list_notes(self) -> list[str]:
        return [event["note"] for event in self.gateway.events if event["note"][:2].isdigit()]


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give answers the time that a busy machine takes."""
    monkeypatch.setattr(download_progress, "TIMEOUT_SECONDS", 30.0)


@pytest.fixture
def downloader() -> Iterator[PlayedDownloader]:
    with PlayedDownloader(say(a_progress(10))).serve() as served:
        yield served


def a_download(downloader: PlayedDownloader, *, shows_progress: bool = True) -> WatchedCluster:
    """Make a cluster whose cache Job has a running pod that nobody has asked yet."""
    cluster = WatchedCluster(a_deployment(), shows_progress=shows_progress)
    cluster.reconcile()
    cluster.start_download(downloader.port)
    return cluster


def test_a_running_download_is_asked_told_and_looked_at_again(downloader: PlayedDownloader) -> None:
    cluster = a_download(downloader)
    assert [STATUS] == cluster.reconcile()
    expected = {**a_progress(10), "observedAt": "2026-11-24T08:00:00Z"}
    assert expected == cluster.progress()
    assert INTERVAL_SECONDS == cluster.retry_seconds


def test_it_is_told_again_after_fifteen_seconds_or_five_points(downloader: PlayedDownloader) -> None:
    cluster = a_download(downloader)
    cluster.reconcile()
    downloader.reply = say(a_progress(14))
    assert [] == cluster.reconcile_after(INTERVAL_SECONDS - 1)
    assert [STATUS] == cluster.reconcile_after(1)
    downloader.reply = say(a_progress(19))
    assert [STATUS] == cluster.reconcile_after(0)


def test_a_download_that_does_not_answer_is_asked_again_and_nothing_is_written(downloader: PlayedDownloader) -> None:
    downloader.reply = say("", status=503)
    cluster = a_download(downloader)
    cluster.reconcile()
    assert [] == cluster.reconcile_after(INTERVAL_SECONDS)
    assert INTERVAL_SECONDS == cluster.retry_seconds
    assert cluster.progress() is None
    assert 2 == len(downloader.paths)


def test_nobody_is_asked_where_the_configuration_says_so(downloader: PlayedDownloader) -> None:
    cluster = a_download(downloader, shows_progress=False)
    cluster.reconcile()
    assert cluster.progress() is None
    assert cluster.retry_seconds is None
    assert [] == downloader.paths
    assert [] == cluster.reconcile_after(3600)


@pytest.mark.parametrize("phase", ["Pending", "Failed", "Succeeded"])
def test_nobody_is_asked_where_no_pod_runs(downloader: PlayedDownloader, phase: str) -> None:
    cluster = WatchedCluster(a_deployment())
    cluster.reconcile()
    cluster.start_download(downloader.port, phase)
    cluster.reconcile()
    assert cluster.retry_seconds is None
    assert [] == downloader.paths


def test_a_download_that_ended_is_not_asked_and_has_no_progress(downloader: PlayedDownloader) -> None:
    cluster = a_download(downloader)
    cluster.reconcile()
    cluster.finish_download()
    cluster.reconcile()
    assert cluster.progress() is None
    assert cluster.retry_seconds is None
    assert 1 == len(downloader.paths)


def test_a_suspended_resource_that_fetches_nothing_rests(downloader: PlayedDownloader) -> None:
    cluster = a_download(downloader)
    cluster.finish_download()
    cluster.reconcile()
    cluster.ask_for(a_deployment().suspended())
    cluster.reconcile()
    assert [] == cluster.reconcile()
    assert cluster.retry_seconds is None
    assert [] == downloader.paths


def test_each_quarter_is_an_event_once_though_the_operator_starts_anew(downloader: PlayedDownloader) -> None:
    cluster = a_download(downloader)
    for percent in (10, 24, 25, 26, 49, 60, 61, 80, 99):
        downloader.reply = say(a_progress(percent))
        cluster.restart()
        cluster.reconcile_after(INTERVAL_SECONDS)
        cluster.restart()
        cluster.reconcile()
    assert ["25 %", "50 %", "75 %"] == [note[:4] for note in cluster.list_notes()]
    assert {"Downloading"} == {event["reason"] for event in cluster.gateway.events if event["note"][:2].isdigit()}
