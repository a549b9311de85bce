from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from mappings.model.people import Role
from mappings.r4.errors import NotReadable
from mappings.r4.patient import from_patient, human_name
from mappings.r4.practitioner import from_fhir_user, job_role_words
from mappings.terminology import systems
from mappings.terminology.job_roles import job_roles, role_for

TODAY = dt.date(2026, 11, 20)

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


# ------------------------------------------------------------------------------------------------- users

GP = {"resourceType": "Practitioner", "id": "gp-1", "name": [{"given": ["Amara"], "family": "Test"}]}


def job(code: str, **parts: Any) -> dict[str, Any]:
    return {
        "resourceType": "PractitionerRole",
        "id": "r1",
        "practitioner": {"reference": "Practitioner/gp-1"},
        "code": [{"coding": [{"system": systems.SDS_JOB_ROLE_NAME, "code": code}]}],
        **parts,
    }


@pytest.mark.parametrize(
    ("code", "role"),
    [
        ("R0260", Role.CLINICIAN),
        ("R0620", Role.CLINICIAN),
        ("R1730", Role.TRIAGE),
        ("R6070", Role.DISCLOSURE_OFFICER),
        ("R5105", Role.CALDICOTT_GUARDIAN),
        ("R0001", Role.PRIVACY_OFFICER),
        ("R5100", Role.AUDITOR),
        ("R6400", None),
        ("R0002", None),
        ("Caldicott Guardian", None),
    ],
)
def test_job_roles_say_what_somebody_may_do(code: str, role: Role | None) -> None:
    user = from_fhir_user(GP, [job(code)], on=TODAY)
    assert user.roles == (frozenset({role}) if role else frozenset())
    assert (user.reference, user.display) == ("Practitioner/gp-1", "Amara Test")


def test_the_newer_job_role_code_is_read_too() -> None:
    newer = "https://fhir.nhs.uk/CodeSystem/England-SDS-JobRoleCode"
    assert role_for(newer, "S0030:G0100:R0620") is Role.CLINICIAN
    assert role_for(newer, "S0030:G0100:R0620:B0001") is None
    assert role_for("urn:example:roles", "R0620") is None


@pytest.mark.parametrize(
    ("parts", "counts"),
    [
        ({}, True),
        ({"active": True}, True),
        ({"active": False}, False),
        ({"active": "true"}, False),
        ({"practitioner": {"reference": "https://ehr.example/fhir/Practitioner/gp-1"}}, True),
        ({"practitioner": {"reference": "Practitioner/gp-1/_history/4"}}, True),
        ({"practitioner": {"reference": "Practitioner/gp-2"}}, False),
        ({"practitioner": {"display": "Amara Test"}}, False),
        ({"practitioner": None}, False),
        ({"period": {"start": "2020-01-01"}}, True),
        ({"period": {"start": "2020-01-01", "end": "2026-11-20"}}, True),
        ({"period": {"end": "2026-11-19"}}, False),
        ({"period": {"start": "2026-11-21T00:00:00Z"}}, False),
        ({"period": {"end": "2030"}}, False),
        ({"period": "2020"}, False),
        ({"period": {}}, False),
    ],
)
def test_only_own_current_jobs_count(parts: dict[str, Any], counts: bool) -> None:
    user = from_fhir_user(GP, [job("R0260", **parts)], on=TODAY)
    assert user.roles == (frozenset({Role.CLINICIAN}) if counts else frozenset())


def test_several_jobs_add_up() -> None:
    user = from_fhir_user(GP, [job("R0260"), job("R5105"), None, {"resourceType": "Patient"}], on=TODAY)
    assert user.roles == {Role.CLINICIAN, Role.CALDICOTT_GUARDIAN}


def test_a_practitioner_role_as_fhir_user_speaks_for_itself() -> None:
    role = job("R0260", practitioner={"reference": "Practitioner/gp-1", "display": "Dr Amara Test"})
    user = from_fhir_user(role, [job("R5105")], on=TODAY)
    assert (user.reference, user.display) == ("PractitionerRole/r1", "Dr Amara Test")
    assert user.roles == {Role.CLINICIAN}


@pytest.mark.parametrize("kind", ["Patient", "RelatedPerson", "Person"])
def test_patients_and_relatives_have_no_role(kind: str) -> None:
    person = {"resourceType": kind, "id": "gp-1", "name": [{"text": "Somebody"}]}
    assert from_fhir_user(person, [job("R0260")], on=TODAY).roles == frozenset()


def test_a_practitioner_who_left_has_no_role() -> None:
    assert from_fhir_user(GP | {"active": False}, [job("R0260")], on=TODAY).roles == frozenset()


@pytest.mark.parametrize("json", [None, {}, {"resourceType": "Device", "id": "1"}, {"resourceType": "Practitioner"}])
def test_what_is_no_person_is_not_read(json: object) -> None:
    with pytest.raises(NotReadable):
        from_fhir_user(json, on=TODAY)


def test_every_role_is_reachable_and_every_job_role_has_one() -> None:
    assert {known.role for known in job_roles().values()} == set(Role)
    assert all(code == known.code and known.display for code, known in job_roles().items())


def test_the_job_in_words() -> None:
    assert job_role_words(job("R0260") | {"code": [{"text": "GP partner"}]}) == "GP partner"
