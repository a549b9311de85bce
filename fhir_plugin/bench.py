"""What the app itself costs: the CPU of filing one photo, how uploads are best sent, how soon the help appears.

Everything is measured in one run, and put beside a yardstick of that run: machines differ, ratios less so.
"""

from __future__ import annotations

import cProfile
import hashlib
import http.client
import pstats
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, request
from flask.testing import FlaskClient

from fhir_plugin.adapters.image_worker import ProcessImageWorker
from fhir_plugin.app import create_app
from fhir_plugin.demo import start_demo
from fhir_plugin.imaging.bench import draw_photo
from fhir_plugin.running import bind, run
from fhir_plugin.walkthrough import Page, answers_for, launch, open_browser
from fhir_plugin.web.security import protect, takes_picture
from fhir_plugin.web.uploads import read_picture
from mappings.model.identifiers import ImageId, Sha256
from mappings.model.images import UNCHANGED, CleanImage, Geometry, ReceivedImage, VideoTerms

GOAL_OWN_MILLISECONDS = 50
GOAL_HELP_SECONDS = 0.3
UPLOAD_BYTES = 5_000_000
MOST_BYTES = 25 * 2**20
SERVERS = ("werkzeug", "granian")
_HASHING = ("openssl_sha", "hmac_", "_hashlib.HASH", "_hashlib.HMAC")
_BOUNDARY = "an-upload-of-the-bench"

Figures = dict[str, Any]


def measure_app(*, rounds: int) -> Figures:
    """Medians of `rounds` runs."""
    return {
        "filing_5_megabytes": measure_filing(rounds=rounds),
        "uploading_5_megabytes": {server: measure_uploads(server, rounds=rounds) for server in SERVERS},
        "help": measure_help(rounds=rounds),
    }


# ------------------------------------------------------------------------------------------- filing


@dataclass(frozen=True)
class _Free:
    """A worker that costs nothing: it has cleaned the photo already."""

    cleaned: CleanImage

    def clean(
        self,
        received: ReceivedImage,
        *,
        geometry: Geometry = UNCHANGED,
        lossless: bool = False,
        video: VideoTerms | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> CleanImage:
        return replace(self.cleaned, image_id=received.image_id, sha256_received=received.sha256)

    def preview(self, received: ReceivedImage, *, quarter_turns: int = 0, longest_side: int = 0) -> bytes:
        return self.cleaned.thumbnail

    def mark(self, received: ReceivedImage, words: str, *, below: bool = False) -> bytes:
        return self.cleaned.thumbnail

    def fitted(self, content: bytes, *, most_bytes: int | None) -> bytes:
        return content

    def pixels(self, content: bytes) -> bytes | None:
        return None


@dataclass
class _Clinician:
    """Files the same photo again and again, in this thread, so that the thread's CPU time is the app's and no other's.

    The EHR answers over real HTTP from threads of its own: its time does not count, talking to it does.
    """

    client: FlaskClient
    gallery: Page
    photo: bytes
    filed: int = 0

    def file_one(self) -> dict[str, float]:
        """CPU seconds by step, from the first byte to the receipt."""
        meta = self.gallery.meta
        form = {"csrf_token": meta["csrf-token"], "patient": meta["patient"], "identity_seen": meta["identity"]}
        headers = {
            "X-CSRFToken": meta["csrf-token"],
            "X-Patient": meta["patient"],
            "X-Identity": meta["identity"],
            "X-Requested-With": "fetch",
        }
        self.filed += 1
        photo = self.photo + self.filed.to_bytes(4, "big")
        capture = self.client.post(f"{urlsplit(self.gallery.url).path.rstrip('/')}/captures", data=form).location
        spent: dict[str, float] = {}

        @contextmanager
        def counted(step: str) -> Iterator[None]:
            before = time.thread_time()
            yield
            spent[step] = time.thread_time() - before

        with counted("receive"):
            added = self.client.put(
                f"{capture}/images", data=photo, content_type="application/octet-stream", headers=headers
            )
        answers = {**form, **answers_for([added.headers["X-Image"]])}
        with counted("answers"):
            self.client.post(f"{capture}/answers", data=answers)
        with counted("file"):
            filed = self.client.post(f"{capture}/file", data=answers)
        with counted("receipt"):
            receipt = self.client.get(filed.location)
        if receipt.status_code != 200 or "1 image filed" not in receipt.text:
            raise RuntimeError("the bench could not file its photo")
        return spent


def measure_filing(*, rounds: int) -> Figures:
    """Milliseconds of CPU that the app spends from receive to receipt: all but decoding, hashing and the EHR's time."""
    photo = draw_photo()
    with ProcessImageWorker(workers=1) as worker:
        cleaned = worker.clean(
            ReceivedImage(ImageId("bench"), photo, "image/jpeg", Sha256(hashlib.sha256(photo).hexdigest()))
        )
    with (
        tempfile.TemporaryDirectory(prefix="fhir-plugin-bench-") as folder,
        start_demo(Path(folder), worker=_Free(cleaned)) as demo,
        open_browser() as browser,
    ):
        gallery = launch(demo, browser)
        client = create_app(demo.installation).test_client()
        for name, value in browser.cookies.items():
            client.set_cookie(name, value, domain="localhost")
        clinician = _Clinician(client, gallery, photo)
        for _ in range(2):
            clinician.file_one()
        spent = [clinician.file_one() for _ in range(rounds)]
        hashing = statistics.median(_hashing_seconds(clinician) for _ in range(3))
    total = statistics.median(sum(each.values()) for each in spent)
    return {
        "bytes": len(photo),
        "cpu_milliseconds": {step: _milliseconds(statistics.median(each[step] for each in spent)) for step in spent[0]},
        "cpu_milliseconds_in_all": _milliseconds(total),
        "of_that_hashing": _milliseconds(hashing),
        "own_milliseconds": _milliseconds(total - hashing),
        "own_milliseconds_goal": GOAL_OWN_MILLISECONDS,
        "sha256_of_the_photo_milliseconds": _milliseconds(_yardstick(photo)),
        "own_in_sha256_of_the_photo": round((total - hashing) / _yardstick(photo), 1),
    }


def _hashing_seconds(clinician: _Clinician) -> float:
    """CPU seconds within hash functions while one photo is filed; the profiler's own time falls outside of them."""
    profile = cProfile.Profile(time.thread_time)
    profile.runcall(clinician.file_one)
    functions: dict[tuple[str, int, str], tuple[int, int, float, float, object]]
    functions = pstats.Stats(profile).stats  # type: ignore[attr-defined]  # there, and not typed
    return sum(numbers[2] for key, numbers in functions.items() if any(name in key[2] for name in _HASHING))


def _yardstick(content: bytes) -> float:
    def one() -> float:
        before = time.thread_time()
        hashlib.sha256(content).digest()
        return time.thread_time() - before

    return statistics.median(one() for _ in range(9))


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)


# ------------------------------------------------------------------------------------------ uploads


def upload_app() -> Flask:
    """Takes a picture as the app does, under the same limits, and says how large it was. Knows nobody."""
    app = Flask("fhir_plugin.bench")
    app.secret_key = b"nothing is kept here"
    protect(app, picture_bytes=MOST_BYTES, frame_ancestors=lambda _launch: ())
    app.config["WTF_CSRF_ENABLED"] = False

    @app.put("/upload")
    @takes_picture
    def upload() -> str:
        content, _ = read_picture(request, most_bytes=MOST_BYTES)
        return str(len(content))

    return app


def measure_uploads(server: str, *, rounds: int) -> Figures:
    """Uploads a second of 5 MB, as a raw body and as a form, in turns; the server is a process of its own."""
    body = draw_photo()[:UPLOAD_BYTES].ljust(UPLOAD_BYTES, b"\0")
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="picture"; filename="a.jpg"\r\n'
    form = f"{head}Content-Type: image/jpeg\r\n\r\n".encode() + body + f"\r\n--{_BOUNDARY}--\r\n".encode()
    raw, multipart = [], []
    with _served(server) as port:
        for _ in range(max(rounds, 5) + 2):
            raw.append(_upload(port, body, "application/octet-stream"))
            multipart.append(_upload(port, form, f"multipart/form-data; boundary={_BOUNDARY}"))
    fast, slow = statistics.median(raw[2:]), statistics.median(multipart[2:])
    return {
        "raw_per_second": round(1 / fast, 1),
        "multipart_per_second": round(1 / slow, 1),
        "raw_is_faster_by": round(slow / fast, 2),
    }


def _upload(port: int, body: bytes, content_type: str) -> float:
    before = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("PUT", "/upload", body, {"Content-Type": content_type})
        answer = connection.getresponse()
        said = answer.read()
    finally:
        connection.close()
    if answer.status != 200 or int(said) != UPLOAD_BYTES:
        raise RuntimeError(f"the bench's upload ended with HTTP {answer.status}")
    return time.perf_counter() - before


@contextmanager
def _served(server: str) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    process = subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-m", "fhir_plugin.bench", server, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the bench's server did not start")


def serve(server: str, port: int) -> None:
    """Serves `upload_app` as the demo does, or as `fhir-plugin serve` does, until told to stop."""
    if server == "werkzeug":
        bound, origin = bind("127.0.0.1", port)
        run(bound, origin, upload_app()).thread.join()
        return
    from granian import Granian
    from granian.constants import Interfaces

    Granian(
        "fhir_plugin.bench:upload_app",
        factory=True,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        blocking_threads=4,
        workers_kill_timeout=5,
        log_enabled=False,
    ).serve()


# --------------------------------------------------------------------------------------------- help


def measure_help(*, rounds: int) -> Figures:
    """Seconds until `fhir-plugin --help` has answered, and those that a bare Python takes to start."""

    def seconds(*arguments: str) -> float:
        before = time.perf_counter()
        subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)  # noqa: S603 - ourselves
        return time.perf_counter() - before

    asked = ("-c", "from fhir_plugin.cli import main; main(['--help'])")
    times = [(seconds(*asked), seconds("-c", "pass")) for _ in range(max(rounds, 3))]
    return {
        "seconds": round(statistics.median(help_ for help_, _ in times), 3),
        "of_that_python": round(statistics.median(bare for _, bare in times), 3),
        "seconds_goal": GOAL_HELP_SECONDS,
    }


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
