"""The bytes of one picture or video, from the network into memory: never more than allowed, never onto the disk."""

from __future__ import annotations

from io import BytesIO

from flask import Request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

from fhir_plugin.imaging.video_anatomy import sniff_video

_CHUNK = 256 * 1024
RAW = "application/octet-stream"
TYPE_HEADER = "X-File-Type"


def read_picture(request: Request, *, most_bytes: int, most_bytes_of_video: int = 0) -> tuple[bytes, str]:
    """The body and its declared type (believed by nobody). What begins like a video may be `most_bytes_of_video`
    long; without that, it is bounded like a picture.

    A script sends the bare bytes; a page without scripts sends a form with one part named `picture`. Raises
    413 as soon as it is known to be too large, 400 when it breaks off, 415 for any other kind of body.
    """
    if request.mimetype == "multipart/form-data":
        return _from_form(request, most_bytes, most_bytes_of_video)
    if request.mimetype != RAW:
        raise UnsupportedMediaType
    length = request.content_length
    if length is not None and length > max(most_bytes, most_bytes_of_video):
        raise RequestEntityTooLarge
    kept = BytesIO()
    while chunk := request.stream.read(_CHUNK):
        if not kept.tell():
            most_bytes = _limit(chunk, most_bytes, most_bytes_of_video)
        kept.write(chunk)
        if kept.tell() > most_bytes:
            raise RequestEntityTooLarge
    if length is not None and kept.tell() != length:
        raise BadRequest
    return kept.getvalue(), request.headers.get(TYPE_HEADER, "")[:100]


def _limit(beginning: bytes, most_bytes: int, most_bytes_of_video: int) -> int:
    return max(most_bytes, most_bytes_of_video) if sniff_video(beginning) is not None else most_bytes


def _from_form(request: Request, most_bytes: int, most_bytes_of_video: int) -> tuple[bytes, str]:
    part = request.files.get("picture")
    if part is None:
        raise BadRequest
    content = part.stream.read()
    if len(content) > _limit(content[:64], most_bytes, most_bytes_of_video):
        raise RequestEntityTooLarge
    return content, part.mimetype[:100]
