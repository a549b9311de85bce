"""Where a person's browser comes back to after signing in: one address of this machine (RFC 8252, 7.3)."""

from __future__ import annotations

import http.server
import socket
import time
from typing import Any, Final
from urllib.parse import urlsplit

from fhir_plugin.errors import Unavailable
from smart_launch.addresses import is_loopback_name

_PAGE: Final = (
    b"<!doctype html><html lang=en-GB><meta charset=utf-8><title>Signed in</title>"
    b"<h1>Back to the terminal</h1><p>The conformance run goes on there. You can close this window."
)
_SLOWEST: Final = 5.0
"""Seconds that one visitor may take to ask."""


class Doorstep:
    """Listens at `redirect_uri` until `close()`. Raises `Unavailable` where that is no address of this machine, or it
    is taken."""

    def __init__(self, redirect_uri: str) -> None:
        where = urlsplit(redirect_uri)
        host = where.hostname or ""
        if where.scheme != "http" or not is_loopback_name(host) or where.port is None:
            raise Unavailable("The redirect URI has to be http://127.0.0.1:PORT/PATH.", code="redirect-uri")
        self._path = where.path or "/"
        self._asked: list[str] = []
        doorstep = self

        class Visit(http.server.BaseHTTPRequestHandler):
            timeout = _SLOWEST

            def do_GET(self) -> None:
                path, _, query = self.path.partition("?")
                if path != doorstep._path or not query:
                    self.send_error(404)
                    return
                doorstep._asked.append(query)
                self.send_response(200)
                for name, value in _HEADERS.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(_PAGE)

            def log_message(self, *_said: Any) -> None:
                """Nothing: the address carries a code."""

        class Listening(http.server.HTTPServer):
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        try:
            self._server = Listening((host, where.port), Visit)
        except OSError as error:
            raise Unavailable(
                f"Port {where.port} of this machine cannot be listened at ({error.strerror}): stop what is there, or "
                "name another address that the EHR knows with --redirect-uri.",
                code="port",
            ) from None

    def next(self, until: float) -> str | None:
        """The query of the next visit; None when `until` (of the monotonic clock) is over."""
        while not self._asked:
            left = until - time.monotonic()
            if left <= 0:
                return None
            self._server.timeout = left
            self._server.handle_request()
        return self._asked.pop(0)

    def close(self) -> None:
        """Stops listening."""
        self._server.server_close()


_HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Length": str(len(_PAGE)),
    "Content-Security-Policy": "default-src 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Connection": "close",
}
