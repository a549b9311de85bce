"""Asking for permanent deletion, and what whoever asked does afterwards: answer, take back, reply to the patient.

A request names exact images, each as it is in the record at this moment: its version and a keyed digest of its bytes.
It needs a reason, a written description that remains (G-R274), a look at the GMC's guidance (G-R272), and why hiding is
not enough; it carries the policy in force (G-R281).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from fhir_plugin.delete.bound import Content, bound_now
from fhir_plugin.delete.clock import due_on, reply_due, uk_day
from fhir_plugin.delete.lifecycle import Event, moved
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.delete.standing import changed, item_of, note
from fhir_plugin.delete.waiting import MORE_ASKED, list_what_waits
from fhir_plugin.errors import (
    AlreadyThere,
    AnswersChanged,
    Incomplete,
    NotAllowed,
    NotFound,
    Refused,
    UnacceptableImage,
    Unavailable,
    WrongPatient,
)
from fhir_plugin.ports import Compartment
from mappings.model.deletion import (
    TERMINAL,
    WITH_A_REPLY,
    Attested,
    BoundImage,
    CaseId,
    DeletionCase,
    DeletionItem,
    DeletionReason,
    Happened,
    ItemId,
)
from mappings.model.identifiers import ImageId, Reference, Sha256, VaultId
from mappings.model.images import ReceivedImage
from mappings.model.people import ClinicalSession, Patient, Role

ASKS: Final = frozenset({Role.CLINICIAN})
TAKES_BACK: Final = frozenset({Role.CLINICIAN, Role.PRIVACY_OFFICER})
MOST_IMAGES: Final = 200
MOST_WORDS: Final = 4000
"""Characters of one field."""
LONG_AGO: Final = dt.timedelta(days=366)
"""A patient who asked longer ago was answered, or has asked again."""
PICTURE_SIDE: Final = 800
"""Pixels: enough to tell which image it is."""
MARK: Final = "FOR THE CALDICOTT GUARDIAN ONLY"
BEYOND: Final = (
    Attested("backups", "Backups of the EHR’s server and of this app, until they are overwritten."),
    Attested("other-systems", "Other systems that have read the record."),
)
"""What nobody here can look at: somebody's word with a date, at most."""


@dataclass(frozen=True)
class Asked:
    """What somebody says who asks for permanent deletion. `images`: exactly which, each with the version that the page
    showed (empty where the server has none). `fields` of an `Incomplete`: these names."""

    images: Mapping[Reference, str]
    reason: DeletionReason | None
    words: str = field(default="", repr=False)
    described: str = field(default="", repr=False)
    gmc_looked_at: bool = False
    instead: str = field(default="", repr=False)
    asked_by_patient: dt.date | None = None


def ask(
    parts: DeleteParts,
    session: ClinicalSession,
    patient: Patient,
    asked: Asked,
    *,
    once: str = "",
    seen_by: Sequence[str] = (),
    by_itself: bool = False,
) -> DeletionCase:
    """The request, on the Guardian's list. With the same `once` of the same person and patient it is there once.

    `by_itself`: the app asks, as somebody found that an image is of another patient: nobody has ticked anything then.

    Raises `Incomplete` with fields, `WrongPatient` for an image of somebody else, `AnswersChanged` for one that is
    another version than the page showed, `Refused` for one that is in an open request already.
    """
    if not session.user.roles & ASKS:
        raise NotAllowed("Your role does not include asking for permanent deletion.", code="role")
    if patient.id != session.patient_id:
        raise WrongPatient("The page was made for another patient.")
    now = parts.clock.now()
    reason = _complete(asked, uk_day(now), by_itself=by_itself)
    id = _id(parts, session, once)
    if once and (there := _there(parts, session, id)) is not None:
        return there
    _free(parts, session, asked)
    bound = [_bound(parts, session, reference, version) for reference, version in asked.images.items()]
    by_patient = asked.asked_by_patient if reason in WITH_A_REPLY else None
    answer_by = reply_due(by_patient, parts.days_off) if by_patient is not None else None
    pictures: list[VaultId] = []
    try:
        items = tuple(_item(parts, session, image, contents, now, pictures) for image, contents in bound)
        case = DeletionCase(
            id=id,
            fhir_base=session.fhir_base,
            patient=session.patient_id,
            revision=1,
            created=now,
            due=due_on(now, parts.policy.deletion_decided, answer_by),
            reason=reason,
            items=items,
            requested_by=session.user.person,
            requested_by_name=session.user.display,
            words=asked.words.strip(),
            described=asked.described.strip(),
            gmc_looked_at=asked.gmc_looked_at,
            instead=asked.instead.strip(),
            policy=parts.policy.reference,
            patient_name=patient.name,
            nhs_number=patient.nhs_number or "",
            asked_by_patient=by_patient,
            reply_due=answer_by,
            seen_by=tuple(seen_by),
            attested=BEYOND,
            deceased=patient.deceased,
        )
        with parts.work.transaction():
            _free(parts, session, asked)
            parts.cases.add(case)
            list_what_waits(parts, case)
            note(parts, case, "deletion.asked", case.id, session, reason=reason.value, images=len(items))
            parts.told(case, session)
    except AlreadyThere:
        for picture in pictures:
            parts.vault.destroy(picture)
        return parts.cases.get(id)
    except Refused:
        for picture in pictures:
            parts.vault.destroy(picture)
        raise
    return case


class Requests:
    """Requests for permanent deletion, as whoever asks sees them. `seen_by`: who has seen or received an image, in
    plain words. `carry_out` begins what was approved."""

    def __init__(
        self,
        parts: DeleteParts,
        *,
        seen_by: Callable[[ClinicalSession, Reference], Sequence[str]],
        begin: Callable[[ClinicalSession, DeletionCase, DeletionItem], None],
    ) -> None:
        self._parts = parts
        self._seen_by = seen_by
        self._begin = begin

    def ask(self, session: ClinicalSession, patient: Patient, asked: Asked, *, once: str) -> DeletionCase:
        """`once`: a key of the page. Sent twice with it is one request."""
        seen = dict.fromkeys(each for reference in asked.images for each in self._seen_by(session, reference))
        return ask(self._parts, session, patient, asked, once=once, seen_by=tuple(seen))

    def of_patient(self, session: ClinicalSession) -> Sequence[DeletionCase]:
        """Newest first."""
        with self._parts.work.transaction():
            return self._parts.cases.of_patient(session.fhir_base, session.patient_id)

    def get(self, session: ClinicalSession, id: CaseId) -> DeletionCase:
        """One of this launch's patient; for every other launch it does not exist."""
        with self._parts.work.transaction():
            return self._mine(session, id)

    def answer(self, session: ClinicalSession, id: CaseId, item: ItemId, words: str, *, revision: int) -> DeletionCase:
        """What the Guardian wanted to know: of whoever asked, or of a colleague who knows."""
        _need(session, ASKS)
        said = needed(words, "words", "Say what the Guardian asked.")
        with self._parts.work.transaction():
            case = self._mine(session, id, revision=revision)
            before = item_of(case, item)
            waits = before.why_before if before.held_from is not None else before.why
            if waits != MORE_ASKED:
                raise Refused("Nothing was asked about this image, or it has been answered.", code="nothing-asked")
            after = self._moved(session, before, Event.ANSWERED, said)
            note(self._parts, case, "deletion.answered", item, session)
            return changed(self._parts, case, after, session=session)

    def cancel(self, session: ClinicalSession, id: CaseId, item: ItemId, words: str, *, revision: int) -> DeletionCase:
        """Takes one image's request back, before anything was destroyed: whoever asked, or a privacy officer."""
        return self._end(session, id, item, words, Event.CANCELLED, revision)

    def in_error(
        self, session: ClinicalSession, id: CaseId, item: ItemId, words: str, *, revision: int
    ) -> DeletionCase:
        """The request was a mistake: the wrong image, or the wrong chart."""
        return self._end(session, id, item, words, Event.IN_ERROR, revision)

    def replied(self, session: ClinicalSession, id: CaseId, *, revision: int) -> DeletionCase:
        """The patient who asked was answered, today."""
        _need(session, TAKES_BACK)
        with self._parts.work.transaction():
            case = self._mine(session, id, revision=revision)
            if case.reply_due is None:
                raise Refused("Nobody waits for an answer to this.", code="no-reply")
            if case.replied is not None:
                raise Refused("The patient has been answered already.", code="replied")
            note(self._parts, case, "deletion.replied", id, session)
            return changed(self._parts, case, session=session, replied=self._parts.clock.now())

    def carry_out(self, session: ClinicalSession, id: CaseId, item: ItemId, *, revision: int) -> DeletionCase:
        """Begins to destroy what was approved, at its own patient's chart."""
        _need(session, TAKES_BACK | {Role.CALDICOTT_GUARDIAN})
        with self._parts.work.transaction():
            case = self._mine(session, id, revision=revision)
            found = item_of(case, item)
        self._begin(session, case, found)
        return self.get(session, id)

    # -------------------------------------------------------------------------------------- inside

    def _mine(self, session: ClinicalSession, id: CaseId, *, revision: int | None = None) -> DeletionCase:
        case = self._parts.cases.get(id, for_change=revision is not None)
        if (case.fhir_base, case.patient) != (session.fhir_base, session.patient_id):
            raise NotFound("There is no such request.", status=404)
        if revision is not None and case.revision != revision:
            raise AnswersChanged("Somebody has changed this request meanwhile. Look at it again.")
        return case

    def _end(
        self, session: ClinicalSession, id: CaseId, item: ItemId, words: str, event: Event, revision: int
    ) -> DeletionCase:
        _need(session, TAKES_BACK)
        said = needed(words, "words", "Say why.")
        with self._parts.work.transaction():
            case = self._mine(session, id, revision=revision)
            if session.user.person != case.requested_by and Role.PRIVACY_OFFICER not in session.user.roles:
                raise NotAllowed(
                    "Only whoever asked for it, or a privacy officer, takes it back. Speak to them.", code="not-yours"
                )
            after = self._moved(session, item_of(case, item), event, said)
            note(self._parts, case, f"deletion.{event.value}", item, session)
            return changed(self._parts, case, after, session=session)

    def _moved(self, session: ClinicalSession, item: DeletionItem, event: Event, words: str) -> DeletionItem:
        user, now = session.user, self._parts.clock.now()
        return moved(item, event, at=now, by=user.person, by_name=user.display, words=words)


def needed(words: str, name: str, problem: str) -> str:
    """The words without space around them. Raises `Incomplete` where there are none, or too many."""
    said = words.strip()
    if not said:
        raise Incomplete(problem, fields={name: problem})
    if len(said) > MOST_WORDS:
        raise Incomplete("That is too long.", fields={name: f"Write at most {MOST_WORDS} characters."})
    return said


# ---------------------------------------------------------------------------------------------- inside


def _need(session: ClinicalSession, roles: frozenset[Role]) -> None:
    if not session.user.roles & roles:
        raise NotAllowed("Your role does not include this.", code="role")


def _complete(asked: Asked, today: dt.date, *, by_itself: bool) -> DeletionReason:
    problems: dict[str, str] = {}
    if not asked.images:
        problems["images"] = "Choose at least one picture."
    if len(asked.images) > MOST_IMAGES:
        problems["images"] = f"Ask for at most {MOST_IMAGES} pictures at once."
    if asked.reason is None:
        problems["reason"] = "Choose why they should be destroyed."
    if asked.reason is DeletionReason.OTHER and not asked.words.strip():
        problems["words"] = "Say why, in your own words."
    if not asked.described.strip():
        problems["described"] = "Say where the written description is, or write one first."
    if not asked.instead.strip():
        problems["instead"] = "Say why hiding is not enough."
    if not asked.gmc_looked_at and not by_itself:
        problems["gmc_looked_at"] = "Look at the GMC’s guidance first, then tick this."
    for name in ("words", "described", "instead"):
        if len(getattr(asked, name)) > MOST_WORDS:
            problems[name] = f"Write at most {MOST_WORDS} characters."
    day = asked.asked_by_patient
    if asked.reason in WITH_A_REPLY:
        if day is None:
            problems["asked_by_patient"] = "Give the day on which the patient asked: the month to answer begins then."
        elif day > today:
            problems["asked_by_patient"] = "This day is still to come."
        elif today - day > LONG_AGO:
            problems["asked_by_patient"] = "This is more than a year ago. Give the day of the latest request."
    if problems or asked.reason is None:
        raise Incomplete("Not asked yet.", fields=problems)
    return asked.reason


def _id(parts: DeleteParts, session: ClinicalSession, once: str) -> CaseId:
    """Of a page that is sent twice the same; nobody else's, however they choose `once`."""
    if not once:
        return CaseId(parts.new_id())
    told = f"deletion {session.fhir_base} {session.patient_id} {session.user.person} {once}"
    return CaseId(parts.vault.keyed_digest(told.encode())[:40])


def _there(parts: DeleteParts, session: ClinicalSession, id: CaseId) -> DeletionCase | None:
    with parts.work.transaction():
        try:
            case = parts.cases.get(id)
        except NotFound:
            return None
    return case if case.patient == session.patient_id else None


def _free(parts: DeleteParts, session: ClinicalSession, asked: Asked) -> None:
    """Raises `Refused` for an image that is in an open request, or was destroyed."""
    for case in parts.cases.of_patient(session.fhir_base, session.patient_id):
        for item in case.items:
            if item.state not in TERMINAL and item.image.reference in asked.images:
                raise Refused(
                    "One of these pictures is in an open request already. Follow that one.", code="already-asked"
                )


def _bound(
    parts: DeleteParts, session: ClinicalSession, reference: Reference, version: str
) -> tuple[BoundImage, tuple[Content, ...]]:
    image, contents = bound_now(
        parts.records(session.launch_id),
        parts.vault,
        parts.hidden,
        fhir_base=session.fhir_base,
        patient=session.patient_id,
        reference=reference,
    )
    if version and image.version and version != image.version:
        raise AnswersChanged("One of these pictures has changed since the page was made. Look at it again.")
    return image, contents


def _item(
    parts: DeleteParts,
    session: ClinicalSession,
    image: BoundImage,
    contents: Sequence[Content],
    now: dt.datetime,
    made: list[VaultId],
) -> DeletionItem:
    id = ItemId(parts.new_id())
    picture = _picture(parts, id, contents)
    if picture is not None:
        made.append(picture)
    asked = Happened(Event.ASKED.value, now, session.user.person, session.user.display)
    kept = DeletionItem(id=id, image=image, timeline=(asked,))
    return replace(kept, picture=picture)


def _picture(parts: DeleteParts, id: ItemId, contents: Sequence[Content]) -> VaultId | None:
    """A small marked copy for the Guardian's deliberate look; None of what cannot be shown small, such as a video."""
    for each in contents:
        received = ReceivedImage(ImageId(id), each.content, "application/octet-stream", Sha256("0" * 64))
        try:
            small = parts.worker.preview(received, longest_side=PICTURE_SIDE)
            marked = parts.worker.mark(replace(received, content=small, declared_type="image/jpeg"), MARK)
        except (UnacceptableImage, Unavailable):
            continue
        return parts.vault.put(marked, compartment=Compartment.CASE, owner=id)
    return None
