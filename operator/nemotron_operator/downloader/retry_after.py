"""How long an answer asks to be left alone: the headers Retry-After (RFC 9110) and RateLimit (an IETF draft)."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

RESET_PATTERN = re.compile(r";\s*r\s*=\s*0\s*;\s*t\s*=\s*(\d{1,9})")
"""In `RateLimit: "api";r=0;t=55`: no request is left for 55 s. The hub sends it with its 429."""

SECONDS_PATTERN = re.compile(r"\s*(\d{1,9})\s*")
"""The form of Retry-After that is no date."""


def read_retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Give the seconds to wait; None if the answer does not say, or says it in no known form.

    Parameters
    ----------
    headers
        Headers of the answer, found whatever the case of their names.
    now
        Seconds since the epoch, to which a date is compared.
    """
    value = headers.get("Retry-After", "")
    if seconds := SECONDS_PATTERN.fullmatch(value):
        return float(seconds[1])
    if value:
        try:
            return max(parsedate_to_datetime(value).timestamp() - now, 0.0)
        except (ValueError, OverflowError):
            return None
    reset = RESET_PATTERN.search(headers.get("RateLimit", ""))
    return float(reset[1]) if reset else None
