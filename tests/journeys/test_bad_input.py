"""Everything bad that can come in, through the running app over HTTP: the right status, plain words, nothing lost."""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from fhir_plugin.walkthrough import Page, add
from tests.imaging.bombs import BOMBS
from tests.imaging.drawing import segment
from tests.journeys.bad_desk import Work, a_jpeg, assert_explained, browser, desk, work

__all__ = ["browser", "desk", "work"]

MOST_BYTES = 25 * 2**20


def script(work: Work) -> dict[str, str]:
    """The headers of the page's own script."""
    meta = work.page.meta
    return {
        "Content-Type": "application/octet-stream",
        "X-File-Type": "image/jpeg",
        "X-CSRFToken": meta["csrf-token"],
        "X-Patient": meta["patient"],
        "X-Identity": meta["identity"],
        "X-Requested-With": "fetch",
    }


def without_script(work: Work, content: bytes, name: str = "photo.jpg") -> Page:
    """*Add this picture* of a page without scripts: the whole form and one file."""
    meta = work.page.meta
    carried = {"csrf_token": meta["csrf-token"], "patient": meta["patient"], "identity_seen": meta["identity"]}
    return work.browser.send(
        "POST",
        f"{work.page.url}/images",
        data={**carried, **work.form},
        files={"picture": (name, io.BytesIO(content), "image/jpeg")},
        headers={"Accept": "text/html"},
    )


def polyglot() -> bytes:
    """A picture to one program and a page to another."""
    page = segment(0xFE, b"<html><script>alert(document.domain)</script>")
    return b"\xff\xd8" + page + a_jpeg(9)[2:] + b"<script>alert(2)</script>"


FILES: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "renamed executable": (BOMBS["executable"][0], "executable", "program"),
    "svg": (BOMBS["svg"][0], "svg", ""),
    "zip and jpeg": (BOMBS["zip-then-jpeg"][0], "archive", ""),
    "page and jpeg": (BOMBS["html-then-jpeg"][0], "not-an-image", ""),
    "50,000 x 50,000 png": (BOMBS["png-50000-square"][0], "too-many-pixels", ""),
    "truncated jpeg": (lambda: a_jpeg()[:2000], "truncated", ""),
    "zero bytes": (lambda: b"", "empty-file", ""),
    "heic of ten pictures": (BOMBS["heic-of-ten-pictures"][0], "several-images", ""),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_picture_is_refused_in_plain_words(work: Work, name: str) -> None:
    make, code, says = FILES[name]
    by_script = work.browser.upload(work.page, f"{work.page.url}/images", make(), "image/jpeg")
    assert_explained(by_script, 422, says=says)
    assert by_script.json()["error"]["code"] == code
    assert len(by_script.json()["error"]["message"]) > 20
    assert_explained(without_script(work, make()), 422, says=by_script.json()["error"]["what_to_do"])
    work.assert_nothing_lost_nothing_filed()


def test_a_polyglot_that_is_a_true_jpeg_loses_its_other_self(work: Work) -> None:
    image = add(work.browser, work.page, polyglot(), "image/jpeg")
    served = work.browser.get(f"{work.page.url}/images/{image}/picture")
    assert served.status == 200 and "script" not in served.text
    clean = next(each for each in work.draft.images if each.image_id == image)
    assert b"script" not in work.desk.demo.installation.vault.get(clean.clean)


def test_what_was_typed_beside_a_refused_picture_is_kept(work: Work) -> None:
    work.form["findings"] = "Something new, typed just now"
    assert_explained(without_script(work, b"MZ\x90\0" + bytes(99)), 422)
    work.assert_nothing_lost_nothing_filed()


# --------------------------------------------------------------------------------------- 300 MB


def request_head(work: Work, url: str, **headers: str) -> bytes:
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in work.browser._session.cookies)
    parts = urlsplit(url)
    lines = {**script(work), "Host": parts.netloc, "Cookie": cookies, **headers}
    head = f"POST {parts.path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return head.encode() + b"\r\n"


def send_until_answered(url: str, head: bytes, pieces: Iterator[bytes]) -> tuple[str, int]:
    """The answer, and how many bytes had been sent when it came."""
    parts = urlsplit(url)
    sent = 0
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=30) as connection:
        connection.sendall(head)
        connection.setblocking(False)
        answer = b""
        waiting = b""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                answer = connection.recv(65536)
                break
            except BlockingIOError:
                pass
            waiting = waiting or next(pieces, b"")
            try:
                done = connection.send(waiting) if waiting else 0
            except BlockingIOError:
                done = 0
            if not done:
                time.sleep(0.002)
            sent += done
            waiting = waiting[done:]
        connection.settimeout(10)
        while b"</html>" not in answer and b"what_to_do" not in answer:
            block = connection.recv(65536)
            assert block, "the answer broke off"
            answer += block
    return answer.decode(), sent


def test_300_megabytes_are_refused_before_they_are_sent(work: Work) -> None:
    url = f"{work.page.url}/images"
    head = request_head(work, url, **{"Content-Length": str(300 * 2**20)})
    answer, sent = send_until_answered(url, head, iter([bytes(65536)]))
    assert answer.startswith("HTTP/1.1 413 ")
    assert "25 MB" in answer and "what_to_do" in answer
    assert sent <= 65536, "nothing of it had to be read"
    work.assert_nothing_lost_nothing_filed()


def test_300_megabytes_in_chunks_of_unknown_number_are_cut_off(work: Work) -> None:
    url = f"{work.page.url}/images"
    chunk = b"10000\r\n" + bytes(65536) + b"\r\n"
    head = request_head(work, url, **{"Transfer-Encoding": "chunked"})
    answer, sent = send_until_answered(url, head, (chunk for _ in range(300 * 16)))
    assert answer.startswith("HTTP/1.1 413 ")
    assert "25 MB" in answer
    assert MOST_BYTES < sent < 60 * 2**20, "what lies in the sockets' buffers is not ours"
    work.assert_nothing_lost_nothing_filed()


def test_300_megabytes_in_a_form_are_refused_before_they_are_sent(work: Work) -> None:
    url = f"{work.page.url}/images"
    meta = work.page.meta
    fields = {"csrf_token": meta["csrf-token"], "patient": meta["patient"], "identity_seen": meta["identity"]}
    body = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    )
    body += '--x\r\nContent-Disposition: form-data; name="picture"; filename="a.jpg"\r\n\r\n'
    head = request_head(
        work,
        url,
        **{
            "Content-Type": "multipart/form-data; boundary=x",
            "Content-Length": str(300 * 2**20),
            "X-Requested-With": "browser",
            "Accept": "text/html",
        },
    )
    answer, sent = send_until_answered(url, head, iter([body.encode() + bytes(65536)]))
    assert answer.startswith("HTTP/1.1 413 ")
    assert "25 MB" in answer and "What to do now" in answer
    assert sent < 100_000
    work.assert_nothing_lost_nothing_filed()


@pytest.mark.parametrize("over", [0, 1])
def test_25_megabytes_are_the_most(work: Work, over: int) -> None:
    content = a_jpeg(11) + bytes(MOST_BYTES + over)
    reply = work.browser.upload(work.page, f"{work.page.url}/images", content[: MOST_BYTES + over], "image/jpeg")
    assert reply.status_code == (413 if over else 201)


def test_an_upload_that_breaks_off_leaves_nothing_behind(work: Work) -> None:
    url = f"{work.page.url}/images"
    content = a_jpeg(12)
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=10) as connection:
        connection.sendall(request_head(work, url, **{"Content-Length": str(len(content))}) + content[:500])
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65536)
    assert not answer or answer.startswith(b"HTTP/1.1 400 ")
    work.assert_nothing_lost_nothing_filed()
