"""After the launch: refreshes that lie, links that lead away, frames and forms of others (smart-client D6, D8-D10)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import TestResponse

from smart_launch import AnswerLost, NotSent
from tests.app.attacks.conftest import Visitor, World, code_of, heading
from tests.app.attacks.ehr import BASE, DESCRIPTION, EVIL, LOGIN, SECRETS, Asked, Said
from tests.app.attacks.expect import assert_told_nobody

FHIR = "application/fhir+json"


def refreshes(world: World) -> list[Asked]:
    return [asked for asked in world.ehr.asked if asked.form.get("grant_type") == "refresh_token"]


def after_its_token_expired(world: World) -> tuple[Visitor, str]:
    """A launch whose access token is over, so that the next page asks for a refresh."""
    world.ehr.token["expires_in"] = 300
    visitor = world.visitor()
    home = visitor.launched()
    world.clock.advance(minutes=6)
    world.ehr.asked.clear()
    return visitor, home


def answered(**changes: Any) -> Said:
    body = {"access_token": "access-canary-2", "token_type": "Bearer", "expires_in": 900, **changes}
    return Said(200, {name: value for name, value in body.items() if value is not None})


def test_a_refresh_that_works(world: World) -> None:
    visitor, home = after_its_token_expired(world)
    world.ehr.answers[f"{LOGIN}/token"] = answered(refresh_token="refresh-canary-2")
    assert visitor.get(home).status_code == 200
    assert len(refreshes(world)) == 1
    assert {asked.headers["Authorization"] for asked in world.ehr.asked if asked.path == f"{BASE}/Patient/p1"} == {
        "Bearer access-canary-2"
    }


SIGN_IN = (401, "Your sign-in has ended", "sign-in-needed")
NOT_NOW = (503, "The record is not answering", "refresh-unavailable")
TOKEN = f"{LOGIN}/token"
REFRESHES: dict[str, tuple[Any, tuple[int, str, str]]] = {
    "invalid_grant": (Said(400, {"error": "invalid_grant", "error_description": DESCRIPTION}), SIGN_IN),
    "another patient": (answered(patient="p2", refresh_token="refresh-canary-2"), SIGN_IN),
    "another encounter": (answered(encounter="e9"), SIGN_IN),
    "a server error": (Said(500, DESCRIPTION.encode(), "text/html"), SIGN_IN),
    "HTML": (Said(200, b"<html>", "text/html"), SIGN_IN),
    "no token": (answered(access_token=None), SIGN_IN),
    "a token with a newline": (answered(access_token="a\r\nX-Told: 1"), SIGN_IN),
    "another kind of token": (answered(token_type="mac"), SIGN_IN),
    "a redirect": (Said(302, headers=(("Location", f"{EVIL}/token"),)), SIGN_IN),
    "an answer that is lost": (AnswerLost("Lost.", code="timeout"), SIGN_IN),
    "too many requests": (Said(429, headers=(("Retry-After", "30"),)), NOT_NOW),
    "maintenance": (Said(503, headers=(("Retry-After", "30"),)), NOT_NOW),
    "nobody there": (NotSent("Down.", code="refused"), NOT_NOW),
}


@pytest.mark.parametrize("name", REFRESHES)
def test_a_refresh_that_fails(world: World, name: str) -> None:
    said, (status, title, code) = REFRESHES[name]
    visitor, home = after_its_token_expired(world)
    world.ehr.answers[TOKEN] = said
    page = visitor.get(home)
    assert (page.status_code, heading(page), code_of(page)) == (status, title, code), page.text
    assert_told_nobody(visitor, page)
    assert SECRETS["access token"] not in repr([asked.headers for asked in world.ehr.asked]), "an old token was used"
    assert not [asked for asked in world.ehr.asked if asked.url.startswith(EVIL)]
    if page.status_code == 503:
        assert page.headers.get("Retry-After") == (None if isinstance(said, NotSent) else "30")
        del world.ehr.answers[TOKEN]
        world.clock.advance(seconds=40)
        assert visitor.get(home).status_code == 200, "a refresh token that was not used up is lost"
    else:
        used = len(refreshes(world))
        assert visitor.get(home).status_code == 401
        assert len(refreshes(world)) == used, "a refresh token that left once was sent again (D10)"


def test_a_refresh_with_narrower_scopes_narrows(world: World) -> None:
    visitor, home = after_its_token_expired(world)
    world.ehr.answers[TOKEN] = answered(scope="openid patient/Patient.rs")
    page = visitor.get(home)
    assert page.status_code in (200, 403, 502, 503)
    assert [asked.url for asked in world.ehr.asked if asked.writes] == []
    assert_told_nobody(visitor, TestResponse([], page.status, page.headers, request=page.request))


def bundle(*resources: dict[str, Any], **more: Any) -> Said:
    body = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": each} for each in resources], **more}
    return Said(200, body, FHIR)


def linking(url: str) -> Said:
    return bundle(link=[{"relation": "next", "url": url}])


ELSEWHERE = [
    f"{EVIL}/r4/Media?page=2",
    "https://fhir.ehr.example.evil.example/r4/Media",
    "https://fhir.ehr.example@evil.example/r4/Media",
    "http://fhir.ehr.example/r4/Media?page=2",
    "https://fhir.ehr.example:8443/r4/Media",
    "https://fhir.ehr.example/other/Media",
    "https://fhir.ehr.example/r4/../other/Media",
    "https://fhir.ehr.example/r4/%2e%2e/other",
    "https://fhir.ehr.example/r4b/Media",
    "//evil.example/r4/Media",
    "https://fhir.ehr.example\\@evil.example/r4",
    "file:///etc/passwd",
]


@pytest.mark.parametrize("url", ELSEWHERE)
def test_a_next_link_that_leads_away_is_not_followed(world: World, url: str) -> None:
    """Token theft (D9, SMART-R97): the token goes only below the FHIR base of its launch."""
    world.ehr.answers[f"{BASE}/Media"] = linking(url)
    visitor = world.visitor()
    page = visitor.home()
    assert page.status_code in (200, 502)
    assert_no_token_left(world)
    if page.status_code == 502:
        assert_told_nobody(visitor, page)
    assert "evil.example" not in page.text


@pytest.mark.parametrize("url", ELSEWHERE)
def test_a_picture_that_lies_elsewhere_is_not_fetched(world: World, url: str) -> None:
    media = {
        "resourceType": "Media",
        "id": "m1",
        "status": "completed",
        "subject": {"reference": "Patient/p1"},
        "content": {"contentType": "image/jpeg", "url": url},
    }
    world.ehr.answers[f"{BASE}/Media"] = bundle(media)
    world.ehr.answers[f"{BASE}/Media/m1"] = Said(200, media, FHIR)
    visitor = world.visitor()
    home = visitor.launched()
    visitor.get(home)
    for part in ("picture", "thumbnail"):
        answer = visitor.get(f"{home}images/Media/m1/{part}")
        assert answer.status_code >= 400
        assert_told_nobody(visitor, answer)
    assert_no_token_left(world)


def assert_no_token_left(world: World) -> None:
    for asked in world.ehr.asked:
        assert "evil" not in asked.url and not asked.url.startswith(("http:", "file:"))
        if "Bearer" in str(asked.headers.get("Authorization", "")):
            assert asked.path == BASE or asked.path.startswith(f"{BASE}/")
            assert ".." not in asked.url and "%2e" not in asked.url.lower()


OTHERS = {"resourceType": "Patient", "id": "p2", "name": [{"family": "Other-canary"}], "birthDate": "1990-01-01"}
MERGED = {
    "resourceType": "Patient",
    "id": "p1",
    "name": [{"family": "Old-canary"}],
    "link": [{"type": "replaced-by", "other": {"reference": "Patient/p2"}}],
}
RECORDS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "Patient 403": ({"Patient/p1": Said(403)}, (403,)),
    "Patient 404": ({"Patient/p1": Said(404)}, (404,)),
    "Patient 410": ({"Patient/p1": Said(410)}, (404,)),
    "a patient whose parts are of the wrong kind": (
        {
            "Patient/p1": Said(
                200, {"resourceType": "Patient", "id": "p1", "name": "x", "birthDate": 7, "link": 1}, FHIR
            )
        },
        (200,),
    ),
    "a patient of lists": (
        {"Patient/p1": Said(200, {"resourceType": "Patient", "id": "p1", "name": [[[]]], "identifier": [None]}, FHIR)},
        (200,),
    ),
    "Patient 500": ({"Patient/p1": Said(500, DESCRIPTION.encode(), "text/html")}, (503,)),
    "Patient slow": ({"Patient/p1": AnswerLost("Slow.", code="timeout")}, (503,)),
    "Patient HTML": ({"Patient/p1": Said(200, b"<html>", "text/html")}, (503,)),
    "another patient": ({"Patient/p1": Said(200, OTHERS, FHIR)}, (503,)),
    "a patient without an id": ({"Patient/p1": Said(200, {"resourceType": "Patient"}, FHIR)}, (503,)),
    "another type": ({"Patient/p1": Said(200, {"resourceType": "Person", "id": "p1"}, FHIR)}, (503,)),
    "two ids": (
        {"Patient/p1": Said(200, b'{"resourceType":"Patient","id":"p1","id":"p2"}', FHIR)},
        (503,),
    ),
    "a record merged into another": ({"Patient/p1": Said(200, MERGED, FHIR)}, (409,)),
    "CapabilityStatement 500": ({"metadata": Said(500)}, (503, 200)),
    "CapabilityStatement HTML": ({"metadata": Said(200, b"<html>", "text/html")}, (503, 200)),
    "CapabilityStatement of STU3": (
        {"metadata": Said(200, {"resourceType": "CapabilityStatement", "fhirVersion": "3.0.2"}, FHIR)},
        (502, 200),
    ),
    "CapabilityStatement without rest": (
        {"metadata": Said(200, {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}, FHIR)},
        (502, 200),
    ),
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_that_fails_after_the_launch(world: World, name: str) -> None:
    said, statuses = RECORDS[name]
    world.ehr.answers.update({f"{BASE}/{path}": answer for path, answer in said.items()})
    visitor = world.visitor()
    page = visitor.home()
    assert page.status_code in statuses, page.text
    assert "Other-canary" not in page.text and "Old-canary" not in page.text
    assert [asked.url for asked in world.ehr.asked if asked.writes] == []
    if page.status_code != 200:
        assert "What to do now" in page.text
        assert_told_nobody(visitor, page)


STAFF: dict[str, Callable[[World], None]] = {
    f"Practitioner {status}": lambda world, status=status: world.ehr.answers.update(  # type: ignore[misc]
        {f"{BASE}/Practitioner/7": Said(status, DESCRIPTION.encode(), "text/html")}
    )
    for status in (200, 401, 410, 429, 500, 503)
}
STAFF["Practitioner slow"] = lambda world: world.ehr.answers.update(
    {f"{BASE}/Practitioner/7": AnswerLost("Slow.", code="timeout")}
)
STAFF["another Practitioner"] = lambda world: world.ehr.answers.update(
    {f"{BASE}/Practitioner/7": Said(200, {"resourceType": "Practitioner", "id": "8", "active": True}, FHIR)}
)
STAFF["somebody else's roles"] = lambda world: world.ehr.answers.update(
    {f"{BASE}/PractitionerRole": bundle({**ROLE, "practitioner": {"reference": "Practitioner/8"}})}
)
STAFF["roles elsewhere"] = lambda world: world.ehr.answers.update(
    {f"{BASE}/PractitionerRole": bundle({**ROLE, "practitioner": {"reference": f"{EVIL}/Practitioner/7"}})}
)
ROLE: dict[str, Any] = {
    "resourceType": "PractitionerRole",
    "id": "r1",
    "code": [{"coding": [{"system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-SDSJobRoleName", "code": "R0260"}]}],
}


@pytest.mark.parametrize("name", STAFF)
def test_staff_records_that_fail_while_launching(world: World, name: str) -> None:
    STAFF[name](world)
    visitor, kept = world.visitor(), world.kept()
    answer = visitor.come_back()
    assert answer.status_code in (401, 403, 503), answer.text
    assert world.kept() == kept, "somebody without a known role was signed in"
    assert_told_nobody(visitor, answer)
    assert_no_token_left(world)


@pytest.mark.parametrize("status", [302, 403, 404])
def test_an_ehr_that_shows_no_staff_but_their_roles(world: World, status: int) -> None:
    world.ehr.answers[f"{BASE}/Practitioner/7"] = Said(status, DESCRIPTION.encode(), "text/html")
    visitor = world.visitor()
    page = visitor.home()
    assert page.status_code == 200
    assert SECRETS["description"] not in page.text
    assert_no_token_left(world)


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        (Said(403), (403, "Your EHR does not show this patient to the app", "patient-forbidden")),
        (Said(404), (404, "The record does not have this patient", "patient-unknown")),
        (Said(410), (404, "The record does not have this patient", "patient-unknown")),
        (Said(200, MERGED, FHIR), (409, "This record has been merged into another", "patient-merged")),
    ],
    ids=lambda value: value[2] if isinstance(value, tuple) else "",
)
def test_the_words_for_a_patient_who_is_not_there(world: World, said: Said, refusal: tuple[int, str, str]) -> None:
    world.ehr.answers[f"{BASE}/Patient/p1"] = said
    visitor = world.visitor()
    page = visitor.home()
    assert (page.status_code, heading(page), code_of(page)) == refusal
    assert "the chart" in page.text or "the EHR" in page.text or "service desk" in page.text


def test_only_the_ehr_of_a_launch_frames_its_pages(world: World) -> None:
    """Clickjacking (D8): the launch's own EHR, never everybody; pages that know nobody, every registered EHR."""
    visitor = world.visitor()
    page = visitor.home()
    assert frames_of(page) == ["https://ehr.example"]
    assert "X-Frame-Options" not in page.headers
    stranger = world.visitor().get("/l/nowhere/")
    assert frames_of(stranger) == ["https://ehr.example", "https://other.example"]
    for answer in (page, stranger):
        assert "*" not in answer.headers["Content-Security-Policy"]


def frames_of(answer: TestResponse) -> list[str]:
    found = re.search(r"frame-ancestors ([^;]+)", answer.headers["Content-Security-Policy"])
    assert found
    return found[1].split()


FORMS = ["captures", "reveal", "sign-out"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("token", ["", "x", "another browser's"])
def test_a_form_without_its_token_does_nothing(world: World, form: str, token: str) -> None:
    visitor = world.visitor()
    home = visitor.launched()
    if token == "another browser's":
        other = world.visitor()
        token = str(re.search(r'name="csrf-token" content="([^"]+)"', other.home().text)[1])  # type: ignore[index]  # there
    kept = world.kept()
    answer = visitor.client.post(f"{home}{form}", data={"csrf_token": token, "patient": "p1"})
    assert answer.status_code == 400
    assert world.kept() == kept
    assert [asked.url for asked in world.ehr.asked if asked.writes] == []


def test_a_form_of_another_site_does_nothing(world: World) -> None:
    visitor = world.visitor()
    home = visitor.launched()
    token = re.search(r'name="csrf-token" content="([^"]+)"', visitor.get(home).text)
    assert token
    kept = world.kept()
    for site in ("cross-site", "same-site"):
        answer = visitor.client.post(
            f"{home}sign-out", data={"csrf_token": token[1]}, headers={"Sec-Fetch-Site": site, "Origin": EVIL}
        )
        assert answer.status_code == 400
    assert world.kept() == kept


def test_two_charts_stay_apart(world: World) -> None:
    """Launch A, launch B, reload A, post to A with B's patient (D6)."""
    second = {**OTHERS, "name": [{"family": "Second-canary"}]}
    world.ehr.answers[f"{BASE}/Patient/p2"] = Said(200, second, FHIR)
    visitor = world.visitor()
    first_home = visitor.launched()
    world.ehr.token["patient"] = "p2"
    second_home = visitor.launched()
    one, two = visitor.get(first_home), visitor.get(second_home)
    assert SECRETS["patient name"] in one.text and "Second-canary" not in one.text
    assert "Second-canary" in two.text and SECRETS["patient name"] not in two.text
    token = re.search(r'name="csrf-token" content="([^"]+)"', two.text)
    identity = re.search(r'name="identity" content="([^"]+)"', two.text)
    assert token and identity
    kept = world.kept()
    answer = visitor.client.post(
        f"{first_home}captures",
        data={"csrf_token": token[1], "patient": f"{BASE}/Patient/p2", "identity_seen": identity[1]},
    )
    assert (answer.status_code, heading(answer)) == (409, "This page is for another patient")
    assert world.kept() == kept
