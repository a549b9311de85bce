"""The app on a real socket in one process: for the demo, the walkthrough and the tests. Production uses granian."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass
from typing import Any, Self

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from fhir_plugin.errors import Unavailable


class QuietHandler(WSGIRequestHandler):
    """HTTP/1.1, and no request log: request lines carry codes, handles and launch ids."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        return


@dataclass
class RunningApp:
    """A web application that answers on a loopback port until `stop()`."""

    origin: str
    server: BaseWSGIServer
    thread: threading.Thread

    def stop(self) -> None:
        if self.thread.is_alive():
            self.server.shutdown()
            self.thread.join()
            self.server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def bind(host: str, port: int) -> tuple[BaseWSGIServer, str]:
    """A listening socket before the app exists: its address is part of the app's settings. Raises `Unavailable`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise Unavailable(f"Port {port} of {host} cannot be used: {error.strerror}.", code="port") from error
        listener.listen(128)
        bound = listener.getsockname()[1]
        placeholder = Flask("fhir_plugin.starting")
        # The server duplicates the descriptor; ours is closed on leaving the block.
        server = make_server(
            host, bound, placeholder, threaded=True, request_handler=QuietHandler, fd=listener.fileno()
        )
    shown = f"[{host}]" if family == socket.AF_INET6 else host
    return server, f"http://{shown}:{bound}"


def run(server: BaseWSGIServer, origin: str, app: Flask) -> RunningApp:
    """Serves `app` on an already bound socket, in a thread."""
    server.app = app
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    return RunningApp(origin, server, thread)
