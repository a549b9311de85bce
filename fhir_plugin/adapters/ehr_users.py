"""Who has launched the app: read from the EHR with the fresh token, never typed in."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from fhir_plugin.adapters.fhir_record import FhirServerRecord
from fhir_plugin.errors import NotAllowed, PluginError, RecordRefused, Unavailable
from fhir_plugin.ports import Json
from mappings.model.identifiers import FhirBase, Reference
from mappings.model.people import Role, User
from mappings.r4.errors import MappingError
from mappings.r4.practitioner import from_fhir_user
from smart_launch import CompletedLaunch, Transport


def find_user(transport: Transport, done: CompletedLaunch, *, today: dt.date, default_role: str = "") -> User:
    """The person of the verified id_token, with the roles of their job roles at this EHR.

    `default_role` is for sandboxes, whose people rarely have any. Raises `NotAllowed` when the EHR did not say
    who is there, or when they have no role that this app knows.
    """
    fhir_user = done.context.fhir_user
    if fhir_user is None or not fhir_user.here:
        raise NotAllowed(
            "The EHR did not say who you are, so nothing could be signed with your name. Ask whoever looks after "
            "the EHR to let this app use `openid fhirUser`.",
            code="no-user",
        )
    record = FhirServerRecord(
        transport,
        FhirBase(done.grant.fhir_base),
        lambda: done.grant.access_token,
        granted=done.grant.scopes.allows,
    )
    reference = Reference(fhir_user.reference)
    try:
        person = record.read(fhir_user.resource_type, fhir_user.id)
        user = from_fhir_user(person, _roles(record, fhir_user.resource_type, fhir_user.id), on=today)
    except (RecordRefused, MappingError):
        # Not every EHR lets an app read its staff: the id_token has named them, only their job is unknown.
        user = User(reference, reference)
    if not user.roles and default_role:
        user = replace(user, roles=frozenset({Role(default_role)}))
    if not user.roles:
        raise NotAllowed(
            "Your job role in the EHR does not include this app. Ask your practice's administrator.", code="no-role"
        )
    return user


def _roles(record: FhirServerRecord, resource_type: str, id: str) -> list[Json]:
    if resource_type != "Practitioner":
        return []
    try:
        return record.search("PractitionerRole", {"practitioner": f"Practitioner/{id}"})
    except Unavailable:
        raise
    except PluginError:
        return []  # a server that refuses the search knows no roles for us: nobody becomes more than they are
