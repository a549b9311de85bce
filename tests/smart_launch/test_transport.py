"""The one sender of HTTP, against servers that redirect, dawdle, cut off, flood and hide."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from smart_launch import AnswerLost, NotSent, Reply, Transport, TransportError, UnusableReply
from tests.smart_launch.loopback import always, answer, once, serving
from tests.smart_launch.sending import CANARY, transport

__all__ = ["transport"]


def test_a_reply_is_whole_and_its_headers_ignore_case(transport: Transport) -> None:
    with serving(always(answer(b'{"a": [1]}', headers="X-Thing: y\r\n"))) as server:
        reply = transport.send("GET", server.url + "/x?q=1")
    assert (reply.status, reply.json(), reply.headers["x-THING"]) == (200, {"a": [1]}, "y")
    assert reply.url == server.url + "/x?q=1"
    assert server.requests[0].startswith(b"GET /x?q=1 HTTP/1.1\r\n")


def test_a_form_is_sent_encoded(transport: Transport) -> None:
    with serving(always(answer())) as server:
        transport.send("POST", server.url, form={"a b": "ü&="})
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert body == b"a+b=%C3%BC%26%3D"
    assert b"content-type: application/x-www-form-urlencoded" in head.lower()


def test_form_and_content_exclude_each_other(transport: Transport) -> None:
    with pytest.raises(TypeError):
        transport.send("POST", "http://127.0.0.1:1", form={}, content=b"")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_answers_not_orders(transport: Transport, status: int) -> None:
    with serving(always(answer())) as target:
        moved = answer(b"moved", status=f"{status} Moved", headers=f"Location: {target.url}/\r\n")
        with serving(always(moved)) as server:
            reply = transport.send("GET", server.url, headers={"Authorization": f"Bearer {CANARY}"})
    assert reply.status == status
    assert reply.content == b"moved"
    assert target.requests == []


def test_cookies_are_not_kept(transport: Transport) -> None:
    with serving(always(answer(headers=f"Set-Cookie: s={CANARY}; Path=/\r\n"))) as server:
        transport.send("GET", server.url)
        transport.send("GET", server.url)
    assert CANARY.encode() not in server.requests[1]


def test_proxies_and_netrc_of_the_environment_are_ignored(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login a password {CANARY}\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(always(answer(b"proxy"))) as proxy, serving(always(answer(b"server"))) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert transport.send("GET", server.url).content == b"server"
    assert proxy.requests == []
    assert b"authorization" not in server.requests[0].lower()


def test_connections_are_kept_per_thread(transport: Transport) -> None:
    with serving(always(answer())) as server:
        for _ in range(3):
            transport.send("GET", server.url)
        assert len(set(server.clients)) == 1

        def elsewhere() -> None:
            transport.send("GET", server.url)
            transport.close()

        threads = [threading.Thread(target=elsewhere) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(server.clients) == 5
    assert len(server.requests) == 7


def test_a_connection_that_the_server_closed_is_not_used_again(transport: Transport) -> None:
    with serving(once(answer())) as server:
        for _ in range(5):
            assert transport.send("POST", server.url, content=b"x").status == 200
            time.sleep(0.02)
    assert len(server.clients) == 5
    assert len(server.requests) == 5


def test_a_forked_process_makes_connections_of_its_own(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(always(answer())) as server:
        transport.send("GET", server.url)
        monkeypatch.setattr("smart_launch.transport.os.getpid", lambda: -1)
        transport.send("GET", server.url)
    assert len(set(server.clients)) == 2


def test_an_iterable_is_streamed(transport: Transport) -> None:
    with serving(always(answer())) as server:
        transport.send("PUT", server.url, content=iter([b"ab", b"", b"cd"]))
        transport.send("PUT", server.url, content=iter([b"ab", b"cd"]), headers={"Content-Length": "4"})
    chunked, plain = server.requests
    assert chunked.endswith(b"\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n")
    assert plain.endswith(b"\r\n\r\nabcd")
    assert b"transfer-encoding" not in plain.lower()
    assert plain.lower().count(b"content-length: 4") == 1


@pytest.mark.parametrize("blocks", [[b"abc"], [b"abc", b"def"]])
def test_a_body_of_another_length_never_passes_for_a_whole_one(transport: Transport, blocks: list[bytes]) -> None:
    with serving(always(answer())) as server, pytest.raises(ValueError, match="Content-Length"):
        transport.send("PUT", server.url, content=iter(blocks), headers={"Content-Length": "4"})
    assert not any(request.endswith(b"abcd") for request in server.requests)


def test_a_broken_source_comes_through_and_cuts_the_request(transport: Transport) -> None:
    class TamperedError(Exception):
        pass

    def source() -> Iterator[bytes]:
        yield b"abc"
        raise TamperedError

    with serving(always(answer())) as server, pytest.raises(TamperedError):
        transport.send("PUT", server.url, content=source())
    assert not any(request.endswith(b"0\r\n\r\n") for request in server.requests)


def test_a_body_may_be_fetched_while_it_is_sent(transport: Transport) -> None:
    with serving(always(answer(b"source"))) as source, serving(always(answer())) as target:

        def body() -> Iterator[bytes]:
            yield transport.send("GET", source.url).content

        transport.send("PUT", target.url, content=body())
    assert b"6\r\nsource\r\n" in target.requests[0]


@pytest.mark.parametrize("headers", [{"X": "a\r\nY: b"}, {"X\r\n": "a"}, {"X": "a\nb"}])
def test_headers_cannot_be_smuggled(transport: Transport, headers: dict[str, str]) -> None:
    with serving(always(answer())) as server, pytest.raises(NotSent) as caught:
        transport.send("GET", server.url, headers=headers)
    assert caught.value.code == "bad-request"
    assert server.requests == []


def test_nothing_secret_is_logged_or_shown(
    transport: Transport, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("urllib3", "requests", "smart_launch"):
        caplog.set_level(logging.DEBUG, logger=name)
    with serving(always(answer(CANARY.encode(), headers=f"X: {CANARY}\r\n"))) as server:
        reply = transport.send(
            "POST",
            f"{server.url}/Patient?name={CANARY}",
            headers={"Authorization": f"Bearer {CANARY}"},
            content=CANARY.encode(),
        )
    assert CANARY in reply.content.decode()
    assert CANARY not in repr(reply)
    assert any("POST" in line for line in caplog.messages), "nothing was logged: the test proves nothing"
    assert CANARY not in caplog.text
    assert CANARY not in "".join(capfd.readouterr())


def test_errors_carry_no_secret(transport: Transport, caplog: pytest.LogCaptureFixture) -> None:
    broken = f"HTTP/1.1 200 {CANARY}\r\n{CANARY}\r\n\r\n".encode()
    with serving(once(broken)) as server, pytest.raises(TransportError) as caught:
        transport.send("POST", f"{server.url}/{CANARY}?{CANARY}", content=CANARY.encode())
    assert CANARY not in caplog.text
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert CANARY not in repr(caught.value) + str(vars(caught.value))


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"{", b"\xff\xfe", b"NaN", b'{"a": Infinity}', b"[" * 200_000, b"1" * 10_000, b'{"a":1,"a":2}'],
)
def test_what_is_not_json_is_an_unusable_reply(content: bytes) -> None:
    with pytest.raises(UnusableReply):
        Reply(200, {}, content, "").json()


def test_json_may_begin_with_a_byte_order_mark() -> None:
    assert Reply(200, {}, b"\xef\xbb\xbf{}", "").json() == {}


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("120", 120.0), ("0", 0.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("-5", None), ("", None), ("x", None)],
)
def test_retry_after_in_either_form(value: str, seconds: float | None) -> None:
    assert Reply(429, {"Retry-After": value}, b"", "").retry_after == seconds


def test_retry_after_in_the_future() -> None:
    found = Reply(429, {"Retry-After": "Fri, 31 Dec 2199 23:59:59 GMT"}, b"", "").retry_after
    assert found is not None
    assert found > 1e9


def test_a_caller_shortens_the_time_limits_and_never_lengthens_them() -> None:
    def dripping(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            connection.sendall(b" ")
            time.sleep(0.05)

    for own, asked in ((0.4, 60), (60, 0.4)):
        with serving(dripping) as heard:
            sender = Transport(read_timeout=2, total_timeout=own)
            began = time.monotonic()
            with pytest.raises(AnswerLost) as caught:
                sender.send("GET", heard.url, total_timeout=asked)
            assert caught.value.code == "timeout" and time.monotonic() - began < 3
            sender.close()
