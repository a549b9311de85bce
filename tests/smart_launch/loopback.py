"""Real servers on this machine, spoken to byte by byte, for what no fake of HTTP could show."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass
class Heard:
    """What a server was told: one entry per request, and the client port of each connection."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    clients: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


Respond = Callable[[socket.socket, bytes], None]


def read_request(connection: socket.socket) -> bytes:
    """One request, head and body (Content-Length or chunked); b"" if the client has gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        block = connection.recv(65536)
        if not block:
            return data
        data += block
    head, _, body = data.partition(b"\r\n\r\n")
    lower = head.lower()
    if b"transfer-encoding: chunked" in lower:
        while not body.endswith(b"0\r\n\r\n"):
            block = connection.recv(65536)
            if not block:
                break
            body += block
    elif b"content-length: " in lower:
        length = int(lower.split(b"content-length: ")[1].split(b"\r\n")[0])
        while len(body) < length:
            block = connection.recv(65536)
            if not block:
                break
            body += block
    return head + b"\r\n\r\n" + body


@contextlib.contextmanager
def serving(respond: Respond, *, tls: ssl.SSLContext | None = None, read: bool = True) -> Iterator[Heard]:
    """A server on a free loopback port; `respond` gets each connection and request, again while it is open."""
    listener = socket.create_server(("127.0.0.1", 0))
    heard = Heard(listener.getsockname()[1])
    open_now: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def talk(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            talking = tls.wrap_socket(connection, server_side=True) if tls else connection
            open_now.append(talking)
            with talking:
                while request := (read_request(talking) if read else b"unread"):
                    heard.requests.append(request)
                    respond(talking, request)
                    if not read:
                        return

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, address = listener.accept()
                heard.clients.append(address[1])
                thread = threading.Thread(target=talk, args=(connection,), daemon=True)
                threads.append(thread)
                thread.start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield heard
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in open_now:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        acceptor.join(5)
        for thread in threads:
            thread.join(5)


def answer(body: bytes = b"{}", *, status: str = "200 OK", headers: str = "") -> bytes:
    """A whole HTTP/1.1 answer with a Content-Length."""
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


def always(data: bytes) -> Respond:
    """The same bytes for every request; the connection stays open."""
    return lambda connection, _request: connection.sendall(data)


def once(data: bytes) -> Respond:
    """These bytes, then hang up."""

    def respond(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_RDWR)

    return respond


def certificate_for(name: str, folder: Path, *, days: int = 1) -> tuple[ssl.SSLContext, str]:
    """A server's TLS context for a host name, and the PEM file that makes it trusted. `days` until it runs out."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=9))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    bundle, private = folder / "trusted.pem", folder / "server.pem"
    bundle.write_bytes(pem)
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + pem
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(private)
    return context, str(bundle)
