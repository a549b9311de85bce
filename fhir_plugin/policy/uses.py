"""What may be done with an image beyond this patient's own care path: previews, second opinions, other uses, the end.

Pure, as the engine: what is not said explicitly is no. Each verdict has reasons that can be read aloud.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from fhir_plugin.policy.case import Case
from fhir_plugin.policy.choices import (
    AdminPreview,
    DeleteCosign,
    OpinionConsent,
    ParentContact,
    SecondaryUse,
)
from fhir_plugin.policy.contents import PolicyPack
from fhir_plugin.policy.ruling import May, Reason
from mappings.model.consent import SECONDARY_USES, ConsentAnswer, ConsentForm, ConsentScope
from mappings.model.identifiers import Reference
from mappings.model.people import Role
from mappings.model.situation import Situation


@dataclass(frozen=True)
class Verdict:
    """Whether it may be, and why: with `NO` what stops, with `NOT_YET` what is missing."""

    may: May
    reasons: tuple[Reason, ...] = ()


class Preview(StrEnum):
    """What somebody who only routes an image sees of it (X7)."""

    NOTHING = "nothing"
    BLURRED = "blurred"
    WHOLE = "whole"


def preview(situation: Situation, pack: PolicyPack) -> Preview:
    """For triage: never of an intimate, a child's or an unasked image, whatever the pack says (X7, G-R148, G-R301)."""
    case = Case(situation, pack)
    plain = situation.intimacy is not None and not case.flagged_intimate and not case.intimate
    if not plain or case.child_image or case.minor or case.unsolicited or situation.arrival is None:
        return Preview.NOTHING
    match pack.admin_preview:
        case AdminPreview.BLURRED:
            return Preview.BLURRED
        case AdminPreview.NON_SENSITIVE_ONLY:
            return Preview.WHOLE
        case _:
            return Preview.NOTHING


@dataclass(frozen=True)
class Opinion:
    """A second opinion that somebody wants (G-R219 to G-R228)."""

    reason: str = field(default="", repr=False)
    consent: ConsentAnswer = ConsentAnswer.NOT_ASKED
    accepted: bool = False
    """The colleague has said that they will look at it (G-R223)."""
    anonymised: bool = True
    identified_reason: str = field(default="", repr=False)
    """Why the copy shows who it is (G-R220)."""
    reconsented: bool = True
    """False: taken of a child who has since come of age and has not been asked again (G-R246)."""


def second_opinion(opinion: Opinion, pack: PolicyPack) -> Verdict:
    """Whether the colleague may open it: consent, acceptance, an anonymised copy unless there is a reason (X18)."""
    if opinion.consent in (ConsentAnswer.REFUSED, ConsentAnswer.WITHDRAWN):
        return _no("opinion-refused", "The patient does not want it shown to a colleague.", "G-R70, G-R221, X18")
    if not opinion.reconsented:
        return _no("not-asked-since-of-age", "They have come of age since and were not asked again.", "G-R246")
    missing = []
    if not opinion.reason.strip():
        missing.append(_missing("opinion-reason", "Say why a second opinion is in the patient’s interest.", "G-R219"))
    if opinion.consent is ConsentAnswer.NOT_ASKED and pack.opinion_consent is OpinionConsent.REQUIRED:
        missing.append(_missing("opinion-consent", "Ask the patient first.", "G-R221, X18"))
    if not opinion.anonymised and not opinion.identified_reason.strip():
        missing.append(_missing("opinion-identified", "Say why it cannot be anonymised.", "G-R220"))
    if not opinion.accepted:
        missing.append(_missing("opinion-acceptance", "The colleague has to agree to look first.", "G-R223"))
    return _verdict(missing)


def secondary_use(
    scope: ConsentScope,
    answer: ConsentAnswer,
    pack: PolicyPack,
    *,
    form: ConsentForm | None = None,
    anonymised: bool = False,
    explained: bool = False,
    taken_for_care: bool = True,
    reconsented: bool = True,
) -> Verdict:
    """Teaching, research, publication: denied unless explicitly permitted; a recorded refusal always wins (X13).

    Where the pack allows anonymised use after explanation, it holds for pictures taken for care and not for
    publication (G-R230); what was taken for another purpose always needs explicit consent (G-R71, G-R232).
    """
    if scope not in SECONDARY_USES:
        raise ValueError("not a secondary use")
    if answer in (ConsentAnswer.REFUSED, ConsentAnswer.WITHDRAWN):
        return _no("use-refused", "The patient does not want it used for this.", "G-R72, G-R231, X13")
    if pack.secondary_use is SecondaryUse.NEVER:
        return _no("no-other-use", "Nothing is used here for anything but the patient’s own care.", "G-R229, X13")
    if not reconsented:
        return _no("not-asked-since-of-age", "They have come of age since and were not asked again.", "G-R246")
    if answer is ConsentAnswer.GIVEN:
        if scope in pack.written_for and form is not ConsentForm.WRITTEN:
            return _verdict([_missing("not-in-writing", "Ask for this consent in writing.", "X15")])
        return Verdict(May.YES, (Reason("explicit", "The patient agreed to exactly this.", source="G-R229, X13"),))
    implied = pack.secondary_use is SecondaryUse.ANONYMISED_AFTER_EXPLANATION
    if implied and anonymised and explained and taken_for_care and scope is not ConsentScope.PUBLICATION:
        text = "Anonymised use was explained beforehand and nobody objected."
        return Verdict(May.YES, (Reason("explained", text, source="G-R230, X13"),))
    return _verdict([_missing("not-explicit", "Ask the patient for exactly this use.", "G-R71, G-R229, X13")])


def tell_parents(pack: PolicyPack, *, child_agrees: bool | None) -> Verdict:
    """Whether anything goes to a parent of a competent child: never by itself, and only if the child says so (X21)."""
    if pack.parent_contact is ParentContact.ASK_CHILD and child_agrees:
        return Verdict(May.YES, (Reason("child-agrees", "The child wants them told.", source="G-R98, X21"),))
    if pack.parent_contact is ParentContact.ASK_CHILD and child_agrees is None:
        return _verdict([_missing("ask-child", "Ask the child whether parents may be told.", "G-R98, X21")])
    return _no("never-automatic", "Nothing is sent to a parent from here.", "G-R98, X21")


@dataclass(frozen=True)
class Deletion:
    """A permanent deletion of a filed image that somebody asks for (G-R264 to G-R281)."""

    requested_by: Reference
    approved_by: Reference | None = None
    approver_roles: frozenset[Role] = frozenset()
    cosigned_by: Reference | None = None
    open_concern: bool = False


def permanent_deletion(deletion: Deletion, pack: PolicyPack) -> Verdict:
    """Only a Caldicott Guardian approves, never who asked; a senior clinician signs too where the pack says (X5)."""
    if deletion.open_concern:
        return _no("open-concern", "A concern, complaint or access request is open.", "G-R278, G-R312")
    if deletion.approved_by is None:
        return _verdict([_missing("not-approved", "The Caldicott Guardian decides.", "G-R266, X5")])
    if deletion.approved_by == deletion.requested_by:
        return _no("own-request", "Nobody approves what they asked for themselves.", "G-R266, X5")
    if Role.CALDICOTT_GUARDIAN not in deletion.approver_roles:
        return _no("not-the-guardian", "Only a Caldicott Guardian approves permanent deletion.", "G-R305, X5")
    if pack.delete_cosign is DeleteCosign.SENIOR_CLINICIAN:
        if deletion.cosigned_by is None:
            return _verdict([_missing("not-cosigned", "A senior clinician signs as well.", "X5")])
        if deletion.cosigned_by in (deletion.requested_by, deletion.approved_by):
            return _no("same-person", "Three different people ask, approve and sign.", "X5")
    return Verdict(May.YES)


def _no(code: str, text: str, source: str) -> Verdict:
    return Verdict(May.NO, (Reason(code, text, source=source),))


def _missing(code: str, action: str, source: str) -> Reason:
    return Reason(code, action, action, source)


def _verdict(missing: Iterable[Reason]) -> Verdict:
    reasons = tuple(missing)
    return Verdict(May.NOT_YET if reasons else May.YES, reasons)
