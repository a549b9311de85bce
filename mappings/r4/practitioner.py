"""Who is signed in: from `fhirUser` and what stands beside it (R4 Practitioner, PractitionerRole)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from mappings.model.identifiers import Reference
from mappings.model.people import JobNamed, User
from mappings.r4 import elements
from mappings.r4.elements import Json
from mappings.r4.errors import NotReadable
from mappings.r4.patient import human_name
from mappings.terminology.job_roles import JobRoles, shipped_job_roles

_PEOPLE: Final = frozenset({"Practitioner", "PractitionerRole", "Patient", "RelatedPerson", "Person"})
_STAFF: Final = frozenset({"Practitioner", "PractitionerRole"})


@dataclass(frozen=True)
class KnownUser:
    """The signed-in user, and the jobs that the EHR names for them, those included that give no role."""

    user: User
    jobs: tuple[JobNamed, ...] = ()


def from_fhir_user(
    json: object,
    beside: Iterable[object] = (),
    *,
    on: dt.date,
    job_roles: JobRoles | None = None,
    base: str | None = None,
    organisation: str | None = None,
) -> KnownUser:
    """The signed-in user, with the roles that their job roles give on that day.

    `beside`: the PractitionerRoles of a Practitioner, or the Practitioner of a PractitionerRole. Only job roles of
    exactly this practitioner, active and within their period, count; an absolute reference counts only within `base`,
    where that is given; patients and relatives have none. Roles at several organisations add up, unless the launch
    says at which `organisation` it is (its Organization's id or identifier) and one of these jobs is there: then
    jobs elsewhere do not count. `job_roles`: the shipped list unless given. Raises `NotReadable` when `json` is no
    person's resource or has no id.
    """
    person = elements.object_of(json)
    kind = elements.text_of(person.get("resourceType"))
    if kind not in _PEOPLE:
        raise NotReadable("not a resource that fhirUser may name", code="wrong-type")
    reference = Reference(f"{kind}/{elements.id_of(person)}")
    others = [elements.object_of(each) for each in beside]
    if kind == "Practitioner":
        name, employed = human_name(person.get("name")), _is_active(person)
        jobs = [
            other
            for other in others
            if other.get("resourceType") == "PractitionerRole"
            and _names(other.get("practitioner"), reference, base=base)
        ]
        name = name or next((shown for job in jobs if (shown := _practitioner_display(job))), "")
    elif kind == "PractitionerRole":
        practitioner = _practitioner_of(person, others, base=base)
        name = human_name(practitioner.get("name")) or _practitioner_display(person)
        employed, jobs = _is_active(practitioner), [person]
    else:
        return KnownUser(User(reference, human_name(person.get("name"))))
    named = tuple(_jobs_named(jobs, job_roles or shipped_job_roles(), on=on, organisation=organisation))
    roles = frozenset(job.role for job in named if employed and job.counts and job.role is not None)
    behind = practitioner_behind(person, base=base) if kind == "PractitionerRole" and base is not None else None
    who = Reference(f"Practitioner/{behind}") if behind else None
    return KnownUser(User(reference, name, roles, who), named)


def practitioner_behind(practitioner_role: object, *, base: str) -> str | None:
    """The id of the Practitioner of a PractitionerRole, if it lives within `base`."""
    value = elements.object_of(practitioner_role).get("practitioner")
    reference = elements.reference_of(value)
    if reference is None or not reference.startswith("Practitioner/") or not _names(value, reference, base=base):
        return None
    return reference.split("/")[1]


def job_role_words(practitioner_role: Json) -> str:
    """What the job is called, as the EHR words it."""
    return elements.concept_words(practitioner_role.get("code"))


def _practitioner_of(practitioner_role: Json, others: list[Json], *, base: str | None) -> Json:
    for other in others:
        if other.get("resourceType") == "Practitioner":
            reference = Reference(f"Practitioner/{elements.text_of(other.get('id'))}")
            if _names(practitioner_role.get("practitioner"), reference, base=base):
                return other
    return {}


def _practitioner_display(practitioner_role: Json) -> str:
    return elements.text_of(elements.object_of(practitioner_role.get("practitioner")).get("display")).strip()


def _names(value: object, reference: Reference, *, base: str | None) -> bool:
    """Whether a Reference names exactly `reference`: `Practitioner/1` of another server is somebody else."""
    if elements.reference_of(value) != reference:
        return False
    text = elements.text_of(elements.object_of(value).get("reference"))
    return base is None or "://" not in text or text.startswith(f"{base.rstrip('/')}/{reference}")


def _jobs_named(
    practitioner_roles: list[Json], job_roles: JobRoles, *, on: dt.date, organisation: str | None
) -> Iterator[JobNamed]:
    here = [each for each in practitioner_roles if _in_force(each, on) and _is_at(each, organisation)]
    for each in practitioner_roles:
        counts = _in_force(each, on) and (not here or each in here or "organization" not in each)
        words = job_role_words(each)
        codings = list(elements.codings_of(each.get("code")))
        for coding in codings:
            system, code = elements.text_of(coding.get("system")), elements.text_of(coding.get("code"))
            display = elements.text_of(coding.get("display")).strip()
            yield JobNamed(display or words, system, code, counts, job_roles.role_for(system, code))
        if not codings and words:
            yield JobNamed(words, "", "", counts, None)


def _in_force(practitioner_role: Json, on: dt.date) -> bool:
    return _is_active(practitioner_role) and _in_period(practitioner_role, on)


def _is_active(resource: Json) -> bool:
    return resource.get("active", True) is True


def _in_period(practitioner_role: Json, on: dt.date) -> bool:
    if "period" not in practitioner_role:
        return True
    period = elements.object_of(practitioner_role["period"])
    start, end = _day(period.get("start")), _day(period.get("end"))
    readable = all(key not in period or _day(period[key]) is not None for key in ("start", "end"))
    return bool(period) and readable and (start is None or start <= on) and (end is None or on <= end)


def _is_at(practitioner_role: Json, organisation: str | None) -> bool:
    if not organisation:
        return False
    at = elements.object_of(practitioner_role.get("organization"))
    reference = elements.reference_of(at) or ""
    identifier = elements.object_of(at.get("identifier")).get("value")
    return organisation in (reference.removeprefix("Organization/"), identifier)


def _day(value: object) -> dt.date | None:
    moment = elements.parse_date_time(value)
    return moment.date() if isinstance(moment, dt.datetime) else moment
