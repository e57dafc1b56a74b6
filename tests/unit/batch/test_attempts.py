"""What one attempt leaves to the next, and what all of them come to."""

import hashlib
import io
import json
from pathlib import Path

import pytest
from typing_extensions import override

from nemotron_operator.batch.answers import TRIES, Verdict, judge
from nemotron_operator.batch.errors import CutError, NoRequestsError
from nemotron_operator.batch.outcome import Complete
from nemotron_operator.batch.place import Place
from nemotron_operator.batch.prepare import prepare
from nemotron_operator.batch.receive import receive
from nemotron_operator.batch.results import write_results
from tests.unit.batch.batches import a_failure, an_answer, leave, make_place, mark_end, read_custom_ids


def read_attempt(place: Place) -> dict[str, object]:
    attempt: dict[str, object] = json.loads(place.attempt.read_text())
    return attempt


def fetch(place: Place) -> tuple[Complete, list[str]]:
    target = io.BytesIO()
    outcome = write_results(place, target)
    assert hashlib.sha256(target.getvalue()).hexdigest() == outcome.sha256
    return outcome, target.getvalue().decode().splitlines()


def test_the_first_attempt_works_on_everything(tmp_path: Path) -> None:
    place = make_place(tmp_path)
    assert Complete(total=3, missing=3) == prepare(place)
    assert place.requests.read_bytes() == place.remaining.read_bytes()
    assert {"attempt": 1, "total": 3, "settled": 0, "exhausted": []} == read_attempt(place)


def test_the_next_attempt_leaves_out_what_was_answered_and_takes_a_cut_line_for_none(tmp_path: Path) -> None:
    place = make_place(tmp_path)
    prepare(place)
    leave(place, 1, an_answer("a"), cut=an_answer("b")[:-10])
    assert Complete(total=3, answered=1, missing=2) == prepare(place)
    assert ["b", "c"] == read_custom_ids(place.remaining)
    assert {"attempt": 2, "total": 3, "settled": 1, "exhausted": []} == read_attempt(place)


def test_a_whole_line_without_its_end_is_none_as_the_next_one_may_be_glued_to_it(tmp_path: Path) -> None:
    place = make_place(tmp_path, ["a"])
    leave(place, 1, cut=an_answer("a"))
    prepare(place)
    assert ["a"] == read_custom_ids(place.remaining)


def test_an_attempt_that_was_killed_at_once_counts(tmp_path: Path) -> None:
    place = make_place(tmp_path)
    prepare(place)
    prepare(place)
    assert 2 == read_attempt(place)["attempt"]


def test_a_request_that_was_refused_is_not_asked_again(tmp_path: Path) -> None:
    place = make_place(tmp_path)
    leave(place, 1, a_failure("a", 400), a_failure("b", 429), an_answer("c"))
    prepare(place)
    assert ["b"] == read_custom_ids(place.remaining)


def test_a_request_at_which_the_engine_fails_is_asked_a_few_times(tmp_path: Path) -> None:
    place = make_place(tmp_path, ["a", "b"])
    leave(place, 1, an_answer("b"), a_failure("a"))
    mark_end(place, 1)
    for number in range(2, TRIES + 1):  # of the late attempts it is all that is left
        prepare(place)
        assert ["a"] == read_custom_ids(place.remaining)
        assert (["a"] if number == TRIES else []) == read_attempt(place)["exhausted"]
        leave(place, number, a_failure("a"))
        mark_end(place, number)
    assert Complete(total=2, answered=1, refused=1) == prepare(place)
    assert [] == read_custom_ids(place.remaining)


def test_what_an_engine_that_died_says_of_requests_is_not_held_against_them(tmp_path: Path) -> None:
    place = make_place(tmp_path)
    for number in range(1, TRIES + 2):
        leave(place, number, an_answer("a"), a_failure("b"), a_failure("c"))
    prepare(place)
    assert ["b", "c"] == read_custom_ids(place.remaining)


def test_results_come_in_the_order_of_the_requests_from_whatever_attempt(tmp_path: Path) -> None:
    place = make_place(tmp_path, ["a", "b", "c", "d"])
    leave(place, 1, an_answer("c", "first"), cut='{"custom_id": "a"')
    leave(place, 2, an_answer("d"), an_answer("a"))
    outcome, lines = fetch(place)
    assert Complete(total=4, answered=3, missing=1, sha256=outcome.sha256) == outcome
    assert [an_answer("a"), an_answer("c", "first"), an_answer("d")] == lines


def test_an_answer_counts_more_than_a_failure_before_or_after_it(tmp_path: Path) -> None:
    place = make_place(tmp_path, ["a", "b"])
    leave(place, 1, a_failure("a"), an_answer("b"))
    leave(place, 2, an_answer("a"), a_failure("b"))
    assert [an_answer("a"), an_answer("b")] == fetch(place)[1]


def test_a_failure_that_is_left_is_a_result(tmp_path: Path) -> None:
    place = make_place(tmp_path, ["a"])
    leave(place, 1, a_failure("a", 400))
    outcome, lines = fetch(place)
    assert (0, 1, 0) == (outcome.answered, outcome.refused, outcome.missing)
    assert [a_failure("a", 400)] == lines


def test_an_attempt_before_the_requests_came_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoRequestsError, match="never sent"):
        prepare(Place(tmp_path))


@pytest.mark.parametrize(
    ("status", "error", "verdict"),
    [
        (200, None, Verdict.ANSWERED),
        (400, "bad", Verdict.REFUSED),
        (404, "no model", Verdict.REFUSED),
        (408, "late", Verdict.FAILED),
        (429, "busy", Verdict.FAILED),
        (500, "died", Verdict.FAILED),
        (200, "an error without a status", Verdict.FAILED),
    ],
)
def test_a_line_is_judged_by_its_status(status: int, error: str | None, verdict: Verdict) -> None:
    assert verdict == judge({"response": {"status_code": status}, "error": error})


def test_a_line_without_a_response_is_a_failure() -> None:
    assert Verdict.FAILED == judge({"response": None, "error": "gone"})


def test_what_arrives_is_there_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    sent, place = b'{"custom_id": "a"}\n{"custom_id": "b"}\n', Place(tmp_path)
    digest = hashlib.sha256(sent).hexdigest()
    with pytest.raises(CutError, match="1 requests came, and not all"):
        receive(io.BytesIO(sent[:20]), place, digest)
    assert [] == [path for path in tmp_path.iterdir() if path.is_file()]
    assert 2 == receive(io.BytesIO(sent), place, digest).total
    assert sent == place.requests.read_bytes()


def test_two_that_send_the_same_requests_at_once_do_not_spoil_each_other(tmp_path: Path) -> None:
    sent, place = b'{"custom_id": "a"}\n{"custom_id": "b"}\n', Place(tmp_path)
    digest = hashlib.sha256(sent).hexdigest()

    class Interrupted(io.BytesIO):
        """Is overtaken by another sender before it has ended."""

        @override
        def read(self, size: int | None = -1, /) -> bytes:
            piece = super().read(10)
            if not piece:
                with pytest.raises(CutError):
                    receive(io.BytesIO(sent[:5]), place, digest)
                receive(io.BytesIO(sent), place, digest)
            return piece

    receive(Interrupted(sent), place, digest)
    assert sent == place.requests.read_bytes()
    assert ["input.jsonl"] == [path.name for path in tmp_path.iterdir() if path.is_file()]


def test_what_arrives_is_held_against_its_digest_as_it_lies_on_the_volume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, place = b'{"custom_id": "a"}\n', Place(tmp_path)

    def overwrite(_descriptor: int) -> None:
        (path,) = tmp_path.glob("arriving-*")
        path.write_bytes(bytes(len(sent)))

    monkeypatch.setattr("nemotron_operator.batch.receive.os.fsync", overwrite)
    with pytest.raises(CutError):
        receive(io.BytesIO(sent), place, hashlib.sha256(sent).hexdigest())
    assert not place.requests.exists()


def test_what_a_killed_transfer_left_is_removed_and_takes_no_room(tmp_path: Path) -> None:
    place = make_place(tmp_path)
    (tmp_path / "arriving-0123").write_text("half")
    prepare(place)
    assert ["input.jsonl"] == [path.name for path in tmp_path.iterdir() if path.is_file()]
