import pytest

from generate.blocks import replace_block

TEXT = """\
Before.
<!-- matrix: generated -->
old
<!-- matrix: end -->
After.
"""


def test_only_what_is_between_the_markers_is_replaced() -> None:
    expected = "Before.\n<!-- matrix: generated -->\n\nnew\n\n<!-- matrix: end -->\nAfter.\n"
    assert expected == replace_block(TEXT, "matrix", "new")


def test_replacing_again_changes_nothing() -> None:
    once = replace_block(TEXT, "matrix", "new")
    assert once == replace_block(once, "matrix", "new")


def test_a_backslash_in_the_lines_stays_one() -> None:
    assert "\n\\1 \\n\n" in replace_block(TEXT, "matrix", "\\1 \\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT.replace("<!-- matrix: end -->", ""),
        TEXT.replace("<!-- matrix: generated -->", ""),
        TEXT + TEXT,
        "<!-- matrix: end -->\n<!-- matrix: generated -->\n",
        TEXT.replace("<!-- matrix: end -->", "x <!-- matrix: end -->"),
    ],
)
def test_markers_that_do_not_stand_once_and_in_order_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="<!-- matrix: generated -->"):
        replace_block(text, "matrix", "new")
