"""Everything bad that can come in, through the running app over HTTP: the right status, plain words, nothing lost."""

from __future__ import annotations

import datetime as dt
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest
import requests

from fhir_plugin.capture.draft import DraftState
from fhir_plugin.demo import CLIENT_ID, Demo, start_demo
from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.faults import Fault, Match
from fhir_plugin.sandbox.serve import start_sandbox
from fhir_plugin.walkthrough import (
    DEMO_PATIENT,
    Browser,
    Page,
    add,
    answers_for,
    begin,
    capture_of,
    launch,
    launch_of,
)
from fhir_plugin.web.access import clinical_session
from smart_launch import Transport
from tests.imaging.bombs import BOMBS
from tests.imaging.drawing import as_jpeg, grainy, segment
from tests.journeys.record_checks import TAG, of_capture, sets_of

MOST_BYTES = 25 * 2**20
PATIENCE = 2.0
"""Seconds that the app waits for this EHR: so that a silent one costs a test little."""
WRITES = Match(method="PUT|POST", path="^/fhir")
WRITTEN = ("Media", "Binary", "Consent", "Provenance", "AuditEvent", "DocumentReference")


class ShiftedClock:
    """The real time, and as much later as a test says."""

    def __init__(self) -> None:
        self.by = dt.timedelta()

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.by


class CountingTransport(Transport):
    """Remembers which hosts were asked."""

    def __init__(self) -> None:
        super().__init__(read_timeout=PATIENCE)
        self.asked: list[str] = []

    def send(self, method: str, url: str, **options: Any) -> Any:
        self.asked.append(urlsplit(url).netloc)
        return super().send(method, url, **options)


@dataclass
class Desk:
    """A clinician's desk: an EHR, the app, and a hand on the clock and on the network."""

    demo: Demo
    clock: ShiftedClock
    transport: CountingTransport

    @contextmanager
    def later(self, by: dt.timedelta) -> Iterator[None]:
        self.clock.by += by
        try:
            yield
        finally:
            self.clock.by -= by

    def break_ehr(self, *faults: Fault) -> None:
        self.demo.sandbox.faults.add(*faults)


@dataclass
class Work:
    """A capture with one good picture and all its answers, in a browser of its own."""

    desk: Desk
    browser: Browser
    page: Page
    image: str
    form: dict[str, str]

    @property
    def draft(self) -> Any:
        session = clinical_session(self.desk.demo.installation.sessions.get(launch_of(self.page)))
        return self.desk.demo.installation.captures.draft(session, capture_of(self.page))

    @property
    def in_record(self) -> dict[str, int]:
        """How many resources of this capture the EHR holds as current, by type."""
        store = self.desk.demo.sandbox.store
        found = {
            kind: [
                each
                for each in of_capture(store, kind, capture_of(self.page))
                if each.get("status") not in ("entered-in-error", "inactive")
            ]
            for kind in WRITTEN
        }
        return {kind: len(resources) for kind, resources in found.items() if resources}

    def assert_nothing_lost_nothing_filed(self) -> None:
        draft = self.draft
        assert draft.state is DraftState.OPEN
        assert [image.image_id for image in draft.images] == [self.image]
        vault = self.desk.demo.installation.vault
        assert vault.get(draft.images[0].received) and vault.get(draft.images[0].clean)
        assert draft.answers.shared["findings"] == self.form["findings"]
        assert self.in_record == {}
        shown = self.browser.get(self.page.url)
        assert shown.status == 200 and f"image-{self.image}" in shown.text

    def file(self) -> Page:
        return self.browser.post(self.page, f"{self.page.url}/file", self.form)

    def assert_files_after_all(self) -> None:
        """What was said to be safe really is: the same work, filed once the trouble is over."""
        receipt = self.file()
        assert receipt.status == 200 and "/receipt" in receipt.url
        assert self.draft.state is DraftState.FILED
        complete, partial = sets_of(self.desk.demo.sandbox.store, capture_of(self.page))
        assert (len(complete), partial) == (1, [])


def a_jpeg(seed: int = 7) -> bytes:
    return as_jpeg(grainy(120, 90, seed))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    clock, transport = ShiftedClock(), CountingTransport()
    demo = start_demo(tmp_path_factory.mktemp("desk"), clock=clock, transport=transport)
    yield Desk(demo, clock, transport)
    demo.stop()


@pytest.fixture
def browser() -> Iterator[Browser]:
    with closing(Browser()) as browser:
        yield browser


@pytest.fixture
def work(desk: Desk, browser: Browser) -> Iterator[Work]:
    page = begin(browser, launch(desk.demo, browser))
    image = add(browser, page, a_jpeg(), "image/jpeg")
    form = answers_for([image])
    assert browser.post(page, f"{page.url}/answers", form).status == 200
    yield Work(desk, browser, page, image, form)
    desk.demo.sandbox.faults.clear()


def assert_explained(reply: requests.Response | Page, status: int, *, says: str = "") -> None:
    """A page or JSON in plain words: what happened, what to do now, what is safe; nothing of a program."""
    text = reply.text
    got = reply.status_code if isinstance(reply, requests.Response) else reply.status
    assert got == status, (got, text[:500])
    for never in ("Traceback", "Error:", "fhir_plugin", "werkzeug", "Internal Server Error", 'File "'):
        assert never not in text
    if isinstance(reply, requests.Response) and "json" in reply.headers["Content-Type"]:
        said = reply.json()["error"]
        assert said["title"] and said["what_to_do"] and said["safe"] and said["code"]
    else:
        assert "What to do now" in text and 'lang="en' in text
    assert says in text


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


# ---------------------------------------------------------------------------------------- launch


def authorize(desk: Desk, browser: Browser) -> str:
    """As far as the EHR's sign-in page goes: the address that it sends the browser back to."""
    asked = requests.post(
        f"{desk.demo.sandbox.origin}/_sandbox/launch",
        json={"client_id": CLIENT_ID, "user": "gp", "patient": DEMO_PATIENT},
        timeout=10,
    )
    url: str = asked.json()["launch_url"]
    for _ in range(8):
        reply = browser._session.get(url, allow_redirects=False, timeout=10)
        for cookie in browser._session.cookies:
            cookie.secure = False
        url = urljoin(url, reply.headers["Location"])
        if urlsplit(url).path == "/callback":
            return url
    raise AssertionError("the EHR never sent the browser back")


def test_an_unknown_issuer_is_refused_and_never_asked(desk: Desk, browser: Browser) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        stranger.settimeout(0.3)
        before = list(desk.transport.asked)
        query = urlencode({"iss": f"http://127.0.0.1:{stranger.getsockname()[1]}/fhir", "launch": "abc"})
        page = browser.get(f"{desk.demo.app.origin}/launch?{query}")
        assert_explained(page, 403, says="not known")
        with pytest.raises(TimeoutError):
            stranger.accept()
    assert desk.transport.asked == before


def test_a_replayed_callback_opens_nothing_and_ends_nothing(desk: Desk, browser: Browser) -> None:
    url = authorize(desk, browser)
    first = browser.get(url)
    assert first.status == 200 and "/l/" in first.url
    asked = len(desk.transport.asked)
    again = browser.get(url)
    assert_explained(again, 401, says="open the app again")
    assert len(desk.transport.asked) == asked, "no code is traded twice"
    assert browser.get(first.url).status == 200, "the launch that it replays goes on"


def test_another_browsers_state_opens_nothing(desk: Desk, browser: Browser) -> None:
    url = authorize(desk, browser)
    asked = len(desk.transport.asked)
    with closing(Browser()) as bare:
        assert_explained(bare.get(url), 400, says="cookie")
    with closing(Browser()) as other:
        authorize(desk, other)  # has a cookie of its own, and a launch of its own under way
        asked = len(desk.transport.asked)
        page = other.get(url)
        assert page.status in (400, 401)
        assert_explained(page, page.status, says="What to do now")
    assert len(desk.transport.asked) == asked, "no code was traded"


def test_a_session_opens_only_in_the_browser_that_launched_it(work: Work) -> None:
    with closing(Browser()) as other:
        assert_explained(other.get(work.page.url), 401)
        launch(work.desk.demo, other, patient="p-adult-1")
        assert_explained(other.get(work.page.url), 401)
        reply = other.upload(work.page, f"{work.page.url}/images", a_jpeg(21), "image/jpeg")
        assert reply.status_code in (400, 401)
    work.assert_nothing_lost_nothing_filed()


def test_a_state_that_was_never_given_out(desk: Desk, browser: Browser) -> None:
    launch(desk.demo, browser)
    for query in ({"state": "made-up", "code": "made-up"}, {"state": "", "code": "x"}, {"code": "x"}, {}):
        page = browser.get(f"{desk.demo.app.origin}/callback?{urlencode(query)}")
        assert page.status in (400, 401)
        assert_explained(page, page.status)


def test_a_sign_in_that_the_ehr_refuses(desk: Desk, browser: Browser) -> None:
    url = authorize(desk, browser)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items() if name != "code"}
    query = urlencode({**asked, "error": "access_denied", "error_description": "<script>alert(1)</script>"})
    page = browser.get(f"{desk.demo.app.origin}/callback?{query}")
    assert_explained(page, 403)
    assert "alert(1)" not in page.text


def test_an_expired_session_waits_for_the_next_sign_in(work: Work) -> None:
    with work.desk.later(dt.timedelta(hours=9)):
        assert_explained(work.browser.get(work.page.url), 401, says="open the app again")
        reply = work.browser.upload(work.page, f"{work.page.url}/images", a_jpeg(22), "image/jpeg")
        assert_explained(reply, 401)
        assert_explained(work.file(), 401)
    store = work.desk.demo.sandbox.store
    assert not of_capture(store, "Media", capture_of(work.page))
    gallery = launch(work.desk.demo, work.browser)
    again = work.browser.get(f"{gallery.url.rstrip('/')}/captures/{capture_of(work.page)}")
    assert again.status == 200 and work.image in again.text and work.form["findings"] in again.text
    fresh = Work(work.desk, work.browser, again, work.image, work.form)
    fresh.assert_nothing_lost_nothing_filed()
    fresh.assert_files_after_all()


# ------------------------------------------------------------------------- patient and page


def test_a_patient_that_changed_between_page_and_post(work: Work) -> None:
    store = work.desk.demo.sandbox.store
    before = store.read("Patient", DEMO_PATIENT)
    assert before is not None
    store.put({**before, "birthDate": "1931-01-01"})
    try:
        page = work.file()
        assert_explained(page, 409)
        with work.desk.later(dt.timedelta(minutes=2)):  # what is shown of a patient is asked for again
            reply = work.browser.upload(work.page, f"{work.page.url}/images", a_jpeg(23), "image/jpeg")
            assert_explained(reply, 409)
            assert_explained(work.browser.post(work.page, f"{work.page.url}/discard"), 409)
    finally:
        store.put(before)
    with work.desk.later(dt.timedelta(minutes=4)):
        work.assert_nothing_lost_nothing_filed()
        work.assert_files_after_all()


def test_a_page_of_one_patient_posted_under_the_launch_of_another(work: Work) -> None:
    other = launch(work.desk.demo, work.browser, patient="p-adult-1")
    elsewhere = f"{other.url.rstrip('/')}/captures/{capture_of(work.page)}"
    crossed = Page(elsewhere, 200, "", {**work.page.meta})
    for path in ("file", "answers", "discard"):
        page = work.browser.post(crossed, f"{elsewhere}/{path}", work.form)
        assert_explained(page, 409)
    own = {**work.page.meta, "patient": other.meta["patient"], "identity": other.meta["identity"]}
    page = work.browser.post(Page(elsewhere, 200, "", own), f"{elsewhere}/file", work.form)
    assert_explained(page, 404)
    assert_explained(work.browser.upload(Page(elsewhere, 200, "", own), f"{elsewhere}/images", a_jpeg(3), ""), 404)
    work.assert_nothing_lost_nothing_filed()
    assert not work.desk.demo.sandbox.store.search(
        "Media", {"patient": "p-adult-1", "_tag": f"{TAG}|{capture_of(work.page)}"}
    )


def test_a_page_without_its_token_writes_nothing(work: Work) -> None:
    bare = Page(work.page.url, 200, "", {**work.page.meta, "csrf-token": "made-up"})
    assert_explained(work.browser.post(bare, f"{work.page.url}/file", work.form), 400)
    assert_explained(work.browser.upload(bare, f"{work.page.url}/images", a_jpeg(4), "image/jpeg"), 400)
    work.assert_nothing_lost_nothing_filed()


# ----------------------------------------------------------------------------------------- the EHR


def test_an_ehr_that_is_down(tmp_path: Path, browser: Browser) -> None:
    clock, transport = ShiftedClock(), CountingTransport()
    demo = start_demo(tmp_path, clock=clock, transport=transport)
    desk = Desk(demo, clock, transport)
    try:
        page = begin(browser, launch(demo, browser))
        image = add(browser, page, a_jpeg(), "image/jpeg")
        work = Work(desk, browser, page, image, answers_for([image]))
        browser.post(page, f"{page.url}/answers", work.form)
        registered = demo.sandbox.sandbox.server.clients.find(CLIENT_ID)
        assert registered is not None
        port = urlsplit(demo.sandbox.origin).port or 0
        demo.sandbox.stop()
        down = work.file()
        assert_explained(down, 503, says="kept safely")
        with desk.later(dt.timedelta(minutes=2)):
            assert_explained(browser.get(page.url), 503, says="try again")
        query = urlencode({"iss": demo.sandbox.fhir_base, "launch": "x"})
        with desk.later(dt.timedelta(hours=1)):  # what was known of the EHR is asked for again
            assert_explained(browser.get(f"{demo.app.origin}/launch?{query}"), 503)
        session = clinical_session(demo.installation.sessions.get(launch_of(page)))
        assert demo.installation.captures.draft(session, capture_of(page)).state is DraftState.OPEN

        demo.sandbox = start_sandbox(SandboxConfig(data=tmp_path / "ehr.sqlite"), port=port)
        demo.sandbox.register(registered.registration)
        gallery = launch(demo, browser)  # it has forgotten its tokens
        again = browser.get(f"{gallery.url.rstrip('/')}/captures/{capture_of(page)}")
        fresh = Work(desk, browser, again, image, work.form)
        fresh.assert_nothing_lost_nothing_filed()
        fresh.assert_files_after_all()
    finally:
        demo.stop()


def test_an_ehr_that_is_slow_but_answers(work: Work) -> None:
    work.desk.break_ehr(Fault(kind="slow", match=WRITES, seconds=PATIENCE / 4, times=3))
    work.assert_files_after_all()


def test_an_ehr_that_is_too_slow_ends_truthfully(work: Work) -> None:
    """Its answer is lost: the page says that nobody knows yet, and the app finds out."""
    work.desk.break_ehr(Fault(kind="timeout-after-write", match=WRITES, seconds=PATIENCE * 3))
    page = work.file()
    assert page.status == 200 and "/receipt" in page.url
    assert "Traceback" not in page.text
    for _ in range(5):
        if work.draft.state is not DraftState.FILING:
            break
        work.desk.demo.sandbox.faults.clear()
        with work.desk.later(dt.timedelta(minutes=5)):
            work.desk.demo.installation.resume()
    assert work.draft.state is DraftState.FILED
    complete, partial = sets_of(work.desk.demo.sandbox.store, capture_of(work.page))
    assert (len(complete), partial) == (1, [])
    assert work.browser.get(page.url).status == 200


@pytest.mark.parametrize("path", ["/fhir/Patient", "/fhir"])
def test_an_ehr_that_never_answers_a_page(work: Work, path: str) -> None:
    with work.desk.later(dt.timedelta(minutes=2)):
        work.desk.break_ehr(Fault(kind="slow", match=Match(path=path), seconds=30, times=9))
        page = work.browser.get(work.page.url)
        assert page.status in (503, 504)
        assert_explained(page, page.status, says="What to do now")
        work.desk.demo.sandbox.faults.clear()
    work.assert_nothing_lost_nothing_filed()


def test_an_ehr_that_is_overrun_says_when_to_come_back(work: Work) -> None:
    with work.desk.later(dt.timedelta(minutes=2)):
        work.desk.break_ehr(Fault(kind="too-many-requests", match=Match(path="/fhir/Patient"), retry_after=17, times=9))
        reply = work.browser.upload(work.page, f"{work.page.url}/images", a_jpeg(31), "image/jpeg")
        assert_explained(reply, 503)
        assert reply.headers["Retry-After"] == "17"
        work.desk.demo.sandbox.faults.clear()
    work.assert_nothing_lost_nothing_filed()


@pytest.mark.parametrize(
    ("like", "path"),
    [
        ("default", "/fhir/Binary"),
        ("default", "/fhir/?$"),
        ("no-transaction", "/fhir/?$"),
        ("server-ids", "/fhir/Binary"),
        ("server-ids", "/fhir/Media"),
        ("server-ids", "/fhir/Provenance"),
        ("server-ids", "/fhir/Consent"),
        ("server-ids", "/fhir/DocumentReference"),
    ],
)
def test_an_ehr_that_says_201_and_stores_nothing(tmp_path: Path, browser: Browser, like: str, path: str) -> None:
    clock, transport = ShiftedClock(), CountingTransport()
    demo = start_demo(tmp_path, like=like, clock=clock, transport=transport)
    try:
        page = begin(browser, launch(demo, browser))
        image = add(browser, page, a_jpeg(), "image/jpeg")
        work = Work(Desk(demo, clock, transport), browser, page, image, answers_for([image]))
        browser.post(page, f"{page.url}/answers", work.form)
        demo.sandbox.faults.add(Fault(kind="not-stored", match=Match(method="PUT|POST", path=path)))
        shown = work.file()
        assert not demo.sandbox.faults.waiting()
        assert shown.status == 200 and "Not filed" in shown.text
        work.assert_nothing_lost_nothing_filed()
        work.assert_files_after_all()
    finally:
        demo.stop()


def test_two_presses_at_once_file_one_set(work: Work) -> None:
    pages: list[Page] = []

    def press() -> None:
        with closing(Browser()) as twin:
            for cookie in work.browser._session.cookies:
                twin._session.cookies.set_cookie(cookie)
            pages.append(twin.post(work.page, f"{work.page.url}/file", work.form))

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {page.status for page in pages} <= {200, 400, 409}, [page.status for page in pages]
    for _ in range(3):
        if work.draft.state is DraftState.FILING:
            with work.desk.later(dt.timedelta(minutes=5)):
                work.desk.demo.installation.resume()
    complete, partial = sets_of(work.desk.demo.sandbox.store, capture_of(work.page))
    assert (len(complete), partial) == (1, [])
