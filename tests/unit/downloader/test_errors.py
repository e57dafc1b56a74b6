from nemotron_operator.downloader.errors import DownloadError, Reason, UnavailableError
from nemotron_operator.downloader.s3_errors import ObjectChangedError


def all_errors(kind: type[DownloadError] = DownloadError) -> set[type[DownloadError]]:
    return {kind}.union(*(all_errors(error) for error in kind.__subclasses__()))


def test_only_an_unavailable_origin_and_one_that_changes_meanwhile_are_tried_again() -> None:
    retryable = {error for error in all_errors() if error.retryable}
    assert all_errors(UnavailableError) | {ObjectChangedError} == retryable


def test_every_reason_but_the_unexpected_one_has_an_error() -> None:
    named = all_errors() - {DownloadError}
    assert set(Reason) - {Reason.UNEXPECTED} == {error.reason for error in named}
