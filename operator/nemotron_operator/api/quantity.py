"""Kubernetes quantities: text like `200Gi` to bytes and back.

Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

import math
import re
from decimal import Decimal

QUANTITY_PATTERN = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"
"""The quantities that a NemotronDeployment accepts: no sign, no exponent."""

_FACTORS = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", start=1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)},
}


def parse_quantity(text: str) -> Decimal:
    """Read a quantity as Kubernetes may write it into its plain number, bytes or cores.

    Raises
    ------
    ValueError
        The text is not a quantity.
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]*)?)(?:([eE][-+]?[0-9]+)|([numkMGTPE]|[KMGTPE]i))?", text)
    if match is None:
        raise ValueError(f"{text!r} is not a quantity such as 200Gi")
    return Decimal(match[1] + (match[2] or "")) * _FACTORS[match[3] or ""]


def format_cores(cores: Decimal) -> str:
    """Write cores as the API server would: whole ones, or thousandths rounded up."""
    if cores == cores.to_integral_value():
        return str(int(cores))
    return f"{math.ceil(cores * 1000)}m"


def format_bytes(count_bytes: int) -> str:
    """Write bytes as the API server would: the largest suffix that divides them, a binary one first."""
    for base, suffixes in ((1024, ("Pi", "Ti", "Gi", "Mi", "Ki")), (1000, ("P", "T", "G", "M", "k"))):
        for power, suffix in zip(range(5, 0, -1), suffixes, strict=True):
            if count_bytes and count_bytes % base**power == 0:
                return f"{count_bytes // base**power}{suffix}"
    return str(count_bytes)
