"""`fhir-plugin issuer list` and `check`: what has changed at an EHR, everything a launch needs, and our own side."""

from __future__ import annotations

from typing import Any

import pytest

from smart_launch.errors import AnswerLost, NotSent
from tests.app.commands_here import CommandLine
from tests.app.ehrs import BASE, LOGIN, Written, elliptic_key, published
from tests.app.issuers.written_down import (
    APP,
    CHECK_FAILED,
    DONE,
    REFUSED,
    SOMEBODY_MUST_LOOK,
    UNAVAILABLE,
    configuration_of,
    issuers_file,
    only_entry,
    verdicts_of,
)


def test_list_and_check_of_nothing_say_so(here: CommandLine) -> None:
    for command in ("list", "check"):
        done = here.run("issuer", command)
        assert done.status == DONE and "No EHR is registered" in done.out
    refused = here.run("issuer", "check", "nobody", "--json")
    assert (refused.status, refused.json()["refused"]["code"]) == (REFUSED, "issuer-unknown")


def test_a_file_that_is_wrong_ends_every_command_without_a_traceback(here: CommandLine) -> None:
    issuers_file(here).parent.mkdir()
    issuers_file(here).write_text("[[issuer]]\nname = 'a'\nclient_secret = 'hush-hush'\n")
    for command in (("list",), ("check",), ("add", BASE, "--yes")):
        done = here.run("issuer", *command)
        assert done.status == UNAVAILABLE and "hush-hush" not in done.out + done.err


BROKEN: dict[str, tuple[dict[str, Any], str, str]] = {
    "another issuer": ({"issuer": "https://login.trust-a.example/new"}, "issuer", "failed"),
    "no issuer any more": ({"issuer": None}, "issuer", "warning"),
    "no S256": ({"code_challenge_methods_supported": []}, "pkce", "failed"),
    "plain too": ({"code_challenge_methods_supported": ["S256", "plain"]}, "pkce", "warning"),
    "an endpoint elsewhere": ({"token_endpoint": "https://elsewhere.example/token"}, "endpoints", "failed"),
    "an endpoint without TLS": ({"token_endpoint": "http://login.trust-a.example/token"}, "endpoints", "failed"),
    "no way to sign in": ({"authorization_endpoint": None}, "endpoints", "failed"),
    "no signatures any more": (
        {"token_endpoint_auth_methods_supported": ["client_secret_post"], "capabilities": ["launch-ehr"]},
        "client-login",
        "failed",
    ),
    "another algorithm": (
        {"token_endpoint_auth_signing_alg_values_supported": ["RS384"]},
        "signing-algorithm",
        "failed",
    ),
    "algorithms unsaid": ({"token_endpoint_auth_signing_alg_values_supported": None}, "signing-algorithm", "warning"),
    "no launch": ({"capabilities": ["sso-openid-connect", "permission-v2"]}, "launch", "warning"),
    "scopes unsaid": ({"capabilities": ["sso-openid-connect"]}, "scopes", "warning"),
    "no revocation": ({"revocation_endpoint": None}, "revocation", "info"),
    "keys elsewhere": ({"jwks_uri": "https://elsewhere.example/jwks"}, "endpoints", "failed"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_check_says_what_has_changed(here: CommandLine, ehr: Written, what: str) -> None:
    assert here.run("issuer", "add", BASE, "--client-id", "c", "--yes").status == DONE
    assert "failed" not in verdicts_of(here).values()
    changes, name, verdict = BROKEN[what]
    ehr.documents = dict(published(**changes))
    assert verdicts_of(here)[name] == verdict
    assert here.run("issuer", "check").status == (CHECK_FAILED if verdict == "failed" else DONE)


@pytest.mark.parametrize(
    ("address", "answer", "name", "verdict"),
    [
        (f"{LOGIN}/jwks", {"keys": []}, "identity", "failed"),
        (
            f"{LOGIN}/jwks",
            {"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}, 7, {"kty": "oct"}]},
            "identity",
            "failed",
        ),
        (f"{LOGIN}/jwks", {"keys": [elliptic_key()]}, "identity", "failed"),
        (f"{LOGIN}/jwks", {"keys": [{**elliptic_key(), "y": "AA"}]}, "identity", "failed"),
        (f"{LOGIN}/jwks", {"keys": [{"kty": "RSA", "n": "A" * 400, "e": "AQAB"}]}, "identity", "failed"),
        (f"{LOGIN}/jwks", 503, "identity", "failed"),
        (f"{LOGIN}/jwks", b"<html>", "identity", "failed"),
        (f"{LOGIN}/.well-known/openid-configuration", {"issuer": "https://x.example"}, "identity", "warning"),
        (f"{BASE}/metadata", {"resourceType": "CapabilityStatement", "fhirVersion": "3.0.2"}, "fhir", "failed"),
        (f"{BASE}/metadata", 401, "fhir", "warning"),
        (f"{BASE}/metadata", b"<CapabilityStatement/>", "fhir", "warning"),
        (f"{BASE}/metadata", AnswerLost("late", code="timeout"), "fhir", "warning"),
        (f"{BASE}/.well-known/smart-configuration", 404, "discovery", "failed"),
        (f"{BASE}/.well-known/smart-configuration", NotSent("dns", code="dns"), "discovery", "failed"),
    ],
)
def test_a_check_looks_at_everything_that_a_launch_needs(
    here: CommandLine, ehr: Written, address: str, answer: Any, name: str, verdict: str
) -> None:
    assert here.run("issuer", "add", BASE, "--client-id", "c", "--yes").status == DONE
    ehr.documents[address] = answer
    assert verdicts_of(here)[name] == verdict


def test_keys_on_a_host_that_nobody_was_shown_are_not_fetched(here: CommandLine, ehr: Written) -> None:
    """Only the OpenID configuration names it: the launch would refuse it too."""
    configuration_of(ehr).pop("jwks_uri")
    ehr.documents[f"{LOGIN}/.well-known/openid-configuration"] = {
        "issuer": LOGIN,
        "jwks_uri": "https://kèys.example/jwks",
    }
    ehr.documents["https://kèys.example/jwks"] = ehr.documents[f"{LOGIN}/jwks"]
    done = here.run("issuer", "add", BASE, "--client-id", "c", "--yes")
    assert done.status == SOMEBODY_MUST_LOOK and "xn--kys-6la.example" in done.out
    assert verdicts_of(here)["identity"] == "failed"
    assert not [url for url in ehr.asked if "keys" in url or "kèys" in url]


def test_an_ehr_whose_tokens_are_signed_otherwise_is_written_so(here: CommandLine, ehr: Written) -> None:
    ehr.documents[f"{LOGIN}/jwks"] = {"keys": [elliptic_key()]}
    ehr.documents[f"{LOGIN}/.well-known/openid-configuration"] = {
        "issuer": LOGIN,
        "id_token_signing_alg_values_supported": ["ES384", "HS256", "none"],
    }
    assert here.run("issuer", "add", BASE, "--client-id", "c", "--yes").status == DONE
    assert only_entry(here)["id_token_algorithms"] == ["ES384"]
    assert verdicts_of(here)["identity"] == "ok"


def test_our_own_side_is_checked_too(here: CommandLine, ehr: Written) -> None:
    added = here.run("issuer", "add", BASE, "--client-id", "c", "--yes", FHIR_PLUGIN_BASE_URL="http://images.example")
    assert added.status == SOMEBODY_MUST_LOOK and "base-url" in added.out
    checked = here.run("issuer", "check", FHIR_PLUGIN_BASE_URL="http://images.example")
    assert checked.status == CHECK_FAILED and "FHIR_PLUGIN_BASE_URL" in checked.out
    written = issuers_file(here).read_text()
    issuers_file(here).write_text(written + f'jku = "{APP}/keys"\n')
    assert verdicts_of(here)["jku"] == "warning"
    issuers_file(here).write_text(written + f'jku = "{APP}/.well-known/jwks.json"\n')
    assert verdicts_of(here)["jku"] == "ok"
    issuers_file(here).write_text(written.replace('key_algorithm = "ES384"', 'key_id = "gone"'))
    assert verdicts_of(here)["our-key"] == "failed"


@pytest.mark.parametrize(("ahead", "verdict"), [(0, "info"), (45, "info"), (-120, "warning"), (3600, "warning")])
def test_a_clock_that_is_wrong_is_said(
    here: CommandLine, monkeypatch: pytest.MonkeyPatch, ahead: float, verdict: str
) -> None:
    written = Written(published(), ahead=ahead)
    for module in ("issuer_add", "issuer_check"):
        monkeypatch.setattr(f"fhir_plugin.commands.{module}.Conversation", written.begin)
    here.run("issuer", "add", BASE, "--client-id", "c", "--yes")
    assert verdicts_of(here)["clock"] == verdict


def test_one_ehr_can_be_checked_alone(here: CommandLine, ehr: Written) -> None:
    here.run("issuer", "add", BASE, "--client-id", "c", "--yes", "--name", "trust-a")
    ehr.documents.update(published("https://b.example/fhir", "https://b.example/login"))
    here.run("issuer", "add", "https://b.example/fhir", "--client-id", "c", "--yes", "--name", "trust-b")
    ehr.documents = dict(published())
    assert here.run("issuer", "check", "trust-a").status == DONE
    everybody = here.run("issuer", "check", "--json")
    assert (everybody.status, everybody.json()["failed"]) == (CHECK_FAILED, ["trust-b"])
