"""The one sender of HTTP, against servers that redirect, dawdle, cut off, flood and hide."""

from __future__ import annotations

import gzip
import logging
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smart_launch import AnswerLost, NotSent, Reply, ReplyTooLarge, Transport, TransportError, UnusableReply
from tests.smart_launch.loopback import always, answer, certificate_for, once, serving

CANARY = "canary-5f1c"


@pytest.fixture
def transport() -> Iterator[Transport]:
    sender = Transport(connect_timeout=2, read_timeout=2, total_timeout=5)
    yield sender
    sender.close()


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


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://example.org/", "insecure-url"),
        ("http://10.0.0.1/", "insecure-url"),
        ("http://localhost.example.org/", "insecure-url"),
        ("ftp://localhost/", "insecure-url"),
        ("file:///etc/passwd", "bad-url"),
        ("https://user@example.org/", "bad-url"),
        ("https://", "bad-url"),
        ("https://[::1", "bad-url"),
        ("https://localhost:99999/", "bad-url"),
        ("nonsense", "bad-url"),
        ("https://10.0.0.1/", "blocked-address"),
        ("https://192.168.1.1/", "blocked-address"),
        ("https://169.254.169.254/latest/meta-data", "blocked-address"),
        ("https://[fe80::1]/", "blocked-address"),
        ("https://[fd00:ec2::254]/", "blocked-address"),
        ("https://[::ffff:10.0.0.1]/", "blocked-address"),
        ("https://[64:ff9b::a00:1]/", "blocked-address"),
        ("https://0.0.0.0/", "blocked-address"),
        ("https://100.100.100.200/", "blocked-address"),
        ("https://168.63.129.16/", "blocked-address"),
        ("https://0x7f.1/", "blocked-address"),
        ("https://2130706433/", "blocked-address"),
    ],
)
def test_where_nothing_is_sent(transport: Transport, url: str, code: str) -> None:
    with pytest.raises(NotSent) as caught:
        transport.send("GET", url + "?" + CANARY)
    assert caught.value.code == code
    assert CANARY not in str(caught.value)


class Resolver:
    """Stands in for DNS: each look-up of a name gives the next of its answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)
        monkeypatch.setattr("smart_launch.connections.socket.getaddrinfo", self._look_up)

    def _look_up(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked.append(host)
        addresses = self._answers.pop(0) if self._answers else []
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "0.0.0.0"])
def test_a_public_name_at_a_private_address_is_refused(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    Resolver(monkeypatch, [address])
    with pytest.raises(NotSent) as caught:
        transport.send("GET", "https://fhir.example.org/")
    assert caught.value.code == "blocked-address"


def test_a_loopback_name_that_resolves_elsewhere_is_refused(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    Resolver(monkeypatch, ["93.184.215.14"])
    with pytest.raises(NotSent) as caught:
        transport.send("GET", "http://localhost/")
    assert caught.value.code == "blocked-address"


def test_an_unknown_name_was_surely_not_sent(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    Resolver(monkeypatch)
    with pytest.raises(NotSent) as caught:
        transport.send("GET", "https://fhir.example.org/")
    assert caught.value.code == "dns"


def test_a_registered_private_host_is_reached_at_the_address_that_was_judged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    context, bundle = certificate_for("fhir.example.org", tmp_path)
    resolver = Resolver(monkeypatch, ["127.0.0.1"], ["10.0.0.1"])
    sender = Transport(allowed_private_hosts=frozenset({"FHIR.example.org"}), ca_bundle=bundle)
    with serving(always(answer(b"secure")), tls=context) as server:
        for _ in range(2):
            reply = sender.send("GET", f"https://fhir.example.org:{server.port}/")
            assert reply.content == b"secure"
    assert resolver.asked == ["fhir.example.org"]
    sender.close()


def test_registration_is_no_pass_to_the_metadata_service(monkeypatch: pytest.MonkeyPatch) -> None:
    Resolver(monkeypatch, ["169.254.169.254"])
    sender = Transport(allowed_private_hosts=frozenset({"fhir.example.org"}))
    with pytest.raises(NotSent) as caught:
        sender.send("GET", "https://fhir.example.org/")
    assert caught.value.code == "blocked-address"


def test_a_certificate_for_another_name_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    context, bundle = certificate_for("other.example.org", tmp_path)
    Resolver(monkeypatch, ["127.0.0.1"])
    sender = Transport(allowed_private_hosts=frozenset({"fhir.example.org"}), ca_bundle=bundle)
    with serving(always(answer()), tls=context) as server, pytest.raises(NotSent) as caught:
        sender.send("GET", f"https://fhir.example.org:{server.port}/")
    assert caught.value.code == "tls"
    assert server.requests == []


def test_names_below_localhost_mean_this_machine(transport: Transport) -> None:
    with serving(always(answer(b"here"))) as server:
        assert transport.send("GET", f"http://ehr.localhost:{server.port}/").content == b"here"


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
