"""Connections that judge the address they connect to, and that watch a clock over every byte.

The seams are those that urllib3 offers: `_new_conn` makes the socket, `connect` is everything before the
first byte of the request, `send` writes, `response_class` reads.
"""

from __future__ import annotations

import email.errors
import http.client
import io
import logging
import socket
import ssl
import time
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import requests.adapters
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from smart_launch.addresses import is_loopback_name, may_connect
from smart_launch.errors import NotSent

_BLOCK = 64 * 1024
_BROKEN_HEAD = (
    email.errors.MissingHeaderBodySeparatorDefect,
    email.errors.FirstHeaderLineIsContinuationDefect,
)


@dataclass(frozen=True)
class ExchangeClock:
    """The limits of one exchange: `wait` seconds for each wait, a `deadline` (monotonic) for the whole."""

    wait: float
    deadline: float

    def remaining(self) -> float:
        """Seconds that the next wait may take. Raises `TimeoutError` once the deadline has passed."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the exchange took too long")
        return min(self.wait, left)


running_clock: ContextVar[ExchangeClock] = ContextVar("running_clock")


class _WatchedReader(io.RawIOBase):
    """A socket's raw reader that gives each read only what is left of the clock."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        self._sock.settimeout(running_clock.get().remaining())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _LineKeeper(io.BufferedReader):
    """Remembers the last line read, so that a head cut short is told from a whole one."""

    last_line = b""

    def readline(self, size: int | None = -1, /) -> bytes:
        self.last_line = super().readline(-1 if size is None else size)
        return self.last_line


class _WatchedResponse(http.client.HTTPResponse):
    """An answer read under the clock, whose head must be whole and well formed.

    The standard library takes a connection that breaks inside the head for the end of the head: half of a
    "201 Created" would pass for an empty success.
    """

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp: Any = _LineKeeper(_WatchedReader(self.fp.detach(), sock))

    def begin(self) -> None:
        reader = self.fp
        super().begin()
        if reader.last_line not in {b"\r\n", b"\n"}:
            raise http.client.IncompleteRead(b"")
        if any(isinstance(defect, _BROKEN_HEAD) for defect in self.msg.defects):
            raise http.client.HTTPException("malformed head")


class _Pinned:
    """What both kinds of connection share; mixed in before urllib3's class."""

    allowed_private_hosts: frozenset[str] = frozenset()
    loopback_only = False

    host: str
    port: int
    timeout: float | None
    sock: Any
    socket_options: Any
    response_class: Any = _WatchedResponse

    def _new_conn(self) -> socket.socket:
        host = self.host.strip("[]")
        if self.loopback_only and not is_loopback_name(host):
            raise NotSent("Only https is used, except on this machine.", code="insecure-url", host=host)
        addresses = _look_up(host, self.port)
        usable = [found for found in addresses if may_connect(host, found[2], self.allowed_private_hosts)]
        if not usable:
            raise NotSent(
                f"{host} is at a private or reserved address, which is not registered.",
                code="blocked-address",
                host=host,
            )
        problem: OSError = OSError()
        clock = running_clock.get()
        for family, sockaddr, _ in usable:
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.settimeout(min(self.timeout or clock.wait, clock.remaining()))
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                sock.connect(sockaddr)
            except OSError as error:
                sock.close()
                problem = error
            else:
                return sock
        raise problem

    def connect(self) -> None:
        """Everything before the first byte of the request; whatever fails here is surely not sent."""
        code = "not-sent"
        try:
            super().connect()  # type: ignore[misc]  # urllib3's class comes next
        except (ssl.SSLError, ssl.CertificateError, urllib3.exceptions.SSLError):
            code, says = "tls", "no trusted, encrypted connection could be made"
        except (TimeoutError, urllib3.exceptions.TimeoutError):
            code, says = "connect-timeout", "it did not accept a connection in time"
        except (OSError, urllib3.exceptions.HTTPError, http.client.HTTPException):
            code, says = "refused", "it does not accept connections"
        else:
            return
        self.close()
        raise NotSent(f"{self.host} cannot be reached: {says}; nothing was sent.", code=code, host=self.host)

    def send(self, data: Any) -> None:
        """Write in blocks, each under the clock; a slow line may take long, a stuck one may not."""
        if self.sock is None:
            self.connect()
        clock = running_clock.get()
        blocks: Iterable[Any] = [data]
        if isinstance(data, bytes | bytearray | memoryview):
            view = memoryview(data)
            blocks = (view[start : start + _BLOCK] for start in range(0, len(view), _BLOCK))
        for block in blocks:
            self.sock.settimeout(clock.remaining())
            super().send(block)  # type: ignore[misc]  # urllib3's class comes next

    def close(self) -> None:
        super().close()  # type: ignore[misc]  # urllib3's class comes next


def _look_up(host: str, port: int) -> list[tuple[int, Any, str]]:
    """All addresses of a host as (family, socket address, literal). `*.localhost` needs no resolver."""
    name = "localhost" if host.lower().endswith(".localhost") else host
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise NotSent(f"The name {host} cannot be resolved; nothing was sent.", code="dns", host=host)
    return [(family, sockaddr, str(sockaddr[0])) for family, _, _, _, sockaddr in found]


class PinnedAdapter(requests.adapters.HTTPAdapter):
    """A requests adapter whose every connection is judged and watched; one per thread, nothing retried."""

    def __init__(self, allowed_private_hosts: frozenset[str]) -> None:
        self._allowed = allowed_private_hosts
        super().__init__(pool_connections=16, pool_maxsize=4, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        """Called by requests; builds pools from the connection classes above."""
        allowed = self._allowed

        class PlainConnection(_Pinned, HTTPConnection):
            allowed_private_hosts = allowed
            loopback_only = True

        class TlsConnection(_Pinned, HTTPSConnection):
            allowed_private_hosts = allowed

        class PlainPool(urllib3.HTTPConnectionPool):
            ConnectionCls = PlainConnection

        class TlsPool(urllib3.HTTPSConnectionPool):
            ConnectionCls = TlsConnection

        manager = urllib3.PoolManager(num_pools=connections, maxsize=maxsize, block=block, **pool_kwargs)
        manager.pool_classes_by_scheme = {"http": PlainPool, "https": TlsPool}
        self.poolmanager = manager


class _WithoutQuery(logging.Filter):
    """Cuts query strings, and what servers wrote, out of urllib3's own log lines."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(value.partition("?")[0] if isinstance(value, str) else value for value in record.args)
        return not record.exc_info


for _name in ("urllib3.connection", "urllib3.connectionpool", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_WithoutQuery())
