"""The app on a real socket in one process: for the demo, the walkthrough and the tests. Production uses granian."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Self

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server


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
    """A listening socket before the app exists: its address is part of the app's settings."""
    placeholder = Flask("fhir_plugin.starting")
    server = make_server(host, port, placeholder, threaded=True, request_handler=QuietHandler)
    return server, f"http://{host}:{server.server_port}"


def run(server: BaseWSGIServer, origin: str, app: Flask) -> RunningApp:
    """Serves `app` on an already bound socket, in a thread."""
    server.app = app
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    return RunningApp(origin, server, thread)
