"""What is lost, cut off or waited for: half answers, silence, drips, bombs."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from pathlib import Path

import pytest

from smart_launch import AnswerLost, NotSent, ReplyTooLarge, Transport
from tests.smart_launch.loopback import always, answer, certificate_for, once, serving
from tests.smart_launch.sending import CANARY, transport

__all__ = ["transport"]


def test_a_refused_connection_was_surely_not_sent(transport: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotSent) as caught:
        transport.send("POST", f"http://127.0.0.1:{port}/?{CANARY}", content=b"x")
    assert caught.value.code == "refused"
    assert CANARY not in str(caught.value)


def test_a_server_without_tls_gets_nothing(transport: Transport) -> None:
    with serving(once(b"HTTP/1.1 400 no\r\n\r\n"), read=False) as server, pytest.raises(NotSent) as caught:
        transport.send("POST", f"https://127.0.0.1:{server.port}/", content=CANARY.encode())
    assert caught.value.code == "tls"


def test_an_untrusted_certificate_gets_nothing(transport: Transport, tmp_path: Path) -> None:
    context, _ = certificate_for("127.0.0.1", tmp_path)
    with serving(always(answer()), tls=context) as server, pytest.raises(NotSent) as caught:
        transport.send("POST", f"https://127.0.0.1:{server.port}/", content=CANARY.encode())
    assert caught.value.code == "tls"
    assert server.requests == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n12345",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n12345\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n12345",
        b"nonsense\r\n\r\n",
    ],
    ids=["nothing", "status", "head", "length", "chunk", "in-chunk", "bad-chunk", "bad-gzip", "no-http"],
)
def test_half_an_answer_is_an_answer_lost(transport: Transport, data: bytes) -> None:
    with serving(once(data)) as server, pytest.raises(AnswerLost):
        transport.send("POST", server.url, content=b"x")


def test_a_truncated_gzip_stream_does_not_pass_for_a_whole_one(transport: Transport) -> None:
    whole = gzip.compress(bytes(range(256)) * 500)
    data = answer(whole[: len(whole) // 2], headers="Content-Encoding: gzip\r\n")
    with serving(always(data)) as server, pytest.raises(AnswerLost) as caught:
        transport.send("GET", server.url)
    assert caught.value.code == "damaged"


def test_gzip_in_several_members_and_none(transport: Transport) -> None:
    packed = gzip.compress(b"one") + gzip.compress(b"two")
    with serving(always(answer(packed, headers="Content-Encoding: gzip\r\n"))) as server:
        assert transport.send("GET", server.url).content == b"onetwo"
    with serving(always(answer(b"", headers="Content-Encoding: gzip\r\n"))) as server:
        assert transport.send("GET", server.url).content == b""


def test_an_encoding_that_was_not_asked_for_is_no_answer(transport: Transport) -> None:
    with serving(always(answer(b"xx", headers="Content-Encoding: br\r\n"))) as server:
        with pytest.raises(AnswerLost) as caught:
            transport.send("GET", server.url, headers={"Accept-Encoding": "br"})
        assert b"accept-encoding: gzip\r\n" in server.requests[0].lower()
    assert caught.value.code == "damaged"


def test_a_silent_server_times_out() -> None:
    quick = Transport(read_timeout=0.2)
    with serving(lambda _connection, _request: time.sleep(1)) as server:
        started = time.monotonic()
        with pytest.raises(AnswerLost) as caught:
            quick.send("POST", server.url, content=b"x")
    assert caught.value.code == "timeout"
    assert time.monotonic() - started < 3
    quick.close()


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"])
def test_a_dripping_server_does_not_hold_us_for_ever(head: bytes) -> None:
    quick = Transport(read_timeout=2, total_timeout=0.5)
    gone = threading.Event()

    def drip(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(head)
        for byte in b"HTTP/1.1 200 OK\r\n" + b"x" * 200:
            if gone.wait(0.05):
                return
            connection.sendall(bytes([byte]))

    with serving(drip) as server:
        started = time.monotonic()
        with pytest.raises(AnswerLost) as caught:
            quick.send("GET", server.url)
        gone.set()
    assert caught.value.code == "timeout"
    assert time.monotonic() - started < 2
    quick.close()


def test_a_server_that_does_not_read_does_not_hold_us_for_ever() -> None:
    quick = Transport(read_timeout=0.3, total_timeout=1)
    done = threading.Event()

    def stare(_connection: socket.socket, _request: bytes) -> None:
        done.wait(10)

    with serving(stare, read=False) as server:
        started = time.monotonic()
        with pytest.raises(AnswerLost):
            quick.send("PUT", server.url, content=b"x" * 40_000_000)
        done.set()
    assert time.monotonic() - started < 4
    quick.close()


@pytest.mark.parametrize("status", ["200 OK", "302 Found", "500 Oops"])
def test_a_gzip_bomb_is_cut_off(transport: Transport, status: str) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert len(bomb) < 100_000
    packed = answer(bomb, status=status, headers="Content-Encoding: gzip\r\n")
    with serving(always(packed)) as server, pytest.raises(ReplyTooLarge) as caught:
        transport.send("GET", server.url, max_bytes=1_000_000)
    assert caught.value.status == int(status[:3])


def test_an_endless_answer_is_cut_off(transport: Transport) -> None:
    def flood(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    with serving(flood) as server, pytest.raises(ReplyTooLarge):
        transport.send("GET", server.url, max_bytes=100_000)


def test_the_size_limit_is_exact(transport: Transport) -> None:
    with serving(always(answer(b"x" * 1000))) as server:
        assert len(transport.send("GET", server.url, max_bytes=1000).content) == 1000
        with pytest.raises(ReplyTooLarge):
            transport.send("GET", server.url, max_bytes=999)
        assert transport.send("HEAD", server.url + "/h", max_bytes=10).content == b""
