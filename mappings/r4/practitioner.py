"""Who is signed in: from `fhirUser` and the PractitionerRoles beside it (R4 Practitioner, PractitionerRole)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Final

from mappings.model.identifiers import Reference
from mappings.model.people import Role, User
from mappings.r4 import elements
from mappings.r4.elements import Json
from mappings.r4.errors import NotReadable
from mappings.r4.patient import human_name
from mappings.terminology.job_roles import role_for

_PEOPLE: Final = frozenset({"Practitioner", "PractitionerRole", "Patient", "RelatedPerson", "Person"})


def from_fhir_user(json: object, practitioner_roles: Iterable[object] = (), *, on: dt.date) -> User:
    """The signed-in user, with the roles that their job roles give on that day.

    Only job roles of exactly this practitioner, active and within their period, count; patients and relatives have
    none. Raises `NotReadable` when `json` is no person's resource or has no id.
    """
    person = elements.object_of(json)
    kind = elements.text_of(person.get("resourceType"))
    if kind not in _PEOPLE:
        raise NotReadable("not a resource that fhirUser may name", code="wrong-type")
    reference = Reference(f"{kind}/{elements.id_of(person)}")
    if kind == "PractitionerRole":
        return User(reference, _display_in_role(person), _roles_of([person], on=on))
    if kind != "Practitioner" or person.get("active", True) is not True:
        return User(reference, human_name(person.get("name")), frozenset())
    own = [
        role
        for each in practitioner_roles
        if (role := elements.object_of(each)).get("resourceType") == "PractitionerRole"
        and elements.reference_of(role.get("practitioner")) == reference
    ]
    return User(reference, human_name(person.get("name")), _roles_of(own, on=on))


def job_role_words(practitioner_role: Json) -> str:
    """What the job is called, as the EHR words it."""
    return elements.concept_words(practitioner_role.get("code"))


def _display_in_role(practitioner_role: Json) -> str:
    return elements.text_of(elements.object_of(practitioner_role.get("practitioner")).get("display")).strip()


def _roles_of(practitioner_roles: list[Json], *, on: dt.date) -> frozenset[Role]:
    return frozenset(
        role
        for each in practitioner_roles
        if each.get("active", True) is True and _in_force(each, on)
        for coding in elements.codings_of(each.get("code"))
        if (role := role_for(elements.text_of(coding.get("system")), elements.text_of(coding.get("code"))))
    )


def _in_force(practitioner_role: Json, on: dt.date) -> bool:
    if "period" not in practitioner_role:
        return True
    period = elements.object_of(practitioner_role["period"])
    start, end = _day(period.get("start")), _day(period.get("end"))
    readable = all(key not in period or _day(period[key]) is not None for key in ("start", "end"))
    return bool(period) and readable and (start is None or start <= on) and (end is None or on <= end)


def _day(value: object) -> dt.date | None:
    moment = elements.parse_date_time(value)
    return moment.date() if isinstance(moment, dt.datetime) else moment
