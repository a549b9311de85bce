"""The worker process: reads a picture from its standard input, writes the clean one to its standard output.

It has no secrets, writes no files, dumps no core, and goes when its parent goes. What it cannot handle kills
it: the parent takes that as a refusal and starts another.
"""

from __future__ import annotations

import contextlib
import math
import os
import queue
import resource
import signal
import threading
import time

from fhir_plugin.errors import UnacceptableImage
from fhir_plugin.imaging import wire
from fhir_plugin.imaging.clean import clean_content, preview
from fhir_plugin.imaging.cleaned import Cleaned
from fhir_plugin.imaging.fitting import fitted
from fhir_plugin.imaging.pixel_hash import pixel_print
from fhir_plugin.imaging.video import clean_video, preview_video
from fhir_plugin.imaging.watermark import mark, mark_below

_REQUESTS, _ANSWERS = 0, 1
_MAX_OPEN_FILES = 32
_ADDRESS_SPACE = 6 << 30
"""A backstop only: the parent's watch over resident memory is the limit (libheif aborts near this one)."""

_Request = tuple[wire.Header, bytes]


def main() -> None:
    """Serves until the parent closes the pipe."""
    _confine()
    answers = os.dup(_ANSWERS)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, _ANSWERS)
    os.close(silence)
    _warm_up()
    waiting: queue.Queue[_Request] = queue.Queue(maxsize=1)
    threading.Thread(target=_read_requests, args=(waiting,), daemon=True).start()
    while True:
        header, content = waiting.get()
        _allow_cpu(header["cpu_seconds"])
        _send(answers, {"status": "started"}, [])
        _send(answers, *_answer(header, content, _Progress(answers)))


def _confine() -> None:
    os.umask(0o077)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    _lower(resource.RLIMIT_NOFILE, _MAX_OPEN_FILES)
    with contextlib.suppress(ValueError, OSError):
        # Not every system knows this one (macOS).
        _lower(resource.RLIMIT_AS, _ADDRESS_SPACE)


def _lower(what: int, limit: int) -> None:
    _, hard = resource.getrlimit(what)
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(what, (limit, limit))


def _allow_cpu(seconds: float) -> None:
    """The clock of RLIMIT_CPU runs over the whole life of the process, so each job moves the limit on."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    limit = math.ceil(usage.ru_utime + usage.ru_stime + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))


def _warm_up() -> None:
    """Pulls in every decoder and encoder before the first picture has to wait for it."""
    import io

    import pi_heif
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "JPEG")
    content = out.getvalue()
    clean_content(content)
    pi_heif.libheif_version()


def _read_requests(waiting: queue.Queue[_Request]) -> None:
    """Runs beside the work so that the parent's end is noticed at once, also in the middle of a picture.

    (PR_SET_PDEATHSIG would fire when the parent's *thread* that started us ends.)
    """
    while True:
        length = wire.header_length(_read_exactly(wire.PREFIX))
        header, lengths = wire.unpack_header(_read_exactly(length))
        waiting.put((header, b"".join(_read_exactly(length) for length in lengths)))


def _read_exactly(length: int) -> bytes:
    whole = bytearray(length)
    view = memoryview(whole)
    got = 0
    while got < length:
        count = os.readv(_REQUESTS, [view[got:]])
        if count == 0:
            os._exit(0)
        got += count
    return bytes(whole)


def _send(answers: int, header: wire.Header, parts: list[bytes]) -> None:
    for part in (wire.pack_header(header, parts), *parts):
        view = memoryview(part)
        while view:
            view = view[os.write(answers, view) :]


class _Progress:
    """Tells the parent how far a video is: once a second and no more."""

    def __init__(self, answers: int) -> None:
        self._answers = answers
        self._last = time.monotonic()

    def __call__(self, share: float) -> None:
        now = time.monotonic()
        if now - self._last >= 1:
            self._last = now
            _send(self._answers, {"status": "progress", "share": round(share, 3)}, [])


def _answer(header: wire.Header, content: bytes, progress: _Progress) -> tuple[wire.Header, list[bytes]]:
    try:
        if header["job"] == "preview":
            small = preview(content, quarter_turns=header["quarter_turns"], longest_side=header["longest_side"])
            return {"status": "preview"}, [small]
        if header["job"] == "video-preview":
            small = preview_video(content, quarter_turns=header["quarter_turns"], longest_side=header["longest_side"])
            return {"status": "preview"}, [small]
        if header["job"] == "mark":
            marking = mark_below if header["below"] else mark
            return {"status": "preview"}, [marking(content, header["words"])]
        if header["job"] == "fitted":
            return {"status": "preview"}, [fitted(content, header["most_bytes"])]
        if header["job"] == "pixels":
            return {"status": "pixels"}, [pixel_print(content)]
        geometry = wire.geometry_from_json(header["geometry"])
        if header["job"] == "video":
            terms = wire.terms_from_json(header["terms"])
            return _describe(clean_video(content, geometry=geometry, terms=terms, progress=progress))
        return _describe(clean_content(content, geometry=geometry, lossless=header["lossless"]))
    except UnacceptableImage as refusal:
        return {"status": "refused", "code": refusal.code}, []


def _describe(image: Cleaned) -> tuple[wire.Header, list[bytes]]:
    header = {
        "status": "clean",
        "content_type": image.content_type,
        "width": image.width,
        "height": image.height,
        "removed": list(image.removed),
        "captured_at": image.captured_at.isoformat() if image.captured_at else None,
        "captured_at_has_offset": image.captured_at_has_offset,
        "seconds": image.seconds,
        "sound": image.sound,
    }
    return header, [image.content, image.thumbnail]


if __name__ == "__main__":
    main()
