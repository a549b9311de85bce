"""The whole journey without a screen: launch, add a photo, answer, file, look, disclose, destroy. Over real HTTP.

What the EHR holds afterwards is read from the EHR itself, not from what the app says.
"""

from __future__ import annotations

import hashlib
import mimetypes
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from fhir_plugin.demo import CLIENT_ID, Demo
from fhir_plugin.errors import PluginError, Refused, Unavailable
from fhir_plugin.ports import ClinicalRecord
from fhir_plugin.walkthrough_deletion import destroyed, unlike_any_other
from fhir_plugin.walkthrough_disclosures import OFFICER, disclosures, drawn_thing, intimate_answers
from fhir_plugin.web.access import clinical_session
from mappings.model.identifiers import CaptureId, LaunchId, Reference
from mappings.model.people import ClinicalSession
from mappings.r4.attachment import attachment_of, inline_content

TIMEOUT = 60
DEMO_CLINICIAN = "gp"
DEMO_PATIENT = "p-adult-2"
DEMO_VISIT = "enc-adult-2-1"
"""Today's consultation of that patient: some EHRs file documents within one alone."""
ANSWERS = {
    "purpose": "Rash on the forearm, to compare in two weeks",
    "face_to_face": "yes",
    "arrival": "taken-now",
    "consent_receive": "given",
    "consent_store": "given",
    "consent_form": "verbal",
    "understood": "yes",
    "photographer": "clinician",
    "device": "organisation",
    "identity": "in-person",
    "intimacy": "no",
    "findings": "Well-defined red plaque, 3 cm, scaling. No signs of infection.",
    "advice": "Emollient twice daily. Come back if it spreads, weeps or becomes painful.",
}
FOREARM = "14975008"


class JourneyRefused(Refused):
    """The app refused the picture, with a reason. That is an outcome, not a failure."""


@dataclass
class Page:
    """What a script of the page would read from it."""

    url: str
    status: int
    text: str = field(repr=False)
    meta: dict[str, str] = field(default_factory=dict, repr=False)


class _Meta(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "meta" and values.get("name"):
            self.found[str(values["name"])] = values.get("content") or ""


class Browser:
    """A browser's part: cookies (Secure ones on loopback too, as browsers do), redirects, page values."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False

    def close(self) -> None:
        self._session.close()

    @property
    def cookies(self) -> dict[str, str]:
        """What this browser holds, by name."""
        return {cookie.name: cookie.value or "" for cookie in self._session.cookies}

    def get(self, url: str) -> Page:
        return self.send("GET", url)

    def post(self, page: Page, url: str, form: dict[str, str] | None = None) -> Page:
        """A form of `page`: with its CSRF token, its patient and its identity digest."""
        carried = {
            "csrf_token": page.meta.get("csrf-token", ""),
            "patient": page.meta.get("patient", ""),
            "identity_seen": page.meta.get("identity", ""),
        }
        return self.send("POST", urljoin(page.url, url), data={**carried, **(form or {})})

    def upload(self, page: Page, url: str, content: bytes, declared_type: str) -> requests.Response:
        headers = {
            "Content-Type": "application/octet-stream",
            "X-File-Type": declared_type,
            "X-CSRFToken": page.meta.get("csrf-token", ""),
            "X-Patient": page.meta.get("patient", ""),
            "X-Identity": page.meta.get("identity", ""),
            "X-Requested-With": "fetch",
        }
        return self._session.put(
            urljoin(page.url, url), data=content, headers=headers, timeout=TIMEOUT, allow_redirects=False
        )

    def send(self, method: str, url: str, **options: Any) -> Page:
        """Follows redirects as a browser does: every 303 by GET."""
        for _ in range(10):
            reply = self._session.request(method, url, timeout=TIMEOUT, allow_redirects=False, **options)
            for cookie in self._session.cookies:
                cookie.secure = False  # browsers hold loopback for trustworthy and send Secure cookies there
            if reply.status_code not in (301, 302, 303, 307, 308):
                meta = _Meta()
                meta.feed(reply.text)
                return Page(url, reply.status_code, reply.text, meta.found)
            method, url, options = "GET", urljoin(url, reply.headers["Location"]), {}
        raise Unavailable("the journey went round in circles", code="redirects")


@contextmanager
def open_browser() -> Iterator[Browser]:
    browser = Browser()
    try:
        yield browser
    finally:
        browser.close()


def launch(
    demo: Demo, browser: Browser, *, user: str = DEMO_CLINICIAN, patient: str = DEMO_PATIENT, visit: str | None = None
) -> Page:
    """Opens the app from the chart, or from one visit of it: the gallery of this launch."""
    asked = requests.post(
        f"{demo.sandbox.origin}/_sandbox/launch",
        json={"client_id": CLIENT_ID, "user": user, "patient": patient, "encounter": visit},
        timeout=TIMEOUT,
    )
    asked.raise_for_status()
    page = browser.get(asked.json()["launch_url"])
    if page.status != 200:
        raise PluginError(f"the launch ended with HTTP {page.status}", code="launch-failed")
    return page


def begin(browser: Browser, gallery: Page) -> Page:
    """*Add images*: the empty capture's page."""
    return _need(browser.post(gallery, "captures"), 200, "begin a capture")


def add(browser: Browser, capture: Page, content: bytes, declared_type: str) -> str:
    """Adds one picture and returns its id. Raises `JourneyRefused` with the app's own words."""
    reply = browser.upload(capture, f"{capture.url.rstrip('/')}/images", content, declared_type)
    if reply.status_code != 201:
        said = reply.json()["error"]
        raise JourneyRefused(said["message"] or said["title"], code=said["code"])
    return reply.headers["X-Image"]


def answers_for(images: list[str], **changed: str) -> dict[str, str]:
    """A straightforward adult's photograph of a forearm, answered in full."""
    form = {**ANSWERS, "whole": "1", **changed}
    for image in images:
        form |= {f"site-{image}": FOREARM, f"laterality-{image}": "left", f"decision-{image}": "store"}
    return form


def launch_of(page: Page) -> LaunchId:
    return LaunchId(urlsplit(page.url).path.split("/")[2])


def capture_of(page: Page) -> CaptureId:
    return CaptureId(urlsplit(page.url).path.split("/")[4])


def walk(demo: Demo, photo: bytes, declared_type: str, *, packages: Path | None = None) -> dict[str, Any]:
    """The journey for one photo. Returns what the command prints; raises `JourneyRefused` or `PluginError`.

    `packages`: a folder for what is disclosed afterwards, and another image is filed and destroyed; without, neither.
    """
    seconds: dict[str, float] = {}

    @contextmanager
    def timed(step: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        seconds[step] = round(time.perf_counter() - start, 3)

    with ExitStack() as others, open_browser() as browser:

        def at_the_chart(user: str) -> ClinicalSession:
            page = launch(demo, others.enter_context(open_browser()), user=user)
            return clinical_session(demo.installation.sessions.get(launch_of(page)))

        with timed("launch"):
            gallery = launch(demo, browser, visit=DEMO_VISIT)
        with timed("add"):
            capture = begin(browser, gallery)
            image = add(browser, capture, photo, declared_type)
        with timed("answer"):
            form = answers_for([image])
            _need(browser.post(capture, f"{capture.url}/answers", form), 200, "save the answers")
        with timed("file"):
            receipt = browser.post(capture, f"{capture.url}/file", form)
            if receipt.status == 422:
                raise _what_stops(demo, capture)
            _need(receipt, 200, "file")
        with timed("read_back"):
            result = _what_the_ehr_holds(demo, receipt, photo)
        if packages is not None:
            with timed("file_intimate"):
                # what an insurer must not get
                intimate = _file_another(demo, browser, gallery, drawn_thing(), intimate_answers)
            made = disclosures(demo, at_the_chart(OFFICER), intimate, packages, timed)
            result |= {"intimate_media": intimate, **made}
            with timed("file_unwanted"):
                unwanted = _file_another(demo, browser, gallery, unlike_any_other(), lambda _image: {})
            result |= destroyed(demo, at_the_chart, unwanted, timed)
        return {**result, "seconds": seconds}


def _file_another(
    demo: Demo, browser: Browser, gallery: Page, photo: bytes, more: Callable[[str], dict[str, str]]
) -> str:
    """One more image, of a thing; returns what it is in the record. `more`: what is said about it beyond the usual."""
    capture = begin(browser, gallery)
    image = add(browser, capture, photo, "image/jpeg")
    form = {**answers_for([image]), **more(image)}
    _need(browser.post(capture, f"{capture.url}/answers", form), 200, "save the answers")
    receipt = browser.post(capture, f"{capture.url}/file", form)
    if receipt.status == 422:
        raise _what_stops(demo, capture)
    return str(_what_the_ehr_holds(demo, _need(receipt, 200, "file"), photo)["media"])


def _what_stops(demo: Demo, page: Page) -> JourneyRefused:
    session = clinical_session(demo.installation.sessions.get(launch_of(page)))
    view = demo.installation.captures.assess(session, capture_of(page))
    if view.holds:
        return JourneyRefused(f"{view.holds[0].text} {view.holds[0].action}", code=view.holds[0].code)
    return JourneyRefused(" ".join(view.missing.values()), code="incomplete")


def _what_the_ehr_holds(demo: Demo, page: Page, photo: bytes) -> dict[str, Any]:
    kept = demo.installation.sessions.get(launch_of(page))
    receipt = demo.installation.captures.receipt(clinical_session(kept), capture_of(page))
    if receipt.state != "filed":
        raise PluginError(
            f"the capture ended as {receipt.state}: {receipt.message}", code=receipt.reason or "not-filed"
        )
    line = receipt.filed[0]
    record = demo.installation.records.record_of(kept.launch_id)
    media = record.read(*line.reference.split("/"))
    address = attachment_of(media).get("url")
    stored = record.read_binary(address).content if address else inline_content(media)
    return {
        "patient": f"Patient/{kept.patient}",
        "media": line.reference,
        "binary": line.binary,
        "consent": receipt.consent,
        "provenance": line.provenance,
        "audit_event": receipt.audit_event,
        "note": receipt.note,
        "labels": [f"{label['system']}|{label['code']}" for label in media["meta"]["security"]],
        "sha256_received": hashlib.sha256(photo).hexdigest(),
        "sha256_clean": line.sha256_clean,
        "sha256_read_back": hashlib.sha256(stored).hexdigest(),
        "removed_metadata": list(line.removed),
        "outcome": receipt.state,
        "rung": line.rung.value,
        "in_chart": list(receipt.in_chart),
        "chart_copy": None if line.document is None else _copy_in_chart(record, line.document),
    }


def _copy_in_chart(record: ClinicalRecord, document: Reference) -> dict[str, Any]:
    """What stands in a chart that takes no images, as the chart shows it."""
    attachment = attachment_of(record.read(*document.split("/")))
    return {"document": document, "content_type": attachment.get("contentType"), "bytes": attachment.get("size")}


def declared_type_of(path: Path) -> str:
    """What a browser would say about a file by its name. The app does not believe it."""
    known = {".heic": "image/heic", ".heif": "image/heif", ".webp": "image/webp"}
    return known.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def _need(page: Page, status: int, what: str) -> Page:
    if page.status != status:
        raise PluginError(f"HTTP {page.status} when asked to {what}", code="journey-failed")
    return page
