"""Files made to hurt, and files that are merely broken: each with the refusals that are right for it.

`python -m tests.imaging.bombs` prints what each costs: time and peak memory of a fresh worker process.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable

from tests.imaging.drawing import (
    SAMPLES,
    as_jpeg,
    as_png,
    as_webp,
    chart,
    grainy,
    png_chunk,
    riff_chunk,
    segment,
)

Bomb = tuple[Callable[[], bytes], str]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def huge_claim_jpeg(width: int, height: int) -> bytes:
    """A small JPEG whose header claims more."""
    content = bytearray(as_jpeg(chart(16, 16)))
    at = content.index(b"\xff\xc0")
    content[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def many_scans(scans: int) -> bytes:
    """A progressive JPEG that repeats a cheap refinement scan."""
    content = as_jpeg(grainy(64, 64), progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * scans + b"\xff\xd9"


def _png(width: int, height: int, data: bytes, *, depth: int = 8, colour: int = 2, extra: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return _SIGNATURE + png_chunk(b"IHDR", header) + extra + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")


def _flat(length: int) -> bytes:
    return zlib.compress(bytes(length), 9)


def _text_bomb(name: bytes, head: bytes) -> bytes:
    machine = zlib.compressobj(9)
    packed = b"".join(machine.compress(bytes(1 << 20)) for _ in range(200)) + machine.flush()
    plain = as_png(chart())
    return plain[:33] + png_chunk(name, head + packed) + plain[33:]


def heic() -> bytes:
    return (SAMPLES / "samplefilehub.heif").read_bytes()


def heic_claiming(width: int, height: int) -> bytes:
    content = bytearray(heic())
    at = content.index(b"ispe")
    content[at + 8 : at + 16] = struct.pack(">II", width, height)
    return bytes(content)


def heic_coded_larger() -> bytes:
    """The container says 16 x 16, the coded picture 640 x 426."""
    return heic_claiming(16, 16)


def _box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), name) + body


def heic_of(count: int) -> bytes:
    """The sample with `count` top-level pictures: the same coded data under several ids."""
    content = heic()
    meta_at = content.index(b"meta") - 4
    size = int.from_bytes(content[meta_at : meta_at + 4], "big")
    meta = content[meta_at + 12 : meta_at + size]
    boxes: dict[bytes, bytes] = {}
    at = 0
    while at < len(meta):
        length = int.from_bytes(meta[at : at + 4], "big")
        boxes[meta[at + 4 : at + 8]] = meta[at + 8 : at + length]
        at += length
    extra = range(100, 100 + count - 1)
    infos = b"".join(_box(b"infe", struct.pack(">IHH4sB", 2 << 24, n, 0, b"hvc1", 0)) for n in extra)
    iinf = boxes[b"iinf"]
    total = int.from_bytes(iinf[4:6], "big") + len(extra)
    boxes[b"iinf"] = iinf[:4] + struct.pack(">H", total) + iinf[6:] + infos
    body = content[meta_at + 8 : meta_at + 12]
    body += b"".join(_box(name, inner) for name, inner in boxes.items())
    return content[:meta_at] + _box(b"meta", body) + content[meta_at + size :]


def _polyglot_zip_jpeg() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("run.js", "alert(1)")
    return out.getvalue() + as_jpeg(chart())


def _webp_claiming(width: int, height: int) -> bytes:
    bits = (width - 1) | (height - 1) << 14
    data = riff_chunk(b"VP8L", b"\x2f" + struct.pack("<I", bits) + bytes(40))
    return b"RIFF" + struct.pack("<I", 4 + len(data)) + b"WEBP" + data


def _animated_webp() -> bytes:
    out = io.BytesIO()
    chart().save(out, "WEBP", save_all=True, append_images=[grainy(64, 48)], duration=100)
    return out.getvalue()


def _animated_png() -> bytes:
    out = io.BytesIO()
    chart().save(out, "PNG", save_all=True, append_images=[grainy(64, 48)], duration=100)
    return out.getvalue()


def _ftyp(major: bytes, *others: bytes) -> bytes:
    return _box(b"ftyp", major + b"\0\0\0\0" + b"".join(others)) + _box(b"mdat", bytes(64))


def _cut(content: bytes, share: float) -> bytes:
    return content[: int(len(content) * share)]


def _saved(kind: str) -> bytes:
    out = io.BytesIO()
    chart().save(out, kind)
    return out.getvalue()


def _without_quantisation_tables() -> bytes:
    content = as_jpeg(chart())
    out, at = content[:2], 2
    while content[at + 1] != 0xDA:
        length = int.from_bytes(content[at + 2 : at + 4], "big") + 2
        if content[at + 1] != 0xDB:
            out += content[at : at + length]
        at += length
    return out + content[at:]


BOMBS: dict[str, Bomb] = {
    "nothing": (lambda: b"", "empty-file"),
    "zeroes": (lambda: bytes(5000), "not-an-image"),
    "691-byte-89-megapixel-jpeg": (lambda: huge_claim_jpeg(9400, 9400)[:691], "too-many-pixels"),
    "4290-megapixel-jpeg": (lambda: huge_claim_jpeg(65500, 65500), "too-many-pixels"),
    "49-megapixel-jpeg-without-data": (lambda: huge_claim_jpeg(7000, 7000), "truncated"),
    "jpeg-of-no-height": (lambda: huge_claim_jpeg(16, 0), "damaged"),
    "2000-scans": (lambda: many_scans(2000), "too-many-scans"),
    "101-scans": (lambda: many_scans(101), "too-many-scans"),
    "9000-empty-segments": (lambda: b"\xff\xd8" + segment(0xFE, b"") * 9000 + b"\xff\xd9", "hidden-bulk"),
    "jpeg-cut-in-half": (lambda: _cut(as_jpeg(grainy(200, 200)), 0.5), "truncated"),
    "jpeg-without-its-end": (lambda: as_jpeg(grainy(200, 200))[:-2], "truncated"),
    "jpeg-cut-in-its-header": (lambda: as_jpeg(chart())[:30], "truncated"),
    "jpeg-start-only": (lambda: b"\xff\xd8\xff", "truncated"),
    "jpeg-without-a-picture": (lambda: b"\xff\xd8" + segment(0xFE, b"words") + b"\xff\xd9", "truncated"),
    "jpeg-without-tables": (_without_quantisation_tables, "damaged"),
    "arithmetic-jpeg": (lambda: as_jpeg(chart()).replace(b"\xff\xc0", b"\xff\xc9"), "unsupported-format"),
    "12-bit-jpeg": (
        lambda: as_jpeg(chart()).replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c"),
        "unsupported-format",
    ),
    "png-50000-square": (lambda: _png(50_000, 50_000, _flat(60_000)), "too-many-pixels"),
    "png-30000-square-one-bit": (lambda: _png(30_000, 30_000, _flat(100_000), depth=1, colour=0), "too-many-pixels"),
    "png-169-megapixels": (lambda: _png(13_000, 13_000, _flat(100_000)), "too-many-pixels"),
    "png-49-megapixels-without-data": (lambda: _png(7000, 7000, _flat(100)), "damaged"),
    "ztxt-200-megabytes": (lambda: _text_bomb(b"zTXt", b"Comment\0\0"), "hidden-bulk"),
    "itxt-200-megabytes": (lambda: _text_bomb(b"iTXt", b"Comment\0\1\0\0\0"), "hidden-bulk"),
    "iccp-200-megabytes": (lambda: _text_bomb(b"iCCP", b"P\0\0"), "hidden-bulk"),
    "png-cut-in-half": (lambda: _cut(as_png(grainy(200, 200)), 0.5), "truncated"),
    "png-without-its-end": (lambda: as_png(grainy(50, 50))[:-12], "truncated"),
    "png-with-a-wrong-checksum": (lambda: as_png(chart())[:29] + b"\0\0\0\0" + as_png(chart())[33:], "damaged"),
    "moving-png": (_animated_png, "animated"),
    "webp-268-megapixels": (lambda: _webp_claiming(16_384, 16_384), "too-many-pixels"),
    "webp-cut-in-half": (lambda: _cut(as_webp(grainy(200, 200)), 0.5), "truncated"),
    "moving-webp": (_animated_webp, "animated"),
    "heic-141-megapixels": (lambda: heic_claiming(12_000, 11_750), "too-many-pixels"),
    "heic-coded-larger-than-it-says": (heic_coded_larger, "damaged"),
    "heic-of-ten-pictures": (lambda: heic_of(10), "several-images"),
    "heic-cut-in-half": (lambda: _cut(heic(), 0.5), "truncated"),
    "heic-sequence": (lambda: _ftyp(b"hevc", b"msf1"), "animated"),
    "avif": (lambda: _ftyp(b"avif", b"mif1"), "unsupported-format"),
    "mp4": (lambda: _ftyp(b"isom", b"mp42"), "video"),
    "mov": (lambda: _ftyp(b"qt  "), "video"),
    "webm": (lambda: b"\x1aE\xdf\xa3" + bytes(60), "video"),
    "gif": (lambda: _saved("GIF"), "unsupported-format"),
    "tiff": (lambda: _saved("TIFF"), "unsupported-format"),
    "bmp": (lambda: _saved("BMP"), "unsupported-format"),
    "canon-raw": (lambda: b"II*\0\x10\0\0\0CR\2\0" + bytes(100), "raw-photo"),
    "canon-raw-3": (lambda: _ftyp(b"crx "), "raw-photo"),
    "executable": (lambda: b"MZ\x90\0" + bytes(200), "executable"),
    "elf": (lambda: b"\x7fELF\2\1\1" + bytes(100), "executable"),
    "script": (lambda: b"#!/bin/sh\nexit 0\n", "executable"),
    "svg": (lambda: b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "svg"),
    "svg-in-utf-16": (lambda: '<svg xmlns="http://www.w3.org/2000/svg"/>'.encode("utf-16"), "svg"),
    "html": (lambda: b"<!doctype html><script>alert(1)</script>", "text"),
    "html-then-jpeg": (lambda: b"<html>" + as_jpeg(chart()), "not-an-image"),
    "gif-then-jpeg": (lambda: b"GIF89a" + as_jpeg(chart()), "unsupported-format"),
    "pdf": (lambda: b"%PDF-1.7\n" + as_jpeg(chart()), "pdf"),
    "zip-then-jpeg": (_polyglot_zip_jpeg, "archive"),
    "playlist": (lambda: b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "video"),
    "noise": (lambda: grainy(64, 64).tobytes(), "not-an-image"),
    "too-many-bytes": (lambda: as_jpeg(chart()) + bytes(25 << 20), "too-many-bytes"),
}


def main() -> None:
    """Each file on a fresh worker: refusal, seconds, and the most memory that the child ever had."""
    import time

    from fhir_plugin.adapters.image_worker import ProcessImageWorker
    from fhir_plugin.errors import UnacceptableImage
    from fhir_plugin.imaging.bench import peak_megabytes
    from tests.imaging.drawing import received

    for name, (make, _) in BOMBS.items():
        content = make()
        with ProcessImageWorker(workers=1) as worker:
            worker.clean(received(as_jpeg(chart())))
            started = time.perf_counter()
            try:
                outcome = f"NOT REFUSED {worker.clean(received(content)).width}"
            except UnacceptableImage as refusal:
                outcome = refusal.code
            seconds = time.perf_counter() - started
            peak = max(map(peak_megabytes, worker.pids()), default=0)
        print(f"{name:34} {len(content):>9} B {outcome:20} {seconds:6.3f} s {peak:4} MB")  # noqa: T201


if __name__ == "__main__":
    main()
