"""The authorize endpoint: what it takes, what it refuses, and where it says so."""

from __future__ import annotations

import pytest
import requests

from fhir_plugin.sandbox.serve import RunningSandbox
from tests.sandbox.app_under_test import EVERYTHING, App, Clock, returned
from tests.sandbox.conftest import MakeApp


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_ehr_launch_gets_a_code_without_any_cookie(app: App, method: str) -> None:
    parameters = app.request()
    answer = app.authorize(parameters, method=method)

    found = returned(answer)
    assert found["state"] == parameters["state"]
    assert found["iss"] == f"{app.sandbox.origin}/oauth"
    assert len(found["code"]) >= 43
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": 'code"\r\n\x00é'}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"state": None}, "invalid_request"),
        ({"aud": None}, "invalid_request"),
        ({"aud": "https://elsewhere.invalid/fhir"}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"launch": "never-made"}, "invalid_request"),
        ({"launch": ""}, "invalid_request"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "read-everything patient/Observation.sr"}, "invalid_scope"),
        ({"scope": "openid fhirUser patient/*.rs"}, "invalid_scope"),
    ],
)
def test_an_error_goes_back_to_the_app(app: App, changes: dict[str, str | None], error: str) -> None:
    parameters = app.request(**changes)
    found = returned(app.authorize(parameters))

    assert found["error"] == error
    assert "code" not in found
    assert found.get("state") == parameters.get("state")
    assert found["iss"] == f"{app.sandbox.origin}/oauth"


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"client_id": None},
        {"redirect_uri": "https://thief.invalid/callback"},
        {"redirect_uri": "https://app.invalid/callback/"},
        {"redirect_uri": "https://app.invalid/callback?more=1"},
        {"redirect_uri": 'javascript:alert("1")'},
        {"redirect_uri": None},
        {"redirect_uri": "https://thief.invalid/", "response_type": "token"},
        {"state": "x" * 9000},
    ],
)
def test_what_cannot_be_trusted_is_told_to_the_person_and_never_redirected(
    app: App, changes: dict[str, str | None]
) -> None:
    answer = app.authorize(app.request(**changes))

    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert "thief.invalid" not in answer.text
    assert "Sandbox: synthetic people only" in answer.text


@pytest.mark.parametrize("name", ["state", "aud", "code_challenge", "launch", "redirect_uri"])
def test_a_parameter_that_comes_twice_is_refused(app: App, name: str) -> None:
    parameters = list(app.request().items())
    answer = requests.get(
        f"{app.sandbox.origin}/oauth/authorize",
        params=[*parameters, (name, "another")],
        allow_redirects=False,
        timeout=5,
    )

    assert "code=" not in answer.headers.get("Location", "")
    assert answer.status_code == 400 or "error=invalid_request" in answer.headers["Location"]


def test_a_launch_works_once(app: App) -> None:
    handle = app.launch()
    assert "code" in returned(app.authorize(app.request(launch=handle)))
    assert returned(app.authorize(app.request(launch=handle)))["error"] == "invalid_request"


def test_a_refused_request_does_not_use_the_launch_up(app: App) -> None:
    handle = app.launch()
    assert "error" in returned(app.authorize(app.request(launch=handle, code_challenge_method="plain")))
    assert "code" in returned(app.authorize(app.request(launch=handle)))


def test_a_launch_grows_old(app: App, clock: Clock) -> None:
    handle = app.launch()
    clock.now += 601
    assert returned(app.authorize(app.request(launch=handle)))["error"] == "invalid_request"


def test_a_launch_of_another_app_is_worth_nothing(app: App, make_app: MakeApp) -> None:
    handle = make_app().launch()
    assert returned(app.authorize(app.request(launch=handle)))["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("launch patient/*.read", "launch patient/*.read"),
        ("launch patient/Media.cruds nonsense", "launch patient/Media.cruds"),
        ("launch patient/Observation.rs?category=vital-signs", None),
        ("launch system/*.rs patient/*.rs", "launch patient/*.rs"),
        ("launch patient/Observation.sr", "launch"),
        ("launch http://smarthealthit.org/fhir/scopes/patient/*.rs", None),
        ("launch launch/encounter", "launch"),
    ],
)
def test_scopes_are_granted_narrowed_or_left_out(app: App, asked: str, granted: str | None) -> None:
    assert app.token(scope=asked)["scope"] == (granted or asked)


def test_a_registration_can_narrow_the_scopes(make_app: MakeApp) -> None:
    app = make_app(scope="launch patient/Media.rs")
    assert app.token(scope=EVERYTHING + " patient/Media.rs")["scope"] == "launch patient/Media.rs"


def test_the_context_of_the_launch_comes_with_the_token(app: App) -> None:
    handle = app.launch(
        patient="p-child-14",
        encounter="enc-child-14-1",
        intent="add-photo",
        need_patient_banner=False,
        fhir_context=[{"reference": "Task/t1", "role": "https://example.invalid/role"}],
    )
    token = app.token(launch=handle)

    assert token["patient"] == "p-child-14"
    assert token["encounter"] == "enc-child-14-1"
    assert token["intent"] == "add-photo"
    assert token["need_patient_banner"] is False
    assert token["fhirContext"] == [{"reference": "Task/t1", "role": "https://example.invalid/role"}]
    assert token["tenant"]
    style = requests.get(token["smart_style_url"], timeout=5).json()
    assert style["color_background"].startswith("#")


def test_the_door_for_launches_refuses_what_does_not_fit(app: App, ehr: RunningSandbox) -> None:
    good = {"client_id": app.client_id, "user": "gp", "patient": "p-adult-1"}
    for wrong in (
        {"client_id": "nobody"},
        {"user": "nobody"},
        {"user": None},
        {"patient": "p-nobody"},
        {"encounter": "enc-child-14-1"},
        {"encounter": 7},
    ):
        answer = requests.post(f"{ehr.origin}/_sandbox/launch", json=good | wrong, timeout=5)
        assert answer.status_code == 400, wrong
        assert answer.json()["error"]
    for headers in ({"Origin": "https://other.invalid"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = requests.post(f"{ehr.origin}/_sandbox/launch", json=good, headers=headers, timeout=5)
        assert answer.status_code == 403
