"""What an EHR publishes about itself, honest, broken and hostile."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import responses

from smart_launch import ConfigurationCache, DiscoveryError, NotSent, SmartConfiguration, Transport, discover
from smart_launch.discovery import read_configuration
from tests.smart_launch.counterparty import BASE, LOGIN, NOW, Counterparty, a_configuration, an_issuer

URL = f"{BASE}/.well-known/smart-configuration"


def test_a_good_configuration(ehr: Counterparty, wire: Transport) -> None:
    found = discover(an_issuer(iss=BASE + "/"), wire)
    assert found.token_endpoint == f"{LOGIN}/token"
    assert found.issuer == LOGIN
    assert found.speaks_v2_scopes
    assert not found.speaks_v1_scopes
    assert found.fhir_base == BASE
    assert ehr.asked[0].url == URL
    assert ehr.asked[0].headers["Accept"] == "application/json"
    assert SmartConfiguration.from_record(json.loads(json.dumps(found.as_record()))) == found


@pytest.mark.parametrize(
    ("given", "resolved"),
    [("auth/token", f"{BASE}/auth/token"), ("/token", "https://fhir.ehr.example/token")],
)
def test_relative_endpoints_are_resolved_against_the_base(given: str, resolved: str) -> None:
    document = a_configuration(token_endpoint=given)
    assert read_configuration(an_issuer(), document).token_endpoint == resolved


@pytest.mark.parametrize(
    "name",
    ["authorization_endpoint", "token_endpoint", "jwks_uri", "revocation_endpoint", "introspection_endpoint"],
)
@pytest.mark.parametrize(
    "url",
    [
        "http://login.ehr.example/x",
        "https://evil.example/x",
        "//evil.example/x",
        "https://login.ehr.example@evil.example/",
        "https://[::1",
        "javascript:alert(1)",
        "https://10.0.0.1/x",
        "http://localhost/x",
        "https://login.ehr.example/\ud800",
        "https://login.ehr.example/x?y=\udfff",
    ],
)
def test_a_dangerous_endpoint_spoils_the_configuration(name: str, url: str) -> None:
    with pytest.raises(DiscoveryError) as caught:
        read_configuration(an_issuer(), a_configuration(**{name: url}))
    assert caught.value.code == "discovery-endpoint"
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"token_endpoint": None}, "discovery-incomplete"),
        ({"token_endpoint": 7}, "discovery-incomplete"),
        ({"code_challenge_methods_supported": ["plain"]}, "discovery-no-s256"),
        ({"code_challenge_methods_supported": None}, "discovery-no-s256"),
        ({"issuer": "https://evil.example"}, "discovery-issuer"),
        ({"issuer": "http://login.ehr.example"}, "discovery-issuer"),
    ],
)
def test_an_incomplete_configuration(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(DiscoveryError) as caught:
        read_configuration(an_issuer(), a_configuration(**changes))
    assert caught.value.code == code


def test_another_issuer_than_the_registered_one() -> None:
    issuer = an_issuer(expected_issuer="https://login.ehr.example/realm")
    with pytest.raises(DiscoveryError) as caught:
        read_configuration(issuer, a_configuration())
    assert caught.value.code == "discovery-issuer"


def test_the_registry_may_waive_the_advertisement_of_s256() -> None:
    document = a_configuration(code_challenge_methods_supported=None)
    assert read_configuration(an_issuer(require_s256=False), document).token_endpoint


def test_strange_lists_are_ignored() -> None:
    document = a_configuration(capabilities="permission-v2", scopes_supported=[1, "openid", None])
    found = read_configuration(an_issuer(), document)
    assert found.capabilities == frozenset()
    assert found.scopes_supported == {"openid"}


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (404, "{}", "discovery-missing"),
        (302, "{}", "discovery-missing"),
        (500, "", "discovery-missing"),
        (200, "<html>canary</html>", "discovery-not-json"),
        (200, "[]", "discovery-not-json"),
        (200, '"x"', "discovery-not-json"),
        (200, "", "discovery-not-json"),
        (200, '{"x": "' + "y" * 600_000 + '"}', "discovery-too-large"),
    ],
)
def test_what_is_no_configuration(
    edge: responses.RequestsMock, wire: Transport, status: int, body: str, code: str
) -> None:
    edge.add("GET", URL, body=body, status=status, headers={"Location": "https://evil.example/"})
    with pytest.raises(DiscoveryError) as caught:
        discover(an_issuer(), wire)
    assert caught.value.code == code
    assert "canary" not in str(caught.value)
    assert len(edge.calls) == 1


def test_a_private_address_is_not_asked() -> None:
    with pytest.raises(NotSent):
        discover(an_issuer(iss="https://10.0.0.1/r4"), Transport())


def test_the_cache_asks_once_in_its_time(ehr: Counterparty, wire: Transport) -> None:
    cache = ConfigurationCache(wire, ttl=timedelta(minutes=15))
    issuer = an_issuer()
    for minutes in (0, 5, 14):
        cache.get(issuer, now=NOW + timedelta(minutes=minutes))
    assert len(ehr.asked) == 1
    cache.get(issuer, now=NOW + timedelta(minutes=15))
    assert len(ehr.asked) == 2
    cache.get(an_issuer(expected_issuer=LOGIN), now=NOW)
    assert len(ehr.asked) == 3, "another entry is judged for itself"
    cache.forget()
    cache.get(issuer, now=NOW)
    assert len(ehr.asked) == 4


def test_a_failure_is_not_kept(ehr: Counterparty, wire: Transport) -> None:
    cache = ConfigurationCache(wire)
    ehr.configuration = {}
    with pytest.raises(DiscoveryError):
        cache.get(an_issuer(), now=NOW)
    ehr.configuration = a_configuration()
    assert cache.get(an_issuer(), now=NOW).token_endpoint
