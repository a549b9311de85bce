"""What the note says beyond the fast path: who decided by what right, a child's view, chaperone, helpers, contact.

Only what was asked is said: an answer to a question that no longer applies stays with the draft and out of the record.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from fhir_plugin.policy.offered import ELSEWHERE
from fhir_plugin.policy.rules.other_uses import ANSWERED_IN
from mappings.model.consent import ChildView, ConsentAnswer, ConsentForm, ConsentScope, Grantor
from mappings.model.situation import (
    Authority,
    CareSetting,
    ChaperoneOutcome,
    ContactOutcome,
    Device,
    ImageKind,
    Made,
    Modality,
    Situation,
)

RIGHT: Mapping[Grantor, str] = {
    Grantor.PATIENT: "the patient",
    Grantor.COMPETENT_CHILD: "the child, Gillick competent for this decision",
    Grantor.PARENT: "a person with parental responsibility",
    Grantor.DELEGATED: "a person to whom parental responsibility is delegated",
    Grantor.GUARDIAN: "a guardian",
    Grantor.COURT_ORDER: "a person with authority by a court's order",
    Grantor.ATTORNEY: "an attorney for health and welfare",
    Grantor.DEPUTY: "a deputy of the court",
    Grantor.BEST_INTERESTS: "nobody could consent: a best-interests decision",
}
VIEW: Mapping[ChildView, str] = {
    ChildView.AGREES: "agrees",
    ChildView.OBJECTS: "does not want it",
    ChildView.UNCLEAR: "not clear",
    ChildView.TOO_YOUNG: "too young to say",
    ChildView.NOT_ASKED: "not asked",
}
FOUND: Mapping[Authority, str] = {
    Authority.NONE_KNOWN: "nobody known who holds legal authority",
    Authority.ATTORNEY: "an attorney for health and welfare",
    Authority.DEPUTY: "a deputy of the court",
    Authority.OTHER: "somebody else with legal authority",
}
OFFERED: Mapping[ChaperoneOutcome, str] = {
    ChaperoneOutcome.PRESENT: "offered and present",
    ChaperoneOutcome.DECLINED: "offered and declined",
    ChaperoneOutcome.UNAVAILABLE: "offered, none available",
    ChaperoneOutcome.NOT_OFFERED: "not offered",
}
CONTACTED: Mapping[ContactOutcome, str] = {
    ContactOutcome.REACHED: "reached",
    ContactOutcome.NOT_REACHED: "not yet reached",
    ContactOutcome.EMERGENCY: "opened before anybody was reached",
}
ON: Mapping[Device, str] = {
    Device.ORGANISATION: "our organisation's device",
    Device.PATIENT: "the patient's or their family's device",
    Device.PERSONAL: "a member of staff's own device",
    Device.PROVIDER: "the care provider's device",
}
KIND: Mapping[ImageKind, str] = {
    ImageKind.PHOTOGRAPH: "photograph",
    ImageKind.INTERNAL_ORGANS: "internal organs or structures",
    ImageKind.PATHOLOGY_SLIDES: "pathology slide",
    ImageKind.ENDOSCOPY: "laparoscopy or endoscopy",
    ImageKind.ORGAN_FUNCTION: "recording of how an organ works",
    ImageKind.ULTRASOUND: "ultrasound",
    ImageKind.X_RAY: "X-ray",
}
HOW: Mapping[ConsentForm, str] = {
    ConsentForm.VERBAL: "in conversation",
    ConsentForm.ELECTRONIC: "electronically",
    ConsentForm.WRITTEN: "in writing",
}
USES: Mapping[ConsentScope, str] = {
    ConsentScope.TEACHING: "teaching",
    ConsentScope.RESEARCH: "research",
    ConsentScope.PUBLICATION: "publication",
}
DECIDED: Mapping[ConsentAnswer, str] = {
    ConsentAnswer.GIVEN: "agreed",
    ConsentAnswer.REFUSED: "refused",
    ConsentAnswer.WITHDRAWN: "agreed, then took it back",
    ConsentAnswer.NOT_ASKED: "not asked",
}


def circumstances(situation: Situation, asked: Collection[str]) -> list[str]:
    """Lines of the note, in the order in which one would tell it (G-R94, G-R114, G-R285 to G-R290)."""
    said = _Asked(situation, asked)
    return [
        *_came(said),
        *_who_decided(said),
        *_capacity(said),
        *_child(said),
        *_intimate(said),
        *_chaperone(said),
        *_unasked(said),
        *_helper(said),
        *_video(said),
        *_refusal(said),
        *_urgent(said),
        *_other_uses(said),
    ]


class _Asked:
    """The situation as far as it was asked about: everything else reads as not answered."""

    def __init__(self, situation: Situation, asked: Collection[str]) -> None:
        self.situation = situation
        self._asked = asked

    def value(self, name: str) -> object:
        return getattr(self.situation, name) if name in self._asked else None

    def text(self, name: str) -> str:
        found = self.value(name)
        return found if isinstance(found, str) else ""

    def lines(self, **labels: str) -> Iterator[str]:
        """One line for each text that was written, with what it answers before it."""
        for name, label in labels.items():
            if text := self.text(name):
                yield f"{label}: {text}"

    def yes_no(self, name: str, yes: str, no: str) -> Iterator[str]:
        found = self.value(name)
        if found is not None:
            yield yes if found else no


def _came(said: _Asked) -> Iterator[str]:
    if mailbox := said.text("mailbox"):
        yield f"Came by email to a mailbox {'that is not ours' if mailbox == ELSEWHERE else f'at {mailbox}'}."
    yield from said.lines(email_reason="By email because")
    kind = said.value("image_kind")
    if isinstance(kind, ImageKind) and kind is not ImageKind.PHOTOGRAPH:
        yield f"Kind of image: {KIND[kind]}."
    yield from said.lines(exempt_procedure="No consent of its own: the patient agreed to the procedure")


def _who_decided(said: _Asked) -> Iterator[str]:
    giver = said.value("giver")
    if isinstance(giver, Grantor):
        details = [text for text in (said.text("giver_name"), said.text("giver_relationship")) if text]
        who = RIGHT[giver] + (f" ({', '.join(details)})" if details else "")
        yield f"Decided by: {who}."
        yield from said.lines(giver_evidence="Their right to decide")


def _capacity(said: _Asked) -> Iterator[str]:
    yield from said.yes_no(
        "lacks_capacity", "Lacks capacity for this decision.", "Has capacity for this decision, after assessment."
    )
    yield from said.lines(capacity_words="Assessment of capacity")
    authority = said.value("authority")
    if isinstance(authority, Authority):
        line = f"Search for legal authority: {FOUND[authority]}"
        covers = said.value("authority_covers")
        if covers is not None:
            line += ", which covers this decision" if covers else ", which does not cover this decision"
        decided = said.value("authority_answer")
        if isinstance(decided, ConsentAnswer):
            line += f"; they {DECIDED[decided]}" if decided is not ConsentAnswer.NOT_ASKED else "; they were not asked"
        yield line + "."
    yield from said.lines(
        authority_evidence="Evidence of authority",
        best_interests="Best interests",
        less_restrictive="Less restrictive ways considered",
    )


def _child(said: _Asked) -> Iterator[str]:
    yield from said.yes_no(
        "gillick",
        "Gillick competent for this decision.",
        "Not Gillick competent for this decision.",
    )
    yield from said.lines(gillick_words="Assessment of competence")
    view = said.value("child_view")
    if isinstance(view, ChildView):
        words = said.text("child_words")
        yield f"The child's or young person's own view: {VIEW[view]}" + (f". {words}" if words else ".")
    yield from said.yes_no(
        "child_asked_for_care", "They asked for care themselves.", "They did not ask for care themselves."
    )
    yield from said.yes_no(
        "parents_discussed", "Involving parents was discussed.", "Involving parents was not discussed."
    )
    parent = said.value("parent_answer")
    if isinstance(parent, ConsentAnswer) and parent is not ConsentAnswer.NOT_ASKED:
        named = [text for text in (said.text("parent_name"), said.text("parent_relationship")) if text]
        yield f"A parent was asked as well{' (' + ', '.join(named) + ')' if named else ''}: {DECIDED[parent]}."
    yield from said.lines(
        keep_best_interests="Keeping it is in their best interests",
        safeguarding_advice="Advice taken",
        override_reason="Gone on all the same because",
    )


def _intimate(said: _Asked) -> Iterator[str]:
    yield from said.lines(intimacy_cleared_reason="Not held for intimate because")
    if said.text("intimacy_cleared_reason") and (said.situation.private_site or said.situation.patient_says_private):
        yield "The restricted label stays."
    yield from said.yes_no(
        "intimate_necessary",
        "Clinically necessary; an examination in person is not reasonable.",
        "An examination in person would be reasonable, or it is not clinically necessary.",
    )
    yield from said.yes_no(
        "can_wait", "It could wait for an examination in person.", "It could not wait for an examination in person."
    )
    yield from said.lines(
        legitimate_reason="Legitimate reason for an intimate image of somebody under 18",
        exceptional_reason="Exceptional because",
    )


def _chaperone(said: _Asked) -> Iterator[str]:
    outcome = said.value("chaperone")
    if not isinstance(outcome, ChaperoneOutcome):
        return
    yield f"Chaperone: {OFFERED[outcome]}."
    if outcome is ChaperoneOutcome.PRESENT:
        who = [text for text in (said.text("chaperone_name"), said.text("chaperone_designation")) if text]
        if who:
            yield f"Chaperone present: {', '.join(who)}."
        yield from said.yes_no(
            "chaperone_trained", "Trained and at ease with this.", "Not trained, or not at ease with this."
        )
        yield from said.lines(
            chaperone_extent="Witnessed",
            chaperone_with_clinician="At the clinician's end",
            chaperone_with_patient="At the patient's end",
        )
    yield from said.lines(chaperone_reason="Gone on without a chaperone because")


def _unasked(said: _Asked) -> Iterator[str]:
    contact = said.value("contact")
    if isinstance(contact, ContactOutcome):
        yield f"Sent without being asked for. Patient: {CONTACTED[contact]}."
    looking = said.value("consent_view")
    if isinstance(looking, ConsentAnswer):
        yield f"To look at it: {DECIDED[looking]}."
    yield from said.lines(contact_words="What came of it", emergency_reason="Opened as an emergency because")


CARED_FOR: Mapping[CareSetting, str] = {
    CareSetting.NURSING: "in a nursing home",
    CareSetting.RESIDENTIAL: "in a residential home",
    CareSetting.DOMICILIARY: "at home",
    CareSetting.OTHER: "elsewhere",
}


def _helper(said: _Asked) -> Iterator[str]:
    setting = said.value("care_setting")
    if isinstance(setting, CareSetting):
        yield f"Cared for {CARED_FOR[setting]}."
    yield from said.yes_no(
        "helper_agreed",
        "The patient agreed to this person taking it.",
        "The patient did not agree to this person taking it.",
    )
    yield from said.lines(
        helper_burden="Dignity, and the helper's part",
        provider_agreement="Local agreement",
        provider_exceptional="Why by care staff",
    )
    yield from said.yes_no(
        "provider_trained",
        "Care staff trained, free to say no, on the provider's secure device.",
        "Care staff not trained, not free to say no, or not on the provider's secure device.",
    )


def _video(said: _Asked) -> Iterator[str]:
    if said.situation.modality is Modality.VIDEO:
        yield "It is a video recording."
    elif said.situation.modality is Modality.SCREENSHOT:
        yield "It is a picture of a live video."
    if said.value("made") is Made.LIVE_VIDEO:
        yield "Includes a picture of a live video."
    elif said.value("made") is Made.SCREEN:
        yield "Includes a copy of another picture, not taken of the patient with a camera."
    agreed = said.value("consent_record_video")
    if isinstance(agreed, ConsentAnswer):
        yield f"Recording: {DECIDED[agreed]}."
    yield from said.lines(recording_reason="Recorded because", sound_reason="Sound kept because")
    yield from said.yes_no(
        "recording_confirmed",
        "Start and stop of the recording were said aloud.",
        "Start and stop of the recording were not said aloud.",
    )
    began, ended = said.text("recording_began"), said.text("recording_ended")
    if began or ended:
        yield "Recorded" + (f" from {began}" if began else "") + (f" to {ended}" if ended else "") + ", by the clock."


def _refusal(said: _Asked) -> Iterator[str]:
    yield from said.lines(
        asked_again="Said no at our link, and was asked again",
        alternative_offered="Offered instead",
        reconsidered="Gone on without keeping the image because",
        known_wishes="Known wishes of the patient, who has died",
    )


def _other_uses(said: _Asked) -> Iterator[str]:
    answers = {words: said.value(ANSWERED_IN[scope]) for scope, words in USES.items()}
    decided = {
        words: answer
        for words, answer in answers.items()
        if isinstance(answer, ConsentAnswer) and answer is not ConsentAnswer.NOT_ASKED
    }
    if not decided:
        return
    line = "; ".join(f"for {words}: {DECIDED[answer]}" for words, answer in decided.items())
    if ConsentAnswer.GIVEN in decided.values():
        form = said.value("uses_form")
        line += f"; {HOW[form]}" if isinstance(form, ConsentForm) else ""
        line += "; explained" if said.value("uses_explained") else ""
    yield f"Other uses, {line}."


def _urgent(said: _Asked) -> Iterator[str]:
    if text := said.text("urgent_reason"):
        yield f"Could not wait for a second person: {text} To be reviewed within 24 hours."
    yield from said.yes_no("speaks_freely", "The patient could speak freely.", "The patient could not speak freely.")
    if said.value("concern") is True:
        yield "There is a safeguarding concern. It is recorded separately."
