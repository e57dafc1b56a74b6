from pathlib import Path

import pytest

from lab.bring_up import bring_up
from lab.errors import LabError


def test_a_real_node_is_refused_before_anything_is_built_where_there_can_be_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("lab.bring_up.why_no_real_node", lambda: "this is a toaster.")
    said: list[str] = []
    with pytest.raises(LabError, match="this is a toaster"):
        bring_up("demo", said.append, real_node=True)
    assert said == []
    assert list(tmp_path.iterdir()) == []
