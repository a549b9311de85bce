"""A second clinician looks before it goes on: who asks may never be who answers (X10, X25, G-R104, G-R110).

The answer is bound to what was shown. Two who answer at once: the first one counts, the second is told so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fhir_plugin.capture.answers import LONGEST_WORDS
from fhir_plugin.capture.decide import Assessment
from fhir_plugin.capture.draft import Draft, DraftState, SecondAnswer, what_a_second_sees
from fhir_plugin.capture.due import put_on_list, take_off_list
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.errors import Incomplete, NotAllowed, NotFound, Refused
from fhir_plugin.policy.questions import Kind, catalogue
from fhir_plugin.policy.ruling import Reason, WorkDue
from mappings.model.identifiers import CaptureId, ImageId, Reference
from mappings.model.people import ClinicalSession
from mappings.model.work import WorkKind

SHORTEST = 3
"""Characters of a second clinician's own words: less is a signature without a thought."""
REVEALED = "second-person.revealed"
YES_NO: Mapping[str, str] = {"yes": "Yes", "no": "No"}


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
    parts: CaptureParts, session: ClinicalSession, draft: Draft, assessment: Assessment, *, patient_name: str
) -> Draft:
    """Puts the question on the practice's list. Joins the open transaction. Asking twice asks once."""
    draft.need_open()
    if not assessment.second_person:
        raise Refused("Nobody else needs to agree to this as it stands.", code="no-second-person-needed")
    if draft.second_stands is not None:
        raise Refused("A second clinician has answered this already.", code="already-answered")
    words = "Asks for a second clinician before a picture of this patient may be kept or described."
    due = WorkDue(WorkKind.SECOND_PERSON, parts.policy.work_hours[WorkKind.SECOND_PERSON], words, "X10, X25")
    put_on_list(parts, session, draft, due, patient_name=patient_name, owned=False, not_by=session.user.reference)
    changed = replace(draft, second_asked_at=parts.clock.now())
    parts.drafts.save(changed)
    parts.note(session, "second-person.asked", draft.capture_id)
    return changed


def asked_draft(
    parts: CaptureParts, session: ClinicalSession, capture_id: CaptureId, *, for_change: bool = False
) -> Draft:
    """The capture that a second clinician was asked about, at this chart. For everybody else it does not exist.

    Raises `NotAllowed` for the person who asked.
    """
    draft = parts.drafts.get(capture_id, for_change=for_change)
    if (draft.fhir_base, draft.patient) != (session.fhir_base, session.patient_id) or draft.second_asked_at is None:
        raise NotFound(f"there is no capture {capture_id}", status=404)
    if draft.user == session.user.reference:
        raise NotAllowed("You asked this yourself: somebody else has to answer it.", code="own-question")
    return draft


def case_of(
    parts: CaptureParts, session: ClinicalSession, draft: Draft, assessment: Assessment, *, name: str, note: str
) -> SecondPersonCase:
    """Everything that the answer will be about. `name`: what the record calls the person who asked."""
    return SecondPersonCase(
        capture_id=draft.capture_id,
        asked_by=draft.user,
        asked_by_name=name,
        reasons=(*assessment.holds, *assessment.warnings),
        answers=tuple(answers_in_words(draft, assessment)),
        note=note,
        pictures=tuple(image.image_id for image in draft.images if image.is_clean and image.discarded_at is None),
        revealed=is_revealed(parts, session, draft),
        answered=draft.second_stands,
        about=what_a_second_sees(draft),
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
        found.append((asked.text, asked.choices.get(said, said)))
    return found


def is_revealed(parts: CaptureParts, session: ClinicalSession, draft: Draft) -> bool:
    """Whether this person gave a reason in this launch for opening the pictures."""
    return any(
        each.entry.actor == session.user.reference and each.entry.launch == session.launch_id
        for each in parts.audit.entries(subject=draft.capture_id, action=REVEALED)
    )


def reveal(parts: CaptureParts, session: ClinicalSession, capture_id: CaptureId, reason: str) -> None:
    """Opens the pictures for this person and launch; the reason is one of policy's and is logged."""
    if reason not in parts.policy.reveal_reasons:
        raise Refused("Choose one of the reasons offered.", code="unknown-reason")
    with parts.work.transaction():
        draft = asked_draft(parts, session, capture_id)
        parts.note(session, REVEALED, draft.capture_id, reason=reason)


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
        if draft.second_stands is not None:
            raise Refused("Another clinician has answered this a moment before you.", code="already-answered")
        current = what_a_second_sees(draft)
        if about != current:
            raise Refused(
                "What you were shown has been changed since. Look at it again, then answer.", code="case-changed"
            )
        second = SecondAnswer(
            session.user.reference, session.user.display, agrees, words, parts.clock.now(), about=current
        )
        changed = replace(draft, second=second)
        parts.drafts.save(changed)
        take_off_list(parts, session, draft, WorkKind.SECOND_PERSON, outcome="agreed" if agrees else "refused")
        parts.note(session, "second-person.agreed" if agrees else "second-person.refused", draft.capture_id)
    return changed
