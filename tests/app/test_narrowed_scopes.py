"""What was granted counts, also when a refresh brings less than the launch did (SMART-R147)."""

from __future__ import annotations

from dataclasses import replace

from smart_launch import GrantedScopes
from tests.app.conftest import Browser, Shop


def test_a_refresh_with_narrower_scopes_narrows_what_the_app_tries(shop: Shop, browser: Browser) -> None:
    launch = browser.launch()
    installation = shop.demo.installation
    before = installation.records.record_of(launch)
    assert before.capability().may("Media", "create")
    held = installation.tokens.get(launch)
    narrower = GrantedScopes.parse("launch openid fhirUser patient/Patient.rs patient/Media.rs")
    assert installation.tokens.replace(launch, replace(held.grant, scopes=narrower), held.version)
    before.read("Patient", "p-adult-1")
    after = installation.records.record_of(launch)
    assert after is not before
    assert after.capability().may("Media", "read")
    assert not after.capability().may("Media", "create")
