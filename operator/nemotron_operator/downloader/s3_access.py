"""Access to a storage: which prefix of which bucket is asked for, where, and as whom."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from urllib.parse import urlsplit

from nemotron_operator.downloader.errors import BucketNotFoundError, UnauthorizedError
from nemotron_operator.downloader.secret import redact

KEY_ID_VARIABLE = "AWS_ACCESS_KEY_ID"
"""The environment variable with the name of the access key, the same that every S3 client reads."""

SECRET_KEY_VARIABLE = "AWS_SECRET_ACCESS_KEY"  # noqa: S105 - the name of the variable, not its value
"""The environment variable with the access key itself."""

SESSION_TOKEN_VARIABLE = "AWS_SESSION_TOKEN"  # noqa: S105 - the name of the variable, not its value
"""The environment variable with what temporary credentials have besides."""

CA_FILE_VARIABLE = "SSL_CERT_FILE"
"""The environment variable with the path of a private CA's certificates. The S3 client alone does not read it."""

SOURCE_FIELD = "model.source.s3"
"""The field of a NemotronDeployment that names bucket, prefix, endpoint, region and credentials."""

CREDENTIALS_FIELD = f"{SOURCE_FIELD}.credentialsSecretRef"
"""The field that names the Secret with the credentials."""

DEFAULT_REGION = "us-east-1"
"""The region that is asked when none is given; most storages but AWS accept any."""


@dataclass(frozen=True)
class S3Credentials:
    """An access key of the storage."""

    access_key_id: str
    """The name of the key, which is no secret."""

    secret_access_key: str = field(repr=False)
    """The key."""

    session_token: str | None = field(default=None, repr=False)
    """What makes a temporary key valid."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Give what must stay out of everything that is written."""
        return (self.secret_access_key, *((self.session_token,) if self.session_token else ()))


@dataclass(frozen=True)
class S3Access:
    """What every request to the storage needs."""

    bucket: str
    """The name of the bucket."""

    prefix: str
    """The directory in the bucket, without a slash at its ends; empty for the whole bucket."""

    endpoint: str | None = None
    """The base URL of the storage; None is AWS."""

    region: str = DEFAULT_REGION
    """The region of the bucket."""

    credentials: S3Credentials | None = None
    """The access key; None asks as nobody, whatever credentials the machine or its home directory could give."""

    ca_file: str | None = None
    """The file with the certificates of a private CA; None trusts the public ones."""

    @property
    def label(self) -> str:
        """Name the prefix, as the command lines of S3 clients do."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    @property
    def key_prefix(self) -> str:
        """Give what the keys of all files begin with."""
        return f"{self.prefix}/" if self.prefix else ""

    @property
    def address(self) -> str:
        """Name the storage for people."""
        return self.endpoint or f"AWS S3 in {self.region}"

    def redact(self, text: str) -> str:
        """Take the credentials out of what a storage or its client says."""
        secrets = self.credentials.secrets if self.credentials else ()
        return reduce(redact, secrets, text)


def read_access(
    bucket: str, prefix: str, endpoint: str | None, region: str | None, environment: Mapping[str, str]
) -> S3Access:
    """Complete what the command line says by what the environment says.

    Raises
    ------
    BucketNotFoundError
        If the endpoint is no URL of a server.
    UnauthorizedError
        If the credentials are not whole.
    """
    return S3Access(
        bucket=bucket,
        prefix=prefix.strip("/"),
        endpoint=_checked_endpoint(endpoint) if endpoint else None,
        region=region or DEFAULT_REGION,
        credentials=read_credentials(environment),
        ca_file=environment.get(CA_FILE_VARIABLE) or None,
    )


def read_credentials(environment: Mapping[str, str]) -> S3Credentials | None:
    """Take the credentials from the environment; a Secret's trailing line ends are not part of them.

    Raises
    ------
    UnauthorizedError
        If one half is missing, or a value cannot be sent in a header.
    """
    variables = (KEY_ID_VARIABLE, SECRET_KEY_VARIABLE, SESSION_TOKEN_VARIABLE)
    key_id, secret_key, session_token = (_read_value(environment, variable) for variable in variables)
    if bool(key_id) != bool(secret_key):
        given, missing = (KEY_ID_VARIABLE, SECRET_KEY_VARIABLE)[:: 1 if key_id else -1]
        raise UnauthorizedError(
            f"{given} is set and {missing} is not. Put both into the Secret that {CREDENTIALS_FIELD} names, "
            "or neither for a bucket that everybody may read."
        )
    return S3Credentials(key_id, secret_key, session_token or None) if key_id else None


def _read_value(environment: Mapping[str, str], variable: str) -> str:
    value = environment.get(variable, "").strip()
    if not (value.isascii() and value.isprintable() and " " not in value):
        raise UnauthorizedError(
            f"{variable} holds spaces, line ends or other characters that no credentials have. "
            f"Put the value alone into the Secret that {CREDENTIALS_FIELD} names."
        )
    return value


def _checked_endpoint(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        host = parts.netloc.rpartition("@")[2]
        raise BucketNotFoundError(
            f"The endpoint with the host {host!r} is not the base URL of a storage. Write "
            f"{SOURCE_FIELD}.endpoint as https://HOST or https://HOST:PORT, and credentials into "
            f"the Secret that {CREDENTIALS_FIELD} names."
        )
    return endpoint.rstrip("/")
