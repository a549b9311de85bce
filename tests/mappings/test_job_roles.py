from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.model.people import Role
from mappings.terminology import systems
from mappings.terminology.job_roles import UnusableJobRoles, shipped_job_roles
from tests.shape.project import fenced, section

NAME = systems.SDS_JOB_ROLE_NAME
OWN = "https://fhir.trust.example/CodeSystem/staff"


def test_every_role_is_reachable_and_every_shipped_job_role_gives_one() -> None:
    assert {known.role for known in shipped_job_roles()} == set(Role)
    assert all(known.display and known.system == NAME for known in shipped_job_roles())


@pytest.mark.parametrize("code", ["R1480", "R1450", "R1560", "R1630", "R1640", "R8004"])
def test_assistants_and_students_are_given_nothing_unasked(code: str) -> None:
    assert shipped_job_roles().role_for(NAME, code) is None


@pytest.mark.parametrize(
    ("system", "code", "role"),
    [
        (NAME, "R0620", Role.CLINICIAN),
        *((each, "S0030:G0100:R0620", Role.CLINICIAN) for each in sorted(systems.SDS_JOB_ROLE_CODE)),
        (NAME, "S0030:G0100:R0620", Role.CLINICIAN),
        (NAME, "S0030:G0100:R0620:B0001", None),
        (NAME, "R06200", None),
        (NAME, "R٠٦٢٠", None),
        (NAME, " R0620", None),
        (NAME, "", None),
        ("", "R0620", None),
        ("urn:example:roles", "R0620", None),
    ],
)
def test_a_coding_gives_a_role_by_system_and_code(system: str, code: str, role: Role | None) -> None:
    assert shipped_job_roles().role_for(system, code) is role


def test_a_list_adds_moves_and_takes_away() -> None:
    changed = shipped_job_roles().changed_by(
        """
        [clinician]
        R1480 = "Healthcare Assistant"
        R1730 = "Receptionist who is a nurse here"
        [auditor]
        [none]
        R0620 = "Staff Nurse"
        R9999 = "Nobody has this"
        """
    )
    assert changed.role_for(NAME, "R1480") is Role.CLINICIAN
    assert changed.role_for(NAME, "R1730") is Role.CLINICIAN
    assert changed.role_for(NAME, "R0620") is changed.role_for(NAME, "R9999") is None
    assert changed.role_for(sorted(systems.SDS_JOB_ROLE_CODE)[0], "S0030:G0100:R1480") is Role.CLINICIAN
    assert changed.role_for(NAME, "R5100") is Role.AUDITOR, "an empty table takes nothing away"
    assert shipped_job_roles().role_for(NAME, "R0620") is Role.CLINICIAN, "the shipped list is what it was"


def test_other_systems_have_tables_of_their_own() -> None:
    changed = shipped_job_roles().changed_by(
        f"""
        [[system]]
        uri = "{OWN}"
        [system.clinician]
        nurse = "Ward nurse"
        "lead nurse" = "Lead nurse"
        [system.none]
        temp = "Temporary"
        [[system]]
        uri = "urn:oid:1.2.3"
        [system.triage]
        nurse = "Not the same nurse"
        """
    )
    assert changed.role_for(OWN, "nurse") is changed.role_for(OWN, "lead nurse") is Role.CLINICIAN
    assert changed.role_for("urn:oid:1.2.3", "nurse") is Role.TRIAGE
    assert changed.role_for(OWN, "temp") is changed.role_for(OWN, "Nurse") is changed.role_for(NAME, "nurse") is None
    assert changed.role_for(NAME, "R0620") is Role.CLINICIAN


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[clinician", "not valid TOML"),
        ('[clinician]\nR0620 = "a"\nR0620 = "b"', "not valid TOML"),
        ('[emperor]\nR0620 = "Nurse"', "[emperor]"),
        ('clinician = "R0620"', "[clinician]"),
        ('[clinician]\nR62 = "Nurse"', "[clinician] R62"),
        ('[clinician]\n"S0030:G0100:R0620" = "Nurse"', "S0030:G0100:R0620"),
        ('[clinician]\nr0620 = "Nurse"', "r0620"),
        ('[clinician]\nR0620 = ""', "[clinician] R0620"),
        ("[clinician]\nR0620 = 5", "[clinician] R0620"),
        ('[clinician]\nR0620 = "two\\nlines"', "[clinician] R0620"),
        ('[clinician]\nR0620 = "a"\n[triage]\nR0620 = "a"', "R0620 stands under two roles"),
        ('[clinician]\nR0620 = "a"\n[none]\nR0620 = "a"', "R0620 stands under two roles"),
        ('system = "x"', "[[system]]"),
        ('[system]\nuri = "urn:x:y"', "[[system]]"),
        ('[[system]]\n[system.clinician]\nnurse = "N"', "uri"),
        ('[[system]]\nuri = "ftp://x"', "uri"),
        (f'[[system]]\nuri = "{NAME}"\n[system.clinician]\nR0620 = "N"', NAME),
        (f'[[system]]\nuri = "{OWN}"\n[system.emperor]\nnurse = "N"', "[emperor]"),
        (f'[[system]]\nuri = "{OWN}"\n[system.clinician]\n"a  b" = "N"', "not a FHIR code"),
        (
            f'[[system]]\nuri = "{OWN}"\n[system.triage]\na = "N"\n' * 2,
            "appears twice",
        ),
    ],
)
def test_a_wrong_list_is_refused_by_the_entry(text: str, named: str) -> None:
    with pytest.raises(UnusableJobRoles) as refused:
        shipped_job_roles().changed_by(text)
    assert named in str(refused.value)
    assert "\n" not in str(refused.value)


@given(st.text(max_size=200))
def test_any_text_is_a_list_or_refused(text: str) -> None:
    try:
        changed = shipped_job_roles().changed_by(text)
    except UnusableJobRoles:
        return
    assert {known.code for known in shipped_job_roles()} <= {known.code for known in changed}


def test_the_example_of_the_documents_can_be_read_and_its_table_names_every_role() -> None:
    (example,) = fenced("docs/roles.md", "toml")
    changed = shipped_job_roles().changed_by(example)
    assert changed.role_for(NAME, "R6010") is Role.TRIAGE
    assert changed.role_for(OWN, "nurse") is Role.CLINICIAN
    assert changed.role_for(NAME, "R0100") is None
    rows = re.findall(r"^\| `([a-z-]+)` \|", section("docs/roles.md", "The roles"), re.MULTILINE)
    assert rows == [role.value for role in Role]
