"""The EHR of these tests behind real sockets, so that the app's own transport, urllib3 and their logs take part."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from requests.structures import CaseInsensitiveDict

from smart_launch import Reply, Transport, TransportError
from tests.app.attacks.ehr import Asked, Ehr, Said, form_of
from tests.smart_launch.loopback import Respond, answer, serving


class WireTransport(Transport):
    """The real transport, which finds every host of the EHR on one loopback port."""

    def __init__(self, port: int, **options: Any) -> None:
        super().__init__(**options)
        self._port = port

    def send(self, method: str, url: str, **options: Any) -> Reply:
        parts = urlsplit(url)
        there = f"http://127.0.0.1:{self._port}/{parts.netloc}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        return replace(super().send(method, there, **options), url=url)


@dataclass
class Wire:
    """The server: `raw` says by URL what is done with a connection instead of answering well."""

    ehr: Ehr
    raw: dict[str, Respond] = field(default_factory=dict)

    def respond(self, connection: socket.socket, request: bytes) -> None:
        asked = _read(request)
        misbehave = self.raw.get(asked.path)
        if misbehave is not None:
            self.ehr.asked.append(asked)
            misbehave(connection, request)
            return
        try:
            said = self.ehr.respond(asked)
        except TransportError:
            connection.shutdown(socket.SHUT_RDWR)
        else:
            connection.sendall(_written(said))


def _read(request: bytes) -> Asked:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = CaseInsensitiveDict({name: value for name, _, value in (line.partition(": ") for line in lines)})
    form = form_of(body) if headers.get("Content-Type") == "application/x-www-form-urlencoded" else {}
    return Asked(method, f"https:/{target}", headers, body, form)


def _written(said: Said) -> bytes:
    headers = [("Content-Type", said.content_type), *said.headers] if said.content_type else list(said.headers)
    return answer(said.content, status=f"{said.status} x", headers="".join(f"{k}: {v}\r\n" for k, v in headers))


@contextlib.contextmanager
def wired(ehr: Ehr, **options: Any) -> Iterator[tuple[Wire, WireTransport]]:
    """An EHR behind a socket, and the transport that reaches it; `options` go to the transport."""
    wire = Wire(ehr)
    with serving(wire.respond) as heard:
        transport = WireTransport(heard.port, **options)
        try:
            yield wire, transport
        finally:
            transport.close()
