import errno

import pytest

from nemotron_operator.downloader.access import HubAccess
from nemotron_operator.downloader.errors import HubUnavailableError, RepositoryNotFoundError
from nemotron_operator.downloader.hub import HubOrigin
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


@pytest.mark.parametrize("repository", ["a/b/c", "acme/ti--ny", "acme/-tiny"])
def test_what_cannot_be_a_repository_is_refused_with_the_form(repository: str) -> None:
    origin = HubOrigin(HubAccess(repository, endpoint="http://127.0.0.1:9"), "main")
    with pytest.raises(RepositoryNotFoundError) as raised:
        origin.describe("main")
    assert f"'{repository}' cannot be a repository of a hub. Write ORGANISATION/NAME, " in raised.value.message


def test_an_endpoint_without_a_scheme_is_not_asked_again() -> None:
    origin = HubOrigin(HubAccess("acme/tiny", endpoint="hub.example.com"), "main")
    with pytest.raises(RepositoryNotFoundError) as raised:
        origin.describe("main")
    assert (
        "hub.example.com is not the base URL of a hub. Write it as https://HOST (HF_ENDPOINT, " in raised.value.message
    )


def test_a_password_in_the_address_of_a_mirror_is_told_to_nobody() -> None:
    origin = HubOrigin(HubAccess("acme/tiny", endpoint="http://somebody:s3cr3t@127.0.0.1:9/hub"), "main")
    with pytest.raises(HubUnavailableError) as raised:
        origin.describe("main")
    assert "http://127.0.0.1:9/hub cannot be reached" in raised.value.message
    assert "s3cr3t" not in raised.value.message
