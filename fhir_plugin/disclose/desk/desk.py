"""The desk: what its pages ask for, for the person and the patient of one launch."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial

from fhir_plugin.disclose import course
from fhir_plugin.disclose.contents import named
from fhir_plugin.disclose.desk import holding, items, outgoing, pictures, previewing, signing, view
from fhir_plugin.disclose.desk.cases import Cases
from fhir_plugin.disclose.desk.deciding import Decision
from fhir_plugin.disclose.desk.outgoing import contact
from fhir_plugin.disclose.desk.people import AT_THE_DESK, DECIDES, OFFICERS, PROFESSIONALS, SECOND, need
from fhir_plugin.disclose.desk.values import REVEAL_REASONS, Accounted, ItemWords, words_of_theirs
from fhir_plugin.disclose.desk.wording import words_and_change
from fhir_plugin.disclose.package.accounting import accounting_pdf
from fhir_plugin.disclose.package.preview import readable_html
from fhir_plugin.disclose.send.earlier import Earlier, Told, earlier
from fhir_plugin.disclose.send.earlier import accounting as told
from fhir_plugin.disclose.send.fetching import pieces_of
from fhir_plugin.disclose.send.parts import ToSend
from fhir_plugin.errors import NotAllowed, NotFound, Refused
from mappings.model.disclosure import Opinion
from mappings.model.disclosure_request import (
    Decided,
    DeskView,
    DisclosureId,
    DisclosureRequest,
    ItemKey,
    RequestState,
)
from mappings.model.identifiers import IntentId, LaunchId, Reference
from mappings.model.images import Geometry
from mappings.model.people import ClinicalSession


class Desk(Cases):
    """Answers `fhir_plugin.web.disclosing.contract.Desk`."""

    # ------------------------------------------------------------------------------------------ looking

    def view(self, session: ClinicalSession, id: DisclosureId) -> DeskView:
        need(session, AT_THE_DESK, "requests for copies of a record")
        request = self._mine(session, id)
        decision = self._thinking.decision(request) if request.gathered is not None and request.is_open else None
        return view.view(self._parts, session, request, decision)

    def words(self, session: ClinicalSession, id: DisclosureId, key: ItemKey) -> ItemWords:
        """Written down: whoever reads an item has asked for it by name."""
        request, decision = self._looked_at(session, id)
        view.need_item(session, decision, key)
        said = words_and_change(decision, key)
        with self._parts.work.transaction():
            self._parts.note(session, "disclosure.item-read", key, request=request.id)
        return said

    def reveal(self, session: ClinicalSession, id: DisclosureId, key: ItemKey, reason: str) -> None:
        request, decision = self._looked_at(session, id)
        self._need_reason(reason)
        if not view.need_item(session, decision, key).is_image:
            raise NotFound("this item holds no picture", status=404)
        with self._parts.work.transaction():
            self._parts.note(session, view.REVEALED, key, request=request.id, reason=reason)

    def picture(self, session: ClinicalSession, id: DisclosureId, key: ItemKey) -> tuple[bytes, str]:
        request, decision = self._opened(session, id, key)
        with self._parts.work.transaction():
            self._parts.note(session, "disclosure.picture-seen", key, request=request.id)
        return pictures.shown(self._parts, request, decision.gathered, key)

    def upright(self, session: ClinicalSession, id: DisclosureId, key: ItemKey, quarter_turns: int) -> bytes:
        _request, decision = self._opened(session, id, key)
        return pictures.upright(self._parts, decision.gathered, key, quarter_turns)

    # ------------------------------------------------------------------------------------------ deciding

    def decide(
        self,
        session: ClinicalSession,
        id: DisclosureId,
        keys: Sequence[ItemKey],
        decided: Decided | None,
        reason: str,
        *,
        revision: int,
    ) -> DisclosureRequest:
        words = "" if decided is None else words_of_theirs(reason, "reason", "Say why, in a sentence.")
        rules, now = self._parts.rules, self._parts.clock.now()

        def overridden(request: DisclosureRequest) -> DisclosureRequest:
            decision = self._thinking.decision(request)
            return items.overridden(session, request, decision, keys, decided, words, rules=rules, now=now)

        said = decided.value if decided is not None else "as-proposed"
        return self._change(
            session, id, revision, "disclosure.decided", overridden, DECIDES, about=keys, decided=said, items=len(keys)
        )

    def read(self, session: ClinicalSession, id: DisclosureId, key: ItemKey, *, revision: int) -> DisclosureRequest:
        def read(request: DisclosureRequest) -> DisclosureRequest:
            return items.words_read(session, request, self._thinking.decision(request), key)

        return self._change(session, id, revision, "disclosure.words-cleared", read, DECIDES, about=(key,))

    def ask_opinion(
        self, session: ClinicalSession, id: DisclosureId, key: ItemKey, words: str, *, revision: int
    ) -> DisclosureRequest:
        said = words_of_theirs(words, "words", "Say what you ask, and why.")

        def asked(request: DisclosureRequest) -> DisclosureRequest:
            return items.asked_for_opinion(session, request, self._thinking.decision(request), key, said)

        return self._change(session, id, revision, "disclosure.opinion-asked", asked, DECIDES, about=(key,))

    def opine(
        self,
        session: ClinicalSession,
        id: DisclosureId,
        key: ItemKey,
        opinion: Opinion,
        words: str,
        *,
        revision: int,
    ) -> DisclosureRequest:
        said = words_of_theirs(words, "words", "Say why you think so.")
        now = self._parts.clock.now()

        def opined(request: DisclosureRequest) -> DisclosureRequest:
            return items.opined(session, request, self._thinking.decision(request), key, opinion, said, now=now)

        return self._change(
            session, id, revision, "disclosure.opinion-given", opined, PROFESSIONALS, about=(key,), opinion=opinion
        )

    def accept_unread(
        self, session: ClinicalSession, id: DisclosureId, reason: str, *, revision: int
    ) -> DisclosureRequest:
        words = words_of_theirs(reason, "reason", "Say why the copy goes out without these parts.")

        def accepted(request: DisclosureRequest) -> DisclosureRequest:
            if not request.not_read or request.gathered is None:
                raise Refused("Nothing is missing of what was read.", code="nothing-unread")
            return course.changed(request, accepted_unread=words)

        return self._change(session, id, revision, "disclosure.unread-accepted", accepted)

    def black_out(
        self, session: ClinicalSession, id: DisclosureId, key: ItemKey, geometry: Geometry, *, revision: int
    ) -> DisclosureRequest:
        need(session, OFFICERS, "blacking out parts of a picture")
        request, decision = self._opened(session, id, key)
        course.need_revision(request, revision)
        course.need_changeable(request)
        made = pictures.cut(self._parts, id, decision.gathered, key, geometry)

        def cut(request: DisclosureRequest) -> DisclosureRequest:
            alike = pictures.showing_the_same(self._parts.vault, request, decision.gathered, key)
            others = {each: vault_id for each, vault_id in request.black_outs.items() if each not in alike}
            for each in alike & request.black_outs.keys():
                self._parts.vault.destroy(request.black_outs[each])
            return course.changed(request, black_outs=others if made is None else {**others, key: made})

        return self._change(
            session, id, revision, "disclosure.blacked-out", cut, about=(key,), parts=len(geometry.black_out)
        )

    # ------------------------------------------------------------------------------------------ sending

    def sign(
        self, session: ClinicalSession, id: DisclosureId, name: str, *, about: str, revision: int
    ) -> DisclosureRequest:
        parts, now = self._parts, self._parts.clock.now()
        need(session, SECOND, "signing what goes out of a record")
        self._think_ahead(session, id, revision)
        intent: IntentId | None = None
        with parts.work.transaction():
            request = self._mine(session, id, for_change=True)
            course.need_revision(request, revision)
            course.need_changeable(request)
            decision = self._thinking.decision(request)
            missing = view.what_is_missing(parts, request, decision)
            new = signing.with_signature(session, request, decision, missing, name, about, now)
            parts.requests.save(new)
            second = new.second is not None
            parts.note(session, "disclosure.signed", id, about=about, second=second, state=new.state)
            holding.list_what_waits(parts, new, session.user.reference)
            if new.state is RequestState.MAKING and parts.start_sending is not None:
                intent = parts.start_sending(parts, session, new)
        if intent is not None:
            parts.background.begin(f"disclosure {id}", partial(self._make, new, intent))
        return new

    def preview(self, session: ClinicalSession, id: DisclosureId) -> str:
        need(session, SECOND, "looking at what goes out of a record")
        request, decision = self._looked_at(session, id)
        page = readable_html(outgoing.contents_of(self._parts, request, decision))
        with self._parts.work.transaction():
            self._parts.note(session, "disclosure.preview-seen", id, about=decision.digest)
        return page

    def open_preview(self, session: ClinicalSession, id: DisclosureId, reason: str) -> None:
        need(session, SECOND, "looking at what goes out of a record")
        request, decision = self._looked_at(session, id)
        self._need_reason(reason)
        with self._parts.work.transaction():
            previewing.open_with_pictures(self._parts, session, request, decision, reason)

    def preview_is_open(self, session: ClinicalSession, id: DisclosureId) -> bool:
        need(session, SECOND, "looking at what goes out of a record")
        return previewing.is_open(self._parts, session, *self._looked_at(session, id))

    def as_sent(self, session: ClinicalSession, id: DisclosureId, name: str) -> Iterator[bytes]:
        need(session, SECOND, "looking at what goes out of a record")
        return previewing.pieces(self._parts, session, *self._looked_at(session, id), name)

    def prepare(self, request: DisclosureRequest, launch: LaunchId) -> ToSend:
        """What a signed request sends: for whoever makes the package."""
        decision = self._thinking.decision(request)
        return ToSend(
            digest=decision.digest,
            contents=outgoing.contents_of(self._parts, request, decision),
            needles=outgoing.needles_of(self._parts, request, decision),
        )

    def package(self, session: ClinicalSession, id: DisclosureId) -> tuple[str, Iterator[bytes]]:
        need(session, SECOND, "fetching what goes out of a record")
        request = self._mine(session, id)
        return f"record-{request.created:%Y-%m-%d}-{request.id[:8]}.zip", pieces_of(self._parts, session, request)

    def accounting(self, session: ClinicalSession) -> Sequence[Accounted]:
        need(session, AT_THE_DESK, "what was sent of a record")
        return [_accounted(each) for each in told(self._parts, self._parts.rules, session)]

    def accounting_sheet(self, session: ClinicalSession, also: Collection[str]) -> Iterator[bytes]:
        """As a PDF to give to the patient. `also`: the lines of which somebody has decided that the patient is told.

        Raises `Refused` where not all of them can be read: a sheet that leaves one out would say that it never was.
        """
        if self.unreadable(session):
            raise Refused(
                "What was noted of a request for this patient cannot be read, so that nobody can say what was sent. "
                "Tell the person who looks after this app.",
                code="accounting-incomplete",
            )
        given = [each for each in self.accounting(session) if not each.look_first or each.token in also]
        parts = self._parts
        with parts.work.transaction():
            parts.note(session, "disclosure.accounting-given", session.patient_id, lines=len(given))
        patient = parts.patient(session)
        return accounting_pdf(patient, given, named(parts.policy.organisation), contact(parts), parts.clock.now())

    def sent_to(self, session: ClinicalSession, id: DisclosureId, key: ItemKey) -> Sequence[Earlier]:
        """To whom the picture of this item went before, under this name or another."""
        request, decision = self._looked_at(session, id)
        view.need_item(session, decision, key)
        parts = self._parts
        before = [
            each for each in parts.requests.of_patient(session.fhir_base, session.patient_id) if each.id != request.id
        ]
        digests = pictures.digests_of(parts.vault, decision.gathered, key)
        return earlier(before, parts.rules, Reference(key), digests=digests)

    def tidy(self) -> int:
        """What was read for requests that have ended is destroyed, here and in memory; returns how many."""
        self._thinking.forget_ended()
        return holding.tidy(self._parts)

    def _make(self, request: DisclosureRequest, intent: IntentId) -> None:
        if not self._parts.engine.run(intent).ended:
            self._parts.queue.wake(after_seconds=5)
            return
        self.tidy()

    # ------------------------------------------------------------------------------------------ inside

    def _looked_at(self, session: ClinicalSession, id: DisclosureId) -> tuple[DisclosureRequest, Decision]:
        need(session, AT_THE_DESK, "requests for copies of a record")
        request = self._mine(session, id)
        return request, self._thinking.decision(request)

    def _need_reason(self, reason: str) -> None:
        if reason not in (*REVEAL_REASONS, *self._parts.policy.reveal_reasons):
            raise NotAllowed("Choose a reason before opening a picture.", code="reason-needed")

    def _opened(self, session: ClinicalSession, id: DisclosureId, key: ItemKey) -> tuple[DisclosureRequest, Decision]:
        """For a picture that this launch has opened with a reason."""
        request, decision = self._looked_at(session, id)
        view.need_item(session, decision, key)
        if key not in view.revealed(self._parts, session, request):
            raise NotAllowed("Choose a reason before opening a picture.", code="reveal-first")
        return request, decision


def _accounted(each: Told) -> Accounted:
    return Accounted(
        on=each.on,
        recipient=each.recipient or each.title,
        right=each.right,
        purpose=each.purpose,
        items=each.items,
        images=each.images,
        signed_by=", ".join(each.signed_by),
        reference=each.event,
        look_first=each.look_first,
    )
