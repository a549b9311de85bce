"""The judgement of an EHR against its entry, point by point: values in, values with a reason out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fhir_plugin.adapters.ehr_introduction import Introduction
from fhir_plugin.commands.issuer_checks import Check, Verdict, judge
from smart_launch import Issuer, SmartConfiguration

APP = "https://images.example"
ISSUER = Issuer(
    name="trust-a",
    iss="https://fhir.example/r4",
    client_id="photographs",
    auth_method="private_key_jwt",
    key_algorithm="ES384",
    expected_issuer="https://login.example",
    scopes=("openid", "fhirUser", "patient/Media.cruds"),
)
CONFIGURATION = SmartConfiguration(
    fhir_base="https://fhir.example/r4",
    authorization_endpoint="https://login.example/authorize",
    token_endpoint="https://login.example/token",
    issuer="https://login.example",
    capabilities=frozenset({"launch-ehr", "sso-openid-connect", "permission-v1", "permission-v2"}),
    code_challenge_methods_supported=frozenset({"S256"}),
    token_endpoint_auth_methods_supported=frozenset({"private_key_jwt"}),
    token_endpoint_auth_signing_alg_values_supported=frozenset({"ES384"}),
)
ABOUT = Introduction(CONFIGURATION, keys={"RSA": 1}, fhir_version="4.0.1", clock_ahead=0.4)


def _checks(
    issuer: Issuer = ISSUER, about: Introduction = ABOUT, *, key: str = "k", url: str = APP
) -> dict[str, Check]:
    algorithm = issuer.key_algorithm or "ES384"
    checks = judge(issuer, about, our_key=key, our_algorithm=algorithm, base_url=url)
    assert len({each.name for each in checks}) == len(checks)
    assert all(each.says.endswith(".") and each.says.isascii() for each in checks)
    return {each.name: each for each in checks}


def _configured(**changes: Any) -> Introduction:
    return replace(ABOUT, configuration=replace(CONFIGURATION, **changes))


def test_a_good_ehr_has_nothing_to_look_at() -> None:
    assert {each.verdict for each in _checks().values()} == {Verdict.OK, Verdict.INFO}


@pytest.mark.parametrize(
    ("about", "name", "verdict"),
    [
        (_configured(authorization_endpoint=""), "endpoints", "failed"),
        (_configured(issuer="https://login.example/"), "issuer", "failed"),
        (_configured(issuer=""), "issuer", "warning"),
        (_configured(capabilities=frozenset({"permission-v1", "launch-standalone"})), "scopes", "info"),
        (_configured(capabilities=frozenset({"launch-standalone"})), "launch", "warning"),
        (_configured(capabilities=frozenset()), "scopes", "warning"),
        (replace(_configured(capabilities=frozenset()), keys={}, keys_problem="none"), "identity", "failed"),
        (replace(ABOUT, keys={}, keys_problem="it publishes no key set"), "identity", "failed"),
        (replace(ABOUT, keys={"P-384": 2}), "identity", "failed"),
        (replace(ABOUT, openid_problem="it cannot be read"), "identity", "warning"),
        (replace(ABOUT, keys={"RSA": 2}), "identity", "ok"),
        (replace(ABOUT, fhir_version="4.3.0"), "fhir", "ok"),
        (replace(ABOUT, fhir_version="3.0.2"), "fhir", "failed"),
        (replace(ABOUT, fhir_version=""), "fhir", "failed"),
        (replace(ABOUT, clock_ahead=None), "clock", "info"),
        (replace(ABOUT, clock_ahead=61.0), "clock", "warning"),
        (replace(ABOUT, clock_ahead=-61.0), "clock", "warning"),
        (_configured(introspection_endpoint="https://login.example/i"), "introspection", "info"),
        (_configured(token_endpoint_auth_methods_supported=frozenset()), "client-login", "warning"),
        (_configured(token_endpoint_auth_methods_supported=frozenset({"tls_client_auth"})), "client-login", "failed"),
    ],
)
def test_what_the_ehr_says_is_judged(about: Introduction, name: str, verdict: str) -> None:
    assert _checks(about=about)[name].verdict == verdict


@pytest.mark.parametrize(
    ("issuer", "key", "url", "name", "verdict"),
    [
        (replace(ISSUER, expected_issuer=""), "k", APP, "issuer", "warning"),
        (replace(ISSUER, expected_issuer="", sandbox=True, prefix=True), "k", APP, "issuer", "ok"),
        (ISSUER, "", APP, "our-key", "failed"),
        (replace(ISSUER, key_algorithm="RS384"), "k", APP, "signing-algorithm", "failed"),
        (replace(ISSUER, auth_method="none", key_algorithm=""), "", APP, "our-key", "info"),
        (replace(ISSUER, auth_method="none", key_algorithm=""), "", APP, "client-login", "failed"),
        (ISSUER, "k", "http://images.example", "base-url", "failed"),
        (ISSUER, "k", "http://127.0.0.1:8080", "base-url", "failed"),
        (replace(ISSUER, sandbox=True), "k", "http://127.0.0.1:8080", "base-url", "ok"),
        (replace(ISSUER, sandbox=True), "k", "http://images.example", "base-url", "warning"),
        (replace(ISSUER, frame_ancestors=("https://ehr.example",)), "k", APP, "frames", "ok"),
        (replace(ISSUER, jku="https://elsewhere.example/jwks"), "k", APP, "jku", "warning"),
        (replace(ISSUER, id_token_algorithms=("ES384",)), "k", APP, "identity", "failed"),
    ],
)
def test_its_entry_and_our_own_side_are_judged(issuer: Issuer, key: str, url: str, name: str, verdict: str) -> None:
    assert _checks(issuer, key=key, url=url)[name].verdict == verdict


def test_who_does_not_ask_for_openid_is_only_warned() -> None:
    asks_less = replace(ISSUER, scopes=("patient/Media.cruds",))
    silent = replace(_configured(capabilities=frozenset()), keys={}, keys_problem="it publishes no key set")
    assert _checks(asks_less, silent)["identity"].verdict == "warning"
    assert _checks(asks_less, replace(ABOUT, keys={}, keys_problem="x"))["identity"].verdict == "warning"


def test_an_entry_that_signs_nothing_has_no_check_of_signatures() -> None:
    by_secret = replace(ISSUER, auth_method="client_secret_basic", client_secret="hush-hush", key_algorithm="")
    checks = _checks(by_secret)
    assert "signing-algorithm" not in checks and checks["our-key"].verdict == "ok"
    assert "hush-hush" not in repr(checks)
