"""Each setting keeps kopf from something that a user would notice."""

from itertools import islice

import pytest

from nemotron_operator.cluster.kinds import CHILD_KINDS, NEMOTRON, ApiKind
from nemotron_operator.handlers.settings import LONGEST_BACKOFF_SECONDS, EndlessBackoffs, make_settings

DAYS_OF_TRIES = 50_000


def test_backoffs_never_run_out_and_stay_short() -> None:
    pauses = list(islice(EndlessBackoffs(), DAYS_OF_TRIES))
    assert DAYS_OF_TRIES == len(pauses)
    assert all(0.5 <= pause <= LONGEST_BACKOFF_SECONDS for pause in pauses)


def test_each_request_starts_a_series_of_its_own() -> None:
    backoffs = EndlessBackoffs()
    list(islice(backoffs, 10))
    assert next(iter(backoffs)) <= 1.0


def test_backoffs_grow_and_are_spread() -> None:
    series = [list(islice(EndlessBackoffs(), 6)) for _ in range(50)]
    assert max(pauses[0] for pauses in series) < min(pauses[3] for pauses in series)
    assert len({pauses[5] for pauses in series}) > 1


@pytest.mark.parametrize("kind", CHILD_KINDS, ids=lambda kind: kind.plural)
def test_only_the_children_of_the_operator_are_watched(kind: ApiKind) -> None:
    selector = make_settings().watching.label_selectors[kind.group, kind.version, kind.plural]
    assert "app.kubernetes.io/managed-by=nemotron-operator" == selector


def test_every_resource_is_watched_whatever_its_labels() -> None:
    assert (NEMOTRON.group, NEMOTRON.version, NEMOTRON.plural) not in make_settings().watching.label_selectors


def test_kopf_writes_nothing_and_asks_for_no_permission_of_its_own() -> None:
    settings = make_settings()
    assert (False, True, True) == (settings.posting.enabled, settings.scanning.disabled, settings.peering.standalone)


def test_a_watch_that_went_silent_is_given_up_within_minutes() -> None:
    watching = make_settings().watching
    assert 300 == watching.server_timeout
    assert 0 < (watching.inactivity_timeout or 0) <= 90
