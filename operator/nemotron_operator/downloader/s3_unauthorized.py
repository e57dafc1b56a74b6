"""What it means that a storage refuses the credentials, in sentences. The access key's name is no secret."""

from nemotron_operator.downloader.errors import UnauthorizedError
from nemotron_operator.downloader.s3_access import (
    CREDENTIALS_FIELD,
    KEY_ID_VARIABLE,
    SECRET_KEY_VARIABLE,
    SESSION_TOKEN_VARIABLE,
    S3Access,
)

WRONG_KEY_CODES = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch"})
"""The storage does not know the access key, or it has another secret."""

EXPIRED_CODES = frozenset({"ExpiredToken", "InvalidToken", "TokenRefreshRequired"})
"""The credentials were temporary, and their time is over."""


def explain_unauthorized(access: S3Access, code: str, path: str | None) -> UnauthorizedError:
    """Say which credentials are missing, wrong, expired or too weak.

    Parameters
    ----------
    path
        The object that is asked for; None if it is the bucket.
    """
    what = access.label if path is None else f"{path} of {access.label}"
    credentials = access.credentials
    if credentials is None:
        return UnauthorizedError(
            f"{access.address} shows {what} to nobody without credentials ({code}). Check the name of the bucket, then "
            f"give a Secret with {KEY_ID_VARIABLE} and {SECRET_KEY_VARIABLE} ({CREDENTIALS_FIELD})."
        )
    if code in WRONG_KEY_CODES:
        return UnauthorizedError(
            f"{access.address} refuses the access key {credentials.access_key_id} ({code}): it is unknown there, or "
            f"its {SECRET_KEY_VARIABLE} is another. Put a valid pair into the Secret of {CREDENTIALS_FIELD}."
        )
    if code in EXPIRED_CODES:
        return UnauthorizedError(
            f"The credentials in the Secret of {CREDENTIALS_FIELD} are expired ({code}). Renew {KEY_ID_VARIABLE}, "
            f"{SECRET_KEY_VARIABLE} and {SESSION_TOKEN_VARIABLE}, or give a key that lasts."
        )
    if code == "RequestTimeTooSkewed":
        return UnauthorizedError(
            f"{access.address} refuses the request since the clock of this node is wrong ({code}). Set the clock."
        )
    return UnauthorizedError(
        f"The access key {credentials.access_key_id} may not read {what} at {access.address} ({code}). "
        f"It needs s3:ListBucket on the bucket {access.bucket} and s3:GetObject on {access.key_prefix}*; with keys of "
        "KMS kms:Decrypt too."
    )
