"""The flows as the pages see them, in memory: what `fhir_plugin.web.contract` asks, decided by the real rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from fhir_plugin.capture import decide, discarding, note, second_person, unasked
from fhir_plugin.capture.answers import ImageAnswers, read_image
from fhir_plugin.capture.draft import Draft, DraftImage, DraftState, SecondAnswer, what_a_second_sees
from fhir_plugin.capture.foretell import foretold_at
from fhir_plugin.capture.receipt import MESSAGES, FiledLine, Receipt
from fhir_plugin.capture.second_person import SecondPersonCase
from fhir_plugin.capture.standing import CaptureView, own_questions
from fhir_plugin.capture.this_ehr import ThisEhr, this_ehr
from fhir_plugin.capture.verdicts import Store
from fhir_plugin.errors import (
    Incomplete,
    NotFound,
    Refused,
    WrongPatient,
)
from fhir_plugin.policy.pack import PolicyPack, shipped_pack
from fhir_plugin.policy.ruling import Reason
from mappings.model.identifiers import (
    CaptureId,
    ImageId,
    Reference,
    Sha256,
)
from mappings.model.people import ClinicalSession, Patient
from mappings.model.situation import Wish
from mappings.terminology.body_sites import site_with_code
from tests.capture.requests.bench import Asking
from tests.fakes.clock import FakeClock
from tests.fakes.practice_parts import PracticeBench
from tests.web.ehrs import EVERYTHING
from tests.web.fake_deletion import FakeDeletion
from tests.web.fake_desk import FakeDesk
from tests.web.fake_drafts import FakeDrafts
from tests.web.fake_exports import FakeExports
from tests.web.fake_gallery import FakeGallery
from tests.web.patients import PillowWorker
from tests.web.people import AMY, SAM, FakeSessions


class FakeCaptures(FakeDrafts):
    """What is decided of a draft and what becomes of it: a second person, verdicts, discarding, filing, receipts."""

    def __init__(self, clock: FakeClock, policy: PolicyPack, patients: Sequence[Patient] = (AMY, SAM)) -> None:
        super().__init__(clock, policy, patients)
        self.outcomes: dict[CaptureId, Receipt] = {}
        self.filed_with: list[tuple[str, str]] = []
        self.resumed: list[CaptureId] = []
        self.emptied_for: list[CaptureId] = []
        self.held: tuple[Reason, ...] = ()
        self.handled: list[unasked.Handled] = []
        self.revealed_to: set[Reference] = set()
        self.taken_over: list[tuple[CaptureId, str]] = []
        self.capability = EVERYTHING

    def this_ehr(self, session: ClinicalSession) -> ThisEhr:
        self._stumble("this_ehr")
        return this_ehr(self.capability, self.policy, encounter=session.encounter is not None)

    def handling(self, session: ClinicalSession, capture_id: CaptureId) -> Sequence[unasked.Handled]:
        self.draft(session, capture_id)
        return self.handled

    def take_unsolicited(self, session: ClinicalSession, capture_id: CaptureId, *, owner_seen: str) -> Draft:
        self.taken_over.append((capture_id, owner_seen))
        return self.drafts[self.begin(session)]

    def ask_second_person(self, session: ClinicalSession, capture_id: CaptureId) -> Draft:
        self._stumble("ask_second_person")
        return self._save(replace(self.draft(session, capture_id), second_asked_at=self.clock.now()))

    def second_person_case(self, session: ClinicalSession, capture_id: CaptureId) -> SecondPersonCase:
        self._stumble("second_person_case")
        draft = self.draft(session, capture_id)
        standing, view = self._standing(session, draft), self.assess(session, capture_id)
        return SecondPersonCase(
            capture_id=capture_id,
            asked_by=draft.user,
            asked_by_name="Dr Priya Shah",
            reasons=(*view.holds, *view.warnings),
            answers=tuple(second_person.answers_in_words(draft, standing)),
            note=view.note,
            pictures=tuple(image.image_id for image in draft.images),
            revealed=session.user.reference in self.revealed_to,
            answered=draft.second_under(""),
            about=what_a_second_sees(draft, ""),
        )

    def second_person_reveal(self, session: ClinicalSession, capture_id: CaptureId, reason: str) -> None:
        if reason not in self.policy.reveal_reasons:
            raise Refused("Choose one of the reasons offered.", code="unknown-reason")
        self.revealed_to.add(session.user.reference)

    def second_person_picture(
        self, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId
    ) -> tuple[bytes, str]:
        if session.user.reference not in self.revealed_to:
            raise NotFound("this picture is not open", status=404)
        return self.picture(session, capture_id, image_id)

    def answer_second_person(
        self, session: ClinicalSession, capture_id: CaptureId, agrees: bool, words: str, *, about: str
    ) -> Draft:
        self._stumble("answer_second_person")
        if len(words.strip()) < second_person.SHORTEST:
            raise Incomplete("Say why in your own words.", fields={"words": "Say why in your own words."})
        draft = self.draft(session, capture_id)
        said = SecondAnswer(session.user.reference, "Dr Oak", agrees, words, self.clock.now(), about=about)
        return self._save(replace(draft, second=said))

    def _standing(self, session: ClinicalSession, draft: Draft) -> decide.Assessment:
        facts = [
            decide.ImageFacts(
                image.image_id,
                image.captured_at.date() if image.captured_at else None,
                site_with_code(read_image(draft.answers, image.image_id).site or ""),
                image.discarded_at is not None,
            )
            for image in draft.images
        ]
        patient = self.patient(session)
        changed = bool(draft.identity) and draft.identity != self.identity_digest(patient)
        known = decide.CaptureFacts(open_concern=bool(self.held), record_changed=changed)
        today = self.clock.now().date()
        return decide.assess(draft.answers, facts, patient, today=today, policy=self.policy, standing=known)

    def assess(self, session: ClinicalSession, capture_id: CaptureId) -> CaptureView:
        draft = self.draft(session, capture_id)
        standing = self._standing(session, draft)
        noted = [
            note.NotedImage(
                image,
                site_with_code(read_image(draft.answers, image).site or ""),
                read_image(draft.answers, image).laterality,
                verdict,
            )
            for image, verdict in standing.verdicts.items()
        ]
        now = self.clock.now()
        shared = decide.situation_of(draft.answers, None, self.patient(session), today=now.date())
        return CaptureView(
            verdicts=standing.verdicts,
            missing=standing.missing,
            holds=standing.holds,
            warnings=standing.warnings,
            note=note.draft_note(
                draft.answers, shared, noted, asked={question.id for question in standing.questions}, now=now
            ),
            may_file=standing.may_file,
            labels={
                image: ("private to the patient",)
                for image, verdict in standing.verdicts.items()
                if isinstance(verdict, Store) and draft.answers.shared.get("intimacy") == "private"
            },
            show_online_default={},
            questions=standing.questions,
            own_questions={image: own_questions(ruling) for image, ruling in standing.rulings.items()},
            flags=standing.flags,
            revealed=frozenset(image for image in standing.rulings if standing.may_reveal(image)),
            second_person=standing.second_person,
            second=draft.second_under(""),
            second_asked=draft.second_asked_at is not None,
            kept_because=self.held,
            forecast=foretold_at(
                self.capability, self.policy, draft, standing, encounter=session.encounter is not None
            ),
        )

    def discard(self, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId, *, reason: str = "") -> Draft:
        draft = self.draft(session, capture_id)
        return self._save(discarding.thrown_away(draft, (image_id,), reason, now=self.clock.now()))

    def undo_discard(self, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId) -> Draft:
        draft = self.draft(session, capture_id)
        return self._save(draft.with_image(replace(draft.image(image_id), discarded_at=None)))

    def discard_all(
        self, session: ClinicalSession, capture_id: CaptureId, *, reason: str, patient_id: str, identity_digest: str
    ) -> Receipt | None:
        draft = self.draft(session, capture_id)
        every = tuple(image.image_id for image in draft.images)
        draft = discarding.thrown_away(draft, every, reason, now=self.clock.now())
        self._save(replace(draft, state=DraftState.DISCARDED))
        if not every:
            return None
        self.filed_with.append((patient_id, identity_digest))
        self.outcomes[capture_id] = Receipt(capture_id, "discarded", MESSAGES["discarded"])
        return self.outcomes[capture_id]

    def file(
        self, session: ClinicalSession, capture_id: CaptureId, *, patient_id: str, identity_digest: str
    ) -> Receipt:
        self._stumble("file")
        if patient_id != session.patient_id or identity_digest != self.identity_digest(self.patient(session)):
            raise WrongPatient("the page and the launch do not name the same patient")
        standing = self.assess(session, capture_id)
        if not standing.may_file:
            raise Incomplete("answers are missing", fields=dict(standing.missing))
        self.filed_with.append((patient_id, identity_digest))
        draft = self.draft(session, capture_id)
        self.outcomes.setdefault(capture_id, self._outcome(draft))
        state = self.outcomes[capture_id].state
        known = state in ("filed", "described")
        self._save(replace(draft, state=DraftState(state) if known else DraftState.FILING))
        return self.outcomes[capture_id]

    def _outcome(self, draft: Draft) -> Receipt:
        filed: list[FiledLine] = []
        not_stored: list[tuple[ImageId, str]] = []
        for image in draft.images:
            said = read_image(draft.answers, image.image_id)
            if image.discarded_at is not None:
                not_stored.append((image.image_id, "discarded"))
            elif said.choice is Wish.DESCRIBE:
                not_stored.append((image.image_id, "described"))
            else:
                filed.append(self._line(image, said))
        emptied = draft.answers.shared.get("arrival") in ("email", "other")
        state = "filed" if filed else "described"
        return Receipt(
            capture_id=draft.capture_id,
            state=state,
            message=MESSAGES[state],
            filed=tuple(filed),
            consent=Reference("Consent/c1") if filed else None,
            decision=Reference("QuestionnaireResponse/q1"),
            agreed=(("Receive the image", "Given"), ("Store the image in the record", "Not asked")),
            giver="A deputy appointed by the court (Jo <b>Test</b>)",
            form="Spoken",
            policy="strict/2026.11",
            provenance=Reference("Provenance/p1") if filed else None,
            audit_event=Reference("AuditEvent/a1"),
            note=Reference("DocumentReference/n1"),
            not_stored=tuple(not_stored),
            online_record="It may be shown in the patient's online record." if filed else "",
            still_to_do=("Delete the e-mail and its picture from the mailbox.",) if emptied else (),
        )

    def _line(self, image: DraftImage, said: ImageAnswers) -> FiledLine:
        site = site_with_code(said.site or "")
        digest = image.sha256_clean or Sha256("0" * 64)
        return FiledLine(
            image_id=image.image_id,
            reference=Reference(f"Media/{image.image_id}"),
            version="1",
            binary=Reference(f"Binary/{image.image_id}"),
            provenance=Reference("Provenance/p1"),
            site=(site.display if site else "") + (f", {said.laterality}" if said.laterality else ""),
            taken=self.clock.now(),
            labels=("ordinary",),
            label_codes=(),
            sha256_received=image.sha256_received,
            sha256_clean=digest,
            sha256_read_back=digest,
            removed=image.removed,
            link=f"https://ehr.example/chart/{image.image_id}",
        )

    def resume(self, session: ClinicalSession, capture_id: CaptureId) -> Receipt:
        self.resumed.append(capture_id)
        return self.receipt(session, capture_id)

    def mark_source_emptied(self, session: ClinicalSession, capture_id: CaptureId) -> None:
        self.extra_waiting = [item for item in self.extra_waiting if item.capture_id != capture_id]
        self._save(replace(self.draft(session, capture_id), source_emptied_at=self.clock.now()))

    def source_emptied_for(self, session: ClinicalSession, capture_id: CaptureId) -> None:
        self.emptied_for.append(capture_id)

    def receipt(self, session: ClinicalSession, capture_id: CaptureId) -> Receipt:
        self._stumble("receipt")
        self.draft(session, capture_id)
        return self.outcomes[capture_id]


@dataclass
class FakeParts:
    clock: FakeClock = field(default_factory=FakeClock)
    policy: PolicyPack = field(default_factory=shipped_pack)
    gallery: FakeGallery = field(default_factory=FakeGallery)
    sessions: FakeSessions = field(default_factory=FakeSessions)
    exports: FakeExports = field(default_factory=FakeExports)
    captures: FakeCaptures = field(init=False)
    bench: PracticeBench = field(init=False)

    def __post_init__(self) -> None:
        self.captures = FakeCaptures(self.clock, self.policy)
        self.bench = PracticeBench(self.clock, self.policy)
        self.practice, self.concerns = self.bench.practice, self.bench.concerns
        self.asking = Asking()
        self.requests = self.asking.requests
        self.withdrawals, self.reviews = self.bench.withdrawals, self.bench.reviews
        self.bench.keeping = replace(self.bench.keeping, worker=PillowWorker())
        self.consultations = self.bench.consultations(self.gallery)
        self.labels, self.label_reviews = self.bench.relabelling, self.bench.label_reviews
        self.desk = FakeDesk(self.clock)
        self.deletion = FakeDeletion(self.clock, self.gallery)
