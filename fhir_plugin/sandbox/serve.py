"""The sandbox on a real socket: in a thread for tests and the demo, in the foreground for the command line."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from fhir_plugin.sandbox.app import Sandbox, SandboxConfig, create_sandbox, sandbox_of
from fhir_plugin.sandbox.faults import Faults
from fhir_plugin.sandbox.fhir.store import FhirStore
from fhir_plugin.sandbox.oauth.clients import SandboxClient


class _QuietHandler(WSGIRequestHandler):
    """HTTP/1.1, and no log: request lines carry launch handles and codes."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        return


@dataclass
class RunningSandbox:
    """A sandbox that answers HTTP. Leaving the `with` block, or `stop()`, ends it."""

    origin: str
    sandbox: Sandbox
    _server: BaseWSGIServer
    _thread: threading.Thread

    @property
    def fhir_base(self) -> str:
        """The `iss` of launches."""
        return self.sandbox.server.fhir_base

    @property
    def store(self) -> FhirStore:
        return self.sandbox.store

    @property
    def faults(self) -> Faults:
        return self.sandbox.faults

    def register(self, client: SandboxClient) -> None:
        """Make an app known, or replace its registration."""
        self.sandbox.register(client)

    def stop(self) -> None:
        """Stop listening, then drop the store. Idempotent."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
        self.sandbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


@contextmanager
def running_sandbox(
    config: SandboxConfig | None = None, *, host: str = "127.0.0.1", port: int = 0
) -> Iterator[RunningSandbox]:
    """The sandbox on a free port of the loopback address, until the block is left.

    The base URL of `config` is replaced by where it really listens, unless one is given.
    """
    with start_sandbox(config, host=host, port=port) as running:
        yield running


def start_sandbox(config: SandboxConfig | None = None, *, host: str = "127.0.0.1", port: int = 0) -> RunningSandbox:
    """As `running_sandbox`, for callers who cannot use a `with` block; they must call `stop()`."""
    server, sandbox = _bind(config or SandboxConfig(), host, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    return RunningSandbox(sandbox.config.base_url, sandbox, server, thread)


def serve_forever(
    config: SandboxConfig, host: str, port: int, *, on_ready: Callable[[Sandbox], None] | None = None
) -> None:
    """Serve in the foreground until interrupted. `on_ready` is told when requests can come."""
    server, sandbox = _bind(config, host, port)
    try:
        if on_ready is not None:
            on_ready(sandbox)
        server.serve_forever()
    finally:
        server.server_close()
        sandbox.close()


def _bind(config: SandboxConfig, host: str, port: int) -> tuple[BaseWSGIServer, Sandbox]:
    """Bind first: with port 0 the base URL, which everything else begins with, is known only then."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise OSError(error.errno, error.strerror, f"{host}:{port}") from error  # names what is taken
        listener.listen(128)
        bound = listener.getsockname()[1]
        shown = f"[{host}]" if family == socket.AF_INET6 else host
        app = create_sandbox(replace(config, base_url=config.base_url or f"http://{shown}:{bound}"))
        # The server duplicates the descriptor; ours is closed on leaving the block.
        server = make_server(host, bound, app, threaded=True, request_handler=_QuietHandler, fd=listener.fileno())
    return server, sandbox_of(app)
