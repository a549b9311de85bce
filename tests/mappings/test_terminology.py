from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.model.consent import ConsentForm, ConsentScope
from mappings.model.images import Arrival, Laterality, Photographer
from mappings.model.labels import ACT_CODE, CONFIDENTIALITY, OBSERVATION_VALUE, Label
from mappings.terminology import photographs, systems
from mappings.terminology.audit import PURPOSE_DISPLAYS
from mappings.terminology.body_sites import body_sites, find_sites, regions, site_with_code, sites_in
from mappings.terminology.labels import UNREADABLE, known_labels, official_display, plain_label
from tests.definitions.source import official_display as in_r4

# ------------------------------------------------------------------------------------------------ labels


def test_every_label_is_official_or_says_that_it_is_retired() -> None:
    for label, words in known_labels().items():
        assert words.retired is (in_r4(label.system, label.code) is None), label
        assert words.display == in_r4(label.system, label.code), label


def test_people_never_read_a_code() -> None:
    for words in known_labels().values():
        assert words.plain and not re.search(r"\b[A-Z]{2,}\b", words.plain.replace("HIV", "")), words
    assert plain_label(Label(ACT_CODE, "SEX")) == "private area"
    assert "X9" not in plain_label(Label("urn:example:labels", "X9"))
    assert plain_label(UNREADABLE) == plain_label(Label("urn:example:labels", "X9"))


def test_every_label_that_the_model_gives_is_known() -> None:
    codes = {
        CONFIDENTIALITY: ["N", "R", "V"],
        ACT_CODE: ["SEX", "PDS", "PHY", "PRS", "NORDSCLCD"],
        OBSERVATION_VALUE: ["CLINAST", "PATRPT", "SDMRPT"],
    }
    for system, each in codes.items():
        assert all(official_display(Label(system, code)) for code in each)


def test_purposes_are_official() -> None:
    assert {code: in_r4(systems.ACT_REASON, code) for code in PURPOSE_DISPLAYS} == PURPOSE_DISPLAYS


def test_every_answer_has_words() -> None:
    assert set(photographs.ARRIVAL_WORDS) == set(Arrival)
    assert set(photographs.PHOTOGRAPHER_WORDS) == set(Photographer)
    assert set(photographs.CONSENT_FORM_WORDS) == set(ConsentForm)
    assert set(photographs.CONSENT_SCOPE_WORDS) == set(ConsentScope)
    assert set(photographs.LATERALITY_WORDS) == set(Laterality)


def test_our_own_uris_are_urns_of_their_own() -> None:
    ours = [value for name, value in vars(systems).items() if name.isupper() and "fhir-plugin" in str(value)]
    assert len(ours) == len(set(ours)) > 10
    assert all(re.fullmatch(r"urn:fhir-plugin:[a-z0-9:-]+", value) for value in ours)


# -------------------------------------------------------------------------------------------- body sites

_DIHEDRAL = [
    [(a + b) % 5 if a < 5 and b < 5 else (a - b) % 5 if a >= 5 and b >= 5 else 5 + ((a + b) if a < 5 else (a - b)) % 5
     for b in range(10)]
    for a in range(10)
]  # fmt: skip
_PERMUTATION = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]


def verhoeff_holds(code: str) -> bool:
    """SNOMED CT identifiers end in a Verhoeff check digit (SNOMED CT TIG 5.5)."""
    total = 0
    for place, digit in enumerate(reversed(code)):
        value = int(digit)
        for _ in range(place % 8):
            value = _PERMUTATION[value]
        total = _DIHEDRAL[total][value]
    return total == 0


def test_the_check_digit_finds_a_slip_of_the_finger() -> None:
    assert verhoeff_holds("14975008")
    assert not verhoeff_holds("14975080")
    assert not verhoeff_holds("14975009")


def test_every_site_is_well_formed() -> None:
    assert len(body_sites()) >= 80
    for code, listed in body_sites().items():
        assert verhoeff_holds(code), code
        assert code[-3:-1] == "00" or code[-3:-1] == "10", code
        assert listed.site.code == code
        assert listed.term and listed.site.display and listed.region
        assert listed.site.display[0].isupper()
    names = [listed.site.display for listed in body_sites().values()]
    assert len(names) == len(set(names))


PRIVATE = {
    "Breast", "Nipple", "Areola", "Groin", "Genitals", "Outer genitals", "Penis", "Head of the penis", "Scrotum",
    "Vulva", "Labia", "Vagina", "Perineum", "Anus", "Around the anus", "Buttock", "Cleft between the buttocks",
    "Above the pubic bone",
}  # fmt: skip


def test_private_areas_are_exactly_these() -> None:
    assert {listed.site.display for listed in body_sites().values() if listed.site.private} == PRIVATE


def test_nothing_in_the_pelvis_is_left_open() -> None:
    assert all(site.private for site in sites_in("pelvis"))


@pytest.mark.parametrize("name", ["Knee", "Ear", "Hand", "Foot", "Breast", "Eye", "Groin", "Shoulder", "Toe"])
def test_what_comes_in_twos_is_paired(name: str) -> None:
    assert find_sites(name)[0].paired


@pytest.mark.parametrize(
    "name", ["Nose", "Scalp", "Anus", "Tongue", "Chin", "Belly button", "Back", "Penis", "Abdomen"]
)
def test_what_is_single_is_not(name: str) -> None:
    assert not find_sites(name)[0].paired


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("knee", "Knee"),
        ("KNEE ", "Knee"),
        ("left knee", "Knee"),
        ("l knee", "Knee"),
        ("arm", "Arm (whole)"),
        ("forea", "Forearm"),
        ("foerarm", "Forearm"),
        ("shouler", "Shoulder"),
        ("axilla", "Armpit"),
        ("tummy", "Abdomen"),
        ("nape", "Back of neck"),
        ("back of hand", "Back of the hand"),
        ("pinna", "Outer ear"),
        ("buttock", "Buttock"),
        ("natal cleft", "Cleft between the buttocks"),
        ("glans", "Head of the penis"),
        ("shin", "Shin"),
        ("Forearm structure", "Forearm"),
        ("paronychia", "Fingernail"),
    ],
)
def test_a_site_is_found_by_what_is_typed(typed: str, first: str) -> None:
    assert find_sites(typed)[0].display == first


@pytest.mark.parametrize("typed", ["", "  ", "left", "zzzzzz", "<script>", "%", "knee qqqqqq"])
def test_what_is_no_site_finds_none(typed: str) -> None:
    assert find_sites(typed) == ()


@given(st.text(max_size=200), st.integers(0, 20))
def test_any_text_can_be_typed(typed: str, limit: int) -> None:
    assert len(find_sites(typed, limit=limit)) <= limit


def test_every_site_is_found_by_its_own_name() -> None:
    for listed in body_sites().values():
        assert listed.site in find_sites(listed.site.display, limit=3), listed.site


def test_regions_and_codes_lead_to_sites() -> None:
    assert [site for region in regions() for site in sites_in(region)] == [
        listed.site for region in regions() for listed in body_sites().values() if listed.region == region
    ]
    knee = site_with_code("72696002")
    assert knee is not None and knee.display == "Knee"
    assert site_with_code("1") is None
