"""A picture that was in the wrong chart: somebody is asked to think of a breach, and it can be filed again where it
belongs.

Neither chart names the other. The picture waits sealed for the same person alone, and in another patient's launch it
begins an ordinary capture: the identity is checked anew, consent is asked anew, nothing of what was answered comes with
it. What is left of the way between is a keyed digest, which says nothing to whoever reads either record.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from fhir_plugin.damage import unless_damaged
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.errors import NotAllowed, NotFound, Refused
from fhir_plugin.ports import AuditEntry, Compartment, VaultItem
from mappings.model.hiding import HiddenImage
from mappings.model.identifiers import CaptureId, FhirBase, PatientId, Reference, VaultId, WorkId
from mappings.model.people import ClinicalSession, Role
from mappings.model.work import WorkItem, WorkKind

BREACH: Final = (
    "A picture of somebody else was in this record. It is hidden and marked as entered in error. Consider whether this "
    "is a personal data breach: one that has to be reported goes to the Information Commissioner within 72 hours of "
    "knowing of it (UK GDPR, Article 33), and a high risk is told to the people concerned (Article 34)."
)
_OWNER: Final = "hand-over "


class TakesPictures(Protocol):
    """How an ordinary capture begins. `capture.captures.Captures` fits."""

    def begin(self, session: ClinicalSession) -> CaptureId: ...
    def receive(
        self, session: ClinicalSession, capture_id: CaptureId, content: bytes, declared_type: str
    ) -> object: ...


@dataclass(frozen=True)
class HandOver:
    """A picture that waits to be filed again. It does not say where it was."""

    id: VaultId
    since: dt.datetime
    until: dt.datetime


class HandOvers:
    """Filing again, in the right patient's launch, what was in a wrong chart. The same clinician alone."""

    def __init__(self, parts: DeleteParts, takes: TakesPictures) -> None:
        self._parts = parts
        self._takes = takes

    def offer(self, session: ClinicalSession, reference: Reference) -> HandOver:
        """In the wrong chart: it waits for this person, sealed. Done twice, it is done once.

        Raises `NotFound` for one that is not hidden here as of another patient, `Refused` while its bytes are not kept
        here: the EHR has not taken the change, and holds it still.
        """
        _need_clinician(session)
        parts, now = self._parts, self._parts.clock.now()
        with parts.work.transaction():
            row = parts.hidden.find(session.fhir_base, reference, for_change=True)
            if row is None or row.patient != session.patient_id or not row.wrong_patient:
                raise NotFound("this picture is not hidden as one of another patient", status=404)
            if row.content is None:
                raise Refused(
                    "The EHR still holds it, and it is not kept here. Ask whoever sent it to send it again.",
                    code="not-here",
                )
            content, picture = parts.vault.get(row.content), parts.vault.keyed_digest(f"{reference}".encode())
            for item in self._of(session):
                if self._head(item).get("picture") == picture:
                    return self._hand_over(item)
            head = {"from": _chart(parts, session.fhir_base, session.patient_id), "picture": picture}
            sealed = json.dumps(head).encode() + b"\n" + content
            vault_id = parts.vault.put(sealed, compartment=Compartment.RECEIVED, owner=_owner(parts, session))
            parts.note(session, "hand-over.offered", reference, digest=parts.vault.keyed_digest(content))
        return HandOver(vault_id, now, now + parts.policy.hand_over_lasts)

    def waiting(self, session: ClinicalSession) -> Sequence[HandOver]:
        """What this person can file in this chart; nothing of what came from this very chart. Oldest first."""
        if Role.CLINICIAN not in session.user.roles:
            return ()
        found = [unless_damaged("hand-over", partial(self._here, session, item), None) for item in self._of(session)]
        return [each for each in found if each is not None]

    def take(self, session: ClinicalSession, id: VaultId) -> CaptureId:
        """Begins an ordinary capture with it: everything is asked anew. It waits no more.

        Raises `NotFound` for one of somebody else, one that is over, and in the chart that it came from. Killed half
        way, it may begin a second capture; nothing is lost, and nothing is filed by that.
        """
        _need_clinician(session)
        parts = self._parts
        item = next((each for each in self._of(session) if each.vault_id == id), None)
        if item is None or self._here(session, item) is None:
            raise NotFound("no picture waits here for you", status=404)
        content = parts.vault.get(id).partition(b"\n")[2]
        capture = self._takes.begin(session)
        self._takes.receive(session, capture, content, _type_of(content))
        with parts.work.transaction():
            parts.vault.destroy(id)
            parts.note(session, "hand-over.taken", capture, digest=parts.vault.keyed_digest(content))
        return capture

    def tidy(self) -> int:
        """Destroys what nobody took in time; returns how many. Safe at any time, twice."""
        parts, now, gone = self._parts, self._parts.clock.now(), 0
        for item in parts.vault.items(compartment=Compartment.RECEIVED):
            if item.owner.startswith(_OWNER) and now > item.created + parts.policy.hand_over_lasts:
                with parts.work.transaction():
                    parts.vault.destroy(item.vault_id)
                    parts.audit.append(AuditEntry("hand-over.expired", "system", policy=parts.policy.reference))
                gone += 1
        return gone

    # ------------------------------------------------------------------------------------------ inside

    def _of(self, session: ClinicalSession) -> list[VaultItem]:
        items = self._parts.vault.items(compartment=Compartment.RECEIVED, owner=_owner(self._parts, session))
        return [each for each in items if self._parts.clock.now() <= self._hand_over(each).until]

    def _here(self, session: ClinicalSession, item: VaultItem) -> HandOver | None:
        here = _chart(self._parts, session.fhir_base, session.patient_id)
        return None if self._head(item).get("from") == here else self._hand_over(item)

    def _head(self, item: VaultItem) -> dict[str, str]:
        head: dict[str, str] = json.loads(self._parts.vault.get(item.vault_id).partition(b"\n")[0])
        return head

    def _hand_over(self, item: VaultItem) -> HandOver:
        return HandOver(item.vault_id, item.created, item.created + self._parts.policy.hand_over_lasts)


def prompt_breach(parts: DeleteParts, image: HiddenImage, patient_name: str) -> None:
    """In the open transaction: somebody considers whether it is a breach; once for each picture."""
    now = parts.clock.now()
    done = parts.worklist.of_patient(image.fhir_base, image.patient, done=True)
    if any((each.kind, each.subject) == (WorkKind.BREACH, image.reference) for each in done):
        return
    parts.worklist.add(
        WorkItem(
            id=WorkId(parts.new_id()),
            kind=WorkKind.BREACH,
            fhir_base=image.fhir_base,
            patient=image.patient,
            subject=image.reference,
            created=now,
            due=now + dt.timedelta(hours=parts.policy.work_hours[WorkKind.BREACH]),
            owner=image.by,
            owner_name=image.by_name,
            patient_name=patient_name,
            words=BREACH,
        )
    )


def _owner(parts: DeleteParts, session: ClinicalSession) -> str:
    """Of one person at one EHR, whatever their login; it names nobody."""
    return _OWNER + parts.vault.keyed_digest(f"{session.fhir_base} {session.user.person}".encode())


def _chart(parts: DeleteParts, fhir_base: FhirBase, patient: PatientId) -> str:
    return parts.vault.keyed_digest(f"chart {fhir_base} {patient}".encode())


def _type_of(content: bytes) -> str:
    if content.startswith(b"\x89PNG"):
        return "image/png"
    if content[:4] == b"RIFF":
        return "image/webp"
    if content[4:8] == b"ftyp":
        return "video/mp4"
    return "video/webm" if content.startswith(b"\x1a\x45\xdf\xa3") else "image/jpeg"


def _need_clinician(session: ClinicalSession) -> None:
    if Role.CLINICIAN not in session.user.roles:
        raise NotAllowed("Only clinicians file a picture again. Ask one of them.", code="role")
