from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from mappings.r4.errors import NotReadable
from mappings.r4.patient import from_patient, human_name
from mappings.terminology import systems

# 999 test range; check digits hold
NHS_NUMBER = "9990000018"
OTHER_NHS_NUMBER = "9990000026"


def patient(**parts: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "p1", **parts}


def nhs(value: object, **parts: Any) -> dict[str, Any]:
    return {"system": systems.NHS_NUMBER, "value": value, **parts}


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (
            [{"use": "usual", "text": "Bob"}, {"use": "official", "given": ["Robert", "J"], "family": "Test"}],
            "Robert J Test",
        ),
        ([{"use": "nickname", "text": "Bobby"}, {"use": "usual", "text": "Bob Test"}], "Bob Test"),
        ([{"use": "old", "family": "Before"}, {"family": "Now"}], "Now"),
        ([{"use": "maiden", "family": "Before"}], ""),
        (
            [
                {"use": "official", "family": "Before", "period": {"end": "2020-01-01"}},
                {"use": "usual", "family": "Now"},
            ],
            "Now",
        ),
        ([{"use": "official", "family": "Only", "period": {"end": "2020-01-01"}}], "Only"),
        ([{"use": "official"}, {"use": "usual", "text": "  Ann   Test "}], "Ann Test"),
        ([{"given": ["A", None, 5], "family": "Test"}], "A Test"),
        ({"text": "Lone Object"}, "Lone Object"),
        ([], ""),
        (None, ""),
        ("Bob", ""),
        ([["Bob"]], ""),
    ],
)
def test_the_name_to_show(names: object, shown: str) -> None:
    assert human_name(names) == shown


@pytest.mark.parametrize(
    ("birth_date", "read"),
    [
        ("2000-02-29", dt.date(2000, 2, 29)),
        ("2001-02-29", None),
        ("2000-02", None),
        ("2000", None),
        ("2000-02-29T00:00:00Z", None),
        ("20000229", None),
        (20000229, None),
        (None, None),
        ("٢٠٠٠-٠٢-٢٩", None),
    ],
)
def test_only_a_whole_birth_date_counts(birth_date: object, read: dt.date | None) -> None:
    assert from_patient(patient(birthDate=birth_date)).birth_date == read


@pytest.mark.parametrize(
    ("identifiers", "read"),
    [
        ([nhs(NHS_NUMBER)], NHS_NUMBER),
        ([nhs("999 000 0018")], NHS_NUMBER),
        ([nhs("999-000-0018")], NHS_NUMBER),
        ([nhs("9990000017")], None),
        ([nhs("999000001")], None),
        ([nhs("٩٩٩٠٠٠٠٠١٨")], None),
        ([nhs(9990000018)], None),
        ([nhs(NHS_NUMBER, use="old")], None),
        ([nhs(NHS_NUMBER, use="old"), nhs(OTHER_NHS_NUMBER)], OTHER_NHS_NUMBER),
        ([nhs(NHS_NUMBER), nhs(NHS_NUMBER)], NHS_NUMBER),
        ([nhs(NHS_NUMBER), nhs(OTHER_NHS_NUMBER)], None),
        ([{"system": "urn:example:local", "value": NHS_NUMBER}], None),
        (None, None),
    ],
)
def test_an_nhs_number_counts_when_its_check_digit_holds_and_nothing_contradicts_it(
    identifiers: object, read: str | None
) -> None:
    assert from_patient(patient(identifier=identifiers)).nhs_number == read


@pytest.mark.parametrize(
    ("parts", "deceased"),
    [
        ({}, False),
        ({"deceasedBoolean": False}, False),
        ({"deceasedBoolean": None}, False),
        ({"deceasedBoolean": True}, True),
        ({"deceasedBoolean": "true"}, True),
        ({"deceasedDateTime": "2025-01-01"}, True),
        ({"deceasedDateTime": "2025"}, True),
        ({"deceasedBoolean": False, "deceasedDateTime": "2025"}, True),
    ],
)
def test_any_sign_of_death_counts(parts: dict[str, Any], deceased: bool) -> None:
    assert from_patient(patient(**parts)).deceased is deceased


@pytest.mark.parametrize(("gender", "read"), [("female", "female"), ("Female", None), (["male"], None), (None, None)])
def test_gender_is_a_code_of_r4_or_nothing(gender: object, read: str | None) -> None:
    assert from_patient(patient(gender=gender)).gender == read


def test_a_patient_without_an_id_is_not_read() -> None:
    with pytest.raises(NotReadable):
        from_patient({"resourceType": "Patient"})
