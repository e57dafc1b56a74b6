import errno

import pytest

from nemotron_operator.downloader.access import HubAccess
from nemotron_operator.downloader.errors import HubUnavailableError
from nemotron_operator.downloader.hub_errors import explained_hub_errors
from nemotron_operator.downloader.xet_errors import explained_xet_errors

TOKEN = "hf_" + "s3cr3t" * 5

ACCESS = HubAccess("acme/tiny", token=TOKEN, endpoint="http://127.0.0.1:9")


def test_a_full_volume_is_not_the_fault_of_the_hub() -> None:
    with pytest.raises(OSError, match="No space left") as raised, explained_hub_errors(ACCESS, "main"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert errno.ENOSPC == raised.value.errno


def test_a_full_volume_is_recognised_in_the_words_of_the_xet_client() -> None:
    with pytest.raises(OSError, match="Data processing error") as raised, explained_xet_errors("a.safetensors"):
        raise RuntimeError("Data processing error: IO Error: No space left on device (os error 28)")
    assert errno.ENOSPC == raised.value.errno


def test_any_other_trouble_of_the_xet_client_is_tried_again_later() -> None:
    with (
        pytest.raises(HubUnavailableError, match=r"no a\.safetensors.*CAS service error"),
        explained_xet_errors("a.safetensors"),
    ):
        raise RuntimeError("Data processing error: CAS service error")


def test_access_can_be_printed_without_the_token() -> None:
    assert TOKEN not in repr(ACCESS)
