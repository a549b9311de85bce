"""What a tester is told of exchanges that went otherwise than they should, and what is never kept of any."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any

import pytest

from fhir_plugin.tester import shown
from fhir_plugin.tester.resources import Written, written
from fhir_plugin.tester.validating import R4, validators_words, version_told
from fhir_plugin.tester.watching import MOST_EXCHANGES, MOST_LAUNCHES, Said, Watch

Json = dict[str, Any]

BASE = "https://ehr.example/r4"
MEDIA: Json = {
    "resourceType": "Media",
    "meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]},
    "status": "completed",
    "subject": {"reference": "Patient/p1"},
    "content": {"contentType": "image/jpeg", "url": "Binary/b1"},
}
SECRET = "very-secret-value-0a1b2c"


def said(number: int, method: str, path: str, **more: Any) -> Said:
    values: Json = {
        "at": dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        "request_headers": {},
        "request_text": "",
        "request_json": None,
        "status": 200,
        "response_headers": {"Content-Type": "application/fhir+json"},
        "response_text": "",
        "response_json": None,
        "milliseconds": 1,
    }
    return Said(number=number, method=method, url=f"{BASE}/{path}", **{**values, **more})


def one(*exchanges: Said) -> Written:
    (found,) = written(exchanges)
    return found


def stored(**changes: Any) -> Json:
    return {**MEDIA, "id": "m1", **changes}


CREATED = {"status": 201, "response_headers": {"Location": f"{BASE}/Media/m1/_history/1"}}


def test_a_label_that_was_lost_is_seen() -> None:
    found = one(
        said(1, "POST", "Media", request_json=MEDIA, **CREATED),
        said(2, "GET", "Media/m1", response_json=stored(meta={"versionId": "1", "lastUpdated": "2026-01-02"})),
    )
    assert found.reference == "Media/m1"
    assert found.words == "came back with 8 lines different"
    assert '-        "code": "R",' in found.difference
    assert not any("versionId" in line for line in found.difference)


def test_what_servers_write_themselves_is_no_difference() -> None:
    back = stored(meta={**MEDIA["meta"], "versionId": "7", "lastUpdated": "2026-01-02", "source": "#x"})
    found = one(said(1, "POST", "Media", request_json=MEDIA, **CREATED), said(2, "GET", "Media/m1", response_json=back))
    assert found.words == "came back as it was sent"
    assert found.difference == []


def test_what_nobody_read_is_said_to_be_unread_and_an_answer_is_better_than_nothing() -> None:
    assert one(said(1, "POST", "Media", request_json=MEDIA, **CREATED)).words == "not read back"
    told = said(1, "POST", "Media", request_json=MEDIA, status=201, response_json=stored(status="in-progress"))
    assert one(told).words == "came back with 2 lines different"
    outcome = {"resourceType": "OperationOutcome", "issue": []}
    assert one(said(1, "POST", "Media", request_json=MEDIA, status=422, response_json=outcome)).back is None


def test_each_write_is_held_against_what_was_read_before_the_next() -> None:
    second = {**MEDIA, "status": "entered-in-error"}
    first, last = written(
        [
            said(1, "POST", "Media", request_json=MEDIA, **CREATED),
            said(2, "GET", "Media/m1", response_json=stored()),
            said(3, "PUT", "Media/m1", request_json={**second, "id": "m1"}),
            said(4, "GET", "Media/m1/_history/2", response_json=stored(status="entered-in-error")),
            said(5, "GET", "Media/other", response_json=stored(status="unknown")),
        ]
    )
    assert [first.words, last.words] == ["came back as it was sent"] * 2


def test_bytes_that_came_back_as_others() -> None:
    raw = {"request_headers": {"Content-Type": "image/jpeg", "X-Security-Context": "Patient/p1"}, "status": 201}
    sent = said(1, "POST", "Binary", request_bytes=shown.of_bytes(b"sent"), **raw)
    where = {"response_headers": {"Location": "Binary/b1", "Content-Type": "image/jpeg"}}
    sent = Said(**{**sent.__dict__, **where})
    for content, words in ((b"sent", "its bytes came back as they were sent"), (b"else", "came back with 2 lines")):
        read = said(
            2, "GET", "Binary/b1", response_bytes=shown.of_bytes(content), response_headers=where["response_headers"]
        )
        assert one(sent, read).words.startswith(words)


def test_the_entries_of_a_transaction() -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"fullUrl": "urn:uuid:1", "resource": MEDIA, "request": {"method": "PUT", "url": "Media/m1"}},
            {"resource": {"resourceType": "Consent"}, "request": {"method": "POST", "url": "Consent"}},
        ],
    }
    answer = {
        "resourceType": "Bundle",
        "type": "transaction-response",
        "entry": [
            {"response": {"status": "201 Created", "location": f"{BASE}/Media/m1/_history/1"}, "resource": stored()}
        ],
    }
    media, consent = written([said(1, "POST", "", request_json=bundle, response_json=answer)])
    assert (media.reference, media.method, media.status) == ("Media/m1", "PUT in a transaction", "201 Created")
    assert media.words == "came back as it was sent"
    assert (consent.reference, consent.words) == ("Consent", "not read back")
    assert any("scope" in words or "category" in words for words in consent.said_of_sent)


def test_words_of_a_validator() -> None:
    assert validators_words(MEDIA) == ()
    assert validators_words(None) == ()
    with_bytes = {**MEDIA, "content": {"contentType": "image/jpeg", "data": shown.of_bytes(b"x")}}
    assert validators_words(with_bytes) == ()
    assert any("subjekt" in words for words in validators_words({**MEDIA, "subjekt": "x"}))
    (words,) = validators_words({key: value for key, value in MEDIA.items() if key != "content"})
    assert words.startswith("Media")
    assert validators_words(MEDIA, "5.0.0") == ("Media: no resource type of R5",)
    document = {
        "resourceType": "DocumentReference",
        "status": "current",
        "content": [{"attachment": {"url": "Binary/1"}}],
    }
    assert validators_words(document, "5.0.0") == ()
    assert validators_words({**document, "status": 7}, "5.0.0")


def test_the_version_is_what_the_server_says() -> None:
    statement = {"resourceType": "CapabilityStatement", "fhirVersion": "5.0.0"}
    assert version_told([said(1, "GET", "metadata", response_json=statement)]) == "5.0.0"
    assert version_told([said(1, "GET", "metadata")]) == R4


# ------------------------------------------------------------------------------------------------- what is never kept


@pytest.mark.parametrize("name", ["code", "state", "launch", "access_token", "nonce"])
def test_an_address_keeps_no_secret(name: str) -> None:
    assert SECRET not in shown.url(f"{BASE}/callback?x=1&{name}={SECRET}")
    assert "x=1" in shown.url(f"{BASE}/callback?x=1&{name}={SECRET}")


@pytest.mark.parametrize("name", ["code", "code_verifier", "refresh_token", "client_assertion", "client_secret", "any"])
def test_a_form_keeps_no_secret(name: str) -> None:
    text = shown.form({"grant_type": "authorization_code", name: SECRET})
    assert SECRET not in text
    assert "grant_type = authorization_code" in text


def test_a_body_keeps_neither_tokens_nor_bytes() -> None:
    photo = base64.b64encode(b"p" * 900).decode()
    body = {"access_token": SECRET, "deep": [{"id_token": SECRET}], "content": {"data": photo}, "short": "abc"}
    text = shown.text(json.dumps(body).encode(), "application/json")
    assert SECRET not in text
    assert photo not in text
    assert "(900 bytes, SHA-256 " in text
    assert '"short": "abc"' in text
    coding = json.dumps({"coding": [{"code": "14975008"}], "status": "completed"}).encode()
    assert "14975008" in shown.text(coding, "application/fhir+json")
    assert shown.headers({"Authorization": SECRET, "Set-Cookie": SECRET, "ETag": "1"}) == {"ETag": "1"}
    assert shown.text(b"\xff\xd8" * 500, "image/jpeg").startswith("(1000 bytes")
    assert shown.text(b"<p>no</p>", "text/html") == "<p>no</p>"
    assert shown.text(b"{not json", "application/json") == "{not json"


def test_claims_of_what_is_no_jwt() -> None:
    for token in (
        "opaque",
        "a.b",
        "a.!!.c",
        "a.e30x.c",
        None,
        7,
        "a." + base64.urlsafe_b64encode(b"[1]").decode() + ".c",
    ):
        assert shown.claims(token) is None
    body = base64.urlsafe_b64encode(b'{"sub": "gp"}').decode().rstrip("=")
    assert shown.claims(f"h.{body}.s") == {"sub": "gp"}


def hear(watch: Watch, token: str | None = None, form: Json | None = None, answer: Json | None = None) -> None:
    values = {key: value for key, value in said(0, "GET", "Media").__dict__.items() if key != "number"}
    watch.hear(values, token, form, answer)


def test_each_token_belongs_to_one_launch_and_all_of_it_is_bounded() -> None:
    watch = Watch()
    for number in range(MOST_LAUNCHES + 3):
        watch.expect()
        grant = {"access_token": f"a{number}", "refresh_token": f"r{number}", "scope": "x", "patient": f"p{number}"}
        hear(watch, form={"grant_type": "authorization_code"}, answer=grant)
        launch = watch.begun()
        assert launch is not None
        launch.browser = f"browser-{number}"
    assert watch.last_of("browser-0") is None
    assert watch.last_of("") is None
    newest = watch.last_of(f"browser-{MOST_LAUNCHES + 2}")
    assert newest is not None
    last = MOST_LAUNCHES + 2
    hear(watch, form={"grant_type": "refresh_token", "refresh_token": f"r{last}"}, answer={"access_token": "new-one"})
    for _ in range(MOST_EXCHANGES + 10):
        hear(watch, token="new-one")
    hear(watch, token="a5")
    hear(watch, token="nobody's")
    assert newest.refreshed == 1
    assert newest.parameters["patient"] == f"p{last}"
    assert len(watch.of(newest)) == MOST_EXCHANGES
    assert newest.heard == MOST_EXCHANGES + 12
    assert len(watch.without_a_token()) == 1
    assert "new-one" not in repr(newest)
    assert "a5" not in repr(watch.without_a_token())


def test_who_is_refused_begins_no_launch() -> None:
    watch = Watch()
    watch.expect()
    hear(watch, form={"grant_type": "authorization_code"}, answer={"error": "invalid_grant"})
    assert watch.begun() is None
    hear(watch, form={"grant_type": "client_credentials"}, answer={"access_token": "machine"})
    assert len(watch.without_a_token()) == 2
