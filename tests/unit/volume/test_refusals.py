import errno
import os
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from nemotron_operator.volume.errors import NoSpaceError, VolumeNotWritableError
from nemotron_operator.volume.refusals import explained_volume_errors


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOLCK, errno.ENOSYS])
def test_what_a_volume_will_refuse_again_is_for_a_person(code: int) -> None:
    with pytest.raises(VolumeNotWritableError, match="/models cannot be written"), _explained():
        raise OSError(code, os.strerror(code))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_volume_says_what_to_enlarge(code: int) -> None:
    with pytest.raises(NoSpaceError, match=r"cache\.size"), _explained():
        raise OSError(code, os.strerror(code))


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE])
def test_what_may_pass_is_not_explained_away(code: int) -> None:
    with pytest.raises(OSError, match=os.strerror(code)) as raised, _explained():
        raise OSError(code, os.strerror(code))
    assert code == raised.value.errno


def _explained() -> AbstractContextManager[None]:
    return explained_volume_errors(Path("/models"))
