"""A Guardian's deliberate look at one image of a request: with a reason, logged, once (G-R269).

What is seen is the small marked copy in the vault, never the record: an external Guardian has no access to that.
Opening gives a ticket, which shows the picture once, in the launch that opened it, within two minutes. Whether it was
used is asked of the audit chain: what was seen is written there in the same transaction.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Collection
from typing import Final

from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.errors import NotAllowed, NotFound, Refused
from fhir_plugin.ports import AuditEntry, ChainedEntry
from mappings.model.deletion import CaseId, DeletionCase, DeletionItem, ItemId
from mappings.model.people import ClinicalSession, Role

OPENED, SHOWN = "deletion.picture-opened", "deletion.picture-shown"
"""What the audit chain calls the two halves of a look."""

TICKET_LASTS: Final = dt.timedelta(minutes=2)


class Looks:
    """The Guardian's looks at the images of requests."""

    def __init__(self, parts: DeleteParts, reasons: Collection[str]) -> None:
        """`reasons`: codes of the reasons that may be given."""
        self._parts = parts
        self._reasons = frozenset(reasons)

    def open(self, session: ClinicalSession, id: CaseId, item: ItemId, reason: str) -> str:
        """A ticket for one look. Raises `Refused` without a reason, `NotAllowed` for one's own request, `NotFound`
        where there is no copy (any more)."""
        case, found = self._found(session, id, item)
        if reason not in self._reasons:
            raise Refused("Choose one of the reasons offered.", code="unknown-reason")
        if case.requested_by in (session.user.person, session.user.reference):
            raise NotAllowed("You asked for this yourself: another Guardian decides, and looks.", code="own-request")
        if found.picture is None:
            raise NotFound("there is no copy of this image to look at", status=404)
        ticket = secrets.token_urlsafe(24)
        with self._parts.work.transaction():
            self._note(session, case, found, OPENED, reason=reason, ticket=_digest(ticket))
        return ticket

    def picture(self, session: ClinicalSession, id: CaseId, item: ItemId, ticket: str) -> bytes:
        """The marked copy, JPEG, once. Raises `NotAllowed` for a ticket that was used, is too old, or is of another
        launch or image."""
        case, found = self._found(session, id, item)
        if found.picture is None:
            raise NotFound("there is no copy of this image to look at", status=404)
        digest = _digest(ticket)
        with self._parts.work.transaction():
            self._note(session, case, found, SHOWN, ticket=digest)  # first: of two at once, the second sees the first
            opened, shown = (self._entries(session, found, action, digest) for action in (OPENED, SHOWN))
            now = self._parts.clock.now()
            if len(opened) != 1 or len(shown) != 1 or now - opened[0].at > TICKET_LASTS:
                raise NotAllowed("This look is over. Open the picture again, with a reason.", code="look-over")
            return self._parts.vault.get(found.picture)

    def _found(self, session: ClinicalSession, id: CaseId, item: ItemId) -> tuple[DeletionCase, DeletionItem]:
        if Role.CALDICOTT_GUARDIAN not in session.user.roles:
            raise NotAllowed("Only a Caldicott Guardian looks at the images of a request.", code="role")
        with self._parts.work.transaction():
            case = self._parts.cases.get(id)
        if case.fhir_base != session.fhir_base:
            raise NotFound("there is no such request at this EHR", status=404)
        try:
            return case, case.item(item)
        except KeyError:
            raise NotFound("there is no such image in this request", status=404) from None

    def _entries(self, session: ClinicalSession, item: DeletionItem, action: str, ticket: str) -> list[ChainedEntry]:
        entries = self._parts.audit.entries(launch=session.launch_id, subject=item.id, action=action)
        return [each for each in entries if each.entry.detail.get("ticket") == ticket]

    def _note(
        self, session: ClinicalSession, case: DeletionCase, item: DeletionItem, action: str, **detail: str
    ) -> None:
        self._parts.audit.append(
            AuditEntry(
                action=action,
                actor=session.user.reference,
                patient=f"Patient/{case.patient}",
                launch=session.launch_id,
                subject=item.id,
                policy=self._parts.policy.reference,
                detail={"case": case.id, **detail},
            )
        )


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()
