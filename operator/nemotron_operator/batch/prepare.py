"""Prepare step: what earlier attempts settled is left out of the next one."""

import json

from nemotron_operator.batch.answers import TRIES, read_answers
from nemotron_operator.batch.outcome import Complete
from nemotron_operator.batch.place import Place
from nemotron_operator.batch.requests import read_requests
from nemotron_operator.batch.results import count


def prepare(place: Place) -> Complete:
    """Write the requests that are left, and which attempt this is.

    Raises
    ------
    NoRequestsError
        Nothing was sent yet.
    """
    place.make()
    place.remove_arriving()
    number, answers = place.count_attempts() + 1, read_answers(place.list_parts())
    total, left, exhausted = 0, 0, []
    with place.remaining.open("wb") as remaining:
        for request in read_requests(place.requests):
            total += 1
            if answers.is_settled(request.custom_id):
                continue
            left += 1
            remaining.write(request.line)
            if answers.failures[request.custom_id] == TRIES - 1:
                exhausted.append(request.custom_id)
    place.attempt.write_text(
        json.dumps({"attempt": number, "total": total, "settled": total - left, "exhausted": exhausted}),
        encoding="utf-8",
    )
    place.name_part(number).touch()  # the next attempt counts this one, even if it was killed at once
    return count(place, answers)
