"""Who gets through a NetworkPolicy, by the documented rules: the tests' clusters have nothing that enforces one.

Source: kubernetes.io/docs/concepts/services-networking/network-policies.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Labels = Mapping[str, str]


@dataclass(frozen=True)
class Pod:
    """A pod as a policy sees it."""

    labels: Labels
    namespace: str = "team"
    namespace_labels: Labels = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    """Numbers of the ports that its containers name."""

    @property
    def all_namespace_labels(self) -> Labels:
        """The labels of its namespace, with the one that every namespace has."""
        return {**self.namespace_labels, "kubernetes.io/metadata.name": self.namespace}


def admits(policy: Mapping[str, Any], source: Pod, target: Pod, port: int) -> bool:
    """Tell whether a pod may connect to another where this is the only policy."""
    spec = policy["spec"]
    is_selected = target.namespace == policy["metadata"]["namespace"] and matches(spec["podSelector"], target.labels)
    if not is_selected or "Ingress" not in spec["policyTypes"]:
        return True
    return any(
        _is_port_of(rule, target, port) and _is_peer_of(rule, source, policy["metadata"]["namespace"])
        for rule in spec.get("ingress") or []
    )


def _is_port_of(rule: Mapping[str, Any], target: Pod, port: int) -> bool:
    """Tell whether a rule speaks of a port; without any it speaks of all."""
    numbers = [target.ports.get(each["port"], each["port"]) for each in rule.get("ports") or []]
    return not numbers or port in numbers


def _is_peer_of(rule: Mapping[str, Any], source: Pod, own_namespace: str) -> bool:
    """Tell whether a rule speaks of a pod; an empty list of peers admits all."""
    peers = rule.get("from") or []
    return not peers or any(_is_peer(peer, source, own_namespace) for peer in peers)


def _is_peer(peer: Mapping[str, Any], source: Pod, own_namespace: str) -> bool:
    if "namespaceSelector" in peer:
        is_in_namespace = matches(peer["namespaceSelector"], source.all_namespace_labels)
    else:
        is_in_namespace = source.namespace == own_namespace
    return is_in_namespace and matches(peer.get("podSelector", {}), source.labels)


def matches(selector: Mapping[str, Any], labels: Labels) -> bool:
    """Tell whether labels fit a selector of equalities and of `In`; an empty one fits all."""
    equalities = (selector.get("matchLabels") or {}).items()
    expressions = selector.get("matchExpressions") or []
    if any(expression["operator"] != "In" for expression in expressions):
        raise NotImplementedError(f"an operator of {expressions}")
    return all(labels.get(key) == value for key, value in equalities) and all(
        labels.get(expression["key"]) in expression["values"] for expression in expressions
    )
