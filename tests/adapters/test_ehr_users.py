"""Who has launched the app, and with which roles, whatever the EHR lets us read of its staff."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from fhir_plugin.adapters.appointments import Appointment
from fhir_plugin.adapters.ehr_users import find_user, load_job_roles
from fhir_plugin.errors import NoRole, NotAllowed, RecordUnavailable, Refused
from mappings.model.identifiers import FhirBase, Reference
from mappings.model.people import Role, User
from mappings.terminology import systems
from mappings.terminology.job_roles import shipped_job_roles
from smart_launch import CompletedLaunch, Issuer
from smart_launch.context import FhirUser, LaunchContext, read_fhir_user
from smart_launch.errors import NotSent
from smart_launch.scope import GrantedScopes
from smart_launch.token import Grant
from tests.fakes.clock import START
from tests.fakes.transport import Answer, ScriptedTransport

TODAY = START.date()
BASE = "https://ehr.example/fhir"
GP = {"resourceType": "Practitioner", "id": "gp-1", "active": True, "name": [{"text": "Dr Amara Test"}]}
EMPTY: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "entry": []}
FORBIDDEN = Answer(403, {"resourceType": "OperationOutcome", "issue": []})


def job(id: str, code: str, **parts: Any) -> dict[str, Any]:
    return {
        "resourceType": "PractitionerRole",
        "id": id,
        "practitioner": {"reference": "Practitioner/gp-1", "display": "Dr A Test"},
        "code": [{"coding": [{"system": systems.SDS_JOB_ROLE_NAME, "code": code, "display": f"Job {code}"}]}],
        **parts,
    }


def found(*resources: dict[str, Any], following: str = "") -> Answer:
    page: dict[str, Any] = {**EMPTY, "entry": [{"resource": each, "search": {"mode": "match"}} for each in resources]}
    if following:
        page["link"] = [{"relation": "next", "url": following}]
    return Answer(200, page)


def launch(claim: str | None = "Practitioner/gp-1", *, tenant: str | None = None, **entry: Any) -> CompletedLaunch:
    user: FhirUser | None = read_fhir_user(claim, BASE)
    grant = Grant(
        iss=BASE,
        fhir_base=BASE,
        access_token="token",
        expires_at=START + dt.timedelta(minutes=5),
        scopes=GrantedScopes.parse("user/Practitioner.rs user/PractitionerRole.rs"),
        refresh_token=None,
        id_token=None,
        parameters={},
    )
    issuer = Issuer(name="trust-a", iss=BASE, client_id="photographs", **entry)
    return CompletedLaunch(issuer, grant, LaunchContext(patient="p1", tenant=tenant, fhir_user=user), None)


def appointed_as(*roles: Role, name: str = "Dr Ruth Outside") -> Any:
    def appointed(_issuer: Issuer, user: Reference, _on: dt.date) -> Sequence[Appointment]:
        until = START + dt.timedelta(days=9)
        said = {"name": name, "by": "The board", "reason": "Ours left", "since": START, "until": until}
        return [
            Appointment(id="a", issuer="trust-a", fhir_base=FhirBase(BASE), user=user, role=role, **said)  # type: ignore[arg-type]  # as above
            for role in roles
        ]

    return appointed


def who(done: CompletedLaunch, *script: Answer | Exception, **options: Any) -> User:
    transport = ScriptedTransport(*script)  # type: ignore[arg-type]  # answers and transport errors
    try:
        return find_user(transport, done, today=TODAY, **options)
    finally:
        assert transport.finished


def test_roles_come_from_every_page_of_the_practitioners_jobs() -> None:
    pages = (
        found(job("r1", "R1730"), following=f"{BASE}/PractitionerRole?page=2"),
        found(job("r2", "R0260"), job("r3", "R5105", active=False), following=f"{BASE}/PractitionerRole?page=3"),
        found(job("r4", "R5100", period={"end": "2020-01-01"})),
    )
    user = who(launch(), Answer(200, GP), *pages)
    assert (user.reference, user.display) == ("Practitioner/gp-1", "Dr Amara Test")
    assert user.roles == {Role.TRIAGE, Role.CLINICIAN}


def test_a_list_of_jobs_that_leads_elsewhere_gives_nothing_and_asks_nobody() -> None:
    elsewhere = found(job("r1", "R0260"), following="https://evil.example/fhir/PractitionerRole?page=2")
    with pytest.raises(NoRole):
        who(launch(), Answer(200, GP), elsewhere)


def test_a_practitioner_whom_we_may_not_read_still_has_their_jobs() -> None:
    user = who(launch(), FORBIDDEN, found(job("r1", "R0260")))
    assert (user.reference, user.display, set(user.roles)) == ("Practitioner/gp-1", "Dr A Test", {Role.CLINICIAN})


def test_jobs_that_we_may_not_read_give_no_role_and_are_not_named() -> None:
    with capture_logs() as logs, pytest.raises(NoRole) as refused:
        who(launch(), FORBIDDEN, FORBIDDEN)
    assert refused.value.jobs == ()
    assert refused.value.user.display == "Practitioner/gp-1"
    assert {each["event"] for each in logs} == {"user.not-readable", "user.jobs-not-readable"}
    assert "gp-1" not in repr(logs)


def test_a_practitioner_who_was_deleted_has_no_role_whatever_jobs_are_left() -> None:
    with pytest.raises(NoRole):
        who(launch(), Answer(410, {"resourceType": "OperationOutcome", "issue": []}))


def test_a_record_that_is_down_is_said_and_no_role_is_guessed() -> None:
    with pytest.raises(RecordUnavailable):
        who(launch(default_role="clinician", sandbox=True), NotSent("down"))
    with pytest.raises(RecordUnavailable):
        who(launch(default_role="clinician", sandbox=True), Answer(200, GP), NotSent("down"))


def test_a_practitioner_role_as_fhir_user_is_named_by_its_practitioner() -> None:
    user = who(launch("PractitionerRole/r1"), Answer(200, job("r1", "R0260")), Answer(200, GP))
    assert (user.reference, user.display, set(user.roles)) == ("PractitionerRole/r1", "Dr Amara Test", {Role.CLINICIAN})
    assert user.person == "Practitioner/gp-1", "two roles of one person are not two people"


@pytest.mark.parametrize("left", [Answer(200, GP | {"active": False}), Answer(410, b"")])
def test_a_practitioner_role_of_somebody_who_left_gives_nothing(left: Answer) -> None:
    with pytest.raises(NoRole):
        who(launch("PractitionerRole/r1"), Answer(200, job("r1", "R0260")), left)


def test_a_practitioner_of_another_server_is_not_asked_for() -> None:
    role = job("r1", "R0260", practitioner={"reference": "https://other.example/Practitioner/1", "display": "Dr A"})
    assert who(launch("PractitionerRole/r1"), Answer(200, role)).display == "Dr A"


def test_where_the_launch_says_where_it_is_jobs_elsewhere_do_not_count() -> None:
    here = job("r1", "R1730", organization={"reference": "Organization/org-a"})
    there = job("r2", "R0620", organization={"reference": "Organization/org-b"})
    assert who(launch(tenant="org-a"), Answer(200, GP), found(here, there)).roles == {Role.TRIAGE}
    assert who(launch(), Answer(200, GP), found(here, there)).roles == {Role.TRIAGE, Role.CLINICIAN}


def test_appointments_add_to_jobs() -> None:
    appointed = appointed_as(Role.CALDICOTT_GUARDIAN)
    user = who(launch(), Answer(200, GP), found(job("r1", "R0260")), appointed=appointed)
    assert (user.display, set(user.roles)) == ("Dr Amara Test", {Role.CLINICIAN, Role.CALDICOTT_GUARDIAN})


def test_somebody_of_another_server_is_not_read_and_has_appointed_roles_alone() -> None:
    claim = "https://ics.example/fhir/Practitioner/9"
    user = who(launch(claim), appointed=appointed_as(Role.CALDICOTT_GUARDIAN))
    assert (user.reference, user.display, set(user.roles)) == (claim, "Dr Ruth Outside", {Role.CALDICOTT_GUARDIAN})
    with pytest.raises(NoRole) as refused:
        who(launch(claim))
    assert (refused.value.user.reference, refused.value.user.display) == (claim, claim)


@pytest.mark.parametrize("kind", ["Patient", "RelatedPerson"])
def test_patients_and_relatives_are_not_read_and_have_no_role_by_any_way(kind: str) -> None:
    done = launch(f"{kind}/gp-1", default_role="clinician", sandbox=True)
    with pytest.raises(NoRole):
        who(done, appointed=appointed_as(Role.CLINICIAN))


def test_a_sandboxs_default_role_counts_when_nothing_else_gave_one() -> None:
    sandbox: dict[str, Any] = {"default_role": "clinician", "sandbox": True}
    assert who(launch(**sandbox), Answer(200, GP), Answer(200, EMPTY)).roles == {Role.CLINICIAN}
    assert who(launch(**sandbox), Answer(200, GP), found(job("r1", "R1730"))).roles == {Role.TRIAGE}
    user = who(launch(**sandbox), Answer(200, GP), Answer(200, EMPTY), appointed=appointed_as(Role.AUDITOR))
    assert user.roles == {Role.AUDITOR}


def test_nobody_named_is_nobody() -> None:
    with pytest.raises(NotAllowed) as refused:
        who(launch(None, default_role="clinician", sandbox=True), appointed=appointed_as(Role.CLINICIAN))
    assert refused.value.code == "no-user"


@pytest.mark.parametrize(
    ("contact", "administrator", "ask"),
    [("Records team", "Somebody else", "Records team"), ("", "Practice manager", "Practice manager"), ("", "", "")],
)
def test_without_a_role_the_page_gets_what_it_needs_and_the_log_nothing(
    contact: str, administrator: str, ask: str
) -> None:
    jobs = (job("r1", "R1480"), job("r2", "R0260", active=False))
    with pytest.raises(NoRole) as refused:
        who(launch(contact=contact), Answer(200, GP), found(*jobs), administrator=administrator)
    error = refused.value
    assert (error.code, error.ehr, error.ask) == ("no-role", "trust-a", ask)
    assert (error.user.reference, error.user.display) == ("Practitioner/gp-1", "Dr Amara Test")
    assert [(each.words, each.code, each.counts) for each in error.jobs] == [
        ("Job R1480", "R1480", True),
        ("Job R0260", "R0260", False),
    ]
    assert "Amara" not in str(error) + repr(error) + error.message


# ------------------------------------------------------------------------------------------ the list


def test_an_organisations_file_lies_over_the_shipped_list(tmp_path: Path) -> None:
    file = tmp_path / "roles.toml"
    file.write_text('[clinician]\nR1480 = "Healthcare Assistant"\n', "utf-8")
    own = load_job_roles(file)
    assert who(launch(), Answer(200, GP), found(job("r1", "R1480")), job_roles=own).roles == {Role.CLINICIAN}
    assert load_job_roles(None) is shipped_job_roles()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"[emperor]\nR0260 = 'GP'", "[emperor]"),
        (b"[clinician]\nR1 = 'x'", "R1"),
        (b"\xff\xfe", "UTF-8"),
        (b"[", "TOML"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_name_and_entry(tmp_path: Path, content: bytes, named: str) -> None:
    file = tmp_path / "roles.toml"
    file.write_bytes(content)
    with pytest.raises(Refused) as refused:
        load_job_roles(file)
    assert refused.value.code == "job-roles"
    assert "roles.toml" in refused.value.message and named in refused.value.message
    assert str(tmp_path) not in refused.value.message
