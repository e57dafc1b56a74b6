import errno
import time
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest

from nemotron_operator.downloader.errors import (
    BucketNotFoundError,
    DownloadError,
    RepositoryNotFoundError,
    StorageUnavailableError,
    UnauthorizedError,
)
from nemotron_operator.downloader.s3_access import S3Access, S3Credentials
from nemotron_operator.downloader.s3_errors import ObjectChangedError, explain_answer, explained_s3_errors

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

SECRET_KEY = "wJalr" + "XUtnFEMI" * 4

SESSION_TOKEN = "FwoGZXIv" * 4

ACCESS = S3Access(
    "models", "tiny", "https://minio:9000", "eu-central-1", S3Credentials("READER", SECRET_KEY, SESSION_TOKEN)
)


def an_answer(status: int, code: str, message: str = "", **headers: str) -> "ClientError":
    from botocore.exceptions import ClientError

    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers},
        },
        "GetObject",
    )


@pytest.mark.parametrize(
    ("status", "code", "kind", "says"),
    [
        (301, "PermanentRedirect", BucketNotFoundError, "not in the region eu-central-1 of https://minio:9000"),
        (400, "AuthorizationHeaderMalformed", BucketNotFoundError, "Set model.source.s3.region to the region"),
        (404, "NoSuchBucket", BucketNotFoundError, "https://minio:9000 has no bucket models (NoSuchBucket)"),
        (403, "AccessDenied", UnauthorizedError, "The access key READER may not read a.json of s3://models/tiny"),
        (403, "403", UnauthorizedError, "It needs s3:ListBucket on the bucket models and s3:GetObject on tiny/*"),
        (403, "InvalidAccessKeyId", UnauthorizedError, "refuses the access key READER (InvalidAccessKeyId)"),
        (400, "ExpiredToken", UnauthorizedError, "are expired (ExpiredToken). Renew AWS_ACCESS_KEY_ID"),
        (403, "RequestTimeTooSkewed", UnauthorizedError, "the clock of this node is wrong"),
        (403, "InvalidObjectState", RepositoryNotFoundError, "a.json of s3://models/tiny lies in an archive"),
        (412, "PreconditionFailed", ObjectChangedError, "a.json of s3://models/tiny was changed or removed"),
        (404, "NoSuchKey", ObjectChangedError, "Do not write below a prefix that is being fetched"),
        (503, "SlowDown", StorageUnavailableError, "https://minio:9000 answered SlowDown to GetObject"),
        (400, "EntityTooSmall", StorageUnavailableError, "https://minio:9000 answered EntityTooSmall to GetObject"),
    ],
)
def test_an_answer_is_explained(status: int, code: str, kind: type[DownloadError], says: str) -> None:
    explained = explain_answer(an_answer(status, code), ACCESS, "a.json")
    assert kind is type(explained)
    assert says in explained.message


def test_only_what_may_pass_or_has_another_name_next_time_is_tried_again() -> None:
    answers = [(503, "SlowDown"), (412, "PreconditionFailed"), (403, "AccessDenied"), (404, "NoSuchBucket")]
    explained = [explain_answer(an_answer(status, code), ACCESS, "a.json") for status, code in answers]
    assert [True, True, False, False] == [error.retryable for error in explained]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"retry-after": "7"}, 7.0), ({}, None), ({"retry-after": formatdate(0, usegmt=True)}, 0.0)],
)
def test_a_storage_says_how_long_it_wants_to_be_left_alone(headers: dict[str, str], seconds: float | None) -> None:
    explained = explain_answer(an_answer(429, "TooManyRequests", **headers), ACCESS, None)
    assert isinstance(explained, StorageUnavailableError)
    assert seconds == explained.retry_after_seconds


def test_a_date_to_wait_for_is_compared_with_the_clock() -> None:
    answer = an_answer(503, "SlowDown", **{"retry-after": formatdate(time.time() + 3600, usegmt=True)})
    explained = explain_answer(answer, ACCESS, None)
    assert isinstance(explained, StorageUnavailableError)
    assert explained.retry_after_seconds is not None
    assert 3000 < explained.retry_after_seconds <= 3600


def test_secrets_that_a_storage_repeats_are_not_passed_on() -> None:
    answer = an_answer(400, f"Code-{SESSION_TOKEN}", f"Not the signature of {SECRET_KEY}.")
    message = explain_answer(answer, ACCESS, None).message
    assert "Not the signature of [redacted]." in message
    assert SESSION_TOKEN not in message


def test_a_full_volume_is_not_the_fault_of_the_storage() -> None:
    with pytest.raises(OSError, match="No space left") as raised, explained_s3_errors(ACCESS):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert errno.ENOSPC == raised.value.errno


def test_silence_is_tried_again() -> None:
    from botocore.exceptions import ReadTimeoutError

    with (
        pytest.raises(StorageUnavailableError, match="https://minio:9000 did not answer, or not to the end"),
        explained_s3_errors(ACCESS),
    ):
        raise ReadTimeoutError(endpoint_url="https://minio:9000/models")
