"""What a server has to show that the Job asks over HTTPS, with a real server and real certificates."""

import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from nemotron_operator.verifier.conversation import ask
from nemotron_operator.verifier.engine_report import read_engine_report
from nemotron_operator.verifier.errors import RefusedError
from nemotron_operator.verifier.question import Question
from nemotron_operator.verifier.trust import trust_certificates
from tests.support.certificates import Certificate, sign
from tests.unit.verifier.chat_server import chat_server, say, write

PATIENCE_SECONDS = 20


def serving_with(certificate: Certificate, folder: Path) -> ssl.SSLContext:
    files = certificate.write(folder / "server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "tls.crt", files / "tls.key")
    return context


async def ask_trusting(certificate: Certificate, trusted: Path, folder: Path) -> str:
    async with chat_server(say("There ", "are ", "3."), tls=serving_with(certificate, folder)) as server:
        question = Question(server.base_url, "nemotron", "How many?", trust=trust_certificates(trusted))
        return (await ask(question, PATIENCE_SECONDS)).text


@pytest.mark.parametrize("files", [("ca.crt", "tls.crt"), ("tls.crt",)])
async def test_a_server_is_trusted_by_its_ca_and_without_one_by_its_own_certificate(
    files: tuple[str, ...], tmp_path: Path
) -> None:
    certificate = sign("localhost")
    assert "There are 3." == await ask_trusting(certificate, certificate.write(tmp_path / "tls", *files), tmp_path)


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (sign("elsewhere"), "Hostname mismatch, certificate is not valid for 'localhost'"),
        (sign("localhost", valid=timedelta(hours=-1)), "certificate has expired"),
    ],
    ids=["name", "date"],
)
async def test_a_certificate_of_another_name_or_time_is_refused_at_once(
    shown: Certificate, words: str, tmp_path: Path
) -> None:
    with pytest.raises(RefusedError, match="not to be trusted") as refused:
        await ask_trusting(shown, shown.write(tmp_path / "tls"), tmp_path)
    assert words in refused.value.message


async def test_a_certificate_of_another_ca_is_refused(tmp_path: Path) -> None:
    other = sign("localhost").write(tmp_path / "tls")
    with pytest.raises(RefusedError, match="not to be trusted"):
        await ask_trusting(sign("localhost"), other, tmp_path)


async def test_the_metrics_are_read_over_https_too(tmp_path: Path) -> None:
    certificate, metrics = sign("localhost"), write('vllm:cache_config_info{kv_cache_size_tokens="4096"} 1.0\n')
    async with chat_server(metrics=metrics, tls=serving_with(certificate, tmp_path)) as server:
        trusted = await read_engine_report(server.base_url, trust_certificates(certificate.write(tmp_path / "tls")))
        untrusted = await read_engine_report(server.base_url)
    assert trusted is not None
    assert (4096, None) == (trusted.kv_cache_tokens, untrusted)


def test_without_a_directory_the_public_cas_are_trusted() -> None:
    assert trust_certificates(None) is None


def test_a_directory_without_a_certificate_is_explained(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"lacks the certificate"):
        trust_certificates(tmp_path)
    (tmp_path / "ca.crt").write_text("nonsense")
    with pytest.raises(RefusedError, match=r"ca\.crt is no certificate"):
        trust_certificates(tmp_path)
