"""Bytes, rates and times as messages tell them: the decimal units of files and networks."""

MB = 1000**2
GB = 1000**3

MINUTE, HOUR, DAY = 60, 60 * 60, 24 * 60 * 60


def format_size(size_bytes: int) -> str:
    """Write an amount of bytes."""
    return f"{size_bytes / GB:.1f} GB" if size_bytes >= GB / 10 else f"{size_bytes / MB:.1f} MB"


def format_part(part_bytes: int, whole_bytes: int) -> str:
    """Write a part of an amount of bytes in the whole's unit: `34.9 of 72.7 GB`."""
    unit, name = (GB, "GB") if whole_bytes >= GB / 10 else (MB, "MB")
    return f"{part_bytes / unit:.1f} of {whole_bytes / unit:.1f} {name}"


def format_rate(bytes_per_second: int) -> str:
    """Write a rate: `480 MB/s`, `1.4 GB/s`."""
    if bytes_per_second >= GB:
        return f"{bytes_per_second / GB:.1f} GB/s"
    rate = bytes_per_second / MB
    return f"{rate:.0f} MB/s" if rate >= 10 else f"{rate:.1f} MB/s"  # noqa: PLR2004 - two digits tell enough


def format_time_left(seconds: int) -> str:
    """Write a time that is an estimate anyway: one unit, or hours with minutes; never less than it is."""
    if seconds < 2 * MINUTE:
        return f"{seconds} s"
    minutes = -(-seconds // MINUTE)
    if minutes * MINUTE < 2 * HOUR:
        return f"{minutes} min"
    if seconds < 2 * DAY:
        hours, rest = divmod(minutes, 60)
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{-(-seconds // DAY)} days"
