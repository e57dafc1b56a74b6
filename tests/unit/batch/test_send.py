"""Requests to a server that runs: each one answered once, whatever the server says at first."""

import errno
import json
import socket
import ssl
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nemotron_operator.batch import send as sending_module
from nemotron_operator.batch.errors import ServerRefusesError, ServerUnavailableError
from nemotron_operator.batch.outcome import Complete
from nemotron_operator.batch.pace import Load
from nemotron_operator.batch.place import Place
from nemotron_operator.batch.requests import Request
from nemotron_operator.batch.send import Sending, send
from nemotron_operator.batch.server import Server, UnreachableError
from tests.support.certificates import sign
from tests.unit.batch.batches import a_request, an_answer, leave, make_place
from tests.unit.batch.fake_server import Body, FakeServer, serving


def send_to(server: FakeServer, place: Place, most: int = 4, patience_seconds: float = 5) -> Complete:
    sending = Sending(place, Server(server.base_url, "sesame"), most, patience_seconds, first_pause_seconds=0.01)
    return send(sending)


def read_lines(place: Place) -> dict[str, dict[str, Any]]:
    lines = [json.loads(line) for part in place.list_parts() for line in part.read_text().splitlines()]
    return {line["custom_id"]: line for line in lines}


def test_every_request_is_sent_once_with_the_key_and_no_more_than_allowed_at_a_time(tmp_path: Path) -> None:
    place = make_place(tmp_path, [str(number) for number in range(30)])
    with serving(FakeServer()) as server:
        assert Complete(total=30, answered=30) == send_to(server, place, most=3)
    assert sorted(f"What is {number}?" for number in range(30)) == sorted(server.asked)
    assert {"Bearer sesame"} == server.keys
    assert server.most_at_once <= 3
    line = read_lines(place)["7"]
    assert (200, {"choices": []}, None) == (line["response"]["status_code"], line["response"]["body"], line["error"])


def test_what_an_earlier_attempt_left_is_not_sent_again(tmp_path: Path) -> None:
    place = make_place(tmp_path)
    leave(place, 1, an_answer("b"))
    with serving(FakeServer()) as server:
        assert Complete(total=3, answered=3) == send_to(server, place)
    assert {"What is a?", "What is c?"} == set(server.asked)


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_takes_nothing_for_now_is_asked_again(tmp_path: Path, status: int) -> None:
    def reply(_text: str, times: int) -> tuple[int, Body]:
        return (status, {"error": {"message": "busy"}}) if times < 3 else (200, {"choices": []})

    place = make_place(tmp_path)
    with serving(FakeServer(reply)) as server:
        assert Complete(total=3, answered=3) == send_to(server, place)
    assert 9 == len(server.asked)


def test_a_request_at_which_the_server_fails_again_and_again_is_a_failed_line(tmp_path: Path) -> None:
    def reply(text: str, _times: int) -> tuple[int, Body]:
        return (500, {"error": {"message": "it broke", "code": 500}}) if "b" in text else (200, {"choices": []})

    place = make_place(tmp_path)
    with serving(FakeServer(reply)) as server:
        assert Complete(total=3, answered=2, refused=1) == send_to(server, place)
    assert 3 == server.asked.count("What is b?")
    failed = read_lines(place)["b"]
    assert (500, None) == (failed["response"]["status_code"], failed["response"]["body"])
    assert "it broke" == failed["error"]["error"]["message"]


def test_a_request_that_is_refused_is_a_failed_line_at_once(tmp_path: Path) -> None:
    place = make_place(tmp_path, ["a"])
    with serving(FakeServer(lambda _text, _times: (400, {"error": {"message": "too long"}}))) as server:
        assert Complete(total=1, refused=1) == send_to(server, place)
    assert 1 == len(server.asked)


def test_a_wrong_key_ends_it_before_every_line_is_a_failure(tmp_path: Path) -> None:
    place = make_place(tmp_path, [str(number) for number in range(50)])
    with (
        serving(FakeServer(lambda _text, _times: (401, {"error": "Unauthorized"}))) as server,
        pytest.raises(ServerRefusesError, match="It wants another API key"),
    ):
        send_to(server, place)
    assert {} == read_lines(place)
    assert len(server.asked) < 50


NO_MODEL: Body = {"error": {"message": "The model `tiny` does not exist.", "type": "NotFoundError", "code": 404}}


def test_an_adapter_that_is_away_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    place = make_place(tmp_path)
    with serving(FakeServer(lambda _text, times: (404, NO_MODEL) if times < 3 else (200, {"choices": []}))) as server:
        assert Complete(total=3, answered=3) == send_to(server, place)


def test_a_model_that_never_comes_ends_it_although_others_are_answered(tmp_path: Path) -> None:
    def reply(text: str, _times: int) -> tuple[int, Body]:
        return (404, NO_MODEL) if "b" in text else (200, {"choices": []})

    place = make_place(tmp_path)
    with (
        serving(FakeServer(reply)) as server,
        pytest.raises(ServerRefusesError, match="The model `tiny` does not exist"),
    ):
        send_to(server, place, patience_seconds=0.1)
    assert server.asked.count("What is b?") > 1
    assert {"a", "c"} == read_lines(place).keys()


@pytest.mark.parametrize("said", [{"detail": "Not Found"}, {"error": {"message": "Not Found", "code": 404}}])
def test_a_url_that_the_server_does_not_have_is_a_failed_line(said: Body, tmp_path: Path) -> None:
    place = make_place(tmp_path, ["a"])
    with serving(FakeServer(lambda _text, _times: (404, said))) as server:
        assert Complete(total=1, refused=1) == send_to(server, place)


def test_a_pause_in_which_nobody_asked_is_not_held_against_the_server(tmp_path: Path) -> None:
    """The first answer comes late, and the one after it fails once."""
    patience_seconds, place = 0.4, make_place(tmp_path, ["a", "b"])

    def reply(text: str, times: int) -> tuple[int, Body]:
        return (503, {}) if "b" in text and times == 1 else (200, {"choices": []})

    def pause(iterator: Iterator[Request]) -> Iterator[Request]:
        for request in iterator:
            yield request
            time.sleep(2 * patience_seconds)  # as where others wait at the server

    with serving(FakeServer(reply)) as server, pytest.MonkeyPatch.context() as patched:
        send_all = sending_module._send_all
        patched.setattr(sending_module, "_send_all", lambda left, *rest: send_all(pause(left), *rest))
        assert Complete(total=2, answered=2) == send_to(server, place, patience_seconds=patience_seconds)


def test_a_request_that_http_cannot_hold_is_for_a_person_and_its_key_is_not_told(tmp_path: Path) -> None:
    key, place = "sesame\n", make_place(tmp_path)
    with serving(FakeServer()) as server, pytest.raises(ServerRefusesError, match="cannot be put into HTTP") as raised:
        send(Sending(place, Server(server.base_url, key), most=1, patience_seconds=5))
    assert "sesame" not in "".join(traceback.format_exception(raised.value))


def test_a_server_that_is_away_too_long_leaves_the_rest_to_the_next_attempt(tmp_path: Path) -> None:
    place = make_place(tmp_path)
    with socket.socket() as taken:  # nobody listens there
        taken.bind(("127.0.0.1", 0))
        server = FakeServer(base_url=f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        with pytest.raises(ServerUnavailableError, match="answered nobody") as raised:
            send_to(server, place, patience_seconds=0.1)
    assert raised.value.retryable
    assert {} == read_lines(place)


def test_a_volume_that_takes_no_more_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*_: object) -> bytes:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("nemotron_operator.batch.send._render", fill)
    with serving(FakeServer()) as server, pytest.raises(OSError, match="No space left"):
        send_to(server, make_place(tmp_path))


def test_the_load_is_that_of_all_engines() -> None:
    with serving(FakeServer(waiting=3)) as server:
        assert Load(running=2, waiting=4) == Server(server.base_url).read_load()


@pytest.mark.parametrize("files", [("ca.crt", "tls.crt"), ("tls.crt",)])
def test_a_server_is_trusted_by_its_ca_and_without_one_by_its_own_certificate(
    files: tuple[str, ...], tmp_path: Path
) -> None:
    certificate = sign("localhost")
    shown, trusted = certificate.write(tmp_path / "shown"), certificate.write(tmp_path / "trusted", *files)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown / "tls.crt", shown / "tls.key")
    with serving(FakeServer(), context) as server:
        assert 200 == Server(server.base_url, None, trusted).ask("/v1/chat/completions", a_request("a")["body"]).status
        with pytest.raises(UnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
            Server(server.base_url).ask("/v1/chat/completions", a_request("a")["body"])


def test_a_secret_without_a_certificate_is_for_a_person(tmp_path: Path) -> None:
    with pytest.raises(ServerRefusesError, match=r"neither ca.crt nor tls.crt"):
        Server("https://localhost:1/v1", None, tmp_path).ask("/v1/chat/completions", {})
