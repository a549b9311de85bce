"""Who may do what at the desk. Everybody else is refused."""

from __future__ import annotations

from fhir_plugin.errors import NotAllowed, NotFound, Refused
from mappings.model.disclosure_request import DisclosureRequest
from mappings.model.identifiers import VaultId
from mappings.model.people import ClinicalSession, Role

OFFICERS = frozenset({Role.DISCLOSURE_OFFICER})
HIDDEN = frozenset({Role.PRIVACY_OFFICER})
"""Who sees and decides what is hidden in the record (G-R260)."""
DECIDES = OFFICERS | HIDDEN
PROFESSIONALS = frozenset({Role.CLINICIAN})
"""Who says whether something would cause serious harm."""
SECOND = frozenset({Role.DISCLOSURE_OFFICER, Role.PRIVACY_OFFICER, Role.CALDICOTT_GUARDIAN})
"""Who may be the second person."""
AT_THE_DESK = SECOND | {Role.CLINICIAN}
"""A clinician only for what a health professional is asked about."""


def need(session: ClinicalSession, roles: frozenset[Role], what: str) -> None:
    """Raises `NotAllowed` unless one of the roles is theirs."""
    if not session.user.roles & roles:
        raise NotAllowed(f"Your role does not include {what}.", code="role")


def need_own(session: ClinicalSession, request: DisclosureRequest) -> DisclosureRequest:
    """The request, if it is about the patient of this launch. For every other launch it does not exist."""
    if (request.fhir_base, request.patient) != (session.fhir_base, session.patient_id):
        raise NotFound("There is no such request.", status=404)
    return request


def need_gathered(request: DisclosureRequest) -> VaultId:
    """Where what was read of the record lies. Raises `Refused` where nothing was, or it was destroyed at the end."""
    if not request.is_open:
        raise Refused("This request has ended. What was read for it is kept no longer.", code="request-ended")
    if request.gathered is None:
        raise Refused("The record has not been read yet.", code="not-read")
    return request.gathered


def sees_hidden(session: ClinicalSession) -> bool:
    return bool(session.user.roles & HIDDEN)


def only_opines(session: ClinicalSession) -> bool:
    """A clinician who is nothing else here: sees what a health professional is asked about, and no more."""
    return not session.user.roles & SECOND
