"""The bytes of one picture, from the network into memory: never more than allowed, never onto the disk."""

from __future__ import annotations

from io import BytesIO

from flask import Request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

_CHUNK = 256 * 1024
RAW = "application/octet-stream"
TYPE_HEADER = "X-File-Type"


def read_picture(request: Request, *, most_bytes: int) -> tuple[bytes, str]:
    """The body and its declared type (believed by nobody).

    A script sends the bare bytes; a page without scripts sends a form with one part named `picture`. Raises
    413 as soon as it is known to be too large, 400 when it breaks off, 415 for any other kind of body.
    """
    if request.mimetype == "multipart/form-data":
        return _from_form(request, most_bytes)
    if request.mimetype != RAW:
        raise UnsupportedMediaType
    length = request.content_length
    if length is not None and length > most_bytes:
        raise RequestEntityTooLarge
    kept = BytesIO()
    while chunk := request.stream.read(_CHUNK):
        kept.write(chunk)
        if kept.tell() > most_bytes:
            raise RequestEntityTooLarge
    if length is not None and kept.tell() != length:
        raise BadRequest
    return kept.getvalue(), request.headers.get(TYPE_HEADER, "")[:100]


def _from_form(request: Request, most_bytes: int) -> tuple[bytes, str]:
    part = request.files.get("picture")
    if part is None:
        raise BadRequest
    content = part.stream.read()
    if len(content) > most_bytes:
        raise RequestEntityTooLarge
    return content, part.mimetype[:100]
