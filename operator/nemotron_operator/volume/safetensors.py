"""What the beginning of a safetensors file says of its length.

Eight bytes with the length of the header, little-endian; the header, JSON with `data_offsets` of every tensor; the
data. See https://github.com/huggingface/safetensors#format.
"""

import json
from pathlib import Path
from typing import Any

LENGTH_BYTES = 8
"""The size of the length in front of the header."""

LARGEST_HEADER_BYTES = 100_000_000
"""The limit that the format's own reader has (MAX_HEADER_SIZE in safetensors/src/tensor.rs)."""

METADATA = "__metadata__"
"""The entry of the header that is no tensor."""


def find_fault(path: Path) -> str | None:
    """Tell why a file cannot be the whole of what its header describes; None if it can.

    Notes
    -----
    It reads the header and no tensor: a file that was cut is found, a flipped bit is not.
    """
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        header_bytes = int.from_bytes(file.read(LENGTH_BYTES), "little")
        if size_bytes < LENGTH_BYTES + header_bytes or header_bytes > LARGEST_HEADER_BYTES:
            return f"its {size_bytes} bytes are no safetensors file with a header of {header_bytes} bytes"
        content = file.read(header_bytes)
    try:
        data_bytes = _find_data_bytes(json.loads(content))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return "its header is not that of a safetensors file"
    expected_bytes = LENGTH_BYTES + header_bytes + data_bytes
    if size_bytes != expected_bytes:
        return f"it has {size_bytes} bytes, and its header describes {expected_bytes}"
    return None


def _find_data_bytes(header: dict[str, Any]) -> int:
    """Give where the last tensor ends, counted from the end of the header."""
    return max((int(tensor["data_offsets"][1]) for name, tensor in header.items() if name != METADATA), default=0)
