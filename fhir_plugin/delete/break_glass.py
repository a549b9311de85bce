"""Opening what is hidden: privacy officers and auditors alone, with a reason in their own words, logged each time.

Opening gives a ticket, which shows the picture once, in the launch that opened it, within two minutes. Whether it was
used is asked of the audit chain: what was seen is written there in the same transaction (G-R264, G-R303).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from dataclasses import replace
from typing import Final

from fhir_plugin.delete.hiding_order import kept_from_bytes
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.errors import Incomplete, NotAllowed, NotFound, UnacceptableImage
from fhir_plugin.policy.clock_times import UK
from fhir_plugin.ports import AuditEntry, ChainedEntry
from mappings.model.hiding import HiddenImage
from mappings.model.identifiers import ImageId, Reference, Sha256
from mappings.model.images import ReceivedImage
from mappings.model.people import ClinicalSession, Role
from mappings.r4 import elements

MAY_OPEN: Final = frozenset({Role.PRIVACY_OFFICER, Role.AUDITOR})
OPENED, SHOWN = "hidden.opened", "hidden.shown"
"""What the audit chain calls the two halves of a look."""
TICKET_LASTS: Final = dt.timedelta(minutes=2)
SHORTEST, LONGEST = 10, 500
"""Characters of the reason: more than a word."""
SHOWN_AS_IT_IS: Final = frozenset({"image/jpeg", "image/png", "image/webp"})
"""What a browser may get as it is; everything else is rebuilt by the worker first."""
POSTER_SIDE: Final = 1200


class BreakGlass:
    """Looks at what is hidden, of any patient of the EHR of a launch."""

    def __init__(self, parts: DeleteParts) -> None:
        self._parts = parts

    def open(self, session: ClinicalSession, reference: Reference, reason: str) -> str:
        """A ticket for one look. The reason stays with the picture, sealed; the chain has its keyed digest.

        Raises `Incomplete` without a reason, `NotFound` for what is not hidden at this EHR or of which nothing was kept
        here: then the record itself still shows it to whoever may read it there.
        """
        image, said = self._found(session, reference), reason.strip()
        if not SHORTEST <= len(said) <= LONGEST:
            why = f"Say in {SHORTEST} to {LONGEST} characters why you have to see it."
            raise Incomplete("Say why.", fields={"reason": why})
        ticket = secrets.token_urlsafe(24)
        parts = self._parts
        when = parts.clock.now().astimezone(UK).strftime("%d %B %Y %H:%M")
        with parts.work.transaction():
            row = parts.hidden.find(session.fhir_base, reference, for_change=True)
            if row is None:
                raise NotFound("nothing of this name is hidden at this EHR", status=404)
            look = f"{session.user.display}, {when}: {said}"
            parts.hidden.keep(replace(row, looks=(*row.looks, look)))
            self._note(session, image, OPENED, ticket=_digest(ticket), reason=parts.vault.keyed_digest(said.encode()))
        return ticket

    def picture(self, session: ClinicalSession, reference: Reference, ticket: str) -> tuple[bytes, str]:
        """The picture as it was and its type, once; of a video one frame. Raises `NotAllowed` for a ticket that was
        used, is too old, or is of another launch or picture."""
        image, digest = self._found(session, reference), _digest(ticket)
        assert image.content is not None
        with self._parts.work.transaction():
            self._note(session, image, SHOWN, ticket=digest)  # first: of two at once, the second sees the first
            opened, shown = (self._entries(session, reference, action, digest) for action in (OPENED, SHOWN))
            now = self._parts.clock.now()
            if len(opened) != 1 or len(shown) != 1 or now - opened[0].at > TICKET_LASTS:
                raise NotAllowed("This look is over. Open the picture again, with a reason.", code="look-over")
            content = self._parts.vault.get(image.content)
            kind = self._type_of(image)
        return self._fit_to_show(content, kind)

    # ------------------------------------------------------------------------------------------ inside

    def _found(self, session: ClinicalSession, reference: Reference) -> HiddenImage:
        if not session.user.roles & MAY_OPEN:
            raise NotAllowed("Only privacy officers and auditors open what is hidden.", code="role")
        found = self._parts.hidden.find(session.fhir_base, reference)
        if found is None:
            raise NotFound("nothing of this name is hidden at this EHR", status=404)
        if found.content is None:
            raise NotFound("the EHR still holds this picture, and nothing of it was kept here", status=404)
        return found

    def _type_of(self, image: HiddenImage) -> str:
        if image.resource is None:
            return ""
        kept = kept_from_bytes(self._parts.vault.get(image.resource))
        for file in kept.files:
            if file.vault_id == image.content:
                return file.content_type.split(";")[0].strip().lower()
        contents = list(elements.objects_of(kept.resource.get("content")))
        attachment = elements.object_of(contents[0].get("attachment", contents[0])) if contents else {}
        return elements.text_of(attachment.get("contentType")).split(";")[0].strip().lower()

    def _fit_to_show(self, content: bytes, kind: str) -> tuple[bytes, str]:
        if kind in SHOWN_AS_IT_IS:
            return content, kind
        received = ReceivedImage(ImageId("hidden"), content, kind or "application/octet-stream", Sha256("0" * 64))
        if kind.startswith("video/"):
            return self._parts.worker.preview(received, longest_side=POSTER_SIDE), "image/jpeg"
        try:
            clean = self._parts.worker.clean(received)
        except UnacceptableImage:
            return self._parts.worker.preview(received, longest_side=POSTER_SIDE), "image/jpeg"
        return clean.content, clean.content_type

    def _entries(self, session: ClinicalSession, reference: Reference, action: str, ticket: str) -> list[ChainedEntry]:
        entries = self._parts.audit.entries(launch=session.launch_id, subject=reference, action=action)
        return [each for each in entries if each.entry.detail.get("ticket") == ticket]

    def _note(self, session: ClinicalSession, image: HiddenImage, action: str, **detail: str) -> None:
        self._parts.audit.append(
            AuditEntry(
                action=action,
                actor=session.user.reference,
                patient=f"Patient/{image.patient}",
                launch=session.launch_id,
                subject=image.reference,
                policy=self._parts.policy.reference,
                detail=dict(detail),
            )
        )


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()
