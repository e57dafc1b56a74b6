"""A ValidatingAdmissionPolicy asked by cel-go, without an API server: whatever needs no function of Kubernetes' own."""

import re
from dataclasses import dataclass

from tests.gitops.judges import Judges
from tests.policy.rendered import Body


@dataclass(frozen=True)
class Review:
    """A spec that somebody writes, and the one that was there before; none where it is new."""

    spec: Body
    before: Body | None = None

    @property
    def variables(self) -> Body:
        """What expressions find, as an object of Kubernetes."""
        return {
            "apiVersion": "v1",
            "kind": "AdmissionReview",
            "request": {"operation": "CREATE" if self.before is None else "UPDATE"},
            "object": {"spec": self.spec},
            "oldObject": {"spec": self.before},
        }


@dataclass(frozen=True)
class AdmissionPolicy:
    """A policy, and what evaluates its expressions."""

    judges: Judges
    spec: Body

    def list_broken_rules(self, *reviews: Review) -> list[list[str]]:
        """List for each review what its writer is told, as text or as an expression in CEL."""
        told: list[list[str]] = [[] for _ in reviews]
        for rule in self.spec["validations"]:
            asked = {"current": self._expand(rule["expression"])}
            verdicts = self.judges.by_flux(asked, *(review.variables for review in reviews))
            for words, verdict in zip(told, verdicts, strict=True):
                if verdict != "Current":
                    words.append(str(rule.get("message") or rule.get("messageExpression")))
        return told

    def _expand(self, expression: str) -> str:
        """Write what a variable stands for in its place."""
        known = {variable["name"]: variable["expression"] for variable in self.spec["variables"]}
        while found := re.search(r"\bvariables\.(\w+)", expression):
            expression = f"{expression[: found.start()]}({known[found[1]]}){expression[found.end() :]}"
        return expression
