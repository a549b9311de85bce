"""What Inferno's client suite leaves out, looked up in the whole app: redirects, browsers, charts, keys, links."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from tests.smart_launch.inferno import signatures
from tests.smart_launch.inferno.checks import judge
from tests.smart_launch.inferno.mock_server import MockServer, running_mock
from tests.smart_launch.inferno.recorded import Recorded, Tag, authorization_details
from tests.smart_launch.inferno.tested_app import APP, JWKS_URL, REDIRECT_URI
from tests.smart_launch.inferno.whole_app import NOTHING, PATIENT, PRACTITIONER, WholeApp, whole_app
from tests.smart_launch.loopback import answer, serving

OTHER = {**PATIENT, "id": "p2", "name": [{"use": "official", "family": "Nwosu", "given": ["Ife"]}]}
ELSEWHERE = "https://evil.example/"
GREEDY = dict.fromkeys(("redirect_uri", "next", "url", "return_to", "target", "continue", "post_logout"), ELSEWHERE)


@pytest.fixture(scope="module")
def ehr() -> Iterator[MockServer]:
    """The mock, with the CapabilityStatement that an EHR has."""
    with running_mock() as mock:
        mock.describes_itself = True
        yield mock


@pytest.fixture
def app(ehr: MockServer, tmp_path: Path) -> Iterator[WholeApp]:
    with whole_app(ehr, "ES384", tmp_path, resources=(PATIENT, OTHER, PRACTITIONER)) as installed:
        yield installed


def asked(app: WholeApp) -> list[dict[str, str | list[str]]]:
    return [authorization_details(each) for each in app.session.tagged(Tag.AUTHORIZATION)]


def test_nothing_in_a_link_changes_where_anybody_is_sent(app: WholeApp) -> None:
    (link,) = app.session.launch_links
    surfer = app.surfer()
    page = surfer.open(f"{link}&{urlencode(GREEDY)}")
    assert page.status_code == 200
    assert [each["redirect_uri"] for each in asked(app)] == [REDIRECT_URI]
    assert all(url.startswith((APP, app.session.fhir_base.removesuffix("/fhir"))) for url in surfer.seen)


def test_nothing_in_a_callback_changes_where_anybody_is_sent(app: WholeApp) -> None:
    (link,) = app.session.launch_links
    surfer = app.surfer()
    page = surfer.client.get(f"{surfer.come_back(link)}&{urlencode(GREEDY)}", base_url=APP)
    assert page.status_code == 303
    assert re.fullmatch(r"(?:https://images\.trust\.example)?/l/[A-Za-z0-9_-]{16,}/[a-z]*", page.headers["Location"])


@pytest.mark.parametrize("way", ["launch", "standalone", "callback"])
def test_the_way_in_is_neither_kept_nor_named_to_others(app: WholeApp, way: str) -> None:
    (link,) = app.session.launch_links
    address = {"launch": link, "standalone": f"{APP}/standalone/inferno", "callback": f"{APP}/callback?state=x&code=y"}
    page = app.surfer().client.get(address[way], base_url=APP)
    assert "no-store" in page.headers["Cache-Control"]
    assert page.headers["Referrer-Policy"] == "no-referrer"


def test_no_token_or_secret_reaches_the_browser(ehr: MockServer, tmp_path: Path) -> None:
    with whole_app(ehr, "secret", tmp_path) as app:
        surfer = app.surfer()
        page = app.launched(surfer)
        later = app.hour_passes(surfer, page)
        answers = [json.loads(each.answer) for each in app.session.tagged(Tag.TOKEN)]
        assert len(answers) == 2
        kept = {str(each[name]) for each in answers for name in ("access_token", "refresh_token", "id_token")}
        kept |= {each.form["code_verifier"] for each in app.session.tagged(Tag.TOKEN) if "code_verifier" in each.form}
        kept |= {app.session.registration.secret, quote(app.session.registration.secret, safe="")}
        cookies = [each for each in (surfer.client.get_cookie("__Host-bid", domain="images.trust.example"),) if each]
        assert cookies
        shown = [*surfer.seen, page.text, later.text, *(each.value for each in cookies)]
        shown += [str(each.headers) for each in (page, later)]
        assert not [secret for secret in kept for text in shown if secret in text]


def test_another_browser_cannot_finish_a_launch(app: WholeApp) -> None:
    (link,) = app.session.launch_links
    mine, theirs = app.surfer(), app.surfer()
    app.launched(theirs)
    exchanged = len(app.session.tagged(Tag.TOKEN))
    back = mine.come_back(link)
    assert theirs.client.get(back, base_url=APP).status_code == 400
    assert app.surfer().client.get(back, base_url=APP).status_code == 400
    assert len(app.session.tagged(Tag.TOKEN)) == exchanged


def test_two_charts_in_one_browser_keep_their_patients(app: WholeApp) -> None:
    surfer = app.surfer()
    first = app.launched(surfer)
    app.session.registration = replace(app.session.registration, launch_context='{"patient": "p2"}')
    second = app.launched(surfer)
    assert first.request is not None
    assert second.request is not None
    for _ in range(2):
        for page, patient, family in ((first, "p1", "Osei"), (second, "p2", "Nwosu")):
            again = surfer.open(f"{APP}{page.request.path}")
            assert f'/Patient/{patient}">' in again.text
            assert family in again.text


def test_a_refresh_that_names_another_patient_is_refused(app: WholeApp) -> None:
    surfer = app.surfer()
    page = app.launched(surfer)
    app.session.registration = replace(app.session.registration, launch_context='{"patient": "p2"}')
    later = app.hour_passes(surfer, page)
    assert later.status_code != 200
    assert "Nwosu" not in later.text
    assert 'content="p2"' not in later.text


@pytest.mark.parametrize("kind", ["RS384", "ES384"])
def test_a_key_may_rotate_between_a_launch_and_its_refresh(ehr: MockServer, tmp_path: Path, kind: str) -> None:
    with whole_app(ehr, kind, tmp_path) as app:
        surfer = app.surfer()
        page = app.launched(surfer)
        app.installation.client_keys.rotate("RS384" if kind == "RS384" else "ES384", at_once=True)
        assert app.hour_passes(surfer, page).status_code == 200
        app.standalone()
        requests_ = app.session.tagged(Tag.TOKEN)
        first, second, third = (signatures.read(each.form["client_assertion"]).header["kid"] for each in requests_)
        assert first != second == third
        assert {each.status for each in requests_} == {200}
        assert judge("5.08", app.session).result == "pass"
        published = {key["kid"] for key in json.loads(app.fetch(JWKS_URL))["keys"]}
        assert {first, second} <= published


def test_a_token_goes_nowhere_but_to_its_ehr(ehr: MockServer, tmp_path: Path) -> None:
    with serving(lambda connection, _request: connection.sendall(answer())) as elsewhere:
        bundle = json.loads(NOTHING)
        bundle["link"] = [{"relation": "next", "url": f"{elsewhere.url}/custom/smart_client_stu2_2/fhir?page=2"}]
        with whole_app(ehr, "public", tmp_path, echoed=json.dumps(bundle)) as app:
            page = app.launched()
            assert page.status_code in {200, 502, 503}
            searched = "".join(each.url for each in app.session.tagged(Tag.ACCESS))
            assert "/PractitionerRole?" in searched
            assert "/Media?" in searched
            assert elsewhere.requests == []


def test_signing_out_where_nothing_can_be_revoked(app: WholeApp) -> None:
    surfer = app.surfer()
    page = app.launched(surfer)
    assert page.request is not None
    csrf = re.search(r'name="csrf-token" content="([^"]+)"', page.text)
    assert csrf is not None
    before = len(app.session.requests)
    launch = "/".join(page.request.path.split("/")[:3])
    form = {"csrf_token": csrf[1], "patient": "p1"}
    headers = {"Referer": f"{APP}{page.request.path}"}
    out = surfer.client.post(f"{launch}/sign-out", data=form, base_url=APP, headers=headers)
    assert out.status_code == 200
    assert len(app.session.requests) == before
    assert surfer.client.get(page.request.path, base_url=APP).status_code == 401


def test_a_launch_of_another_ehr_asks_nobody(app: WholeApp) -> None:
    with serving(lambda connection, _request: connection.sendall(answer())) as stranger:
        page = app.surfer().client.get(f"/launch?iss={quote(stranger.url, safe='')}&launch=handle", base_url=APP)
        assert page.status_code == 403
        assert stranger.requests == []
    assert app.session.requests == []


def _state_of(request: Recorded) -> str:
    return parse_qs(urlsplit(request.url).query)["state"][0]


def test_a_callback_without_its_launch_is_nobodys(app: WholeApp) -> None:
    surfer = app.surfer()
    app.launched(surfer)
    (begun,) = app.session.tagged(Tag.AUTHORIZATION)
    exchanged = len(app.session.tagged(Tag.TOKEN))
    for query in ({"state": _state_of(begun), "code": "again"}, {"state": "unknown", "code": "x"}, {"code": "x"}):
        assert surfer.client.get(f"/callback?{urlencode(query)}", base_url=APP).status_code in {400, 401}
    assert len(app.session.tagged(Tag.TOKEN)) == exchanged
