"""A second opinion: asked with a reason and consent, accepted before anything opens, answered, and over.

The colleague has a launch of their own, at whatever chart: nothing here reads or writes that chart, and an anonymised
copy says to nobody whose it is. The copy is rebuilt from pixels, lies in the vault, and is destroyed at every end
(G-R219 to G-R228, X18).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from fhir_plugin.damage import unless_damaged
from fhir_plugin.errors import Incomplete, NotAllowed, NotFound, Refused
from fhir_plugin.keep.asking import MOST_WORDS, Asking, Ground, what_is_missing, what_is_missing_of_consent
from fhir_plugin.keep.consent_change import ConsentChange, begin
from fhir_plugin.keep.copies import Pictures, copy_of
from fhir_plugin.keep.ground import ground_of
from fhir_plugin.keep.opinion import LIVE, OpinionPurpose, OpinionState, SecondOpinion, SecondOpinions
from fhir_plugin.keep.opinion_course import SCOPE, OpinionCourse
from fhir_plugin.keep.opinion_events import OPENED, resume_for, tell
from fhir_plugin.keep.parts import KeepParts
from fhir_plugin.keep.withdraw import kept_of
from fhir_plugin.policy.clock_times import UK
from fhir_plugin.policy.earlier_images import PARENTS_NO, blocked
from fhir_plugin.policy.ruling import May
from fhir_plugin.policy.uses import second_opinion
from fhir_plugin.ports import AuditEntry, Compartment
from mappings.model.consent import ConsentAnswer, Grantor
from mappings.model.identifiers import ImageId, IntentId, OpinionId, Reference, Sha256
from mappings.model.images import Geometry, ReceivedImage
from mappings.model.kept import KeptImage
from mappings.model.people import ClinicalSession, Patient, Role
from mappings.model.practice import Colleague


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
        self._course = OpinionCourse(parts, opinions)

    # ------------------------------------------------------------------------------------------ at the chart

    def ground(self, session: ClinicalSession, patient: Patient, reference: Reference) -> Ground:
        """Raises `NotFound` for a picture that is not this patient's; `Refused` where none of it can be shared."""
        _need_clinician(session)
        item = next((each for each in self._pictures.images(session) if each.entry.reference == reference), None)
        if item is None:
            raise NotFound("there is no such picture", status=404)
        if item.entry.is_video:
            raise Refused("A video cannot be shared for a second opinion. Use a picture.", code="opinion-video")
        return ground_of(self._parts, self._opinions, session, patient, item)

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

        While the very same is open with that colleague, that one. Raises `Incomplete`; `Refused`, also where one is
        open with them that says something else: what the patient answered just now is recorded all the same.
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
        if ground.parents_no and not said_now:
            problems["consent"] = "A parent said no: only the young person themselves can say yes. Ask them."
        if problems:
            raise Incomplete("Something is missing.", fields=problems)
        content = b"" if refused else copy_of(parts, self._pictures, session, reference, asking.geometry)[0]
        intent: IntentId | None = None
        made: SecondOpinion | None = None
        self.settle_all(session)  # what is over stands in nobody's way
        with parts.work.transaction():
            image = kept_of(parts, session, reference, for_change=True)
            now_shut = blocked(image, SCOPE, self._course.today, deceased=patient.deceased)
            if not refused and any(reason.code != PARENTS_NO or not ground.parents_no for reason in now_shut):
                raise Refused("Consent to this was taken back meanwhile.", code="opinion-blocked")
            if said_now:
                intent = self._record_answer(session, image, answer, Grantor(asking.right), now)
            every = self._opinions.of_patient(session.fhir_base, session.patient_id)
            same = (each for each in every if each.live and to and (each.image, each.recipient) == (reference, to.user))
            already = None if refused else next(same, None)
            if to is not None and not refused and already is None:
                made = self._made(session, patient, ground, asking, answer, to, content, now)
                self._opinions.add(made.after("opinion.asked", now, session.user.reference))
                self._course.give_item(made, now)
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
        if refused:  # what a colleague could still open is destroyed now, not at the next turn
            self.settle_all(session)
        if intent is not None and not parts.engine.run(intent).ended:
            parts.queue.wake(after_seconds=5)
        self._tell(session)
        if already is None:
            return made
        digest = parts.vault.keyed_digest(content)
        asked = (asking.reason.strip(), asking.purpose, asking.anonymised, digest)
        if (already.reason, already.purpose, already.anonymised, already.copy_digest) != asked:
            raise Refused("One is already open with this colleague: cancel it first.", code="opinion-open")
        return already

    def of_image(self, session: ClinicalSession, reference: Reference) -> list[SecondOpinion]:
        """Newest first."""
        _need_clinician(session)
        every = self._opinions.of_patient(session.fhir_base, session.patient_id)
        return [
            unless_damaged("opinion", partial(self._course.settled, each), each)
            for each in every
            if each.image == reference
        ]

    def live_on(self, session: ClinicalSession, consent: Reference) -> bool:
        """Whether a colleague still has a picture of that Consent, or may have, as something cannot be read."""
        about = {
            each.reference
            for each in self._parts.kept.of_patient(session.fhir_base, session.patient_id)
            if each.consent == consent
        }
        every = self._opinions.of_patient(session.fhir_base, session.patient_id)
        unread = self._opinions.unreadable(session.fhir_base, session.patient_id)
        return bool(unread) or any(each.live and each.image in about for each in every)

    def unreadable(self, session: ClinicalSession) -> int:
        """How many second opinions about this patient cannot be read: they open for nobody."""
        return self._opinions.unreadable(session.fhir_base, session.patient_id)

    def one(self, session: ClinicalSession, id: OpinionId) -> SecondOpinion:
        """One of this launch's patient. For every other launch it does not exist."""
        _need_clinician(session)
        opinion = self._opinions.get(id)
        if (opinion.fhir_base, opinion.patient) != (session.fhir_base, session.patient_id):
            raise NotFound(f"there is no second opinion {id}", status=404)
        return self._course.settled(opinion)

    def cancel(self, session: ClinicalSession, id: OpinionId) -> SecondOpinion:
        """It is not needed any more; the copy is gone at once. Raises `Refused` where it has ended."""
        self.one(session, id)
        with self._parts.work.transaction():
            opinion = self._still(self._opinions.get(id, for_change=True), LIVE)
            ended = self._course.end(opinion, OpinionState.CANCELLED, by=session.user.reference)
            self._parts.note(session, "opinion.cancelled", id)
        self._tell(session)
        return ended

    def read(self, session: ClinicalSession, id: OpinionId) -> None:
        """Somebody at this chart has read how it ended. Idempotent."""
        opinion = self.one(session, id)
        with self._parts.work.transaction():
            if self._course.finish_item(opinion, f"{id}#ended", session.user.reference, "read"):
                self._parts.note(session, "opinion.read", id)

    # ------------------------------------------------------------------------------------------ the colleague

    def asked_of_me(self, session: ClinicalSession, id: OpinionId) -> SecondOpinion:
        """One that this person was asked for, at any chart of the same EHR. For everybody else it does not exist.

        Whose an identified copy is, is said only between acceptance and end; a question that came to nothing is not
        shown any more, because it may name somebody, too.
        """
        _need_clinician(session)
        opinion = self._course.settled(self._mine(session, id))
        return replace(
            opinion,
            patient_name=opinion.patient_name if opinion.state is OpinionState.ACCEPTED else "",
            identified_reason=opinion.identified_reason if opinion.state is OpinionState.ACCEPTED else "",
            reason=opinion.reason if opinion.live or opinion.state is OpinionState.ANSWERED else "",
        )

    def accept(self, session: ClinicalSession, id: OpinionId) -> SecondOpinion:
        """They agree to look; only from now on does it open (G-R223). Idempotent."""
        self.asked_of_me(session, id)
        with self._parts.work.transaction():
            opinion = self._still(self._mine(session, id, for_change=True), LIVE)
            if opinion.state is OpinionState.ACCEPTED:
                return opinion
            now = self._parts.clock.now()
            accepted = replace(opinion, state=OpinionState.ACCEPTED, accepted_at=now)
            self._opinions.save(accepted.after("opinion.accepted", now, session.user.reference))
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
            verdict = second_opinion(self._course.case(opinion), parts.policy)
            if verdict.may is not May.YES or opinion.copy is None:
                raise Refused(verdict.reasons[0].text if verdict.reasons else "It is closed.", code="opinion-shut")
            opened = replace(opinion, opened=opinion.opened + 1)
            self._opinions.save(opened.after(OPENED, now, session.user.reference))
            self._note(session, opened, OPENED, time=opened.opened)
            content = parts.vault.get(opinion.copy)
        when = now.astimezone(UK).strftime("%d %b %Y %H:%M")
        words = f"{session.user.display} {session.user.reference.split('/')[-1]} {when}"
        received = ReceivedImage(ImageId("opinion"), content, "image/jpeg", Sha256("0" * 64))
        return parts.worker.mark(received, words)

    # ------------------------------------------------------------------------------------------ by itself

    def resume_for(self, session: ClinicalSession) -> None:
        """After a launch of a patient: their record learns what happened to second opinions meanwhile (G-R224)."""
        resume_for(self._parts, self._opinions, session)

    def tidy(self) -> int:
        """Ends what has expired or may no longer be shown, and destroys its copy; returns how many. Safe twice.

        One that cannot be read stops no other, and its copy goes when its time is over.
        """
        ended = {id: unless_damaged("opinion", partial(self._settle, id), None) for id in self._opinions.live()}
        for id in self._opinions.overdue(self._parts.clock.now()):
            if id in ended and ended[id] is None:
                unless_damaged("opinion-copy", partial(self._course.destroy_unread, id), None)
        return sum(each or 0 for each in ended.values())

    # ------------------------------------------------------------------------------------------ inside

    def _tell(self, session: ClinicalSession) -> None:
        tell(self._parts, self._opinions, session)

    def settle_all(self, session: ClinicalSession) -> None:
        """Ends what is over of this patient's: by time, by consent, or because the picture is hidden.

        One whose picture cannot be read any more stays shut, and stops no other.
        """
        for each in self._opinions.of_patient(session.fhir_base, session.patient_id):
            unless_damaged("opinion", partial(self._course.settled, each), each)

    def _settle(self, id: OpinionId) -> int:
        return not self._course.settled(self._opinions.get(id)).live

    def _record_answer(
        self, session: ClinicalSession, image: KeptImage, answer: ConsentAnswer, right: Grantor, now: dt.datetime
    ) -> IntentId:
        """What was said just now, for the record. A no shuts it here at once; the patient's yes ends a parent's no."""
        parts = self._parts
        assert image.consent is not None
        for each in parts.kept.of_patient(session.fhir_base, session.patient_id, for_change=True):
            if each.consent == image.consent:
                refused = answer is ConsentAnswer.REFUSED
                parts.kept.keep(each.shut((SCOPE,), right) if refused else each.opened(SCOPE, right))
        parts.note(session, "opinion.consent", image.consent, answer=answer, right=right)
        by, name = session.user.reference, session.user.display
        return begin(parts, session, ConsentChange(image.consent, (SCOPE,), answer, by, right, now, by_name=name))

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
            ended = self._course.end(replace(opinion, answer=words), state, by=session.user.reference)
            self._note(session, ended, f"opinion.{state}")
        return ended

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


def _need_clinician(session: ClinicalSession) -> None:
    if Role.CLINICIAN not in session.user.roles:
        raise NotAllowed("Only clinicians ask for or give a second opinion.", code="role")
