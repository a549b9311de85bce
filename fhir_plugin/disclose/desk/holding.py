"""What an open request puts in place, and what goes when it ends.

While it is open nothing of this patient is destroyed or hidden with loss: to do so after somebody has asked is an
offence (Data Protection Act 2018, section 173; Freedom of Information Act 2000, section 77; G-R255).
"""

from __future__ import annotations

from dataclasses import replace

from fhir_plugin.disclose.desk.parts import DeskParts
from fhir_plugin.errors import NotFound
from fhir_plugin.ports import Holds
from mappings.model.disclosure_request import DisclosureRequest
from mappings.model.people import ClinicalSession
from mappings.model.practice import Hold, HoldKind


def hold(parts: DeskParts, session: ClinicalSession, request: DisclosureRequest) -> None:
    """From now on. Joins the open transaction. The hold goes by the request's own id."""
    parts.holds.add(
        Hold(
            id=request.id,
            kind=HoldKind.ACCESS_REQUEST,
            fhir_base=request.fhir_base,
            patient=request.patient,
            since=parts.clock.now(),
            by=session.user.reference,
            by_name=session.user.display,
            words=f"A request for a copy of the record came in on {request.received.isoformat()}.",
            policy=parts.policy.reference,
        )
    )


def let_go(holds: Holds, request: DisclosureRequest, session: ClinicalSession, why: str, *, parts: DeskParts) -> None:
    """The request has ended. Joins the open transaction; idempotent."""
    try:
        found = holds.get(request.id, for_change=True)
    except NotFound:
        return
    if found.lifted is None:
        holds.save(
            replace(
                found,
                lifted=parts.clock.now(),
                lifted_by=session.user.reference,
                lifted_by_name=session.user.display,
                lifted_because=why,
            )
        )
