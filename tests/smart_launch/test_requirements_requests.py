"""What SMART asks of requests: their shape on the wire, what they never carry, and over what they travel."""

from __future__ import annotations

import ast
import contextlib
import socket
import ssl
import warnings
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import responses

import fhir_plugin
import mappings
import smart_launch
from smart_launch import (
    ClientKey,
    IdTokenVerifier,
    NotSent,
    Transport,
    begin_launch,
    complete,
    discover,
    introspect,
    refresh,
    request_system_grant,
)
from smart_launch.discovery import read_configuration
from tests.smart_launch.counterparty import (
    ACCESS,
    BASE,
    COOKIE,
    LOGIN,
    NOW,
    REDIRECT,
    REFRESH,
    Counterparty,
    a_configuration,
    an_issuer,
)
from tests.smart_launch.loopback import always, answer, certificate_for, serving

AUTHORIZATION_PARAMETERS = {
    *("response_type", "client_id", "redirect_uri", "launch", "scope", "state", "aud"),
    *("code_challenge", "code_challenge_method", "nonce"),
}
"""SMART's table, and `nonce`, which OpenID Connect Core adds; `tenant` stands in the endpoint of the counterparty."""


# --- over what it travels: R1, R230, R232, R318 ---


def old_server(folder: Path) -> tuple[ssl.SSLContext, str]:
    """A server that speaks TLS 1.1 and nothing newer, with a certificate that is trusted."""
    context, bundle = certificate_for("127.0.0.1", folder)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context, bundle


def test_nothing_older_than_tls_1_2_is_spoken(tmp_path: Path) -> None:
    context, bundle = old_server(tmp_path)
    with serving(always(answer()), tls=context) as server:
        transport = Transport(ca_bundle=bundle)
        with contextlib.closing(transport), pytest.raises(NotSent) as caught:
            transport.send("POST", f"https://127.0.0.1:{server.port}/token", content=b"secret-canary")
        assert caught.value.code == "tls"
        assert server.requests == []
        permissive = ssl.create_default_context(cafile=bundle)
        permissive.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            permissive.minimum_version = ssl.TLSVersion.TLSv1_1
        with (
            socket.create_connection(("127.0.0.1", server.port), timeout=5) as raw,
            permissive.wrap_socket(raw, server_hostname="127.0.0.1") as spoken,
        ):
            assert spoken.version() == "TLSv1.1", "the server would have spoken it"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_of_today_is_spoken(tmp_path: Path, version: ssl.TLSVersion) -> None:
    context, bundle = certificate_for("127.0.0.1", tmp_path)
    context.minimum_version = context.maximum_version = version
    with serving(always(answer(b'{"a": 1}')), tls=context) as server:
        transport = Transport(ca_bundle=bundle)
        with contextlib.closing(transport):
            assert transport.send("GET", f"https://127.0.0.1:{server.port}/").json() == {"a": 1}


# --- no text is code: R5 ---

RUNNERS = {
    *("eval", "exec", "compile", "__import__"),
    *("os.system", "os.popen", "pickle.load", "pickle.loads", "marshal.loads", "yaml.load", "shelve.open"),
    *("subprocess.getoutput", "render_template_string", "flask.render_template_string"),
}


def called(tree: ast.AST) -> set[str]:
    """Every name that is called, and `shell` where a call is given one."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            found.add(ast.unparse(node.func))
            found |= {"shell" for keyword in node.keywords if keyword.arg == "shell"}
    return found


@pytest.mark.parametrize("package", [smart_launch, fhir_plugin, mappings], ids=lambda package: package.__name__)
def test_no_text_is_ever_run_as_code(package: object) -> None:
    root = Path(str(getattr(package, "__file__", ""))).parent
    sources = sorted(root.rglob("*.py"))
    assert len(sources) > 10
    for source in sources:
        assert not called(ast.parse(source.read_text("utf-8"))) & (RUNNERS | {"shell"}), source.name
    for template in root.rglob("*.html"):
        assert "|safe" not in template.read_text("utf-8").replace(" ", ""), template.name


def test_the_look_for_runners_finds_them() -> None:
    guilty = "import os\nos.system(x)\nsubprocess.run(x, shell=True)\neval(x)\nre.compile(x)"
    assert called(ast.parse(guilty)) & (RUNNERS | {"shell"}) == {"os.system", "shell", "eval"}


# --- discovery: R29, R226, R227 ---


@pytest.mark.parametrize("base", [BASE, BASE + "/", "https://fhir.ehr.example", "https://fhir.ehr.example:8443/a/b"])
def test_discovery_is_a_get_that_accepts_json(edge: responses.RequestsMock, wire: Transport, base: str) -> None:
    url = base.rstrip("/") + "/.well-known/smart-configuration"
    edge.add("GET", url, json=a_configuration())
    found = discover(an_issuer(iss=base), wire)
    assert (found.authorization_endpoint, found.token_endpoint) == (f"{LOGIN}/authorize?tenant=a", f"{LOGIN}/token")
    (call,) = edge.calls
    assert (call.request.method, call.request.url) == ("GET", url)
    assert call.request.headers["Accept"] == "application/json"
    assert "Authorization" not in call.request.headers


# --- the authorization request: R211 ---


@pytest.mark.parametrize("launch", ["handle", None])
@pytest.mark.parametrize("scopes", [("openid", "fhirUser", "online_access"), ("user/Media.c",)])
def test_no_parameter_goes_to_a_server_that_smart_does_not_name(launch: str | None, scopes: tuple[str, ...]) -> None:
    """Neither `max_age` nor a request for `auth_time`, nor anything else that a server need not know."""
    issuer = an_issuer(scopes=scopes)
    _, url = begin_launch(
        issuer,
        read_configuration(issuer, a_configuration()),
        redirect_uri=REDIRECT,
        browser_secret=COOKIE,
        now=NOW,
        launch=launch,
    )
    sent = {name for name, _ in parse_qsl(urlsplit(url).query)} - {"tenant"}
    assert sent <= AUTHORIZATION_PARAMETERS
    assert "max_age" not in url and "auth_time" not in url


# --- token requests: R62, R234, R263 ---


def posted(request: requests.PreparedRequest) -> dict[str, str]:
    """The form of a request that is one: posted, in the body, and nowhere else."""
    assert request.method == "POST"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    body = request.body.decode("ascii") if isinstance(request.body, bytes) else str(request.body)
    pairs = parse_qsl(body, keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


@pytest.fixture
def key() -> ClientKey:
    return ClientKey.generate("k", "ES384")


def test_the_token_request_is_a_posted_form(ehr: Counterparty, wire: Transport, key: ClientKey) -> None:
    ehr.keys = [key]
    issuer = an_issuer(auth_method="private_key_jwt", key_id="k")
    configuration = read_configuration(issuer, a_configuration())
    refresh(ehr.launch(issuer, wire, key=key).grant, issuer, configuration, wire, key=key, now=NOW)
    ehr.answer = {"scope": "system/Media.rs", "refresh_token": None}
    request_system_grant(issuer, configuration, wire, scopes=["system/Media.rs"], key=key, now=NOW)
    sent = [request for request in ehr.asked if request.method == "POST"]
    assert [posted(request)["grant_type"] for request in sent] == [
        "authorization_code",
        "refresh_token",
        "client_credentials",
    ]
    for request in sent:
        assert request.url == f"{LOGIN}/token", "nothing of it in the URL"
        assert request.headers["Accept"] == "application/json"


def test_backend_access_is_asked_for_again_as_needed(ehr: Counterparty, wire: Transport, key: ClientKey) -> None:
    ehr.keys = [key]
    issuer = an_issuer(auth_method="private_key_jwt", key_id="k")
    configuration = read_configuration(issuer, a_configuration())
    ehr.answer = {"scope": "system/Media.rs", "refresh_token": None}
    tokens = []
    for number in range(3):
        ehr.answer["access_token"] = f"system-{number}"
        grant = request_system_grant(issuer, configuration, wire, scopes=["system/Media.rs"], key=key, now=NOW)
        assert grant.refresh_token is None
        tokens.append(grant.access_token)
    assert tokens == ["system-0", "system-1", "system-2"]
    assert len(ehr.jtis) == 3, "each with an assertion of its own"


# --- a standalone launch: R26, R28 ---


def test_a_standalone_launch_from_beginning_to_refresh(ehr: Counterparty, wire: Transport) -> None:
    issuer = an_issuer()
    configuration = discover(issuer, wire)
    pending, url = begin_launch(issuer, configuration, redirect_uri=REDIRECT, browser_secret=COOKIE, now=NOW)
    assert url.startswith(configuration.authorization_endpoint)
    launch = complete(
        pending,
        ehr.authorize(url),
        issuer=issuer,
        browser_secret=COOKIE,
        transport=wire,
        verifier=IdTokenVerifier(wire),
        now=NOW,
    )
    assert launch.context.patient == "p1"
    assert launch.grant.header_for(f"{BASE}/Media") == {"Authorization": f"Bearer {ACCESS}"}
    ehr.answer = {"access_token": "fresh", "refresh_token": None}
    fresh = refresh(launch.grant, issuer, configuration, wire, now=NOW)
    assert (fresh.access_token, fresh.refresh_token, fresh.scopes) == ("fresh", REFRESH, launch.grant.scopes)


# --- introspection: R270 ---


def test_introspection_asks_as_rfc_7662_says(edge: responses.RequestsMock, wire: Transport) -> None:
    """A posted form with the token in it, from a client that proves who it is."""
    issuer = an_issuer(auth_method="client_secret_basic", client_secret="s3cret")
    edge.add("POST", f"{LOGIN}/introspect", json={"active": True, "scope": "patient/Media.r"})
    state = introspect(ACCESS, issuer, read_configuration(issuer, a_configuration()), wire, now=NOW)
    assert state.active
    request = edge.calls[0].request
    assert posted(request) == {"token": ACCESS}
    assert request.headers["Accept"] == "application/json"
    assert request.headers["Authorization"].startswith("Basic ")
    assert request.url == f"{LOGIN}/introspect"
