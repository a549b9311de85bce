from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from mappings.model.people import JobNamed, Role, User
from mappings.r4.errors import NotReadable
from mappings.r4.practitioner import from_fhir_user, job_role_words, practitioner_behind
from mappings.terminology import systems
from mappings.terminology.job_roles import shipped_job_roles

TODAY = dt.date(2026, 11, 20)
BASE = "https://ehr.example/fhir"
GP = {"resourceType": "Practitioner", "id": "gp-1", "name": [{"given": ["Amara"], "family": "Test"}]}
NEWER = "https://fhir.nhs.uk/CodeSystem/England-SDS-JobRoleCode"


def job(code: str, *, system: str = systems.SDS_JOB_ROLE_NAME, **parts: Any) -> dict[str, Any]:
    return {
        "resourceType": "PractitionerRole",
        "id": "r1",
        "practitioner": {"reference": "Practitioner/gp-1"},
        "code": [{"coding": [{"system": system, "code": code}]}],
        **parts,
    }


def at(organisation: str) -> dict[str, Any]:
    return {"reference": f"Organization/{organisation}"}


def user_of(json: object, *beside: object, **options: Any) -> User:
    return from_fhir_user(json, beside, on=TODAY, **options).user


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
        ("R1480", None),
        ("R1450", None),
        ("R6400", None),
        ("R0002", None),
        ("Caldicott Guardian", None),
    ],
)
def test_job_roles_say_what_somebody_may_do(code: str, role: Role | None) -> None:
    user = user_of(GP, job(code))
    assert user.roles == (frozenset({role}) if role else frozenset())
    assert (user.reference, user.display) == ("Practitioner/gp-1", "Amara Test")


def test_the_newer_job_role_code_counts_alike() -> None:
    assert user_of(GP, job("S0030:G0100:R0620", system=NEWER)).roles == {Role.CLINICIAN}
    assert user_of(GP, job("S0030:G0100:R0620:B0001", system=NEWER)).roles == frozenset()


@pytest.mark.parametrize(
    ("parts", "counts"),
    [
        ({}, True),
        ({"active": True}, True),
        ({"active": False}, False),
        ({"active": "true"}, False),
        ({"active": None}, False),
        ({"practitioner": {"reference": f"{BASE}/Practitioner/gp-1"}}, True),
        ({"practitioner": {"reference": "Practitioner/gp-1/_history/4"}}, True),
        ({"practitioner": {"reference": "https://other.example/fhir/Practitioner/gp-1"}}, False),
        ({"practitioner": {"reference": f"{BASE}2/Practitioner/gp-1"}}, False),
        ({"practitioner": {"reference": "Practitioner/gp-2"}}, False),
        ({"practitioner": {"display": "Amara Test"}}, False),
        ({"practitioner": None}, False),
        ({"period": {"start": "2020-01-01"}}, True),
        ({"period": {"start": "2026-11-20"}}, True),
        ({"period": {"start": "2020-01-01", "end": "2026-11-20"}}, True),
        ({"period": {"end": "2026-11-19"}}, False),
        ({"period": {"start": "2026-11-21T00:00:00Z"}}, False),
        ({"period": {"end": "2030"}}, False),
        ({"period": "2020"}, False),
        ({"period": {}}, False),
    ],
)
def test_only_own_current_jobs_count(parts: dict[str, Any], counts: bool) -> None:
    user = user_of(GP, job("R0260", **parts), base=BASE)
    assert user.roles == (frozenset({Role.CLINICIAN}) if counts else frozenset())


def test_several_jobs_and_several_codes_of_one_add_up() -> None:
    two = job("R5105") | {"code": [*job("R5105")["code"], *job("R5100")["code"]]}
    user = user_of(GP, job("R0260"), two, None, "text", {"resourceType": "Patient"})
    assert user.roles == {Role.CLINICIAN, Role.CALDICOTT_GUARDIAN, Role.AUDITOR}


@pytest.mark.parametrize(
    ("organisation", "roles"),
    [
        (None, {Role.TRIAGE, Role.CLINICIAN, Role.AUDITOR}),
        ("", {Role.TRIAGE, Role.CLINICIAN, Role.AUDITOR}),
        ("org-a", {Role.TRIAGE, Role.AUDITOR}),
        ("Y99999", {Role.CLINICIAN, Role.AUDITOR}),
        ("not an organisation's id", {Role.TRIAGE, Role.CLINICIAN, Role.AUDITOR}),
    ],
)
def test_jobs_elsewhere_do_not_count_where_the_launch_says_where_it_is(
    organisation: str | None, roles: set[Role]
) -> None:
    elsewhere = {"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "Y99999"}}
    jobs = (job("R1730", organization=at("org-a")), job("R0620", organization=elsewhere), job("R5100"))
    assert user_of(GP, *jobs, organisation=organisation).roles == roles


def test_a_job_that_has_ended_here_does_not_shut_out_the_others() -> None:
    ended = job("R1730", organization=at("org-a"), period={"end": "2020-01-01"})
    assert user_of(GP, ended, job("R0620", organization=at("org-b")), organisation="org-a").roles == {Role.CLINICIAN}


def test_a_practitioner_role_as_fhir_user_speaks_for_itself() -> None:
    role = job("R0260", practitioner={"reference": "Practitioner/gp-1", "display": "Dr Amara Test"})
    user = user_of(role, job("R5105"))
    assert (user.reference, user.display) == ("PractitionerRole/r1", "Dr Amara Test")
    assert user.roles == {Role.CLINICIAN}


@pytest.mark.parametrize(
    ("practitioner", "display", "roles"),
    [
        (GP, "Amara Test", {Role.CLINICIAN}),
        (GP | {"active": False}, "Amara Test", set()),
        (GP | {"id": "gp-2", "active": False}, "", {Role.CLINICIAN}),
    ],
)
def test_the_practitioner_behind_a_role_names_it_and_may_have_left(
    practitioner: dict[str, Any], display: str, roles: set[Role]
) -> None:
    user = user_of(job("R0260"), practitioner, base=BASE)
    assert (user.display, set(user.roles)) == (display, roles)


@pytest.mark.parametrize(
    ("reference", "id"),
    [
        ("Practitioner/gp-1", "gp-1"),
        (f"{BASE}/Practitioner/gp-1", "gp-1"),
        ("https://other.example/Practitioner/gp-1", None),
        ("Organization/o1", None),
        ("Practitioner/../secret", None),
        (None, None),
    ],
)
def test_only_a_practitioner_of_this_server_is_looked_up(reference: str | None, id: str | None) -> None:
    assert practitioner_behind(job("R0260", practitioner={"reference": reference}), base=BASE) == id


@pytest.mark.parametrize("kind", ["Patient", "RelatedPerson", "Person"])
def test_patients_and_relatives_have_no_role(kind: str) -> None:
    person = {"resourceType": kind, "id": "gp-1", "name": [{"text": "Somebody"}]}
    assert from_fhir_user(person, [job("R0260")], on=TODAY).user.roles == frozenset()


def test_a_practitioner_who_left_has_no_role() -> None:
    assert user_of(GP | {"active": False}, job("R0260")).roles == frozenset()


def test_a_practitioner_without_a_name_is_called_what_their_job_calls_them() -> None:
    named = job("R0260", practitioner={"reference": "Practitioner/gp-1", "display": "Dr Amara Test"})
    assert user_of({"resourceType": "Practitioner", "id": "gp-1"}, named).display == "Dr Amara Test"


@pytest.mark.parametrize("json", [None, {}, {"resourceType": "Device", "id": "1"}, {"resourceType": "Practitioner"}])
def test_what_is_no_person_is_not_read(json: object) -> None:
    with pytest.raises(NotReadable):
        from_fhir_user(json, on=TODAY)


def test_every_job_is_named_whatever_it_gives() -> None:
    jobs = (
        job("R1480") | {"code": [{**job("R1480")["code"][0], "text": "HCA"}]},
        job("R0260", active=False),
        job("") | {"code": [{"text": "Locum"}]},
        job("") | {"code": None},
    )
    assert from_fhir_user(GP, jobs, on=TODAY).jobs == (
        JobNamed("HCA", systems.SDS_JOB_ROLE_NAME, "R1480", True, None),
        JobNamed("", systems.SDS_JOB_ROLE_NAME, "R0260", False, Role.CLINICIAN),
        JobNamed("Locum", "", "", True, None),
    )


def test_an_organisations_own_list_is_used_where_given() -> None:
    own = shipped_job_roles().changed_by('[none]\nR0260 = "GP"\n[clinician]\nR1480 = "Healthcare Assistant"')
    assert user_of(GP, job("R0260"), job_roles=own).roles == frozenset()
    assert user_of(GP, job("R1480"), job_roles=own).roles == {Role.CLINICIAN}


def test_the_job_in_words() -> None:
    assert job_role_words(job("R0260") | {"code": [{"text": "GP partner"}]}) == "GP partner"
