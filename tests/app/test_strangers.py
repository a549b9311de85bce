"""Whatever an EHR publishes: it is refused in words, or shown in plain characters. Nothing else comes of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fhir_plugin.adapters.ehr_introduction import (
    fetch_configuration,
    hosts_named,
    look_around,
    read_strictly,
    shown_host,
)
from fhir_plugin.adapters.issuers_file import entry_text
from fhir_plugin.commands import issuer_words as words
from fhir_plugin.commands.answers import operator
from fhir_plugin.commands.issuer_checks import Check, Verdict, judge
from fhir_plugin.commands.issuer_choice import Wishes, choose, free_name
from fhir_plugin.errors import Refused
from smart_launch import Issuer, read_registry
from smart_launch.urls import host_of
from tests.app.ehrs import BASE, LOGIN, Document, Written, published

_TEXT = st.text(max_size=40) | st.sampled_from(
    [LOGIN, f"{LOGIN}/token", "https://evil.example/x", "http://127.0.0.1/x", "https://[::1", "//x", "../y", "S256",
     "private_key_jwt", "ES384", "sso-openid-connect", "\x1b[2J", "https://é.example/", "https://xn--/", "https://a..b/"]
)  # fmt: skip
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)
_SMART = (
    "issuer", "jwks_uri", "authorization_endpoint", "token_endpoint", "revocation_endpoint", "introspection_endpoint",
    "management_endpoint", "capabilities", "scopes_supported", "code_challenge_methods_supported",
    "token_endpoint_auth_methods_supported", "token_endpoint_auth_signing_alg_values_supported",
)  # fmt: skip
_KEYS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("n", "e", "x", "y", "use"), _JSON)
    | {"kty": st.sampled_from(["RSA", "EC", "oct"]), "crv": st.sampled_from(["P-384", "P-256", "secp256k1"])},
)


def _meet(documents: dict[str, Document]) -> tuple[str, list[Check]]:
    """All that `issuer add` would show of this EHR, and what it found. Raises `Refused`."""
    conversation = Written(documents)
    document = fetch_configuration(BASE, conversation)
    hosts = hosts_named(BASE, document)
    stranger = Issuer(name="stranger", iss=BASE, client_id="-", allowed_hosts=hosts, sandbox=True)
    about = look_around(stranger, read_strictly(stranger, document), conversation, now=dt.datetime.now(dt.UTC))
    chosen = choose(Wishes(BASE, client_id="c"), about, hosts, set())
    entry = read_registry(entry_text(chosen), secret=lambda _: "-").named(str(chosen["name"]))
    assert entry.allowed_hosts == hosts and entry.iss == BASE
    checks = judge(entry, about, our_key="k", our_algorithm=entry.key_algorithm, base_url="https://images.example")
    allowed = {host_of(BASE), *hosts}
    assert {host_of(url) for url in conversation.asked} <= allowed
    shown = [
        words.found_text(about, BASE, allowed),
        words.checks_text(checks),
        words.entry_words(chosen),
        words.to_register_text(words.to_register(chosen, "https://images.example", "secrets")),
        str(words.found(about)),
    ]
    return "\n".join(shown), checks


def _says_only_what_can_be_shown(documents: dict[str, Document]) -> None:
    try:
        shown, checks = _meet(documents)
    except Refused as refused:
        assert refused.message.isprintable() and refused.message.isascii()
        return
    assert {character for character in shown if not " " <= character <= "~"} <= {"\n"}
    assert checks


@settings(deadline=None)
@given(changes=st.dictionaries(st.sampled_from(_SMART), _JSON, max_size=4))
@example(changes={"issuer": "https://x\N{RIGHT-TO-LEFT OVERRIDE}.example"})
@example(changes={"token_endpoint": "https://login.trust-a.example/\N{CYRILLIC SMALL LETTER A}"})
def test_any_smart_configuration(changes: dict[str, Any]) -> None:
    documents = published()
    smart = documents[f"{BASE}/.well-known/smart-configuration"]
    assert isinstance(smart, dict)
    smart.update(changes)
    _says_only_what_can_be_shown(documents)


@settings(deadline=None)
@given(openid=_JSON, keys=st.lists(_KEYS | _JSON, max_size=3) | _JSON, statement=_JSON)
def test_anything_else_that_it_publishes(openid: Any, keys: Any, statement: Any) -> None:
    documents = published()
    as_object = openid if isinstance(openid, dict) else {"issuer": LOGIN, "jwks_uri": openid}
    about_itself = {"resourceType": "CapabilityStatement", "fhirVersion": statement, "software": statement}
    documents[f"{LOGIN}/.well-known/openid-configuration"] = as_object
    documents[f"{LOGIN}/jwks"] = {"keys": keys}
    documents[f"{BASE}/metadata"] = about_itself
    _says_only_what_can_be_shown(documents)


def test_the_good_one_among_them_passes_every_check() -> None:
    _, checks = _meet(published())
    assert {each.verdict for each in checks} == {Verdict.OK, Verdict.INFO}


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("login.example", "login.example"),
        ("b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example", "xn--bcher-kva.example"),
        ("p\N{CYRILLIC SMALL LETTER A}ypal.example", "xn--pypal-4ve.example"),
        ("a..b", "a..b"),
        ("x\N{RIGHT-TO-LEFT OVERRIDE}y", "x?y"),
        ("fd00::1", "fd00::1"),
    ],
)
def test_a_host_is_shown_as_the_network_sees_it(host: str, shown: str) -> None:
    assert shown_host(host) == shown


def test_a_name_is_made_of_the_host_and_is_free() -> None:
    assert free_name("https://FHIR.Trust-A.example:8443/r4", set()) == "fhir-trust-a-example-8443"
    assert free_name("https://a.example/r4", {"a-example", "a-example-2"}) == "a-example-3"
    assert free_name("https://[::1]/r4", set()) == "1"


def test_an_account_without_a_name_still_leaves_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 10001")

    assert operator()
    monkeypatch.setattr("getpass.getuser", nobody)
    assert operator().startswith("uid ")
