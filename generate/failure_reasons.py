"""The tables of what goes wrong with pods and engines, and of every reason, in the operator's own words."""

from collections.abc import Iterable, Iterator

from generate.meanings import read_meanings
from nemotron_operator.api.conditions import Reason
from nemotron_operator.status.engine_words import CAUSES
from nemotron_operator.status.explanation import Explanation
from nemotron_operator.status.image_causes import IMAGE_CAUSES, IMAGE_UNKNOWN
from nemotron_operator.status.pod_causes import POD_CAUSES

POD_BLOCK, ENGINE_BLOCK, REASON_BLOCK = "pods", "engines", "all reasons"
"""The blocks of docs/troubleshooting.md that are generated."""

_TOLD = {
    "which": "",
    "after": "",
    "probe": " -c probe",
    "deployment": "NAME",
    "image": "its image",
    "field": "the field with its name",
    "times": "again and again",
    "need": "needs 8 free H100-80GB on one node; the best node, h100-0, has 6.",
}
"""What stands for values that are no names."""


class _Names(dict[str, str]):
    """Names for everything else that is filled in: `POD`, `NAMESPACE`."""

    def __missing__(self, key: str) -> str:
        return key.upper()


def render_pod_reasons() -> str:
    """Render one row for each way in which a pod does not run."""
    pulls = [*(row.explanation for row in IMAGE_CAUSES), IMAGE_UNKNOWN]
    return _render_table([*POD_CAUSES[:2], *pulls, *POD_CAUSES[2:]])


def render_engine_reasons() -> str:
    """Render one row for each cause that is read from an engine's last words."""
    return _render_table(row.explanation for row in CAUSES)


def render_all_reasons() -> str:
    """Render one row for each reason of a condition: what it means."""
    rows = [f"| `{reason}` | {_escape(meaning)} |" for reason, meaning in sorted(read_meanings(Reason).items())]
    return "\n".join(["| reason | what it means |", "|---|---|", *rows])


def _render_table(explanations: Iterable[Explanation]) -> str:
    return "\n".join(["| reason | what is told | next |", "|---|---|---|", *_render_rows(explanations)])


def _render_rows(explanations: Iterable[Explanation]) -> Iterator[str]:
    names = _Names(_TOLD)
    for each in explanations:
        told, next_step = each.sentence.format_map(names), each.next_step.format_map(names)
        yield f"| `{each.reason}` | {_escape(told)} | {_escape(next_step)} |"


def _escape(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
