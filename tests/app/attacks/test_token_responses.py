"""What comes with the token, and what is wrong with it: about whom, for how long, to do what."""

from __future__ import annotations

from typing import Any

import pytest

from tests.app.attacks.conftest import World
from tests.app.attacks.ehr import BASE, LOGIN, SCOPES, SECRETS, Said
from tests.app.attacks.expect import Refusal, assert_refused, assert_told_nobody

UNUSABLE = "Your EHR's answer cannot be used"
THEIRS = "service desk"
NO_PATIENT = "No patient's chart is open"
ELSEWHERE = {"type": "smart_on_fhir", "locations": ["https://other.example/r4"], "patient": "p2"}
TWO = {"type": "smart_on_fhir", "locations": [BASE], "patient": "p2"}


def unusable(code: str) -> Refusal:
    return Refusal(502, UNUSABLE, THEIRS, code)


NO_IDS: tuple[object, ...] = (
    "Patient/p1",
    "p1/../p2",
    "..",
    ".",
    "p1?x",
    "p1#x",
    "p 1",
    "p1\n",
    "é",
    "x" * 65,
    7,
    ["p1"],
    {"id": "p1"},
    True,
)
BAD: dict[str, tuple[dict[str, Any], Refusal]] = {
    "no access token": ({"access_token": None}, unusable("no-access-token")),
    "empty access token": ({"access_token": ""}, unusable("no-access-token")),
    "access token with a newline": ({"access_token": "a\r\nX-Told: b"}, unusable("bad-token")),
    "access token with a blank": ({"access_token": "a b"}, unusable("bad-token")),
    "access token that is an object": ({"access_token": {"a": 1}}, unusable("bad-token")),
    "access token not of ASCII": ({"access_token": "tök"}, unusable("bad-token")),
    "refresh token with a newline": ({"refresh_token": "a\nb"}, unusable("bad-token")),
    "id_token that is a list": ({"id_token": ["a"]}, unusable("bad-token")),
    "no token type": ({"token_type": None}, unusable("not-bearer")),
    "mac": ({"token_type": "mac"}, unusable("not-bearer")),
    "DPoP": ({"token_type": "DPoP"}, unusable("not-bearer")),
    "scope that is a list": ({"scope": list(SCOPES)}, unusable("bad-scope")),
    "scope that is a number": ({"scope": 7}, unusable("bad-scope")),
    "no patient": ({"patient": None}, Refusal(403, NO_PATIENT, "Open a patient's chart", "no-patient")),
    "empty patient": ({"patient": ""}, Refusal(403, NO_PATIENT, "Open a patient's chart", "no-patient")),
    "no patient, and none promised": (
        {"patient": None, "scope": "openid fhirUser user/*.cruds"},
        Refusal(403, NO_PATIENT, "Open a patient's chart", "no-patient"),
    ),
    "a patient elsewhere only": (
        {"patient": None, "authorization_details": [ELSEWHERE]},
        Refusal(403, NO_PATIENT, "Open a patient's chart", "no-patient"),
    ),
    "two patients": (
        {"authorization_details": [TWO]},
        Refusal(502, "Your EHR contradicts itself about the patient", "Close this tab", "context-contradiction"),
    ),
    **{f"patient {value!r}": ({"patient": value}, unusable("unusable-reply")) for value in NO_IDS},
    "encounter that climbs": ({"encounter": "../x"}, unusable("unusable-reply")),
}


@pytest.mark.parametrize("name", BAD)
def test_a_token_response_that_cannot_be_used(world: World, name: str) -> None:
    changes, expected = BAD[name]
    world.ehr.token.update(changes)
    visitor, kept = world.visitor(), world.kept()
    answer = visitor.come_back()
    assert_refused(visitor, answer, expected, kept)
    assert not [asked for asked in world.ehr.asked if "/Patient" in asked.url]


DUPLICATE = b'{"access_token":"a","token_type":"Bearer","scope":"patient/*.rs","patient":"p1","patient":"p2"}'
NOT_JSON: dict[str, Said] = {
    "NaN": Said(200, b'{"access_token":"a","token_type":"Bearer","expires_in":NaN}'),
    "form encoded": Said(200, b"access_token=a&token_type=Bearer", "application/x-www-form-urlencoded"),
    "deep nesting": Said(200, b"[" * 100_000),
    "a string": Said(200, b'"access"'),
    "half": Said(200, b'{"access_token":"a","tok'),
    "Latin-1": Said(200, '{"access_token":"é"}'.encode("latin-1")),
}


@pytest.mark.parametrize("name", NOT_JSON)
def test_an_answer_that_is_not_json(world: World, name: str) -> None:
    world.ehr.answers[f"{LOGIN}/token"] = NOT_JSON[name]
    visitor, kept = world.visitor(), world.kept()
    answer = visitor.come_back()
    assert_refused(visitor, answer, unusable("unusable-reply" if name == "a string" else "not-json"), kept)


def test_an_answer_that_names_two_patients_by_repeating_a_member(world: World) -> None:
    world.ehr.answers[f"{LOGIN}/token"] = Said(200, DUPLICATE)
    visitor, kept = world.visitor(), world.kept()
    assert_refused(visitor, visitor.come_back(), unusable("not-json"), kept)


def test_an_answer_that_never_ends(world: World) -> None:
    world.ehr.token.update(junk="x" * 600_000)
    visitor, kept = world.visitor(), world.kept()
    assert_refused(visitor, visitor.come_back(), unusable("reply-too-large"), kept)


READS = "openid fhirUser patient/Patient.rs patient/Media.rs patient/DocumentReference.rs user/Practitioner.rs"
ODD: dict[str, dict[str, Any]] = {
    "no scope": {"scope": None},
    "wider": {"scope": "openid fhirUser patient/*.cruds user/*.cruds system/*.cruds"},
    "v1 for v2": {"scope": "openid fhirUser patient/*.* user/*.read"},
    "as URIs": {"scope": "openid fhirUser http://smarthealthit.org/fhir/scopes/patient/*.cruds user/*.rs"},
    "repeated and muddled": {"scope": "patient/*.cruds  patient/*.cruds nonsense patient/.x user/*.rs\topenid"},
    "bearer in capitals": {"token_type": "BEARER"},
    "expires_in missing": {"expires_in": None},
    "expires_in negative": {"expires_in": -1},
    "expires_in nought": {"expires_in": 0},
    "expires_in huge": {"expires_in": 10**30},
    "expires_in a float": {"expires_in": 12.5},
    "expires_in text": {"expires_in": "900"},
    "expires_in words": {"expires_in": "soon"},
    "expires_in true": {"expires_in": True},
    "no refresh token": {"refresh_token": None},
    "empty refresh token": {"refresh_token": ""},
    "unknown members": {"__proto__": {"patient": "p2"}, "launch": "x", "Patient": "p2", "constructor": []},
    "broken context": {"fhirContext": "x", "need_patient_banner": [], "intent": {}, "tenant": 7, "smart_style_url": 1},
    "a style of another site": {"smart_style_url": "javascript:alert(1)"},
}


@pytest.mark.parametrize("name", ODD)
def test_a_token_response_that_is_odd_but_usable(world: World, name: str) -> None:
    world.ehr.token.update(ODD[name])
    visitor = world.visitor()
    page = visitor.home()
    assert page.status_code == 200, page.text
    assert '/Patient/p1">' in page.text
    assert "p2" not in "".join(asked.url for asked in world.ehr.asked)


def test_an_empty_scope_grants_nothing_and_the_page_says_so(world: World) -> None:
    world.ehr.token.update(scope="")
    visitor, kept = world.visitor(), world.kept()
    answer = visitor.come_back()
    assert answer.status_code in (303, 403)
    if answer.status_code == 403:
        assert world.kept() == kept
        return
    page = visitor.get("/".join(str(answer.headers["Location"]).split("/")[:3]) + "/")
    assert page.status_code < 500, page.text


def test_without_a_grant_to_write_the_pictures_are_shown_and_the_way_to_add_says_why(world: World) -> None:
    world.ehr.token.update(scope=READS)
    visitor = world.visitor()
    page = visitor.home()
    assert page.status_code == 200
    assert SECRETS["patient name"] in page.text
    assert [asked.url for asked in world.ehr.asked if asked.writes] == []


@pytest.mark.parametrize(
    ("status", "body"), [(404, b""), (410, b""), (403, b""), (500, b"boom"), (200, b"<html>")], ids=str
)
def test_a_patient_whom_the_ehr_does_not_have(world: World, status: int, body: bytes) -> None:
    world.ehr.answers[f"{BASE}/Patient/p1"] = Said(status, body, "text/html")
    visitor = world.visitor()
    page = visitor.home()
    assert 400 <= page.status_code <= 503 and page.status_code != 500
    assert_told_nobody(visitor, page)
    assert [asked.url for asked in world.ehr.asked if asked.writes] == []
