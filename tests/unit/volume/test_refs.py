from pathlib import Path

import pytest

from nemotron_operator.volume.refs import Ref, read_ref, write_ref

COMMIT = "0123456789abcdef" * 2 + "01234567"


@pytest.fixture
def ref(tmp_path: Path) -> Ref:
    return Ref(tmp_path / "volume", "acme/tiny", "release/1.0")


def test_what_was_recorded_is_read(ref: Ref) -> None:
    assert None is read_ref(ref)
    write_ref(ref, COMMIT)
    assert COMMIT == read_ref(ref)
    write_ref(ref, "f" * 40)
    assert "f" * 40 == read_ref(ref)


def test_every_repository_and_revision_has_a_record_of_its_own(ref: Ref) -> None:
    write_ref(ref, COMMIT)
    assert None is read_ref(Ref(ref.destination, ref.label, "main"))
    assert None is read_ref(Ref(ref.destination, "acme/other", ref.revision))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"repository": "acme/tiny", "revision": "release/1.0", "commit": "main"}',
        '{"repository": "acme/tiny", "revision": "release/1.0", "commit": 7}',
        '{"repository": "acme/other", "revision": "release/1.0", "commit": "' + COMMIT + '"}',
    ],
)
def test_a_record_that_says_something_else_counts_as_none(ref: Ref, content: str) -> None:
    write_ref(ref, COMMIT)
    ref.path.write_text(content)
    assert None is read_ref(ref)


def test_a_killed_writer_leaves_the_old_record(ref: Ref) -> None:
    write_ref(ref, COMMIT)
    ref.path.with_name(f"{ref.path.name}.new").write_text('{"repos')
    assert COMMIT == read_ref(ref)
    write_ref(ref, "f" * 40)
    assert "f" * 40 == read_ref(ref)
