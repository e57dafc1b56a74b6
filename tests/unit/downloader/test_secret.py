import io
import logging

from nemotron_operator.downloader.secret import read_secrets, redact_all, redacted_log

ENVIRONMENT = {"HF_TOKEN": "hf_s3cr3t-s3cr3t\n", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI", "AWS_SESSION_TOKEN": ""}


def test_every_secret_of_the_environment_is_taken_out() -> None:
    secrets = read_secrets(ENVIRONMENT)
    assert ("hf_s3cr3t-s3cr3t", "wJalrXUtnFEMI") == secrets
    assert "a [redacted] b [redacted] c" == redact_all("a hf_s3cr3t-s3cr3t b wJalrXUtnFEMI c", secrets)


def test_a_value_that_is_no_secret_takes_no_words_apart() -> None:
    assert () == read_secrets({"HF_TOKEN": "e", "AWS_SECRET_ACCESS_KEY": "minio"})


def test_a_log_has_no_secret_even_in_a_traceback() -> None:
    stream = io.StringIO()
    with redacted_log(stream, read_secrets(ENVIRONMENT)):
        error = ValueError("wJalrXUtnFEMI is wrong")
        logging.getLogger("nemotron_operator.downloader").error("hf_s3cr3t-s3cr3t", exc_info=error)
    assert "ValueError: [redacted] is wrong" in stream.getvalue()
    assert "ERROR nemotron_operator.downloader: [redacted]" in stream.getvalue()
