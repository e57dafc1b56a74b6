import pytest

from nemotron_operator.downloader.errors import BucketNotFoundError, UnauthorizedError
from nemotron_operator.downloader.s3_access import S3Access, S3Credentials, read_access, read_credentials

KEY_ID = "AKIAEXAMPLE"

SECRET_KEY = "wJalr" + "XUtnFEMI" * 4

SESSION_TOKEN = "FwoGZXIv" * 4

ENVIRONMENT = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_SESSION_TOKEN": SESSION_TOKEN}


def test_credentials_come_from_the_environment_without_the_line_ends_of_a_secret() -> None:
    read = read_credentials({variable: f"{value}\n" for variable, value in ENVIRONMENT.items()})
    assert S3Credentials(KEY_ID, SECRET_KEY, SESSION_TOKEN) == read


def test_no_credentials_are_none() -> None:
    assert None is read_credentials({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "\n"})


@pytest.mark.parametrize(
    ("given", "missing"),
    [("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")],
)
def test_half_of_the_credentials_is_an_error(given: str, missing: str) -> None:
    with pytest.raises(UnauthorizedError, match=f"^{given} is set and {missing} is not") as raised:
        read_credentials({given: ENVIRONMENT[given]})
    assert SECRET_KEY not in raised.value.message
    assert "model.source.s3.credentialsSecretRef" in raised.value.message


@pytest.mark.parametrize("value", ["two words", "line\nend", "ümlaut", "bell\a"])
def test_credentials_that_no_header_can_carry_are_named_and_not_shown(value: str) -> None:
    with pytest.raises(UnauthorizedError, match=r"^AWS_SECRET_ACCESS_KEY holds spaces, line ends") as raised:
        read_credentials({**ENVIRONMENT, "AWS_SECRET_ACCESS_KEY": value})
    assert value not in raised.value.message


def test_access_can_be_printed_without_the_secrets() -> None:
    access = read_access("models", "tiny", None, None, ENVIRONMENT)
    assert KEY_ID in repr(access)
    assert SECRET_KEY not in repr(access)
    assert SESSION_TOKEN not in repr(access)


def test_secrets_are_taken_out_of_what_others_say() -> None:
    access = read_access("models", "tiny", None, None, ENVIRONMENT)
    said = access.redact(f"{KEY_ID} {SECRET_KEY} {SESSION_TOKEN}")
    assert f"{KEY_ID} [redacted] [redacted]" == said
    assert SECRET_KEY == S3Access("models", "tiny").redact(SECRET_KEY)


@pytest.mark.parametrize(
    ("prefix", "label", "key_prefix"),
    [
        ("nemotron/70b", "s3://models/nemotron/70b", "nemotron/70b/"),
        ("/nemotron/70b/", "s3://models/nemotron/70b", "nemotron/70b/"),
        ("", "s3://models", ""),
    ],
)
def test_a_prefix_is_a_directory_however_it_is_written(prefix: str, label: str, key_prefix: str) -> None:
    access = read_access("models", prefix, None, None, {})
    assert (label, key_prefix) == (access.label, access.key_prefix)


def test_without_an_endpoint_it_is_aws() -> None:
    assert "AWS S3 in us-east-1" == read_access("models", "tiny", None, None, {}).address
    assert "AWS S3 in eu-central-1" == read_access("models", "tiny", "", "eu-central-1", {}).address


def test_an_endpoint_is_the_address() -> None:
    assert "https://minio:9000" == read_access("models", "tiny", "https://minio:9000/", None, {}).address


@pytest.mark.parametrize(
    "endpoint", ["minio:9000", "s3://models", "https://", "https://minio?x=1", f"https://reader:{SECRET_KEY}@minio"]
)
def test_an_endpoint_that_is_none_is_named_without_what_may_be_secret(endpoint: str) -> None:
    with pytest.raises(BucketNotFoundError, match=r"Write model\.source\.s3\.endpoint as https://HOST") as raised:
        read_access("models", "tiny", endpoint, None, {})
    assert SECRET_KEY not in raised.value.message


def test_the_authority_of_the_environment_is_trusted() -> None:
    assert "/etc/ca.pem" == read_access("models", "tiny", None, None, {"SSL_CERT_FILE": "/etc/ca.pem"}).ca_file
    assert None is read_access("models", "tiny", None, None, {"SSL_CERT_FILE": ""}).ca_file
