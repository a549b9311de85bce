"""From the launch link to the patient: the whole flow, and everybody who tries to bend it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import responses

from smart_launch import (
    AuthorizationError,
    IdTokenError,
    IdTokenVerifier,
    Issuer,
    IssuerRegistry,
    LaunchExpired,
    LaunchRefused,
    Misconfigured,
    NotSent,
    PatientMissing,
    PendingLaunch,
    SmartConfiguration,
    SmartError,
    StateMismatch,
    Transport,
    UnknownIssuer,
    UnusableReply,
    as_form,
    begin_launch,
    complete,
    pending_key,
    prefers_post,
    read_callback,
    read_launch,
)
from smart_launch.discovery import read_configuration
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
    a_configuration,
    an_issuer,
)


def configuration_of(at: Issuer, **changes: Any) -> SmartConfiguration:
    return read_configuration(at, a_configuration(**changes))


def begun(at: Issuer | None = None, *, launch: str | None = "handle", **changes: Any) -> tuple[PendingLaunch, str]:
    issuer = at or an_issuer()
    return begin_launch(
        issuer,
        configuration_of(issuer, **changes),
        redirect_uri=REDIRECT,
        browser_secret=COOKIE,
        now=NOW,
        launch=launch,
    )


def query_of(url: str) -> dict[str, str]:
    pairs = parse_qsl(urlsplit(url).query, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


# --- the launch link ---


def test_a_launch_is_read_without_a_request() -> None:
    issuer = an_issuer()
    request = read_launch({"iss": BASE + "/", "launch": "abc", "x": "y"}, IssuerRegistry([issuer]))
    assert (request.issuer, request.iss, request.launch) == (issuer, BASE + "/", "abc")
    assert "abc" not in repr(request)


@pytest.mark.parametrize(
    "parameters",
    [{}, {"iss": BASE}, {"launch": "a"}, {"iss": BASE, "launch": ""}, {"iss": [BASE, BASE], "launch": "a"}],
)
def test_what_is_no_launch_is_refused(parameters: dict[str, str | list[str]]) -> None:
    with pytest.raises(LaunchRefused):
        read_launch(parameters, IssuerRegistry([an_issuer()]))


def test_an_unknown_issuer_gets_no_request(edge: responses.RequestsMock) -> None:
    with pytest.raises(UnknownIssuer) as caught:
        read_launch({"iss": "https://evil.example/r4", "launch": "a"}, IssuerRegistry([an_issuer()]))
    assert "evil" not in str(caught.value)
    assert len(edge.calls) == 0


# --- the authorization request ---


def test_the_request_says_what_smart_asks_for() -> None:
    pending, url = begun()
    fields = query_of(url)
    assert url.startswith(f"{LOGIN}/authorize?tenant=a&")
    assert fields.pop("tenant") == "a"
    assert len(fields.pop("code_challenge")) == 43
    assert fields == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": REDIRECT,
        "scope": "launch openid fhirUser patient/Media.cruds offline_access",
        "state": pending.state,
        "aud": BASE,
        "code_challenge_method": "S256",
        "launch": "handle",
        "nonce": pending.nonce,
    }
    assert pending.verifier not in url
    assert pending.expires_at - pending.created_at == timedelta(minutes=10)


def test_aud_is_the_iss_as_it_was_sent() -> None:
    issuer = an_issuer()
    _, url = begin_launch(
        issuer,
        configuration_of(issuer),
        redirect_uri=REDIRECT,
        browser_secret=COOKIE,
        now=NOW,
        launch="a",
        aud=BASE + "/",
    )
    assert query_of(url)["aud"] == BASE + "/"


def test_an_audience_of_another_server_is_refused() -> None:
    issuer = an_issuer()
    with pytest.raises(Misconfigured):
        begin_launch(
            issuer,
            configuration_of(issuer),
            redirect_uri=REDIRECT,
            browser_secret=COOKIE,
            now=NOW,
            aud="https://x.example",
        )


def test_a_standalone_launch_asks_for_its_patient_and_sends_no_handle() -> None:
    pending, url = begun(launch=None)
    fields = query_of(url)
    assert "launch" not in fields
    assert fields["scope"].split()[0] == "launch/patient"
    assert "launch" not in fields["scope"].split()
    assert not pending.ehr_launch


def test_no_nonce_without_openid() -> None:
    pending, url = begun(an_issuer(scopes=("patient/Media.rs",)))
    assert pending.nonce == ""
    assert "nonce" not in query_of(url)


def test_every_launch_has_secrets_of_its_own() -> None:
    made = [begun()[0] for _ in range(50)]
    for secret in ("state", "verifier", "nonce"):
        values = {getattr(pending, secret) for pending in made}
        assert len(values) == 50
        assert all(len(value) == 43 for value in values), "256 bits"


def test_an_old_server_is_asked_in_v1() -> None:
    _, url = begun(capabilities=["permission-v1"])
    assert "patient/Media.*" in query_of(url)["scope"].split()


def test_a_long_request_may_be_posted() -> None:
    issuer = an_issuer(scopes=tuple(f"user/Type{'x' * number}.cruds" for number in range(60)))
    _, url = begun(issuer, capabilities=["permission-v2", "authorize-post"])
    configuration = configuration_of(issuer, capabilities=["permission-v2", "authorize-post"])
    assert prefers_post(configuration, url)
    assert not prefers_post(configuration_of(issuer), url)
    assert not prefers_post(configuration, begun()[1])
    action, fields = as_form(configuration, url)
    assert action == f"{LOGIN}/authorize?tenant=a"
    assert {**dict(fields), "tenant": "a"} == query_of(url)
    assert action + "&" + urlencode(fields) == url


def test_a_pending_launch_survives_storage_and_hides_its_secrets() -> None:
    pending, _ = begun()
    again = PendingLaunch.from_record(json.loads(json.dumps(pending.as_record())))
    assert again == pending
    for secret in (pending.state, pending.verifier, pending.nonce, COOKIE, pending.browser_binding):
        assert secret not in repr(pending)
    assert COOKIE not in json.dumps(pending.as_record())
    assert pending.state not in pending.key


@pytest.mark.parametrize("redirect_uri", ["http://app.example/cb", "", "https://app.example/cb#x", "/cb"])
def test_an_unsafe_redirect_uri_is_refused(redirect_uri: str) -> None:
    issuer = an_issuer()
    with pytest.raises(Misconfigured):
        begin_launch(
            issuer,
            configuration_of(issuer),
            redirect_uri=redirect_uri,
            browser_secret=COOKIE,
            now=NOW,
        )


# --- the callback ---


def test_the_callback_finds_its_launch_by_a_key_that_is_no_secret() -> None:
    pending, _ = begun()
    assert pending_key({"state": pending.state, "code": "c"}) == pending.key
    with pytest.raises(StateMismatch):
        pending_key({"code": "c"})


def test_a_good_callback_gives_the_code() -> None:
    pending, _ = begun()
    found = read_callback(pending, {"state": pending.state, "code": "c"}, browser_secret=COOKIE, now=NOW)
    assert found.code == "c"
    assert "'c'" not in repr(found)


@pytest.mark.parametrize("change", [{"state": "other"}, {"state": ""}, {"state": "ü"}])
def test_another_state_is_refused(change: dict[str, str]) -> None:
    pending, _ = begun()
    with pytest.raises(StateMismatch):
        read_callback(pending, {"state": pending.state, "code": "c", **change}, browser_secret=COOKIE, now=NOW)


@pytest.mark.parametrize("cookie", [None, "", "another browser"])
def test_another_browser_is_refused_even_with_the_right_state(cookie: str | None) -> None:
    pending, _ = begun()
    with pytest.raises(StateMismatch) as caught:
        read_callback(pending, {"state": pending.state, "code": "c"}, browser_secret=cookie, now=NOW)
    assert caught.value.code == "other-browser"


def test_a_slow_sign_in_has_expired() -> None:
    pending, _ = begun()
    parameters = {"state": pending.state, "code": "c"}
    read_callback(pending, parameters, browser_secret=COOKIE, now=NOW + timedelta(minutes=9, seconds=59))
    for late in (timedelta(minutes=10), timedelta(days=1), timedelta(minutes=-2)):
        with pytest.raises(LaunchExpired):
            read_callback(pending, parameters, browser_secret=COOKIE, now=NOW + late)


@pytest.mark.parametrize(
    ("published", "named", "good"),
    [
        ({}, LOGIN, True),
        ({}, None, True),
        ({}, BASE, False),
        ({}, "https://evil.example", False),
        ({"authorization_response_iss_parameter_supported": True}, LOGIN, True),
        ({"authorization_response_iss_parameter_supported": True}, None, False),
        ({"issuer": None}, f"{LOGIN}/realm", True),
        ({"issuer": None}, "https://evil.example", False),
    ],
)
def test_the_issuer_on_the_callback(published: dict[str, Any], named: str | None, good: bool) -> None:
    pending, _ = begun(**published)
    parameters = {"state": pending.state, "code": "c", **({"iss": named} if named else {})}
    if good:
        assert read_callback(pending, parameters, browser_secret=COOKIE, now=NOW).code == "c"
    else:
        with pytest.raises(StateMismatch) as caught:
            read_callback(pending, parameters, browser_secret=COOKIE, now=NOW)
        assert caught.value.code == "other-issuer"


def test_an_oauth_error_keeps_its_code_and_nothing_else() -> None:
    pending, _ = begun()
    parameters = {
        "state": pending.state,
        "error": "access_denied",
        "error_description": "<script>canary</script>",
        "error_uri": "https://evil.example",
    }
    with pytest.raises(AuthorizationError) as caught:
        read_callback(pending, parameters, browser_secret=COOKIE, now=NOW)
    assert caught.value.error == "access_denied"
    assert "canary" not in str(caught.value) + str(vars(caught.value))


def test_a_strange_error_code_is_bounded() -> None:
    pending, _ = begun()
    with pytest.raises(AuthorizationError) as caught:
        read_callback(
            pending,
            {"state": pending.state, "error": "<script>\n" * 50},
            browser_secret=COOKIE,
            now=NOW,
        )
    assert len(caught.value.error) <= 64
    assert not set("<>\n") & set(str(caught.value))


def test_an_error_of_a_stranger_is_not_believed() -> None:
    pending, _ = begun()
    with pytest.raises(StateMismatch):
        read_callback(pending, {"state": "x", "error": "access_denied"}, browser_secret=COOKIE, now=NOW)


@pytest.mark.parametrize("extra", [{}, {"code": ""}])
def test_neither_code_nor_error(extra: dict[str, str]) -> None:
    pending, _ = begun()
    with pytest.raises(UnusableReply):
        read_callback(pending, {"state": pending.state, **extra}, browser_secret=COOKIE, now=NOW)


@pytest.mark.parametrize("name", ["state", "code", "iss"])
def test_repeated_parameters_are_refused(name: str) -> None:
    pending, _ = begun()
    parameters: dict[str, str | list[str]] = {"state": pending.state, "code": "c", "iss": LOGIN}
    value = str(parameters[name])
    parameters[name] = [value, value]
    with pytest.raises(LaunchRefused):
        read_callback(pending, parameters, browser_secret=COOKIE, now=NOW)


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
