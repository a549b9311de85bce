"""The registry of EHRs: who may launch us, and what a wrong entry says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smart_launch import Issuer, IssuerRegistry, Misconfigured, UnknownIssuer, load_registry, read_registry
from tests.smart_launch.counterparty import BASE, an_issuer

SECRET = "secret-canary"
TOML = """
[[issuer]]
name = "trust-a"
iss = "https://fhir.trust-a.example/r4"
client_id = "photographs"
auth_method = "client_secret_basic"
client_secret_ref = "TRUST_A"
encode_basic = true
expected_issuer = "https://login.trust-a.example"
allowed_hosts = ["LOGIN.trust-a.example"]
scopes = ["openid", "user/Media.cruds"]
frame_ancestors = ["https://ehr.trust-a.example"]
vendor = "hapi"

[[issuer]]
name = "launcher"
iss = "https://launch.smarthealthit.org/v/r4"
client_id = "any"
sandbox = true
prefix = true
"""


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "issuers.toml"
    path.write_text(TOML)
    registry = load_registry(path, secret={"TRUST_A": SECRET})
    issuer = registry.find("https://fhir.trust-a.example/r4")
    assert issuer == registry.named("trust-a")
    assert issuer.client_secret == SECRET
    assert issuer.encode_basic
    assert issuer.allowed_hosts == {"login.trust-a.example"}
    assert issuer.scopes == ("openid", "user/Media.cruds")
    assert issuer.trusts_endpoint("https://login.trust-a.example/token")
    assert SECRET not in repr(issuer) + repr(list(registry))
    assert len(registry) == 2


def test_a_secret_may_come_from_a_function() -> None:
    assert read_registry(TOML, secret=lambda name: name + SECRET).named("trust-a").client_secret == ("TRUST_A" + SECRET)


@pytest.mark.parametrize(
    "iss",
    [
        "",
        "https://fhir.ehr.example",
        BASE + "/x",
        BASE + "x",
        BASE + "?x=y",
        BASE + "#x",
        BASE.upper(),
        BASE.replace("https", "http"),
        "https://user@fhir.ehr.example/r4",
        "https://fhir.ehr.example:443/r4",
        "https://fhir.ehr.example.evil.example/r4",
        " " + BASE,
        BASE + "\n",
        BASE + "/.",
        "https://evil.example/?" + BASE,
    ],
)
def test_only_the_exact_iss_is_known(iss: str) -> None:
    with pytest.raises(UnknownIssuer):
        IssuerRegistry([an_issuer()]).find(iss)


@pytest.mark.parametrize(("written", "sent"), [(BASE, BASE), (BASE, BASE + "/"), (BASE + "/", BASE)])
def test_a_trailing_slash_does_not_matter(written: str, sent: str) -> None:
    issuer = IssuerRegistry([an_issuer(iss=written)]).find(sent)
    assert issuer.fhir_base == BASE


def test_a_sandbox_may_match_by_prefix() -> None:
    registry = read_registry(TOML, secret={"TRUST_A": SECRET})
    iss = "https://launch.smarthealthit.org/v/r4/sim/WzIsIiIsIiIsIkFVVE8iXQ/fhir"
    found = registry.find(iss)
    assert (found.iss, found.name, found.sandbox) == (iss, "launcher", True)


@pytest.mark.parametrize(
    "rest",
    ["x", "/../../evil", "/a/../b", "/%2e%2e/b", "/a?x", "/a#x", "/a//b", "/.well-known", "/a\\b", "@evil"],
)
def test_a_prefix_is_no_hole(rest: str) -> None:
    with pytest.raises(UnknownIssuer):
        read_registry(TOML, secret={"TRUST_A": SECRET}).find("https://launch.smarthealthit.org/v/r4" + rest)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Trust A"},
        {"name": ""},
        {"iss": "http://fhir.ehr.example/r4"},
        {"iss": "https://fhir.ehr.example/r4?x=y"},
        {"iss": "fhir.ehr.example"},
        {"iss": "http://127.0.0.1:8080/fhir"},
        {"client_id": ""},
        {"auth_method": "client_secret_post"},
        {"auth_method": "client_secret_basic"},
        {"client_secret": SECRET},
        {"auth_method": "private_key_jwt"},
        {"jku": "http://app.example/jwks"},
        {"id_token_algorithms": ("HS256",)},
        {"id_token_algorithms": ("none",)},
        {"id_token_algorithms": ()},
        {"prefix": True},
        {"frame_ancestors": ("*",)},
        {"frame_ancestors": ("https://ehr.example; script-src *",)},
        {"frame_ancestors": ("http://ehr.example",)},
        {"scopes": ("openid fhirUser",)},
    ],
    ids=str,
)
def test_a_dangerous_entry_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured) as caught:
        an_issuer(**changes)
    assert SECRET not in str(caught.value)


def test_a_sandbox_may_be_on_this_machine() -> None:
    issuer = an_issuer(iss="http://127.0.0.1:8080/fhir", sandbox=True, frame_ancestors=("http://ehr.localhost:8080",))
    assert IssuerRegistry([issuer]).find("http://127.0.0.1:8080/fhir") == issuer


@pytest.mark.parametrize(
    "text",
    [
        "[[issuer]\n",
        "issuer = 3",
        "[[issuer]]\nname = 'a'\niss = 'https://a.example'\n",
        TOML.replace("encode_basic = true", "encode_basic = 'yes'"),
        TOML.replace('client_id = "any"', "client_id = 7"),
        TOML.replace('scopes = ["openid", "user/Media.cruds"]', "scopes = 'openid'"),
        TOML.replace('scopes = ["openid", "user/Media.cruds"]', "scopes = [1]"),
        TOML.replace("vendor", "vendour"),
        TOML.replace('"TRUST_A"', '"OTHER"'),
        TOML.replace('name = "launcher"', 'name = "trust-a"'),
        TOML.replace("sandbox = true", "sandbox = false"),
    ],
)
def test_a_wrong_file_is_refused_without_its_values(text: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        read_registry(text, secret={"TRUST_A": SECRET})
    assert SECRET not in str(caught.value)


def test_two_entries_for_one_base_are_refused() -> None:
    with pytest.raises(Misconfigured):
        IssuerRegistry([an_issuer(), an_issuer(name="other", iss=BASE + "/")])


def test_only_marked_entries_may_live_at_private_addresses() -> None:
    inside = an_issuer(private_network=True)
    outside = an_issuer(name="other", iss="https://other.example/r4", allowed_hosts=frozenset({"x.example"}))
    assert IssuerRegistry([inside, outside]).private_hosts == {"fhir.ehr.example", "login.ehr.example"}
    assert IssuerRegistry([outside]).private_hosts == frozenset()


def test_no_entries_means_nobody() -> None:
    registry = read_registry("")
    assert list(registry) == []
    for ask in (registry.find, registry.named):
        with pytest.raises(UnknownIssuer):
            ask("ehr")


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("https://login.ehr.example/token", True),
        ("https://fhir.ehr.example/token", True),
        ("https://fhir.ehr.example:8443/token", True),
        ("http://login.ehr.example/token", False),
        ("https://evil.example/token", False),
        ("https://login.ehr.example.evil.example/token", False),
        ("https://login.ehr.example@evil.example/token", False),
        ("https://login.ehr.example/to ken", False),
        ("https://login.ehr.example\\@evil.example/", False),
        ("/token", False),
        ("", False),
    ],
)
def test_where_endpoints_may_live(url: str, trusted: bool) -> None:
    issuer: Issuer = an_issuer()
    assert issuer.trusts_endpoint(url) is trusted
