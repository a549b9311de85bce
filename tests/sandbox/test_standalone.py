"""A standalone launch: sign in, choose a patient, allow or refuse."""

from __future__ import annotations

import re

import pytest
import requests

from tests.sandbox.app_under_test import App, Clock, error_of, returned

SCOPE = "launch/patient launch/encounter openid fhirUser patient/*.rs"


def _interaction(page: requests.Response) -> str:
    assert page.status_code == 200, page.text
    found = re.search(r'name="interaction" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


def _post(app: App, step: str, **form: str) -> requests.Response:
    return requests.post(f"{app.sandbox.origin}/oauth/authorize/{step}", data=form, allow_redirects=False, timeout=5)


def _begin(app: App, **changes: str | None) -> tuple[str, dict[str, str]]:
    parameters = app.request(launch=None, **({"scope": SCOPE} | changes))
    return _interaction(app.authorize(parameters)), parameters


def test_sign_in_choose_allow(app: App) -> None:
    name, parameters = _begin(app)
    page = _post(app, "sign-in", interaction=name, user="nurse")
    assert "BRIGHT, Harold" in page.text
    assert "patient/*.rs" in page.text

    answer = returned(_post(app, "allow", interaction=name, patient="p-no-capacity"))
    assert answer["state"] == parameters["state"]
    token = app.exchange(answer["code"]).json()
    assert token["patient"] == "p-no-capacity"
    assert token["encounter"] == "enc-no-capacity-1"
    assert token["need_patient_banner"] is True
    assert app.fhir(token["access_token"], "GET", "Patient/p-no-capacity").status_code == 200


def test_the_pages_let_the_form_lead_to_the_app_and_to_nothing_else(app: App) -> None:
    answer = app.authorize(app.request(launch=None, scope=SCOPE))
    policy = answer.headers["Content-Security-Policy"]
    assert "form-action 'self' https://app.invalid;" in policy
    assert "default-src 'none'" in policy
    assert "script" not in answer.text


def test_user_scopes_need_no_patient(app: App) -> None:
    name, _ = _begin(app, scope="openid fhirUser user/*.rs")
    page = _post(app, "sign-in", interaction=name, user="caldicott-guardian")
    assert 'name="patient"' not in page.text
    token = app.exchange(returned(_post(app, "allow", interaction=name))["code"]).json()
    assert "patient" not in token
    assert app.fhir(token["access_token"], "GET", "Patient").json()["total"] == 10


def test_refusing_tells_the_app(app: App) -> None:
    name, parameters = _begin(app)
    answer = returned(_post(app, "refuse", interaction=name))
    assert answer["error"] == "access_denied"
    assert answer["state"] == parameters["state"]
    assert _post(app, "sign-in", interaction=name, user="gp").status_code == 400


def test_nobody_goes_on_without_the_steps_before(app: App) -> None:
    name, _ = _begin(app)
    assert _post(app, "allow", interaction=name, patient="p-adult-1").status_code == 400
    assert _post(app, "sign-in", interaction=name, user="nobody").status_code == 400
    assert _post(app, "sign-in", interaction="guess", user="gp").status_code == 400
    assert _post(app, "sign-in", user="gp").status_code == 400
    _post(app, "sign-in", interaction=name, user="gp")
    assert _post(app, "allow", interaction=name).status_code == 400
    assert _post(app, "allow", interaction=name, patient="p-nobody").status_code == 400
    assert "code" in returned(_post(app, "allow", interaction=name, patient="p-adult-1"))
    assert _post(app, "allow", interaction=name, patient="p-adult-1").status_code == 400


def test_a_page_grows_old(app: App, clock: Clock) -> None:
    name, _ = _begin(app)
    clock.now += 601
    assert _post(app, "sign-in", interaction=name, user="gp").status_code == 400


def test_launch_and_online_access_are_for_ehr_launches_only(app: App) -> None:
    name, _ = _begin(app, scope=f"launch online_access {SCOPE}")
    _post(app, "sign-in", interaction=name, user="gp")
    code = returned(_post(app, "allow", interaction=name, patient="p-adult-1"))["code"]
    token = app.exchange(code).json()
    assert token["scope"] == SCOPE
    assert "refresh_token" not in token
    assert error_of(app.exchange(code)) == "invalid_grant"


def test_prompt_none_without_anybody_signed_in_is_told_to_the_app(app: App) -> None:
    answer = app.authorize(app.request(launch=None, scope=SCOPE, prompt="none"))
    assert returned(answer)["error"] == "login_required"


@pytest.mark.parametrize("scope", ["launch", "launch online_access"])
def test_a_standalone_request_with_nothing_left_is_refused(app: App, scope: str) -> None:
    name, _ = _begin(app, scope=scope)
    _post(app, "sign-in", interaction=name, user="gp")
    assert returned(_post(app, "allow", interaction=name))["error"] == "invalid_scope"
