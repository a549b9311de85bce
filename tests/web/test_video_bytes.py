"""How large a body may be, by what the page takes: a video's bound opens only where videos are taken."""

from __future__ import annotations

import pytest
from flask import Flask, request

from fhir_plugin.web.security import FORM_BYTES, picture_response, protect, takes_picture, takes_video
from fhir_plugin.web.uploads import read_picture

FILM, PICTURE = b"\0\0\0\x18ftypisom", b"\xff\xd8\xff\xe0"
BYTES = bytes(range(256)) * 8


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)
    protect(app, picture_bytes=1000, video_bytes=5_000_000, frame_ancestors=lambda _launch: ())
    app.config.update(WTF_CSRF_ENABLED=False)

    def take() -> str:
        return str(len(read_picture(request, most_bytes=1000, most_bytes_of_video=5_000_000)[0]))

    def take_pictures_only() -> str:
        return str(len(read_picture(request, most_bytes=1000)[0]))

    app.post("/both", endpoint="both")(takes_video(take))
    app.post("/pictures", endpoint="pictures")(takes_picture(take_pictures_only))
    app.get("/film", endpoint="film")(lambda: picture_response(BYTES, "video/mp4"))
    app.get("/picture", endpoint="picture")(lambda: picture_response(BYTES, "image/jpeg"))
    return app


def form(content: bytes) -> bytes:
    """One file as a page without scripts sends it."""
    head = b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a.mp4"\r\n\r\n'
    return head + content + b"\r\n--x--\r\n"


@pytest.mark.parametrize(
    ("path", "beginning", "length", "status"),
    [
        ("/both", FILM, 5_000_000, 200),
        ("/both", FILM, 5_000_001, 413),
        ("/both", PICTURE, 1000, 200),
        ("/both", PICTURE, 1001, 413),
        ("/both", PICTURE, 4_000_000, 413),
        ("/pictures", FILM, 1001, 413),
        ("/pictures", PICTURE, 1000, 200),
    ],
)
@pytest.mark.parametrize("as_form", [False, True])
def test_each_kind_is_cut_off_at_its_own_bound(
    app: Flask, path: str, beginning: bytes, length: int, status: int, as_form: bool
) -> None:
    content = beginning + bytes(length - len(beginning))
    kind = "multipart/form-data; boundary=x" if as_form else "application/octet-stream"
    reply = app.test_client().post(path, data=form(content) if as_form else content, content_type=kind)
    assert reply.status_code == status
    assert reply.text == str(length) or status != 200


def test_a_page_for_pictures_reads_no_more_of_a_form_than_a_picture_can_be(app: Flask) -> None:
    large = form(FILM + bytes(FORM_BYTES + 2000))
    reply = app.test_client().post("/pictures", data=large, content_type="multipart/form-data; boundary=x")
    assert reply.status_code == 413


PIECES = {
    "bytes=0-9": (206, BYTES[:10]),
    "bytes=2000-": (206, BYTES[2000:]),
    "bytes=-5": (206, BYTES[-5:]),
    "bytes=2048-": (416, None),
    "bytes=9-0": (200, None),
    "rows=0-9": (200, None),
    None: (200, BYTES),
}


@pytest.mark.parametrize("asked", PIECES)
def test_a_video_comes_in_pieces_and_is_never_kept(app: Flask, asked: str | None) -> None:
    status, content = PIECES[asked]
    reply = app.test_client().get("/film", headers={"Range": asked} if asked else {})
    assert reply.status_code in ({status, 416} if status == 200 and asked else {status})
    assert content is None or reply.data == content
    assert "no-store" in reply.headers["Cache-Control"]
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    if reply.status_code != 416:
        assert reply.headers["Accept-Ranges"] == "bytes"
        assert "media-src 'self'" in reply.headers["Content-Security-Policy"]


def test_a_picture_comes_whole(app: Flask) -> None:
    reply = app.test_client().get("/picture", headers={"Range": "bytes=0-9"})
    assert (reply.status_code, reply.data) == (200, BYTES)
