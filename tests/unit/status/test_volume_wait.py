"""What a Job waits for until its volume is there, from the first moment of its pod on."""

from dataclasses import replace

import pytest

from nemotron_operator.status.judgement import Judged
from nemotron_operator.status.observed_pods import ObservedPod
from nemotron_operator.status.volume_wait import find_wait
from tests.support.fixtures.observations import PENDING_VOLUME, a_pod, downloading

NEW_POD = a_pod("", ready=False)
"""Neither has the scheduler spoken of it yet, nor has it a node."""

ON_A_NODE = replace(NEW_POD, name="nemotron-cache-1", node="h100-1")


def wait(*pods: ObservedPod) -> Judged | None:
    observation = downloading(None, *pods, claim=PENDING_VOLUME)
    return find_wait("claim", observation.cache_pods, observation, "team")


@pytest.mark.parametrize("pods", [(), (NEW_POD,), (NEW_POD, NEW_POD)], ids=len)
def test_nothing_is_fetched_before_a_pod_has_a_node(pods: tuple[ObservedPod, ...]) -> None:
    judged = wait(*pods)
    assert judged is not None
    assert ("VolumePending", False) == (judged.finding.reason, judged.needs_human)
    assert "Volume 'claim' is not bound yet" in judged.finding.message


@pytest.mark.parametrize("pods", [(ON_A_NODE,), (NEW_POD, ON_A_NODE)], ids=len)
def test_a_pod_on_a_node_has_its_volume_although_nobody_has_seen_it_bound_yet(pods: tuple[ObservedPod, ...]) -> None:
    assert None is wait(*pods)
