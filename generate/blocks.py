"""Blocks: generated lines inside a file that people write."""

import re


def replace_block(text: str, name: str, content: str) -> str:
    """Put lines between the markers `<!-- NAME: generated -->` and `<!-- NAME: end -->`.

    Raises
    ------
    ValueError
        The markers are not there exactly once, the first before the second.
    """
    start, end = f"<!-- {name}: generated -->", f"<!-- {name}: end -->"
    block = re.compile(f"^{re.escape(start)}$.*?^{re.escape(end)}$", re.MULTILINE | re.DOTALL)
    if text.count(start) != 1 or text.count(end) != 1 or block.search(text) is None:
        raise ValueError(f"the text must hold one line {start!r} and one line {end!r} after it.")
    # The blank lines keep Markdown from taking a table for part of the marker's paragraph.
    return block.sub(lambda _: f"{start}\n\n{content}\n\n{end}", text)
