"""The documents by which a client finds its way."""

from __future__ import annotations

import requests
from joserfc.jwk import KeySet

from fhir_plugin.sandbox.serve import RunningSandbox


def test_smart_configuration_says_what_smart_requires(ehr: RunningSandbox) -> None:
    found = requests.get(f"{ehr.fhir_base}/.well-known/smart-configuration", timeout=5)

    assert found.headers["Content-Type"] == "application/json"
    document = found.json()
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert set(document["token_endpoint_auth_signing_alg_values_supported"]) == {"RS384", "ES384"}
    assert {"launch-ehr", "launch-standalone", "sso-openid-connect", "permission-v2"} <= set(document["capabilities"])
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "introspection_endpoint"):
        assert document[name].startswith(ehr.origin + "/")


def test_the_issuer_is_found_under_its_own_name_and_is_not_the_fhir_base(ehr: RunningSandbox) -> None:
    smart = requests.get(f"{ehr.fhir_base}/.well-known/smart-configuration", timeout=5).json()
    openid = requests.get(f"{smart['issuer']}/.well-known/openid-configuration", timeout=5).json()

    assert openid["issuer"] == smart["issuer"] != ehr.fhir_base
    assert openid["jwks_uri"] == smart["jwks_uri"]
    assert openid["id_token_signing_alg_values_supported"] == ["RS256"]


def test_published_keys_are_public_and_named(ehr: RunningSandbox) -> None:
    document = requests.get(f"{ehr.origin}/oauth/jwks", timeout=5).json()

    assert document["keys"]
    for key in document["keys"]:
        assert key["kid"]
        assert not {"d", "p", "q", "dp", "dq", "qi"} & key.keys()
    assert all(not key.is_private for key in KeySet.import_key_set(document).keys)
