"""A second opinion: asked with a reason and consent, accepted before anything opens, answered, and over.

The colleague has a launch of their own, at whatever chart: nothing here reads or writes that chart, and an anonymised
copy says to nobody whose it is. The copy is rebuilt from pixels, lies in the vault, and is destroyed at every end
(G-R219 to G-R228, X18).
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from zoneinfo import ZoneInfo

from fhir_plugin.errors import Incomplete, NotAllowed, NotFound, Refused
from fhir_plugin.keep.asking import MOST_WORDS, Asking, Ground, what_is_missing, what_is_missing_of_consent, who_gives
from fhir_plugin.keep.consent_change import ConsentChange, begin, read_consent
from fhir_plugin.keep.copies import Pictures, copy_of
from fhir_plugin.keep.opinion import LIVE, OpinionPurpose, OpinionState, SecondOpinion, SecondOpinions
from fhir_plugin.keep.parts import KeepParts
from fhir_plugin.keep.withdraw import kept_of
from fhir_plugin.policy.earlier_images import blocked, who_withdraws
from fhir_plugin.policy.ruling import May
from fhir_plugin.policy.uses import Opinion, second_opinion
from fhir_plugin.ports import AuditEntry, Compartment
from mappings.model.consent import ConsentAnswer, ConsentScope, Grantor
from mappings.model.identifiers import ImageId, IntentId, OpinionId, Reference, Sha256, WorkId
from mappings.model.images import Geometry, ReceivedImage
from mappings.model.kept import KeptImage
from mappings.model.people import ClinicalSession, Patient, Role
from mappings.model.practice import Colleague
from mappings.model.work import WorkItem, WorkKind

SCOPE = ConsentScope.SECOND_OPINION
UK = ZoneInfo("Europe/London")


class Consultations:
    """Asking at the patient's chart, answering at any chart of the same EHR. Clinicians only.

    `colleagues`: whom the app knows at this EHR.
    """

    def __init__(
        self,
        parts: KeepParts,
        opinions: SecondOpinions,
        pictures: Pictures,
        colleagues: Callable[[ClinicalSession], list[Colleague]],
    ) -> None:
        self._parts = parts
        self._opinions = opinions
        self._pictures = pictures
        self._colleagues = colleagues

    # ------------------------------------------------------------------------------------------ at the chart

    def ground(self, session: ClinicalSession, patient: Patient, reference: Reference) -> Ground:
        """Raises `NotFound` for a picture that is not this patient's; `Refused` where none of it can be shared."""
        _need_clinician(session)
        item = next((each for each in self._pictures.images(session) if each.entry.reference == reference), None)
        if item is None:
            raise NotFound("there is no such picture", status=404)
        if item.entry.is_video:
            raise Refused("A video cannot be shared for a second opinion. Use a picture.", code="opinion-video")
        try:
            image = kept_of(self._parts, session, reference)
        except NotFound:
            image = None
        if image is None or image.consent is None:
            raise Refused(
                "Only pictures that this app filed with a consent can be shared for a second opinion: there is no "
                "other place for the patient’s answer.",
                code="no-consent",
            )
        consent = read_consent(self._parts, session, image.consent)
        today = self._today()
        rights = who_withdraws(patient, today, self._parts.policy.law)
        answer = ConsentAnswer.WITHDRAWN if SCOPE in image.withdrawn else consent.answer(SCOPE)
        stops = [reason.text for reason in blocked(image, SCOPE, today, deceased=patient.deceased)]
        if answer in (ConsentAnswer.REFUSED, ConsentAnswer.WITHDRAWN) and not stops:
            stops.append("The patient does not want it shown to a colleague.")
        return Ground(
            image=image,
            version=item.entry.version or "",
            sensitive=item.sensitive,
            answer=answer,
            rights=who_gives(rights, consent.giver.right),
            shared_before=len(self._opinions.of_patient(session.fhir_base, session.patient_id)),
            stops=tuple(stops),
        )

    def people(self, session: ClinicalSession) -> list[Colleague]:
        """Whom one may ask: everybody known but oneself."""
        return [each for each in self._colleagues(session) if each.user != session.user.reference]

    def copy(self, session: ClinicalSession, reference: Reference, geometry: Geometry) -> tuple[bytes, str]:
        """The picture as the colleague would get it, without their name over it. Nothing is kept."""
        _need_clinician(session)
        kept_of(self._parts, session, reference)
        return copy_of(self._parts, self._pictures, session, reference, geometry)

    def upright(self, session: ClinicalSession, reference: Reference, quarter_turns: int) -> bytes:
        """The uncropped picture for the editor."""
        _need_clinician(session)
        kept_of(self._parts, session, reference)
        content, content_type = self._pictures.picture(session, reference)
        received = ReceivedImage(ImageId("opinion"), content, content_type, Sha256("0" * 64))
        return self._parts.worker.preview(received, quarter_turns=quarter_turns)

    def ask(
        self, session: ClinicalSession, patient: Patient, reference: Reference, asking: Asking
    ) -> SecondOpinion | None:
        """Asks the colleague; None where the patient said no just now, which is recorded, and nothing is shared.

        While one is open with the same colleague about the same picture, that one. Raises `Incomplete`, `Refused`.
        """
        parts, now = self._parts, self._parts.clock.now()
        ground = self.ground(session, patient, reference)
        if ground.stops:
            raise Refused(ground.stops[0], code="opinion-blocked")
        said_now = ground.answer is ConsentAnswer.NOT_ASKED and asking.consent is not ConsentAnswer.NOT_ASKED
        answer = asking.consent if said_now else ground.answer
        refused = answer is ConsentAnswer.REFUSED
        problems = what_is_missing_of_consent(asking, ground) if said_now else {}
        to = next((each for each in self.people(session) if each.user == asking.to), None)
        if not refused:
            problems |= what_is_missing(patient, asking, answer, parts.policy, known=to is not None)
        if problems:
            raise Incomplete("Something is missing.", fields=problems)
        content = b"" if refused else copy_of(parts, self._pictures, session, reference, asking.geometry)[0]
        intent: IntentId | None = None
        made: SecondOpinion | None = None
        with parts.work.transaction():
            image = kept_of(parts, session, reference, for_change=True)
            if blocked(image, SCOPE, self._today(), deceased=patient.deceased):
                raise Refused("Consent to this was taken back meanwhile.", code="opinion-blocked")
            if to is not None and not refused:
                for each in self._opinions.of_patient(session.fhir_base, session.patient_id):
                    if each.live and (each.image, each.recipient) == (reference, to.user):
                        return each
            if said_now:
                intent = self._record_answer(session, image, answer, Grantor(asking.right), now)
            if to is not None and not refused:
                made = self._made(session, patient, ground, asking, answer, to, content, now)
                self._opinions.add(made)
                self._give_item(made, now)
                parts.note(
                    session,
                    "opinion.asked",
                    made.id,
                    image=reference,
                    version=made.image_version,
                    to=to.user,
                    purpose=made.purpose,
                    anonymised=made.anonymised,
                    copy=made.copy_digest,
                )
        if intent is not None and not parts.engine.run(intent).ended:
            parts.queue.wake(after_seconds=5)
        return made

    def of_image(self, session: ClinicalSession, reference: Reference) -> list[SecondOpinion]:
        """Newest first."""
        _need_clinician(session)
        every = self._opinions.of_patient(session.fhir_base, session.patient_id)
        return [self._settled(each) for each in every if each.image == reference]

    def one(self, session: ClinicalSession, id: OpinionId) -> SecondOpinion:
        """One of this launch's patient. For every other launch it does not exist."""
        _need_clinician(session)
        opinion = self._opinions.get(id)
        if (opinion.fhir_base, opinion.patient) != (session.fhir_base, session.patient_id):
            raise NotFound(f"there is no second opinion {id}", status=404)
        return self._settled(opinion)

    def cancel(self, session: ClinicalSession, id: OpinionId) -> SecondOpinion:
        """It is not needed any more; the copy is gone at once. Raises `Refused` where it has ended."""
        self.one(session, id)
        with self._parts.work.transaction():
            opinion = self._still(self._opinions.get(id, for_change=True), LIVE)
            ended = self._end(opinion, OpinionState.CANCELLED, by=session.user.reference)
            self._parts.note(session, "opinion.cancelled", id)
        return ended

    def read(self, session: ClinicalSession, id: OpinionId) -> None:
        """Somebody at this chart has read how it ended. Idempotent."""
        opinion = self.one(session, id)
        with self._parts.work.transaction():
            if self._finish_item(opinion, f"{id}#ended", session.user.reference, "read"):
                self._parts.note(session, "opinion.read", id)

    # ------------------------------------------------------------------------------------------ the colleague

    def asked_of_me(self, session: ClinicalSession, id: OpinionId) -> SecondOpinion:
        """One that this person was asked for, at any chart of the same EHR. For everybody else it does not exist."""
        _need_clinician(session)
        return self._settled(self._mine(session, id))

    def accept(self, session: ClinicalSession, id: OpinionId) -> SecondOpinion:
        """They agree to look; only from now on does it open (G-R223). Idempotent."""
        self.asked_of_me(session, id)
        with self._parts.work.transaction():
            opinion = self._still(self._mine(session, id, for_change=True), LIVE)
            if opinion.state is OpinionState.ACCEPTED:
                return opinion
            accepted = replace(opinion, state=OpinionState.ACCEPTED, accepted_at=self._parts.clock.now())
            self._opinions.save(accepted)
            self._note(session, accepted, "opinion.accepted")
        return accepted

    def decline(self, session: ClinicalSession, id: OpinionId, words: str = "") -> SecondOpinion:
        """They would rather not, with or without a reason, also after they accepted."""
        return self._finish(session, id, OpinionState.DECLINED, LIVE, words.strip())

    def answer(self, session: ClinicalSession, id: OpinionId, words: str) -> SecondOpinion:
        """Raises `Incomplete` without words, `Refused` where it was not accepted first or has ended."""
        if not words.strip():
            raise Incomplete("Write your answer.", fields={"answer": "Write your answer."})
        return self._finish(session, id, OpinionState.ANSWERED, frozenset({OpinionState.ACCEPTED}), words.strip())

    def open(self, session: ClinicalSession, id: OpinionId) -> bytes:
        """A JPEG with who looks and when burnt into it. Each opening is written down first (G-R224).

        Raises `Refused` before it was accepted, after it ended, and where consent no longer allows it.
        """
        self.asked_of_me(session, id)
        parts, now = self._parts, self._parts.clock.now()
        with parts.work.transaction():
            opinion = self._still(self._mine(session, id, for_change=True), LIVE)
            verdict = second_opinion(self._case(opinion), parts.policy)
            if verdict.may is not May.YES or opinion.copy is None:
                raise Refused(verdict.reasons[0].text if verdict.reasons else "It is closed.", code="opinion-shut")
            opened = replace(opinion, opened=opinion.opened + 1)
            self._opinions.save(opened)
            self._note(session, opened, "opinion.opened", time=opened.opened)
            content = parts.vault.get(opinion.copy)
        when = now.astimezone(UK).strftime("%d %b %Y %H:%M")
        words = f"{session.user.display} {session.user.reference.split('/')[-1]} {when}"
        received = ReceivedImage(ImageId("opinion"), content, "image/jpeg", Sha256("0" * 64))
        return parts.worker.mark(received, words)

    # ------------------------------------------------------------------------------------------ by itself

    def tidy(self) -> int:
        """Ends what has expired or may no longer be shown, and destroys its copy; returns how many. Safe twice."""
        return sum(not self._settled(self._opinions.get(id)).live for id in self._opinions.live())

    # ------------------------------------------------------------------------------------------ inside

    def _today(self) -> dt.date:
        return self._parts.clock.now().astimezone(UK).date()

    def _record_answer(
        self, session: ClinicalSession, image: KeptImage, answer: ConsentAnswer, right: Grantor, now: dt.datetime
    ) -> IntentId:
        """What the patient said just now, for the record; a no shuts it here at once."""
        parts = self._parts
        assert image.consent is not None
        if answer is ConsentAnswer.REFUSED:
            for each in parts.kept.of_patient(session.fhir_base, session.patient_id):
                if each.consent == image.consent:
                    parts.kept.keep(replace(each, withdrawn=each.withdrawn | {SCOPE}))
        parts.note(session, "opinion.consent", image.consent, answer=answer, right=right)
        return begin(parts, session, ConsentChange(image.consent, (SCOPE,), answer, session.user.reference, right, now))

    def _made(
        self,
        session: ClinicalSession,
        patient: Patient,
        ground: Ground,
        asking: Asking,
        answer: ConsentAnswer,
        to: Colleague,
        content: bytes,
        now: dt.datetime,
    ) -> SecondOpinion:
        parts, id = self._parts, OpinionId(self._parts.new_id())
        return SecondOpinion(
            id=id,
            fhir_base=session.fhir_base,
            patient=session.patient_id,
            image=ground.image.reference,
            asker=session.user.reference,
            recipient=to.user,
            created=now,
            expires=now + parts.policy.opinion_lasts,
            purpose=OpinionPurpose(asking.purpose),
            consent=answer,
            policy=parts.policy.reference,
            image_version=ground.version,
            asker_name=session.user.display,
            recipient_name=to.name,
            reason=asking.reason.strip(),
            anonymised=asking.anonymised,
            identified_reason="" if asking.anonymised else asking.identified_reason.strip(),
            patient_name="" if asking.anonymised else patient.name,
            sensitive=ground.sensitive,
            copy=parts.vault.put(content, compartment=Compartment.OPINION, owner=id),
            copy_digest=parts.vault.keyed_digest(content),
        )

    def _case(self, opinion: SecondOpinion) -> Opinion:
        """As it stands now: what was taken back since counts."""
        parts = self._parts
        image = parts.kept.get(opinion.fhir_base, opinion.image)
        codes = {reason.code for reason in blocked(image, SCOPE, self._today())}
        return Opinion(
            reason=opinion.reason,
            consent=ConsentAnswer.WITHDRAWN if "withdrawn" in codes else opinion.consent,
            accepted=opinion.state is OpinionState.ACCEPTED,
            anonymised=opinion.anonymised,
            identified_reason=opinion.identified_reason,
            reconsented=not codes - {"withdrawn"},
        )

    def _must_end(self, opinion: SecondOpinion) -> OpinionState | None:
        if self._parts.clock.now() >= opinion.expires:
            return OpinionState.EXPIRED
        try:
            case = self._case(opinion)
        except NotFound:  # the picture itself is in the register no more
            return OpinionState.STOPPED
        return OpinionState.STOPPED if second_opinion(case, self._parts.policy).may is May.NO else None

    def _settled(self, opinion: SecondOpinion) -> SecondOpinion:
        """The opinion as it is now: what is over is ended, whoever looks first."""
        if not opinion.live or self._must_end(opinion) is None:
            return opinion
        with self._parts.work.transaction():
            fresh = self._opinions.get(opinion.id, for_change=True)
            state = self._must_end(fresh) if fresh.live else None
            if state is None:
                return fresh
            ended = self._end(fresh, state, by=None)
            self._parts.audit.append(
                AuditEntry(
                    action=f"opinion.{state}",
                    actor="system",
                    patient=f"Patient/{fresh.patient}",
                    subject=fresh.id,
                    policy=self._parts.policy.reference,
                )
            )
        return ended

    def _mine(self, session: ClinicalSession, id: OpinionId, *, for_change: bool = False) -> SecondOpinion:
        opinion = self._opinions.get(id, for_change=for_change)
        if (opinion.fhir_base, opinion.recipient) != (session.fhir_base, session.user.reference):
            raise NotFound(f"there is no second opinion {id}", status=404)
        return opinion

    def _still(self, opinion: SecondOpinion, states: frozenset[OpinionState]) -> SecondOpinion:
        if opinion.state is OpinionState.ASKED and opinion.state not in states:
            raise Refused("Say first that you agree to look.", code="opinion-not-accepted")
        if opinion.state not in states:
            raise Refused("This second opinion has ended meanwhile.", code="opinion-ended")
        return opinion

    def _finish(
        self,
        session: ClinicalSession,
        id: OpinionId,
        state: OpinionState,
        states: frozenset[OpinionState],
        words: str,
    ) -> SecondOpinion:
        if len(words) > MOST_WORDS:
            raise Incomplete("That is too long.", fields={"answer": f"Write at most {MOST_WORDS} characters."})
        self.asked_of_me(session, id)
        with self._parts.work.transaction():
            opinion = self._still(self._mine(session, id, for_change=True), states)
            if state is OpinionState.ANSWERED and opinion.opened == 0:
                raise Refused("Open the picture before you answer.", code="opinion-not-opened")
            ended = self._end(replace(opinion, answer=words), state, by=session.user.reference)
            self._note(session, ended, f"opinion.{state}")
        return ended

    def _end(self, opinion: SecondOpinion, state: OpinionState, *, by: Reference | None) -> SecondOpinion:
        """In the open transaction: the copy goes, the colleague's item is done, and the asker is told."""
        now = self._parts.clock.now()
        if opinion.copy is not None:
            self._parts.vault.destroy(opinion.copy)
        ended = replace(opinion, state=state, ended_at=now, copy=None)
        self._opinions.save(ended)
        self._finish_item(ended, ended.id, by, state)
        if state is not OpinionState.CANCELLED:
            self._item(ended, f"{ended.id}#ended", ended.asker, ended.asker_name, now, _HOW[state])
        return ended

    def _give_item(self, opinion: SecondOpinion, now: dt.datetime) -> None:
        words = f"{opinion.asker_name} asks for a second opinion. Case {opinion.case}."
        self._item(opinion, opinion.id, opinion.recipient, opinion.recipient_name, now, words)

    def _item(
        self, opinion: SecondOpinion, subject: str, owner: Reference, owner_name: str, now: dt.datetime, words: str
    ) -> None:
        parts = self._parts
        late = now + dt.timedelta(hours=parts.policy.work_hours[WorkKind.SECOND_OPINION])
        item = WorkItem(
            id=WorkId(parts.new_id()),
            kind=WorkKind.SECOND_OPINION,
            fhir_base=opinion.fhir_base,
            patient=opinion.patient,
            subject=subject,
            created=now,
            due=late if subject != opinion.id else min(late, opinion.expires),
            owner=owner,
            owner_name=owner_name,
            words=words,
        )
        if not item.beside_the_chart:
            with contextlib.suppress(NotFound):  # the picture may be gone, and the asker is told all the same
                item = replace(item, patient_name=parts.kept.get(opinion.fhir_base, opinion.image).patient_name)
        parts.worklist.add(item)

    def _finish_item(self, opinion: SecondOpinion, subject: str, by: Reference | None, outcome: str) -> bool:
        for item in self._parts.worklist.of_patient(opinion.fhir_base, opinion.patient):
            if (item.kind, item.subject) == (WorkKind.SECOND_OPINION, subject):
                done = replace(item, done_at=self._parts.clock.now(), done_by=by, outcome=str(outcome))
                self._parts.worklist.save(done)
                return True
        return False

    def _note(self, session: ClinicalSession, opinion: SecondOpinion, action: str, **detail: str | int | bool) -> None:
        """An entry about the patient whose picture it is, never about the chart that happens to be open."""
        self._parts.audit.append(
            AuditEntry(
                action=action,
                actor=session.user.reference,
                patient=f"Patient/{opinion.patient}",
                launch=session.launch_id,
                subject=opinion.id,
                policy=self._parts.policy.reference,
                detail=detail,
            )
        )


_HOW = {
    OpinionState.ANSWERED: "The colleague has answered.",
    OpinionState.DECLINED: "The colleague would rather not look. Ask somebody else.",
    OpinionState.EXPIRED: "There was no answer in time. Ask again, or somebody else.",
    OpinionState.STOPPED: "It was closed: consent no longer allows it.",
}


def _need_clinician(session: ClinicalSession) -> None:
    if Role.CLINICIAN not in session.user.roles:
        raise NotAllowed("Only clinicians ask for or give a second opinion.", code="role")
