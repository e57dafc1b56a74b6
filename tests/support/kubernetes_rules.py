"""Rules of the API server that the tests hold the operator's output against."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

_LABEL_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?")
_DECIMAL_SUFFIXES = {-1: "m", 0: "", 1: "k", 2: "M", 3: "G", 4: "T", 5: "P", 6: "E"}
_BINARY_SUFFIXES = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]


def is_dns_label(name: str) -> bool:
    """Tell whether a name is a DNS label: what Services and labels of pods need."""
    return len(name) <= 63 and _DNS_LABEL.fullmatch(name) is not None


def is_dns_subdomain(name: str) -> bool:
    """Tell whether a name is a DNS subdomain: what most objects need."""
    return len(name) <= 253 and all(_DNS_LABEL.fullmatch(part) for part in name.split("."))


def is_label_key(key: str) -> bool:
    """Tell whether a text may be the key of a label or annotation."""
    prefix, slash, name = key.rpartition("/")
    has_good_prefix = not slash or is_dns_subdomain(prefix)
    return has_good_prefix and len(name) <= 63 and _LABEL_NAME.fullmatch(name) is not None


def is_label_value(value: object) -> bool:
    """Tell whether a value may be the value of a label."""
    return isinstance(value, str) and len(value) <= 63 and (not value or _LABEL_NAME.fullmatch(value) is not None)


def canonical_quantity(text: str) -> str:
    """Write a quantity as the API server stores it (apimachinery, pkg/api/resource/quantity.go, CanonicalizeBytes)."""
    match = _QUANTITY.fullmatch(text)
    assert match is not None, text
    number, suffix = Decimal(match[1]), match[2] or ""
    if suffix.endswith("i"):
        count = number * 1024 ** _BINARY_SUFFIXES.index(suffix)
        if count == count.to_integral_value() and count >= 1024:
            return _drop_factors(int(count), 1024, _BINARY_SUFFIXES)
        return _canonical_decimal(count)
    power = next(power for power, known in _DECIMAL_SUFFIXES.items() if known == suffix)
    return _canonical_decimal(number * Decimal(1000) ** power)


def _canonical_decimal(count: Decimal) -> str:
    if count == count.to_integral_value():
        return _drop_factors(int(count), 1000, [_DECIMAL_SUFFIXES[power] for power in range(7)])
    return f"{int((count * 1000).to_integral_value(rounding='ROUND_UP'))}m"


def _drop_factors(count: int, base: int, suffixes: list[str]) -> str:
    power = 0
    while count and count % base == 0 and power < len(suffixes) - 1:
        count, power = count // base, power + 1
    return f"{count}{suffixes[power]}"


def walk(document: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - any JSON
    """Go through every value of a document with its path."""
    yield path, document
    if isinstance(document, dict):
        for key, value in document.items():
            yield from walk(value, f"{path}.{key}" if path else str(key))
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield from walk(value, f"{path}[{index}]")
