"""What a clinician reads about the policy in force, and what the pack gives a patient to read."""

from __future__ import annotations

import datetime as dt
import html
from dataclasses import replace

import pytest

from fhir_plugin.capture.requests.request import Asked
from fhir_plugin.policy.contents import GuidanceLink, ProviderAgreement
from fhir_plugin.policy.pack import shipped_pack
from fhir_plugin.web.patient.door import kept_for, leaflets, organisations_words, privacy_of
from fhir_plugin.web.sites import search, with_sides
from tests.web.conftest import Person
from tests.web.fake import FakeParts

STRICT = shipped_pack("strict")
LINKS = tuple(
    GuidanceLink(f"Leaflet for a {audience}", f"https://leaflets.example/{audience}", "2026", audience)
    for audience in ("clinician", "patient", "parent", "carer")
)


def test_the_policy_in_force_is_a_page_that_every_page_leads_to(person: Person, parts: FakeParts) -> None:
    parts.policy = replace(
        STRICT,
        guidance=LINKS,
        organisation="Elm Tree Surgery",
        approved_by="Dr Nwosu",
        approved_on=dt.date(2026, 11, 23),
        provider_agreements=(
            ProviderAgreement("Elm House", "EH-7", dt.date(2025, 5, 1)),
            ProviderAgreement("Oak House", "OH-1", dt.date(2199, 5, 1)),
        ),
        wording=replace(STRICT.wording, local_committee="office@lmc.example", privacy_notice_version="3"),
    )
    assert 'href="/l/amy/policy"' in person.get("timeline").text + person.get("").text
    page = html.unescape(person.get("policy").text)
    for each in LINKS:
        assert f'href="{each.url}"' in page and each.title in page
    for said in ("strict/2026.11", "Elm Tree Surgery", "Dr Nwosu", "23 November 2026", "office@lmc.example", "EH-7"):
        assert said in page, said
    for said in (STRICT.wording.scope, STRICT.sources[0].title, STRICT.attestations[0].says):
        assert said in page, said
    assert "Oak House" not in page, "an agreement that has not been made"


def test_what_has_been_done_is_not_listed_as_missing(person: Person, parts: FakeParts) -> None:
    done = replace(STRICT.attestations[0], on=dt.date(2025, 1, 1))
    parts.policy = replace(STRICT, attestations=(done, *STRICT.attestations[1:]))
    page = html.unescape(person.get("policy").text)
    assert done.says not in page and STRICT.attestations[1].says in page


@pytest.mark.parametrize(
    ("asked", "audiences"),
    [
        (Asked.PATIENT, ["patient", "carer"]),
        (Asked.PARENT, ["parent"]),
        (Asked.COMPETENT_CHILD, ["patient"]),
    ],
)
def test_each_reader_gets_their_own_leaflets(asked: Asked, audiences: list[str]) -> None:
    assert [each.audience for each in leaflets(replace(STRICT, guidance=LINKS), asked)] == audiences


def test_how_long_it_is_kept_is_told_in_another_language_too_where_the_pack_wants_it() -> None:
    optional = replace(STRICT, retention_text_required=False)
    adult = STRICT.retained("adult").told
    assert kept_for(STRICT, child=False, own=False) == kept_for(optional, child=False, own=True) == adult
    assert kept_for(optional, child=False, own=False) == ""
    assert kept_for(STRICT, child=True, own=True) == STRICT.retained("child").told != adult


def test_the_packs_own_words_and_notice_reach_the_patient() -> None:
    words = {
        name: f"Ours: {name}."
        for name in ("no_pressure", "no_effect_on_care", "only_area", "private_first", "who_sees")
    }
    said = organisations_words(replace(STRICT, wording=replace(STRICT.wording, **words)), parent=False)
    assert set(words.values()) <= set(said)
    notice = {"privacy_notice_url": "https://elm.example/p", "privacy_notice_version": "3"}
    assert privacy_of(replace(STRICT, wording=replace(STRICT.wording, **notice))) == {
        "privacy_url": "https://elm.example/p",
        "privacy_version": "3",
    }


def test_a_site_is_called_private_where_the_pack_in_force_says_so() -> None:
    knee = search("knee")[:1]
    assert [with_sides(knee, "", intimate=codes)[0]["private"] for codes in ((), (knee[0].code,))] == [False, True]
