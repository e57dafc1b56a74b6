import pytest
from httpx2 import Headers

from nemotron_operator.downloader.retry_after import read_retry_after

NOW = 1_445_412_480.0
"""Wed, 21 Oct 2015 07:28:00 GMT"""


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "120"}, 120),
        ({"retry-after": " 0 "}, 0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:30:00 GMT"}, 120),
        ({"Retry-After": "Wed, 21 Oct 2015 07:00:00 GMT"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": f"Wed, 21 Oct {'9' * 20} 07:00:00 GMT"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "9" * 400}, None),
        ({"RateLimit": '"api";r=0;t=55'}, 55),
        ({"ratelimit": '"resolvers"; r=0; t=7'}, 7),
        ({"RateLimit": '"api";r=12;t=55'}, None),
        ({"RateLimit": '"api";r=0;t=55', "Retry-After": "3"}, 3),
    ],
)
def test_the_answer_says_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert seconds == read_retry_after(Headers(headers), NOW)
