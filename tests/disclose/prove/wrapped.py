"""Ways in which something can lie hidden in bytes that go out."""

from __future__ import annotations

import base64
import gzip
import html
import io
import json
import zipfile
import zlib
from collections.abc import Callable
from urllib.parse import quote

PADDING = b'{"resourceType":"Observation","id":"o-1","status":"final","valueQuantity":{"value":1.50}}\n' * 40


def zipped(secret: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("first.txt", PADDING)
        archive.writestr("second.txt", PADDING + secret + PADDING)
    return file.getvalue()


def streamed_zip(secret: bytes) -> bytes:
    """Sizes only behind the content, as a ZIP is when it is written to a pipe."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.written = b""

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            piece = bytes(data)  # type: ignore[call-overload]
            self.written += piece
            return len(piece)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("second.txt", PADDING + secret + PADDING)
    return pipe.written


def without_directory(secret: bytes) -> bytes:
    """A member that the ZIP's directory does not list."""
    whole = zipped(secret)
    return whole[: whole.rindex(b"PK\x01\x02")]


def pdf(content: bytes, filters: bytes = b"") -> bytes:
    return (
        b"%PDF-1.4\n1 0 obj\n<< /Length " + str(len(content)).encode() + filters + b" >>\nstream\n"
        + content + b"\nendstream\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"
    )  # fmt: skip


def shown(secret: bytes) -> bytes:
    return b"BT /F1 12 Tf (" + PADDING.replace(b"(", b"").replace(b"\n", b" ") + b") Tj (" + secret + b") Tj ET"


def in_pieces(secret: bytes) -> bytes:
    """As layout programs write: a few letters at a time."""
    half = len(secret) // 2
    return b"BT [(" + secret[:half] + b") -20 (" + secret[half:] + b")] TJ ET " + b"0 0 m 10 10 l S " * 20


def at_alignment(shift: int) -> Callable[[bytes], bytes]:
    def wrap(secret: bytes) -> bytes:
        return b'{"data":"' + base64.b64encode(b"x." + b"x" * shift + b" " + secret + b" and more") + b'"}'

    return wrap


WRAPPINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda secret: secret,
    "at the very end": lambda secret: b"see " + secret,
    "before a full stop": lambda secret: b"see " + secret + b". Then",
    "JSON escapes": lambda secret: "".join(f"\\u{ord(each):04x}" for each in secret.decode()).encode(),
    "JSON escapes of some": lambda secret: (
        json.dumps(secret.decode()).replace("/", "\\/").replace("t", "\\u0074").encode()
    ),
    "JSON in JSON": lambda secret: (
        json.dumps(json.dumps(secret.decode(), ensure_ascii=False)).replace("1", "\\\\u0031").encode()
    ),
    "percent": lambda secret: quote(secret, safe="").encode(),
    "percent of everything": lambda secret: b"".join(b"%%%02X" % each for each in secret),
    "percent twice": lambda secret: quote(quote(secret, safe="")).encode(),
    "a form": lambda secret: quote(secret, safe="").replace("%20", "+").encode(),
    "HTML entities": lambda secret: "".join(f"&#{ord(each)};" for each in secret.decode()).encode(),
    "HTML in hexadecimal": lambda secret: "".join(f"&#x{ord(each):X};" for each in secret.decode()).encode(),
    "HTML by name": lambda secret: html.escape(secret.decode()).replace("/", "&sol;").encode(),
    "HTML in JSON": lambda secret: json.dumps("<p>" + html.escape(secret.decode()).replace("a", "&#97;")).encode(),
    "UTF-16 LE": lambda secret: secret.decode().encode("utf-16"),
    "UTF-16 BE": lambda secret: secret.decode().encode("utf-16-be"),
    "UTF-32": lambda secret: secret.decode().encode("utf-32"),
    "hexadecimal": lambda secret: secret.hex().encode(),
    "HEXADECIMAL": lambda secret: secret.hex().upper().encode(),
    "base64": base64.b64encode,
    "base64, shifted by one": at_alignment(1),
    "base64, shifted by two": at_alignment(2),
    "base64, shifted by three": at_alignment(3),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(b"\xfb\xff\xfe" + PADDING + secret + b"\xff\xfe"),
    "base64 behind letters": lambda secret: b"YQ" + base64.b64encode(b"xx " + secret + b" xx"),
    "base64 in lines": lambda secret: base64.encodebytes(PADDING + secret + PADDING),
    "base64 with escaped slashes": lambda secret: base64.b64encode(b"\xff\xff\xff" * 20 + secret).replace(b"/", b"\\/"),
    "base64 with escaped line breaks": lambda secret: json.dumps(
        base64.encodebytes(PADDING + secret).decode()
    ).encode(),
    "base64 in percent": lambda secret: quote(base64.b64encode(PADDING + b"\xff\xff\xff" + secret), safe="").encode(),
    "base64 of UTF-16": lambda secret: base64.b64encode((PADDING + secret).decode().encode("utf-16-le")),
    "base64 of base64": lambda secret: base64.b64encode(base64.b64encode(PADDING + secret)),
    "base64 of escapes": lambda secret: base64.b64encode(PADDING + b"".join(b"%%%02x" % each for each in secret)),
    "gzip": lambda secret: gzip.compress(PADDING + secret),
    "two gzips": lambda secret: gzip.compress(PADDING) + gzip.compress(PADDING + secret),
    "base64 of gzip": lambda secret: base64.b64encode(gzip.compress(PADDING + secret)),
    "ZIP": zipped,
    "ZIP, stored": lambda secret: zipped(secret, zipfile.ZIP_STORED),
    "ZIP, streamed": streamed_zip,
    "ZIP without its directory": without_directory,
    "ZIP behind a picture": lambda secret: b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8 + b"\xff\xd9" + zipped(secret),
    "gzip in ZIP": lambda secret: zipped(gzip.compress(secret)),
    "base64 of ZIP in ZIP": lambda secret: base64.b64encode(zipped(zipped(secret))),
    "PDF": lambda secret: pdf(shown(secret)),
    "PDF, deflated": lambda secret: pdf(zlib.compress(shown(secret)), b" /Filter /FlateDecode"),
    "PDF, ASCII85 and deflated": lambda secret: pdf(base64.a85encode(zlib.compress(shown(secret)), wrapcol=60) + b"~>"),
    "PDF, hexadecimal and deflated": lambda secret: pdf(zlib.compress(shown(secret)).hex().encode() + b">"),
    "PDF, a string in pieces": lambda secret: pdf(zlib.compress(in_pieces(secret))),
    "PDF, hexadecimal string": lambda secret: pdf(
        zlib.compress(b"BT <" + secret.hex().encode() + b"> Tj ET" + b" q Q" * 9)
    ),
    "PDF, two-byte string": lambda secret: pdf(
        zlib.compress(b"BT <FEFF" + secret.decode().encode("utf-16-be").hex().encode() + b"> Tj ET")
    ),
    "PDF, octal string": lambda secret: pdf(
        zlib.compress(b"(" + b"".join(b"\\%03o" % each for each in secret) + b") Tj")
    ),
    "PDF in base64": lambda secret: b'{"data":"' + base64.b64encode(pdf(zlib.compress(shown(secret)))) + b'"}',
    "PDF in ZIP in base64": lambda secret: base64.b64encode(zipped(pdf(zlib.compress(shown(secret))))),
}
