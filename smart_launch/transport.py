"""The only sender of HTTP: careful, bounded, and honest about what it does not know.

What every request gets (SMART-R1, R230, R318; OAuth security practice, RFC 9700):

* https only; plain http only to a loopback name or address (`localhost`, `*.localhost`, 127.0.0.0/8, ::1).
* No redirects: a 3xx is an answer like any other. No cookies, no netrc.
* The address is looked up once, judged, and that very address is connected to, so a name cannot change its
  meaning between the check and the connection. Private, link-local and metadata addresses are refused
  unless the host was registered. See `addresses`.
* Environment proxies are ignored: through a proxy the address could not be judged, and a variable set by
  somebody else would see every token. An organisation that must use a proxy routes at the network level.
* Time limits for connecting, for each wait, and for the whole exchange, headers dripped byte by byte
  included. (The look-up of a name is limited by the resolver's own time-out.)
* A cap on the answer's size, enforced while it arrives and after decompression.
* Who answers 429 or 503 with Retry-After is left alone until then: see `waiting`.
* Nothing that could hold a secret is logged: not the path, query, headers or body; urllib3's own debug
  line, which has the query, is cut before it.

Connections are kept per thread (and per process, so a fork shares none); a `Transport` may be used from any
number of threads.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn
from urllib.parse import urlencode, urlsplit

import requests
import urllib3
from requests.structures import CaseInsensitiveDict

from smart_launch.addresses import is_loopback_name
from smart_launch.connections import ExchangeClock, PinnedAdapter, running_clock
from smart_launch.decompression import gunzip
from smart_launch.errors import AnswerLost, NotSent, ReplyTooLarge, UnusableReply
from smart_launch.waiting import Waits

_log = logging.getLogger(__name__)
_READ_AT_ONCE = 64 * 1024


@dataclass(frozen=True)
class Reply:
    """A whole answer. `headers` ignores case; `content` is decompressed; `url` is what was asked.

    Only the status shows in `repr`: the rest may hold tokens or clinical content.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    url: str = field(repr=False)

    def json(self) -> Any:
        """The body as JSON (UTF-8, no NaN, no member twice). Raises `UnusableReply` for anything else."""
        try:
            text = self.content.decode("utf-8-sig")
            return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_without_duplicates)
        except (ValueError, RecursionError):
            message = f"The server answered HTTP {self.status} with something that is not JSON."
        raise UnusableReply(message, code="not-json")

    @property
    def retry_after(self) -> float | None:
        """Seconds the server asked us to wait (Retry-After in either form, never negative), or None."""
        value = self.headers.get("Retry-After", "").strip()
        if value.isascii() and value.isdigit():
            return float(value[:9])
        try:
            moment = parsedate_to_datetime(value)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            return max(0.0, (moment - datetime.now(UTC)).total_seconds())
        except (ValueError, TypeError, OverflowError):
            return None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two members with one name, readers differ in which they believe: of two patients, none is."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


class Transport:
    """Sends HTTP requests under the rules of this module.

    `allowed_private_hosts`: host names (or literal addresses) that may live at private or loopback addresses.
    `connect_timeout`, `read_timeout` (each wait for the server) and `total_timeout` (the whole exchange) are
    seconds. `max_bytes` caps the decompressed answer. `ca_bundle` is a PEM file to trust instead of the
    public authorities. `obey_retry_after=False` leaves waiting to the caller.
    """

    def __init__(
        self,
        *,
        allowed_private_hosts: frozenset[str] = frozenset(),
        connect_timeout: float = 5,
        read_timeout: float = 30,
        max_bytes: int = 64 * 2**20,
        user_agent: str = "smart-launch",
        total_timeout: float = 300,
        ca_bundle: str | None = None,
        obey_retry_after: bool = True,
    ) -> None:
        self._allowed = frozenset(host.lower().rstrip(".") for host in allowed_private_hosts)
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._total_timeout = total_timeout
        self._max_bytes = max_bytes
        self._user_agent = user_agent
        self._verify: bool | str = ca_bundle or True
        self._waits = Waits() if obey_retry_after else None
        self._threads = threading.local()

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | Iterable[bytes] | None = None,
        form: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
        read_timeout: float | None = None,
        total_timeout: float | None = None,
    ) -> Reply:
        """Send one request and return the whole answer, whatever its status.

        `content` is bytes, or an iterable sent as it is produced: chunked, unless `headers` has a
        Content-Length, which is then held to. `form` is sent as `application/x-www-form-urlencoded`. The time
        limits can be made shorter than the transport's own, not longer.
        An exception from the iterable comes through as it is; the request is then cut short.

        Raises `NotSent` (`asked-to-wait` with `retry_after`, if the server wants no request yet), `AnswerLost`
        or `ReplyTooLarge`; nothing is ever tried twice.
        """
        host = _judge_url(url)
        request = self._prepare(method, url, host, headers, content, form)
        authorization = request.headers.get("Authorization")
        if self._waits and (left := self._waits.left(url, authorization)):
            says = f"{host} asked us to wait; nothing was sent."
            raise NotSent(says, code="asked-to-wait", host=host, retry_after=left)
        limit = self._max_bytes if max_bytes is None else max_bytes
        clock = ExchangeClock(
            wait=self._read_timeout if read_timeout is None else min(read_timeout, self._read_timeout),
            deadline=time.monotonic()
            + (self._total_timeout if total_timeout is None else min(total_timeout, self._total_timeout)),
        )
        started = time.monotonic()
        token = running_clock.set(clock)
        try:
            reply = self._exchange(request, host, url, limit, clock)
        finally:
            running_clock.reset(token)
        if self._waits:
            self._waits.note(url, authorization, status=reply.status, retry_after=reply.retry_after)
        elapsed = (time.monotonic() - started) * 1000
        _log.debug("%s %s: %d, %d bytes, %.0f ms", request.method, host, reply.status, len(reply.content), elapsed)
        return reply

    def close(self) -> None:
        """Close this thread's idle connections."""
        adapter = getattr(self._threads, "adapter", None)
        if adapter is not None:
            adapter.close()

    def _adapter(self) -> PinnedAdapter:
        if getattr(self._threads, "pid", None) != os.getpid():
            self._threads.adapter = PinnedAdapter(self._allowed)
            self._threads.pid = os.getpid()
        adapter: PinnedAdapter = self._threads.adapter
        return adapter

    def _prepare(
        self,
        method: str,
        url: str,
        host: str,
        headers: Mapping[str, str] | None,
        content: bytes | Iterable[bytes] | None,
        form: Mapping[str, str] | None,
    ) -> requests.PreparedRequest:
        if form is not None and content is not None:
            raise TypeError("content and form exclude each other")
        sent: CaseInsensitiveDict[str] = CaseInsensitiveDict({"User-Agent": self._user_agent, "Accept": "*/*"})
        sent.update(headers or {})
        sent["Accept-Encoding"] = "gzip"
        data: bytes | Iterator[bytes] | None
        if form is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
            data = urlencode(form).encode("ascii")
        elif content is None or isinstance(content, bytes):
            data = content
        else:
            data = _counted(content, sent.get("Content-Length"))
        problem = "bad-request"
        try:
            request = requests.Request(method, url, headers=sent, data=data).prepare()
        except requests.exceptions.InvalidURL:
            problem = "bad-url"
        except (requests.RequestException, ValueError):
            pass
        else:
            if "Content-Length" in sent and not isinstance(data, bytes | None):
                request.headers.pop("Transfer-Encoding", None)
                request.headers["Content-Length"] = sent["Content-Length"]
            return request
        raise NotSent("The request could not be written as HTTP; nothing was sent.", code=problem, host=host)

    def _exchange(
        self, request: requests.PreparedRequest, host: str, url: str, limit: int, clock: ExchangeClock
    ) -> Reply:
        lost: AnswerLost
        try:
            response = self._adapter().send(
                request, stream=True, timeout=(self._connect_timeout, clock.wait), verify=self._verify
            )
        except (requests.Timeout, urllib3.exceptions.TimeoutError):
            lost = AnswerLost(f"{host} did not answer in time.", code="timeout", host=host)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError):
            lost = AnswerLost(f"The connection to {host} broke before an answer came.", host=host)
        else:
            return self._read(response, host, url, limit, clock)
        raise lost

    def _read(self, response: requests.Response, host: str, url: str, limit: int, clock: ExchangeClock) -> Reply:
        status = response.status_code
        packing = response.headers.get("Content-Encoding", "identity").strip().lower()
        raw_limit = limit if packing == "identity" else limit + limit // 100 + 1024  # gzip may add a little
        body = bytearray()
        finished = False
        lost = ""
        too_large = _declared_length(response) > raw_limit and response.request.method != "HEAD"
        try:
            while not too_large:
                clock.remaining()
                block = response.raw.read1(min(_READ_AT_ONCE, raw_limit + 1 - len(body)), decode_content=False)
                if not block:
                    finished = True
                    break
                body += block
                too_large = len(body) > raw_limit
            content = _unpack(bytes(body), packing, limit) if finished else b""
            too_large = too_large or len(content) > limit
        except (TimeoutError, urllib3.exceptions.TimeoutError):
            lost = "timeout"
        except (urllib3.exceptions.HTTPError, OSError):
            lost = "truncated"
        except (zlib.error, EOFError):
            lost = "damaged"
        finally:
            if finished:
                response.raw.release_conn()
            else:
                response.close()
        if lost:
            says = f"No whole answer came from {host} ({lost})."
            raise AnswerLost(says, code=lost, host=host, status=status)
        if too_large:
            raise ReplyTooLarge(f"{host} answered with more than {limit} bytes.", host=host, status=status)
        return Reply(status, CaseInsensitiveDict(response.headers), content, url)


def _unpack(body: bytes, packing: str, limit: int) -> bytes:
    if not body or packing == "identity":
        return body
    if packing in {"gzip", "x-gzip"}:
        return gunzip(body, limit)
    raise EOFError("an encoding that was not asked for")


def _declared_length(response: requests.Response) -> int:
    value = response.headers.get("Content-Length", "")
    return int(value[:18]) if value.isascii() and value.isdigit() else 0


def _counted(content: Iterable[bytes], declared: str | None) -> Iterator[bytes]:
    """The blocks, held to a declared length: a body of another length must not pass for a whole one."""
    total = int(declared) if declared is not None else None
    sent = 0
    for block in content:
        if not block:
            continue  # an empty chunk would end a chunked body
        sent += len(block)
        if total is not None and sent > total:
            raise ValueError("the body is longer than its Content-Length")
        yield block
    if total is not None and sent != total:
        raise ValueError("the body is shorter than its Content-Length")


def _judge_url(url: str) -> str:
    """The host of a URL that may be asked. Raises `NotSent`; the connection judges the address again."""
    host, problem = "", ""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        _ = parts.port
    except ValueError:
        problem = "bad-url"
    else:
        if not host or parts.username is not None or parts.password is not None:
            problem = "bad-url"
        elif parts.scheme != "https" and not (parts.scheme == "http" and is_loopback_name(host)):
            problem = "insecure-url"
    if not problem:
        return host
    says = {
        "bad-url": "The address is not a usable URL; nothing was sent.",
        "insecure-url": "Only https is used, except on this machine; nothing was sent.",
    }
    raise NotSent(says[problem], code=problem, host=host[:253])
