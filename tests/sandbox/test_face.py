"""The pages of the EHR: who may see them, what they show, and that nothing in a record becomes markup."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.serve import RunningSandbox, running_sandbox
from tests.sandbox.app_under_test import App, returned
from tests.sandbox.conftest import TODAY, MakeApp

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}"
PAGES = [
    "/patients",
    "/chart/p-adult-1",
    "/chart/p-adult-1/raw/Patient/p-adult-1",
    "/chart/p-died",
]


class Tags(HTMLParser):
    """Every tag of a page with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture
def browser(ehr: RunningSandbox) -> requests.Session:
    session = requests.Session()
    assert session.get(f"{ehr.origin}/sign-in/as/gp", timeout=5).status_code == 200
    return session


def _chart(session: requests.Session, ehr: RunningSandbox, patient: str) -> str:
    answer = session.get(f"{ehr.origin}/chart/{patient}", timeout=5)
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize("path", [*PAGES, "/record/Patient/p-adult-1", "/chart/p-adult-1/tab?client=x"])
def test_nobody_sees_a_page_without_signing_in(ehr: RunningSandbox, path: str) -> None:
    answer = requests.get(f"{ehr.origin}{path}", allow_redirects=False, timeout=5)
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/sign-in"


def test_signing_in_leads_to_where_one_wanted_to_go(ehr: RunningSandbox) -> None:
    with requests.Session() as session:
        page = session.get(f"{ehr.origin}/chart/p-child-7?x=1", timeout=5)
        assert page.url == f"{ehr.origin}/sign-in"
        arrived = session.post(f"{ehr.origin}/sign-in", data={"user": "receptionist"}, timeout=5)
        assert arrived.url == f"{ehr.origin}/chart/p-child-7?x=1"
        assert "Ms Joanna Kowalska, Receptionist" in arrived.text
        left = session.post(f"{ehr.origin}/sign-out", timeout=5)
        assert left.url == f"{ehr.origin}/sign-in"
        assert session.get(f"{ehr.origin}/patients", timeout=5).url == f"{ehr.origin}/sign-in"


def test_signing_in_as_nobody_or_from_another_site_is_refused(ehr: RunningSandbox) -> None:
    where = f"{ehr.origin}/sign-in"
    assert requests.post(where, data={"user": "nobody"}, timeout=5).status_code == 400
    elsewhere = {"Origin": "https://other.invalid"}
    assert requests.post(where, data={"user": "gp"}, headers=elsewhere, timeout=5).status_code == 403
    for own in ({"Origin": ehr.origin}, {"Origin": "null", "Sec-Fetch-Site": "same-origin"}):
        assert requests.post(where, data={"user": "gp"}, headers=own, timeout=5).status_code == 200
    for other in ({"Origin": "null"}, {"Origin": ehr.origin, "Sec-Fetch-Site": "cross-site"}):
        assert requests.post(where, data={"user": "gp"}, headers=other, timeout=5).status_code == 403


@pytest.mark.parametrize("path", ["/sign-in", *PAGES, "/nowhere"])
def test_every_page_says_what_it_is_and_lets_nothing_in(
    ehr: RunningSandbox, browser: requests.Session, path: str
) -> None:
    answer = browser.get(f"{ehr.origin}{path}", timeout=5)
    assert "Sandbox: synthetic people only" in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "script-src" not in policy
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    tags = Tags(answer.text)
    assert tags.named("html")[0]["lang"] == "en-GB"
    assert len(tags.named("h1")) == 1 or path.endswith("frame")
    assert not tags.named("script")
    assert not [a for _, attributes in tags.found for a in attributes if a.startswith("on") or a == "style"]
    for link in (*tags.named("link"), *tags.named("img")):
        assert str(link.get("href") or link.get("src")).startswith("/static/")


def test_the_list_finds_by_name_and_number(ehr: RunningSandbox, browser: requests.Session) -> None:
    def found(text: str) -> list[str]:
        page = browser.get(f"{ehr.origin}/patients", params={"find": text}, timeout=5).text
        return re.findall(r"/chart/([\w-]+)", page)

    assert len(found("")) >= 10
    assert found("anand") == ["p-adult-1"]
    assert found("999 339 5633") == ["p-adult-1"]
    assert found("nobody at all") == []


def test_the_header_names_the_patient_in_full(ehr: RunningSandbox, browser: requests.Session) -> None:
    page = _chart(browser, ehr, "p-adult-1")
    for text in ("ANAND, Priya Lakshmi (Mrs)", "(34y)", "20-Sep-1992", "999 339 5633", "Female"):
        assert text in page
    assert "Died 27-Oct-2026" in _chart(browser, ehr, "p-died")


def test_nothing_in_a_record_becomes_markup() -> None:
    with running_sandbox(SandboxConfig(today=TODAY)) as ehr, requests.Session() as browser:
        browser.get(f"{ehr.origin}/sign-in/as/gp", timeout=5)
        _fill_with_markup_and_look(ehr, browser)


def _fill_with_markup_and_look(ehr: RunningSandbox, browser: requests.Session) -> None:
    label = {"system": "http://x.invalid", "code": HOSTILE, "display": HOSTILE}
    ehr.store.put(
        {
            "resourceType": "Patient",
            "id": "p-hostile",
            "name": [{"family": HOSTILE, "given": [HOSTILE], "prefix": [HOSTILE]}],
            "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": HOSTILE}],
            "gender": "unknown",
        }
    )
    subject = {"reference": "Patient/p-hostile"}
    media = ehr.store.create(
        {
            "resourceType": "Media",
            "status": "completed",
            "subject": subject,
            "meta": {"security": [label]},
            "bodySite": {"text": HOSTILE},
            "reasonCode": [{"text": HOSTILE}],
            "content": {"contentType": "image/jpeg", "title": HOSTILE},
        }
    )
    ehr.store.create(
        {
            "resourceType": "Flag",
            "status": "active",
            "code": {"text": HOSTILE},
            "subject": subject,
        }
    )
    ehr.store.create(
        {
            "resourceType": "RelatedPerson",
            "patient": subject,
            "name": [{"family": HOSTILE}],
            "relationship": [{"text": HOSTILE}],
        }
    )
    ehr.store.create(
        {
            "resourceType": "Provenance",
            "target": [{"reference": f"Media/{media['id']}"}],
            "recorded": "2026-11-20T10:00:00Z",
            "agent": [{"who": {"display": HOSTILE}}],
        }
    )
    pages = [
        _chart(browser, ehr, "p-hostile"),
        browser.get(f"{ehr.origin}/patients", timeout=5).text,
        browser.get(f"{ehr.origin}/patients", params={"find": HOSTILE}, timeout=5).text,
        browser.get(f"{ehr.origin}/chart/p-hostile/raw/Media/{media['id']}", timeout=5).text,
    ]
    ehr.store.put({"resourceType": "Patient", "id": "p-hostile", "active": False})
    for page in pages:
        assert "alert(1)" in page
        assert "{{7*7}}" in page
        tags = Tags(page)
        assert not tags.named("script")
        assert not tags.named("img")
    assert "Name unknown" in _chart(browser, ehr, "p-hostile")


def _file(ehr: RunningSandbox, patient: str) -> dict[str, Any]:
    """A Media with its picture, and a Provenance and an AuditEvent around it."""
    binary = ehr.store.create(
        {
            "resourceType": "Binary",
            "contentType": "image/png",
            "securityContext": {"reference": f"Patient/{patient}"},
            "data": base64.b64encode(b"\x89PNG the picture").decode(),
        }
    )
    media = ehr.store.create(
        {
            "resourceType": "Media",
            "status": "completed",
            "subject": {"reference": f"Patient/{patient}"},
            "meta": {
                "security": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
                        "code": "R",
                        "display": "restricted",
                    }
                ]
            },
            "bodySite": {"text": "Left forearm"},
            "content": {"contentType": "image/png", "url": f"Binary/{binary['id']}"},
        }
    )
    ehr.store.create(
        {
            "resourceType": "Provenance",
            "target": [{"reference": f"Media/{media['id']}"}],
            "recorded": "2026-11-20T10:00:00Z",
            "agent": [{"who": {"reference": "Practitioner/prac-gp", "display": "Dr Nwosu"}}],
        }
    )
    ehr.store.create(
        {
            "resourceType": "AuditEvent",
            "type": {"code": "rest", "display": "RESTful operation"},
            "recorded": "2026-11-20T10:00:00Z",
            "agent": [{"who": {"reference": "Practitioner/prac-gp"}, "requestor": True}],
            "source": {"observer": {"display": "test"}},
            "entity": [{"what": {"reference": f"Media/{media['id']}"}}],
        }
    )
    return media


def test_what_is_filed_stands_on_top_with_its_labels_and_raw_fhir(
    ehr: RunningSandbox, browser: requests.Session
) -> None:
    older, newer = _file(ehr, "p-child-15"), _file(ehr, "p-child-15")
    page = _chart(browser, ehr, "p-child-15")

    assert page.index(f'id="Media-{newer["id"]}"') < page.index(f'id="Media-{older["id"]}"')
    assert page.index(f'id="Media-{older["id"]}"') < page.index('id="history"')
    assert page.count("AuditEvent-") >= 2
    assert page.count("Provenance-") >= 2
    assert "restricted" in page
    assert "Left forearm" in page
    tags = Tags(page)
    assert not tags.named("img")
    raw = f"/chart/p-child-15/raw/Media/{newer['id']}"
    assert raw in [link["href"] for link in tags.named("a")]
    shown = browser.get(f"{ehr.origin}{raw}", timeout=5).text
    assert "&#34;resourceType&#34;: &#34;Media&#34;" in shown


def test_other_peoples_entries_are_not_in_the_chart(ehr: RunningSandbox, browser: requests.Session) -> None:
    media = _file(ehr, "p-child-16")
    assert f"Media-{media['id']}" in _chart(browser, ehr, "p-child-16")
    assert f"Media-{media['id']}" not in _chart(browser, ehr, "p-child-17")
    assert "Provenance" not in _chart(browser, ehr, "p-child-17")


def test_a_picture_is_shown_as_a_picture_of_its_own_chart_only(ehr: RunningSandbox, browser: requests.Session) -> None:
    media = _file(ehr, "p-child-16")
    where = f"{ehr.origin}/chart/{{}}/picture/Media/{media['id']}"
    shown = browser.get(where.format("p-child-16"), timeout=5)
    assert shown.content == b"\x89PNG the picture"
    assert shown.headers["Content-Type"] == "image/png"
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert browser.get(where.format("p-child-17"), timeout=5).status_code == 404
    page = ehr.store.create(
        {
            "resourceType": "Media",
            "status": "completed",
            "subject": {"reference": "Patient/p-child-16"},
            "content": {"contentType": "text/html", "data": base64.b64encode(b"<script>").decode()},
        }
    )
    refused = browser.get(f"{ehr.origin}/chart/p-child-16/picture/Media/{page['id']}", timeout=5)
    assert refused.status_code == 404


def test_links_from_outside_find_the_place_in_the_chart(ehr: RunningSandbox, browser: requests.Session) -> None:
    media = _file(ehr, "p-child-16")
    answer = browser.get(f"{ehr.origin}/record/Media/{media['id']}", allow_redirects=False, timeout=5)
    assert answer.headers["Location"] == f"/chart/p-child-16#Media-{media['id']}"
    for path in ("Media/none", "Organization/org-surgery", "Nonsense/1"):
        assert browser.get(f"{ehr.origin}/record/{path}", timeout=5).status_code == 404


def test_old_versions_and_deletions_can_be_read_raw(ehr: RunningSandbox, browser: requests.Session) -> None:
    flag = ehr.store.create(
        {
            "resourceType": "Flag",
            "status": "active",
            "code": {"text": "first words"},
            "subject": {"reference": "Patient/p-child-16"},
        }
    )
    ehr.store.put({**flag, "code": {"text": "second words"}})
    where = f"{ehr.origin}/chart/p-child-16/raw/Flag/{flag['id']}"
    assert "second words" in browser.get(where, timeout=5).text
    assert "first words" in browser.get(where, params={"version": "1"}, timeout=5).text
    assert browser.get(where, params={"version": "9"}, timeout=5).status_code == 404
    assert browser.get(f"{ehr.origin}/chart/p-child-16/raw/Flag/none", timeout=5).status_code == 404
    assert browser.get(f"{ehr.origin}/chart/p-child-16/raw/Nonsense/1", timeout=5).status_code == 404
    assert browser.get(f"{ehr.origin}/chart/p-nobody", timeout=5).status_code == 404


# ------------------------------------------------------------------------------------------ launching


def test_launching_in_a_frame_keeps_our_header_and_frames_the_app_alone(
    ehr: RunningSandbox, browser: requests.Session, make_app: MakeApp
) -> None:
    app = make_app()
    answer = browser.get(
        f"{ehr.origin}/chart/p-child-14/frame",
        params={"client": app.client_id, "visit": "enc-child-14-1"},
        timeout=5,
    )
    (frame,) = Tags(answer.text).named("iframe")
    assert frame["title"] == app.registration.name
    assert "MALIK, Zainab (Miss)" in answer.text
    assert "frame-src 'self' https://app.invalid" in answer.headers["Content-Security-Policy"]
    token = _redeem(app, str(frame["src"]))
    assert token["patient"] == "p-child-14"
    assert token["encounter"] == "enc-child-14-1"
    assert token["need_patient_banner"] is False


def test_launching_in_a_tab_leads_to_the_app_which_must_name_the_patient(
    ehr: RunningSandbox, browser: requests.Session, make_app: MakeApp
) -> None:
    app = make_app()
    answer = browser.get(
        f"{ehr.origin}/chart/p-child-14/tab",
        params={"client": app.client_id, "visit": ""},
        allow_redirects=False,
        timeout=5,
    )
    token = _redeem(app, answer.headers["Location"])
    assert token["need_patient_banner"] is True
    assert "encounter" not in token


def _redeem(app: App, url: str) -> dict[str, Any]:
    query = parse_qs(urlsplit(url).query)
    assert query["iss"] == [app.sandbox.fhir_base]
    code = returned(app.authorize(app.request(launch=query["launch"][0])))["code"]
    found: dict[str, Any] = app.exchange(code).json()
    return found


@pytest.mark.parametrize("way", ["frame", "tab"])
@pytest.mark.parametrize("query", ["", "?client=nobody", "?client={app}&visit=enc-adult-1-1"])
def test_launching_what_is_not_there_is_refused(
    ehr: RunningSandbox, browser: requests.Session, app: App, way: str, query: str
) -> None:
    where = f"{ehr.origin}/chart/p-child-14/{way}{query.format(app=app.client_id)}"
    assert browser.get(where, allow_redirects=False, timeout=5).status_code == 404


def test_the_chart_offers_every_registered_app(
    ehr: RunningSandbox, browser: requests.Session, make_app: MakeApp
) -> None:
    name = make_app().registration.name
    page = _chart(browser, ehr, "p-adult-1")
    assert name in page
    assert "formtarget" in page
    policy = browser.get(f"{ehr.origin}/chart/p-adult-1", timeout=5).headers["Content-Security-Policy"]
    assert "form-action 'self' https://app.invalid" in policy
