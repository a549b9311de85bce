"""Taking consent back, scope by scope: one action, never an erasure (G-R238 to G-R244).

What is taken back is shut here at once; the Consent in the record follows through the ledger; and a clinician gets a
review of what to do with the pictures (G-R242). Care goes on as before (G-R239).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fhir_plugin.errors import Incomplete, NotAllowed, NotFound, Refused
from fhir_plugin.keep.consent_change import KIND, ConsentChange, begin, read_consent, try_again
from fhir_plugin.keep.parts import KeepParts
from fhir_plugin.policy.clock_times import UK
from fhir_plugin.policy.earlier_images import who_withdraws
from mappings.model.consent import ConsentAnswer, ConsentScope, Grantor, PhotoConsent
from mappings.model.identifiers import Reference, WorkId
from mappings.model.kept import A_PARENT, KeptImage
from mappings.model.people import ClinicalSession, Patient, Role
from mappings.model.work import WorkItem, WorkKind
from mappings.terminology.photographs import CONSENT_SCOPE_WORDS


@dataclass(frozen=True)
class ConsentStanding:
    """What was said about the pictures of one capture, and what of it can be taken back."""

    image: KeptImage
    consent: PhotoConsent
    pictures: int
    """How many pictures of ours it is about."""
    scopes: tuple[tuple[ConsentScope, ConsentAnswer], ...]
    rights: tuple[Grantor, ...]


class Withdrawals:
    """For clinicians at the patient's chart."""

    def __init__(self, parts: KeepParts) -> None:
        self._parts = parts

    def standing(self, session: ClinicalSession, patient: Patient, reference: Reference) -> ConsentStanding:
        """Raises `NotFound` for a picture that we did not file, `Refused` where it was filed without a consent."""
        _need_clinician(session)
        image = self._mine(session, reference)
        if image.consent is None:
            raise Refused("This picture was filed without a consent of the patient.", code="no-consent")
        consent = read_consent(self._parts, session, image.consent)
        asked = [scope for scope in ConsentScope if consent.answer(scope) is not ConsentAnswer.NOT_ASKED]
        scopes = tuple(
            (scope, ConsentAnswer.WITHDRAWN if scope in image.withdrawn else consent.answer(scope)) for scope in asked
        )
        today = self._parts.clock.now().astimezone(UK).date()
        return ConsentStanding(
            image=image,
            consent=consent,
            pictures=len(self._of_one_consent(session, image.consent)),
            scopes=scopes,
            rights=who_withdraws(patient, today, self._parts.policy.law),
        )

    def withdraw(
        self,
        session: ClinicalSession,
        patient: Patient,
        reference: Reference,
        scopes: Sequence[ConsentScope],
        right: Grantor,
        words: str = "",
    ) -> None:
        """Shuts `scopes` now, opens the review, and tells the record. Done twice, it is done once.

        Raises `Incomplete` without a scope, or for a right that nobody of this age has.
        """
        _need_clinician(session)
        parts, now = self._parts, self._parts.clock.now()
        today = now.astimezone(UK).date()
        if not scopes:
            raise Incomplete("Choose what is withdrawn.", fields={"scope": "Choose what is withdrawn."})
        if right not in who_withdraws(patient, today, parts.policy.law):
            raise Incomplete("Say who withdraws it.", fields={"right": "Say who withdraws it."})
        with parts.work.transaction():
            image = self._mine(session, reference, for_change=True)
            if image.consent is None:
                raise Refused("This picture was filed without a consent of the patient.", code="no-consent")
            already = image.withdrawn if right in A_PARENT else image.withdrawn - image.a_parents
            fresh = tuple(scope for scope in dict.fromkeys(scopes) if scope not in already)
            if not fresh:
                return
            for each in self._of_one_consent(session, image.consent):
                parts.kept.keep(each.shut(fresh, right))
            item = self._review(session, patient, image, fresh, words)
            change = ConsentChange(
                image.consent,
                fresh,
                ConsentAnswer.WITHDRAWN,
                session.user.reference,
                right,
                now,
                item.id,
                session.user.display,
            )
            intent = begin(parts, session, change)
            parts.note(session, "consent.withdrawn", image.consent, scopes=" ".join(sorted(fresh)), right=right)
        if not parts.engine.run(intent).ended:
            parts.queue.wake(after_seconds=5)

    def resume_for(self, session: ClinicalSession) -> None:
        """After a launch: what this person changed and the record does not say yet goes on."""
        parts = self._parts
        self._tell(session)
        for intent in parts.ledger.waiting(
            fhir_base=session.fhir_base, patient=session.patient_id, user=session.user.reference
        ):
            if intent.kind == KIND and parts.engine.adopt(intent, session.launch_id):
                parts.engine.run(intent.id)

    # ------------------------------------------------------------------------------------------ inside

    def _tell(self, session: ClinicalSession) -> None:
        """What a patient took back at our link was shut at once. Now that a clinician is here the record learns it, and
        is asked again to take what it refused before."""
        parts, intents = self._parts, []
        if Role.CLINICIAN not in session.user.roles:
            return
        with parts.work.transaction():
            kept = parts.kept.of_patient(session.fhir_base, session.patient_id, for_change=True)
            untold = [each for each in kept if each.untold]
            open_items = parts.worklist.of_patient(session.fhir_base, session.patient_id) if untold else []
            items = {item.subject: item.id for item in open_items if item.kind is WorkKind.WITHDRAWAL}
            changes: dict[Reference, ConsentChange] = {}
            for each in untold:
                if each.consent is not None and each.untold:
                    scopes = tuple(sorted(each.untold))
                    by, now = Reference(f"Patient/{session.patient_id}"), parts.clock.now()
                    item = items.get(each.capture_id)
                    withdrawn = ConsentAnswer.WITHDRAWN
                    changes[each.consent] = ConsentChange(
                        each.consent, scopes, withdrawn, by, Grantor.PATIENT, now, item
                    )
                parts.kept.keep(replace(each, untold=frozenset()))
            intents = [begin(parts, session, change) for change in changes.values()] + try_again(parts, session)
        for intent in intents:
            if not parts.engine.run(intent).ended:
                parts.queue.wake(after_seconds=5)

    def _mine(self, session: ClinicalSession, reference: Reference, *, for_change: bool = False) -> KeptImage:
        return kept_of(self._parts, session, reference, for_change=for_change)

    def _of_one_consent(self, session: ClinicalSession, consent: Reference) -> list[KeptImage]:
        kept = self._parts.kept.of_patient(session.fhir_base, session.patient_id)
        return [each for each in kept if each.consent == consent]

    def _review(
        self, session: ClinicalSession, patient: Patient, image: KeptImage, scopes: Sequence[ConsentScope], words: str
    ) -> WorkItem:
        parts, now = self._parts, self._parts.clock.now()
        said = "Withdrawn: " + "; ".join(CONSENT_SCOPE_WORDS[scope] for scope in scopes) + "."
        if words.strip():
            said += f" {words.strip()}"
        unreadable = parts.kept.unreadable(session.fhir_base, session.patient_id)
        if unreadable:
            said += (
                f" Not shut by this, because this app cannot read what it noted about them: {unreadable} of this "
                "patient’s pictures. They open for nobody until then. Tell the person who looks after this app."
            )
        item = parts.worklist.add(
            WorkItem(
                id=WorkId(parts.new_id()),
                kind=WorkKind.WITHDRAWAL,
                fhir_base=session.fhir_base,
                patient=session.patient_id,
                subject=str(image.consent),
                created=now,
                due=now + dt.timedelta(hours=parts.policy.work_hours[WorkKind.WITHDRAWAL]),
                owner=session.user.reference,
                owner_name=session.user.display,
                patient_name=patient.name,
                words=said,
            )
        )
        if said not in item.words:
            item = parts.worklist.get(item.id, for_change=True)
            item = replace(item, words=f"{item.words}\n{said}")
            parts.worklist.save(item)
        return item


def kept_of(parts: KeepParts, session: ClinicalSession, reference: Reference, *, for_change: bool = False) -> KeptImage:
    """A picture that we filed for the patient of this launch. For every other launch it does not exist.

    `for_change`: this patient's others are held, too, as they change together.
    """
    if for_change:
        parts.kept.of_patient(session.fhir_base, session.patient_id, for_change=True)
    image = parts.kept.get(session.fhir_base, reference, for_change=for_change)
    if image.patient != session.patient_id:
        raise NotFound(f"{reference} is not in the register of kept images", status=404)
    return image


def _need_clinician(session: ClinicalSession) -> None:
    if Role.CLINICIAN not in session.user.roles:
        raise NotAllowed("Only clinicians may see or change this. Ask one of them.", code="role")
