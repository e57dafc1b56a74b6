from generate.failure_reasons import render_all_reasons, render_engine_reasons, render_pod_reasons
from nemotron_operator.api.conditions import Reason
from nemotron_operator.status.engine_words import CAUSES


def read_rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split(" | ")] for line in table.splitlines()[2:]]


def test_every_reason_of_a_condition_has_a_row_with_its_meaning() -> None:
    rows = {reason.strip("| `"): meaning.strip(" |") for reason, meaning in read_rows(render_all_reasons())}
    assert {str(reason) for reason in Reason} == set(rows)
    assert [] == [reason for reason, meaning in rows.items() if not meaning.endswith(".")]


def test_every_cause_has_a_row_with_the_next_step() -> None:
    rows = read_rows(render_engine_reasons())
    assert [f"| `{row.explanation.reason}`" for row in CAUSES] == [row[0] for row in rows]
    assert ["Set engine.maxModelLen: LONGEST, or raise parallelism.tensor. |"] == [rows[0][2]]


def test_nothing_is_left_to_be_filled_in() -> None:
    for table in (render_pod_reasons(), render_engine_reasons()):
        assert "{" not in table
        assert all(len(row) == len(["reason", "what is told", "next"]) for row in read_rows(table))
    assert "`kubectl -n NAMESPACE logs POD -c probe`" in render_pod_reasons()
