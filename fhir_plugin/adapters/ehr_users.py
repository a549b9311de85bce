"""Who has launched the app, and their roles: read from the EHR with the fresh token, never typed in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from fhir_plugin.adapters.appointments import Appointment
from fhir_plugin.adapters.fhir_record import FhirServerRecord
from fhir_plugin.errors import Gone, NoRole, NotAllowed, PluginError, RecordRefused, Refused, Unavailable
from fhir_plugin.ports import Json
from mappings.model.identifiers import FhirBase, Reference
from mappings.model.people import Role, User
from mappings.r4.errors import MappingError
from mappings.r4.practitioner import KnownUser, from_fhir_user, practitioner_behind
from mappings.terminology.job_roles import JobRoles, UnusableJobRoles, shipped_job_roles
from smart_launch import CompletedLaunch, Issuer, Transport
from smart_launch.context import FhirUser

log = structlog.get_logger(__name__)

Appointed = Callable[[Issuer, Reference, dt.date], Sequence[Appointment]]
"""The appointments of somebody at an EHR that are in force on a day (`Appointments.in_force`)."""

_STAFF = frozenset({"Practitioner", "PractitionerRole", "Person"})


def load_job_roles(path: Path | None) -> JobRoles:
    """The shipped job roles, with the organisation's file over them if it has one.

    Raises `Refused` (job-roles) with a line that names the wrong entry, and `OSError` when it cannot be read.
    """
    if path is None:
        return shipped_job_roles()
    try:
        return shipped_job_roles().changed_by(path.read_text("utf-8"))
    except UnicodeDecodeError:
        problem = "it is not UTF-8 text"
    except UnusableJobRoles as error:
        problem = str(error)
    raise Refused(f"The job roles in {path.name} cannot be used: {problem}.", code="job-roles")


def nobody_appointed(_issuer: Issuer, _user: Reference, _on: dt.date) -> Sequence[Appointment]:
    """For an installation without appointments."""
    return ()


def find_user(
    transport: Transport,
    done: CompletedLaunch,
    *,
    today: dt.date,
    job_roles: JobRoles | None = None,
    appointed: Appointed = nobody_appointed,
    administrator: str = "",
) -> User:
    """The person of the verified id_token, with the roles of their job roles at this EHR and of their appointments.

    Somebody whose record is kept on another server cannot be read there: they have the roles they were appointed to.
    The EHR's `default_role` (sandboxes only) counts when nothing else gives a role. `administrator`: whom to ask
    where the EHR's entry names nobody. Raises `NotAllowed` (no-user) when the EHR did not say who is there, and
    `NoRole` when they have no role.
    """
    fhir_user = done.context.fhir_user
    if fhir_user is None:
        raise NotAllowed(
            "The EHR did not say who you are, so nothing could be signed with your name. Ask whoever looks after "
            "the EHR to let this app use `openid fhirUser`.",
            code="no-user",
        )
    reference = Reference(fhir_user.reference)
    readable = fhir_user.here and fhir_user.resource_type in _STAFF  # a patient's name is on no page without a launch
    known = _read(transport, done, fhir_user, today, job_roles) if readable else KnownUser(User(reference, ""))
    user, issuer = known.user, done.issuer
    if fhir_user.resource_type in _STAFF:
        appointments = appointed(issuer, reference, today)
        name = user.display or next((each.name for each in appointments), "")
        user = replace(user, display=name, roles=user.roles | {each.role for each in appointments})
        if not user.roles and issuer.default_role:
            user = replace(user, roles=frozenset({Role(issuer.default_role)}))
    user = replace(user, display=user.display or reference)
    if not user.roles:
        raise NoRole(
            "Your job role in the EHR does not include this app.",
            user=user,
            ehr=issuer.name,
            jobs=known.jobs,
            ask=issuer.contact or administrator,
        )
    return user


def _read(
    transport: Transport, done: CompletedLaunch, fhir_user: FhirUser, today: dt.date, job_roles: JobRoles | None
) -> KnownUser:
    """What the EHR says of a person of its own.

    Not every EHR lets an app read its staff: the id_token has named them, and what cannot be read gives no role.
    """
    record = FhirServerRecord(
        transport,
        FhirBase(done.grant.fhir_base),
        lambda: done.grant.access_token,
        granted=done.grant.scopes.allows,
    )
    kind, id = fhir_user.resource_type, fhir_user.id
    person: Json = {"resourceType": kind, "id": id}
    try:
        person = record.read(kind, id)
    except Gone:
        return KnownUser(User(Reference(fhir_user.reference), ""))  # deleted: whatever jobs are left over are nobody's
    except RecordRefused as error:
        log.info("user.not-readable", type=kind, status=error.status)
    try:
        return from_fhir_user(
            person,
            _beside(record, person, kind, id),
            on=today,
            job_roles=job_roles,
            base=record.base,
            organisation=done.context.tenant,
        )
    except MappingError as error:
        log.warning("user.not-understood", type=kind, code=error.code)
        return KnownUser(User(Reference(fhir_user.reference), ""))


def _beside(record: FhirServerRecord, person: Json, kind: str, id: str) -> list[Json]:
    """The jobs of a Practitioner, or the Practitioner of a job."""
    try:
        if kind == "Practitioner":
            return record.search("PractitionerRole", {"practitioner": f"Practitioner/{id}"})
        practitioner = practitioner_behind(person, base=record.base) if kind == "PractitionerRole" else None
        return [_practitioner(record, practitioner)] if practitioner else []
    except Unavailable:
        raise
    except PluginError as error:
        log.info("user.jobs-not-readable", type=kind, code=error.code)
        return []  # a server that refuses knows no roles for us: nobody becomes more than they are


def _practitioner(record: FhirServerRecord, id: str) -> Json:
    try:
        return record.read("Practitioner", id)
    except Gone:
        return {"resourceType": "Practitioner", "id": id, "active": False}  # deleted: they work here no more
