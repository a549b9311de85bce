"""A second clinician looks before it goes on: who asks may never be who answers (X10, X25, G-R104, G-R110).

The answer is bound to what was shown. Two who answer at once: the first one counts, the second is told so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from fhir_plugin.capture.answers import LONGEST_WORDS
from fhir_plugin.capture.decide import Assessment
from fhir_plugin.capture.draft import Draft, DraftState, SecondAnswer, what_a_second_sees
from fhir_plugin.capture.due import put_on_list, take_off_list
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.errors import Incomplete, NotAllowed, NotFound, Refused
from fhir_plugin.policy.engine import rule
from fhir_plugin.policy.questions import Kind, catalogue
from fhir_plugin.policy.ruling import Act, May, Reason, WorkDue
from mappings.model.identifiers import CaptureId, ImageId, Reference
from mappings.model.people import ClinicalSession
from mappings.model.work import WorkKind

SHORTEST = 3
"""Characters of a second clinician's own words: less is a signature without a thought."""
REVEALED = "second-person.revealed"
YES_NO: Mapping[str, str] = {"yes": "Yes", "no": "No"}

FOR_THE_CHAPERONE = "tell-chaperone"
"""What is read out to somebody who is in the room; the second clinician is not."""


@dataclass(frozen=True)
class SecondPersonCase:
    """What a second clinician is asked about. `answers`: each question with its answer, in words.

    `pictures` may be opened one session long after a reason was given (`revealed`). `answered` once somebody has.
    """

    capture_id: CaptureId
    asked_by: Reference
    asked_by_name: str = field(repr=False)
    reasons: tuple[Reason, ...]
    answers: tuple[tuple[str, str], ...] = field(repr=False)
    note: str = field(repr=False)
    pictures: tuple[ImageId, ...]
    revealed: bool
    answered: SecondAnswer | None
    about: str
    """Goes back with the answer: what it is about."""


def ask(
    parts: CaptureParts,
    session: ClinicalSession,
    draft: Draft,
    assessment: Assessment,
    *,
    patient_name: str,
    identity: str,
) -> Draft:
    """Puts the question on the practice's list. Joins the open transaction. Asking twice asks once.

    `identity`: how the record names the patient now, for a draft that does not know yet whom it is about.
    """
    draft.need_open()
    draft = replace(draft, identity=draft.identity or identity)
    refused = why_not_ask(parts, draft, assessment)
    if refused is not None:
        raise refused
    words = "Asks for a second clinician before a picture of this patient may be kept or described."
    due = WorkDue(WorkKind.SECOND_PERSON, parts.policy.work_hours[WorkKind.SECOND_PERSON], words, "X10, X25")
    put_on_list(parts, session, draft, due, patient_name=patient_name, owned=False, not_by=session.user.person)
    stands, now = draft.second_under(parts.policy.reference), parts.clock.now()
    asked_at = now if stands is None else max(now, stands.at + dt.timedelta(microseconds=1))
    changed = replace(draft, second_asked_at=asked_at, second_asked_by=session.user.person)
    parts.drafts.save(changed)
    parts.note(session, "second-person.asked", draft.capture_id)
    return changed


def why_not_ask(parts: CaptureParts, draft: Draft, assessment: Assessment) -> Refused | None:
    """What stops asking a second clinician now; None when they may be asked. After a no: only about something else."""
    if not assessment.second_person:
        return Refused("Nobody else needs to agree to this as it stands.", code="no-second-person-needed")
    kept = [image.image_id for image in draft.images if image.is_clean and image.discarded_at is None]
    if any(_is_shut(parts, assessment, image) for image in kept):
        text = "Nobody may look at a picture of this yet, so nobody can agree to it. Answer what is asked first."
        return Refused(text, code="held-unseen")
    pack = parts.policy.reference
    stands = draft.second_under(pack)
    if stands is not None and (stands.agrees or stands.about == what_a_second_sees(draft, pack)):
        return Refused("A second clinician has answered this already.", code="already-answered")
    return None


def _is_shut(parts: CaptureParts, assessment: Assessment, image: ImageId) -> bool:
    """Whether the rules keep this picture from a second clinician, whose agreement alone is taken as given."""
    situation = assessment.situations.get(image)
    if situation is None:
        return True
    return rule(replace(situation, second_person=True), parts.policy).acts.get(Act.REVEAL) is not May.YES


def open_to_second(parts: CaptureParts, draft: Draft, assessment: Assessment) -> tuple[ImageId, ...]:
    """The pictures that a second clinician may open, with a reason: of an open capture, not discarded, about which
    somebody else has to agree, and which nothing else shuts (contact, consent, refusal, a changed record)."""
    if draft.state is not DraftState.OPEN:
        return ()
    return tuple(
        image.image_id
        for image in draft.images
        if image.is_clean
        and image.discarded_at is None
        and image.image_id in assessment.rulings
        and assessment.rulings[image.image_id].second_person
        and not _is_shut(parts, assessment, image.image_id)
    )


def asked_draft(
    parts: CaptureParts, session: ClinicalSession, capture_id: CaptureId, *, for_change: bool = False
) -> Draft:
    """The capture that a second clinician was asked about, at this chart. For everybody else it does not exist.

    Raises `NotAllowed` for the person who asked.
    """
    draft = parts.drafts.get(capture_id, for_change=for_change)
    if (draft.fhir_base, draft.patient) != (session.fhir_base, session.patient_id) or draft.second_asked_at is None:
        raise NotFound(f"there is no capture {capture_id}", status=404)
    if {draft.user, draft.second_asked_by} & {session.user.reference, session.user.person}:
        raise NotAllowed("You asked this yourself: somebody else has to answer it.", code="own-question")
    return draft


def case_of(
    parts: CaptureParts, session: ClinicalSession, draft: Draft, assessment: Assessment, *, name: str, note: str
) -> SecondPersonCase:
    """Everything that the answer will be about. `name`: what the record calls the person who asked."""
    pack = parts.policy.reference
    pictures = open_to_second(parts, draft, assessment)
    return SecondPersonCase(
        capture_id=draft.capture_id,
        asked_by=draft.user,
        asked_by_name=name,
        reasons=tuple(each for each in (*assessment.holds, *assessment.warnings) if each.code != FOR_THE_CHAPERONE),
        answers=tuple(answers_in_words(draft, assessment)),
        note=note,
        pictures=pictures,
        revealed=bool(pictures) and revealed_to(parts, session, draft).issuperset(pictures),
        answered=None if draft.second_waits(pack) else draft.second_under(pack),
        about=what_a_second_sees(draft, pack),
    )


def answers_in_words(draft: Draft, assessment: Assessment) -> list[tuple[str, str]]:
    """The questions that this capture needs, as they were answered: words of the catalogue, texts as written."""
    found = []
    for question in assessment.questions:
        asked = catalogue().get(question.id)
        said = draft.answers.said(question.id)
        if asked is None or not said:
            continue
        if asked.kind in (Kind.YES_NO, Kind.TICK):
            said = YES_NO.get(said, said)
        found.append((asked.text, dict(question.offered).get(said) or asked.choices.get(said, said)))
    return found


def revealed_to(parts: CaptureParts, session: ClinicalSession, draft: Draft) -> frozenset[ImageId]:
    """The pictures for opening which this person gave a reason in this launch: those that there were at the time."""
    return frozenset(
        ImageId(image)
        for each in parts.audit.entries(subject=draft.capture_id, action=REVEALED)
        if each.entry.actor == session.user.reference and each.entry.launch == session.launch_id
        for image in str(each.entry.detail.get("pictures", "")).split()
    )


def reveal(
    parts: CaptureParts,
    session: ClinicalSession,
    capture_id: CaptureId,
    reason: str,
    *,
    assess: Callable[[Draft], Assessment],
) -> None:
    """Opens the pictures for this person and launch; the reason is one of policy's and is logged.

    Raises `NotAllowed` held-unseen where nothing may be opened.
    """
    if reason not in parts.policy.reveal_reasons:
        raise Refused("Choose one of the reasons offered.", code="unknown-reason")
    with parts.work.transaction():
        draft = asked_draft(parts, session, capture_id)
        pictures = open_to_second(parts, draft, assess(draft))
        if not pictures:
            raise NotAllowed("Nobody may look at these pictures as it stands.", code="held-unseen")
        parts.note(session, REVEALED, draft.capture_id, reason=reason, pictures=" ".join(pictures))


def picture(
    parts: CaptureParts, session: ClinicalSession, draft: Draft, assessment: Assessment, image_id: ImageId
) -> tuple[bytes, str]:
    """The clean picture, for the second clinician, after a reason. Raises `NotFound` for one that is not open."""
    image = draft.image(image_id)
    open_now = revealed_to(parts, session, draft) & set(open_to_second(parts, draft, assessment))
    if image.clean is None or image_id not in open_now:
        raise NotFound("this picture is not open", status=404)
    return parts.vault.get(image.clean), image.content_type


def answer(
    parts: CaptureParts, session: ClinicalSession, capture_id: CaptureId, *, agrees: bool, words: str, about: str
) -> Draft:
    """Says yes or no, in words. `about`: the digest of what the page showed.

    Raises `Refused` already-answered for whoever comes second, and case-changed when what was shown is no longer so.
    """
    words = words.strip()
    if len(words) < SHORTEST:
        raise Incomplete("Say why in your own words.", fields={"words": "Say why in your own words."})
    if len(words) > LONGEST_WORDS:
        too_long = f"Shorten this to {LONGEST_WORDS} characters. It has {len(words)}."
        raise Incomplete(too_long, fields={"words": too_long})
    with parts.work.transaction():
        draft = asked_draft(parts, session, capture_id, for_change=True)
        if draft.state is not DraftState.OPEN:
            raise Refused("This capture has been filed or finished meanwhile.", code="not-open")
        pack = parts.policy.reference
        stands = draft.second_under(pack)
        if stands is not None and not draft.second_waits(pack):
            raise Refused("Another clinician has answered this a moment before you.", code="already-answered")
        current = what_a_second_sees(draft, pack)
        if about != current:
            raise Refused(
                "What you were shown has been changed since. Look at it again, then answer.", code="case-changed"
            )
        second = SecondAnswer(
            session.user.reference, session.user.display, agrees, words, parts.clock.now(), current, session.user.person
        )
        before = (stands,) if stands is not None and stands not in draft.refusals else ()
        changed = replace(draft, second=second, refusals=(*draft.refusals, *before))
        parts.drafts.save(changed)
        take_off_list(parts, session, draft, WorkKind.SECOND_PERSON, outcome="agreed" if agrees else "refused")
        parts.note(session, "second-person.agreed" if agrees else "second-person.refused", draft.capture_id)
    return changed
