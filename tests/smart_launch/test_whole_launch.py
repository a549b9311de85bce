"""From the link to the completed launch, and what is given back when one is refused."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import responses

from smart_launch import (
    IdTokenError,
    IdTokenVerifier,
    Misconfigured,
    NotSent,
    PatientMissing,
    SmartError,
    StateMismatch,
    Transport,
    complete,
    read_callback,
)
from tests.smart_launch.begun import begun
from tests.smart_launch.counterparty import (
    ACCESS,
    BASE,
    CLIENT,
    COOKIE,
    LOGIN,
    NOW,
    REDIRECT,
    REFRESH,
    Counterparty,
    an_issuer,
)

# --- the whole flow ---


def test_a_whole_launch(ehr: Counterparty, wire: Transport) -> None:
    ehr.answer = {"encounter": "e1", "intent": "add-photo", "need_patient_banner": False}
    launch = ehr.launch(an_issuer(), wire)
    assert (launch.context.patient, launch.context.encounter) == ("p1", "e1")
    assert (launch.context.intent, launch.context.need_patient_banner) == ("add-photo", False)
    assert launch.identity is not None
    assert (launch.identity.issuer, launch.identity.subject) == (LOGIN, "person-1")
    assert launch.context.fhir_user is not None
    assert launch.context.fhir_user.reference == "Practitioner/7"
    assert launch.grant.scopes.allows("Media", "create")
    assert launch.grant.expires_at == NOW + timedelta(seconds=900)
    assert launch.grant.header_for(f"{BASE}/Media") == {"Authorization": f"Bearer {ACCESS}"}
    form = ehr.forms[0]
    assert form.pop("code_verifier")
    assert form == {
        "grant_type": "authorization_code",
        "code": "code-canary-1",
        "redirect_uri": REDIRECT,
        "client_id": CLIENT,
    }


def test_no_secret_shows_in_a_completed_launch(ehr: Counterparty, wire: Transport) -> None:
    launch = ehr.launch(an_issuer(), wire)
    shown = repr(launch)
    for secret in (ACCESS, REFRESH, launch.grant.id_token, "person-1", "'p1'", "Practitioner/7"):
        assert secret is not None
        assert secret not in shown


def test_a_stolen_code_is_worthless_without_the_verifier(ehr: Counterparty, wire: Transport) -> None:
    issuer = an_issuer()
    _, parameters = ehr.begin(issuer, wire)
    stolen, of_the_victim = parameters["code"], ehr.challenge
    other, fresh = ehr.begin(issuer, wire)
    ehr.challenge = of_the_victim  # the launch for which the EHR made this code
    with pytest.raises(SmartError) as caught:
        complete(
            other,
            {**fresh, "code": stolen},
            issuer=issuer,
            browser_secret=COOKIE,
            transport=wire,
            verifier=IdTokenVerifier(wire),
            now=NOW,
        )
    assert caught.value.code == "invalid-grant"


def test_two_launches_in_one_browser_do_not_mix(ehr: Counterparty, wire: Transport) -> None:
    issuer = an_issuer()
    first, first_parameters = ehr.begin(issuer, wire)
    second, second_parameters = ehr.begin(issuer, wire)
    assert first.key != second.key
    with pytest.raises(StateMismatch):
        read_callback(first, second_parameters, browser_secret=COOKIE, now=NOW)
    with pytest.raises(StateMismatch):
        read_callback(second, first_parameters, browser_secret=COOKIE, now=NOW)


def test_a_refused_callback_trades_no_code(ehr: Counterparty, wire: Transport) -> None:
    issuer = an_issuer()
    pending, parameters = ehr.begin(issuer, wire)
    before = len(ehr.asked)
    with pytest.raises(StateMismatch):
        complete(
            pending,
            parameters,
            issuer=issuer,
            browser_secret="another",
            transport=wire,
            verifier=IdTokenVerifier(wire),
            now=NOW,
        )
    assert len(ehr.asked) == before


def test_a_launch_is_not_finished_for_another_issuer(ehr: Counterparty, wire: Transport) -> None:
    pending, parameters = ehr.begin(an_issuer(), wire)
    with pytest.raises(Misconfigured):
        complete(
            pending,
            parameters,
            issuer=an_issuer(iss="https://other.example/r4", client_id="other"),
            browser_secret=COOKIE,
            transport=wire,
            verifier=IdTokenVerifier(wire),
            now=NOW,
        )
    assert ehr.forms == []


def test_patient_access_without_a_patient_stops(ehr: Counterparty, wire: Transport) -> None:
    ehr.answer = {"patient": None}
    with pytest.raises(PatientMissing):
        ehr.launch(an_issuer(), wire)


def test_user_access_needs_no_patient(ehr: Counterparty, wire: Transport) -> None:
    ehr.answer = {"patient": None, "scope": "user/Media.rs openid"}
    assert ehr.launch(an_issuer(), wire).context.patient is None


def test_no_id_token_means_nobody(ehr: Counterparty, wire: Transport) -> None:
    ehr.sends_id_token = False
    launch = ehr.launch(an_issuer(), wire)
    assert launch.identity is None
    assert launch.context.fhir_user is None


def test_fhir_user_comes_from_the_verified_token_only(ehr: Counterparty, wire: Transport) -> None:
    ehr.claims = {"fhirUser": None}
    ehr.answer = {"fhirUser": "Practitioner/evil", "profile": "Practitioner/evil"}
    launch = ehr.launch(an_issuer(), wire)
    assert launch.context.fhir_user is None


def test_a_token_endpoint_on_a_private_address_is_not_asked() -> None:
    issuer = an_issuer(allowed_hosts=frozenset({"10.0.0.1", "login.ehr.example"}))
    pending, _ = begun(issuer, token_endpoint="https://10.0.0.1/token")
    transport = Transport()
    with pytest.raises(NotSent) as caught:
        complete(
            pending,
            {"state": pending.state, "code": "c"},
            issuer=issuer,
            browser_secret=COOKIE,
            transport=transport,
            verifier=IdTokenVerifier(transport),
            now=NOW,
        )
    assert caught.value.code == "blocked-address"


def test_the_shared_state_of_a_url_has_no_secret_of_ours() -> None:
    pending, url = begun()
    assert parse_qs(urlsplit(url).query)["state"] == [pending.state]
    assert COOKIE not in url
    assert pending.browser_binding not in url


# ------------------------------------------------------------------------------ what is refused is given back


@pytest.mark.parametrize(("claims", "answer"), [({"aud": "another-app"}, {}), ({}, {"patient": None})])
@pytest.mark.parametrize("status", [200, 503])
def test_access_that_came_with_a_refused_launch_is_given_back(
    edge: responses.RequestsMock,
    ehr: Counterparty,
    wire: Transport,
    claims: dict[str, str],
    answer: dict[str, None],
    status: int,
) -> None:
    edge.add("POST", f"{LOGIN}/revoke", status=status)
    ehr.claims, ehr.answer = claims, dict(answer)
    with pytest.raises((IdTokenError, PatientMissing)):
        ehr.launch(an_issuer(), wire)
    bodies = [each.request.body for each in edge.calls if each.request.url == f"{LOGIN}/revoke"]
    given_back = [dict(parse_qsl(body.decode())) for body in bodies if isinstance(body, bytes)]
    assert given_back[0]["token"] == REFRESH
    assert len(given_back) == 2, "the access token is given back too, whatever becomes of the other"
