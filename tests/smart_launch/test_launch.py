"""Beginning a launch: the link, the authorization request, and what is kept of it."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import responses

from smart_launch import (
    IssuerRegistry,
    LaunchRefused,
    Misconfigured,
    PendingLaunch,
    UnknownIssuer,
    as_form,
    begin_launch,
    prefers_post,
    read_launch,
)
from tests.smart_launch.begun import begun, configuration_of
from tests.smart_launch.counterparty import BASE, CLIENT, COOKIE, LOGIN, NOW, REDIRECT, an_issuer


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


WIDE = ("openid", "patient/*.rs")


def test_only_a_privileged_launch_asks_for_more() -> None:
    issuer = an_issuer(privileged_scopes=WIDE)
    usual, url = begun(issuer)
    assert not usual.privileged and "patient/*.rs" not in query_of(url)["scope"]
    more, url = begun(issuer, privileged=True)
    assert more.privileged and query_of(url)["scope"].split() == ["launch", *WIDE]
    again = PendingLaunch.from_record(json.loads(json.dumps(more.as_record())))
    assert again.privileged, "it is remembered with the launch, not told by the browser"
    before = {name: value for name, value in usual.as_record().items() if name != "privileged"}
    assert not PendingLaunch.from_record(before).privileged, "one that was begun before there was such a thing"
    with pytest.raises(LaunchRefused) as refused:
        begun(an_issuer(), privileged=True)
    assert refused.value.code == "not-privileged"


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
