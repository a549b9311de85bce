"""Looking again at what was filed: when somebody has grown up, when retention asks, when consent was taken back.

The days stand in the register since filing; the job turns each into one item on the list, once, whatever crashes. What
is shut until then does not wait for the job: it goes by the day (G-R246).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import Final

from fhir_plugin.damage import unless_damaged
from fhir_plugin.errors import Incomplete, NotAllowed, NotFound, Refused
from fhir_plugin.keep.consent_change import ConsentChange, begin
from fhir_plugin.keep.parts import KeepParts
from fhir_plugin.keep.withdraw import kept_of
from fhir_plugin.policy.clock_times import UK
from fhir_plugin.policy.earlier_images import KEEPING, blocked
from fhir_plugin.policy.review_days import age_reached, birthday, maturity_days, with_review_days
from fhir_plugin.policy.ruling import Reason
from fhir_plugin.ports import AuditEntry
from mappings.model.consent import ConsentAnswer, ConsentScope, Grantor
from mappings.model.identifiers import IntentId, Reference, WorkId
from mappings.model.kept import KeptImage, OwnConsent
from mappings.model.people import ClinicalSession, Patient, Role
from mappings.model.work import WorkItem, WorkKind

REVIEWED = (WorkKind.MATURITY, WorkKind.RETENTION, WorkKind.WITHDRAWAL)


class Outcome(StrEnum):
    """How a review ends. A wish that pictures are hidden hides them; one that they are destroyed leads on to a request
    for that, and the review stays open until there is one."""

    AGREED = "agreed"
    """Asked themselves, they agree (G-R245)."""
    OBJECTED = "objected"
    """They object: second opinion and other uses stay shut (G-R247)."""
    KEEP = "keep"
    """Kept, with a reason (G-R242)."""
    WISH_HIDDEN = "wish-hidden"
    WISH_DESTROYED = "wish-destroyed"


OUTCOMES = {
    WorkKind.MATURITY: (Outcome.AGREED, Outcome.OBJECTED, Outcome.WISH_HIDDEN, Outcome.WISH_DESTROYED),
    WorkKind.RETENTION: (Outcome.KEEP, Outcome.WISH_HIDDEN, Outcome.WISH_DESTROYED),
    WorkKind.WITHDRAWAL: (Outcome.KEEP, Outcome.WISH_HIDDEN, Outcome.WISH_DESTROYED),
}


_HIDE: Final = "Wish recorded: the pictures should be hidden. Not all of them are yet: hide each from this page."
_DESTROY: Final = (
    "Wish recorded: the pictures should be destroyed. Nothing has been destroyed: request their permanent deletion "
    "from this page. The review stays on the list until it is requested, or you say how else it ended."
)


def _nothing(_session: ClinicalSession) -> frozenset[Reference]:
    return frozenset()


class Reviews:
    """The job that finds what is due, and the reviews at the chart.

    `hide`: hides a picture from the record, for a review of this kind, in somebody's words. `asked_to_destroy`: of
    which pictures of this patient permanent deletion was asked for, and not refused.
    """

    def __init__(
        self,
        parts: KeepParts,
        *,
        hide: Callable[[ClinicalSession, Reference, WorkKind, str], None] | None = None,
        asked_to_destroy: Callable[[ClinicalSession], frozenset[Reference]] = _nothing,
    ) -> None:
        self._parts = parts
        self._hide = hide
        self._asked_to_destroy = asked_to_destroy

    # ------------------------------------------------------------------------------------------ the job

    def raise_due(self) -> int:
        """Puts every review whose day has come on the list; returns how many images. Safe at any time, twice."""
        today, raised = self._today(), 0
        for image in self._parts.kept.due(today):
            raised += unless_damaged("review", partial(self._raise_one, image, today), 0)
        return raised

    def learn_birth_date(self, session: ClinicalSession, patient: Patient) -> None:
        """At a chart: images of somebody whose birth date was unknown, or was corrected, get their days (G-R248)."""
        if patient.birth_date is None:
            return
        outdated = [
            image
            for image in self._parts.kept.of_patient(session.fhir_base, session.patient_id)
            if image.birth_date != patient.birth_date
        ]
        for image in outdated:
            with self._parts.work.transaction():
                current = self._parts.kept.get(image.fhir_base, image.reference, for_change=True)
                known = replace(current, birth_date=patient.birth_date)
                filed = current.filed.astimezone(UK).date()
                days = with_review_days(known, self._parts.policy, filed, private=False)
                self._parts.kept.keep(replace(days, retention_review=current.retention_review))

    # ------------------------------------------------------------------------------------------ looking

    def images(self, session: ClinicalSession) -> list[KeptImage]:
        """What we filed for the patient of this launch."""
        return self._parts.kept.of_patient(session.fhir_base, session.patient_id)

    def item(self, session: ClinicalSession, id: WorkId) -> tuple[WorkItem, list[KeptImage]]:
        """One review of this patient, open or done, with the pictures that it is about."""
        self._need_clinician(session)
        item = self._parts.worklist.get(id)
        mine = (item.fhir_base, item.patient) == (session.fhir_base, session.patient_id)
        if not mine or item.kind not in REVIEWED:
            raise NotFound(f"there is no review {id}", status=404)
        return item, [image for image in self.images(session) if _concerns(item, image)]

    def unreadable(self, session: ClinicalSession) -> int:
        """How many pictures of this patient have notes of ours that cannot be read: their other uses stay shut."""
        return self._parts.kept.unreadable(session.fhir_base, session.patient_id)

    def waiting_to_be_asked(self, session: ClinicalSession) -> list[KeptImage]:
        """Pictures from before a birthday, whose patient was not asked themselves yet or objected (G-R246)."""
        today = self._today()
        return [image for image in self.images(session) if image.awaits_own_consent(today)]

    def blocked(
        self, session: ClinicalSession, patient: Patient, reference: Reference, scope: ConsentScope
    ) -> tuple[Reason, ...]:
        """Why a picture may not be used for `scope`. For one that we did not file we know of nothing against it."""
        try:
            image = kept_of(self._parts, session, reference)
        except NotFound:
            return ()
        return blocked(image, scope, self._today(), deceased=patient.deceased)

    # ------------------------------------------------------------------------------------------ deciding

    def decide(self, session: ClinicalSession, id: WorkId, outcome: Outcome, words: str) -> WorkItem:
        """Ends a review with its outcome and a reason; a wish that has not been carried out leaves it open.

        Raises `Refused` when somebody decided meanwhile, `Incomplete` without a reason where one is needed.
        """
        parts, said = self._parts, words.strip()
        self._need_clinician(session)
        intents: list[IntentId] = []
        if outcome is Outcome.WISH_HIDDEN and said:
            self._hide_all(session, id, said)
        asked_for = self._asked_to_destroy(session) if outcome is Outcome.WISH_DESTROYED else frozenset()
        with parts.work.transaction():
            parts.kept.of_patient(session.fhir_base, session.patient_id, for_change=True)
            parts.worklist.get(id, for_change=True)
            item, images = self.item(session, id)
            if item.done_at is not None:
                raise Refused("Somebody has decided this meanwhile.", code="done-meanwhile")
            if outcome not in OUTCOMES[item.kind]:
                raise Incomplete("Say how it ends.", fields={"outcome": "Choose one."})
            if outcome is not Outcome.AGREED and not said:
                raise Incomplete("Say why.", fields={"words": "Say in a sentence why."})
            now = parts.clock.now()
            line = f"{session.user.display}: {said}" if said else ""
            changed = replace(item, words="\n".join(each for each in (item.words, line) if each))
            if (left := self._left_to_do(session, outcome, images, asked_for)) is not None:
                changed = replace(changed, words=f"{changed.words}\n{left}")
            else:
                for image in images:
                    parts.kept.keep(self._after(image, item.kind, outcome, now))
                if outcome is Outcome.AGREED:
                    intents = self._own_consents(session, images, now, item.id)
                changed = replace(changed, done_at=now, done_by=session.user.reference, outcome=outcome.value)
            parts.worklist.save(changed)
            parts.note(session, "review.decided", item.id, kind=item.kind, outcome=outcome, images=len(images))
        for intent in intents:
            if not parts.engine.run(intent).ended:
                parts.queue.wake(after_seconds=5)
        return changed

    def record_wishes(self, session: ClinicalSession, patient: Patient, words: str) -> None:
        """What somebody who has died wanted done with their pictures (G-R92)."""
        self._need_clinician(session)
        if not patient.deceased:
            raise Refused("The EHR does not say that this patient has died.", code="not-deceased")
        if not words.strip():
            raise Incomplete("Say what they wanted.", fields={"wishes": "Say what they wanted, and how it is known."})
        with self._parts.work.transaction():
            for image in self._parts.kept.of_patient(session.fhir_base, session.patient_id, for_change=True):
                self._parts.kept.keep(replace(image, known_wishes=words.strip()))
            self._parts.note(session, "wishes.recorded", session.patient_id)

    # ------------------------------------------------------------------------------------------ inside

    def _hide_all(self, session: ClinicalSession, id: WorkId, said: str) -> None:
        """Every picture of an open review: before it ends, so that whoever dies in between finds it on the list."""
        item, images = self.item(session, id)
        if item.done_at is not None or self._hide is None:
            return
        for image in images:
            with suppress(NotFound):  # the record shows it no more, so there is nothing to hide
                self._hide(session, image.reference, item.kind, said)

    def _left_to_do(
        self,
        session: ClinicalSession,
        outcome: Outcome,
        images: Sequence[KeptImage],
        asked_for: frozenset[Reference],
    ) -> str | None:
        """What a wish leaves somebody to do; None where nothing is left, or it is no wish."""
        about = {image.reference for image in images}
        if outcome is Outcome.WISH_HIDDEN:
            return None if about <= self._parts.hidden.references(session.fhir_base, session.patient_id) else _HIDE
        if outcome is Outcome.WISH_DESTROYED:
            return None if about and about <= asked_for else _DESTROY
        return None

    def _today(self) -> dt.date:
        return self._parts.clock.now().astimezone(UK).date()

    def _raise_one(self, image: KeptImage, today: dt.date) -> int:
        with self._parts.work.transaction():
            current = self._parts.kept.get(image.fhir_base, image.reference, for_change=True)
            return self._raise(current, today)

    def _raise(self, image: KeptImage, today: dt.date) -> int:
        grown = any(day is not None and day <= today for day in (image.review_at_16, image.review_at_18))
        retention = image.retention_review is not None and image.retention_review <= today
        if not grown and not retention:
            return 0  # another worker was faster
        changed = image
        if grown and image.birth_date is not None:
            policy = self._parts.policy
            age, (as_child, as_adult) = (
                age_reached(image.birth_date, today, policy),
                maturity_days(image.birth_date, today, policy),
            )
            changed = replace(changed, review_at_16=as_child, review_at_18=as_adult, own_consent=OwnConsent.DUE)
            self._item(image, WorkKind.MATURITY, f"Patient/{image.patient}#{age}", f"Turned {age} since it was filed.")
        if retention:
            changed = replace(changed, retention_review=None, retention_due=True)
            self._item(image, WorkKind.RETENTION, f"Patient/{image.patient}#retention", "Is it still needed?")
        self._parts.kept.keep(changed)
        return 1

    def _item(self, image: KeptImage, kind: WorkKind, subject: str, words: str) -> None:
        now = self._parts.clock.now()
        self._parts.worklist.add(
            WorkItem(
                id=WorkId(self._parts.new_id()),
                kind=kind,
                fhir_base=image.fhir_base,
                patient=image.patient,
                subject=subject,
                created=now,
                due=now + dt.timedelta(hours=self._parts.policy.work_hours[kind]),
                patient_name=image.patient_name,
                words=words,
            )
        )
        self._parts.audit.append(
            AuditEntry(
                action="review.due",
                actor="system",
                patient=f"Patient/{image.patient}",
                subject=image.reference,
                policy=self._parts.policy.reference,
                detail={"kind": kind},
            )
        )

    def _after(self, image: KeptImage, kind: WorkKind, outcome: Outcome, now: dt.datetime) -> KeptImage:
        if kind is WorkKind.MATURITY:
            given = outcome is Outcome.AGREED
            back: frozenset[ConsentScope] = KEEPING if given else frozenset()
            return replace(
                image,
                own_consent=OwnConsent.GIVEN if given else OwnConsent.OBJECTED,
                withdrawn=image.withdrawn - back,
                untold=image.untold - back,
            )
        if kind is WorkKind.RETENTION:
            years = self._parts.policy.retained("adult" if image.adult else "child").review_years
            return replace(image, retention_due=False, retention_review=birthday(now.astimezone(UK).date(), years))
        return image

    def _own_consents(
        self, session: ClinicalSession, images: Sequence[KeptImage], now: dt.datetime, item: WorkId
    ) -> list[IntentId]:
        """Each Consent says from now on that the patient themselves agrees to keeping; other uses are asked apart.

        Who agrees that it is kept agrees that it was received, where that had been taken back as well.
        """
        intents = []
        for consent in sorted({image.consent for image in images if image.consent is not None}):
            right = Grantor.PATIENT
            shut = {scope for image in images if image.consent == consent for scope in image.withdrawn & KEEPING}
            scopes = tuple(scope for scope in ConsentScope if scope in {ConsentScope.STORE, *shut})
            change = ConsentChange(consent, scopes, ConsentAnswer.GIVEN, session.user.reference, right, now, item)
            intents.append(begin(self._parts, session, change))
        return intents

    def _need_clinician(self, session: ClinicalSession) -> None:
        if Role.CLINICIAN not in session.user.roles:
            raise NotAllowed("Only clinicians may review pictures. Ask one of them.", code="role")


def _concerns(item: WorkItem, image: KeptImage) -> bool:
    if item.kind is WorkKind.MATURITY:
        return image.own_consent is OwnConsent.DUE
    if item.kind is WorkKind.RETENTION:
        return image.retention_due
    return item.subject in (image.consent, image.capture_id)  # the latter: a patient took back what they had sent
