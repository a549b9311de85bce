"""The consent of a capture, out of its answers: who decided, by what right, about what, on what grounds.

Recorded as it was said. Nobody ticks for somebody else: where nobody could consent, the decision is one in the
patient's best interests and says so (G-R82), and what was not asked has no decision at all.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from fhir_plugin.capture.draft import Draft
from fhir_plugin.policy.pack import PolicyPack
from fhir_plugin.policy.rules.deciding import REFUSALS
from fhir_plugin.policy.rules.other_uses import ANSWERED_IN
from mappings.model.consent import (
    AlsoAsked,
    Assessment,
    ConsentAnswer,
    ConsentForm,
    ConsentGiver,
    ConsentScope,
    Grantor,
    Override,
    PhotoConsent,
    ScopeDecision,
)
from mappings.model.identifiers import Reference
from mappings.model.situation import Authority, Situation

EXPLAINED = ("purpose", "storage", "access")
"""What *understanding checked* says was explained: what it is for, where it is kept, who can see it (G-R80)."""
HOW_LONG = "retention"
"""... and for how long, where the policy says that it is told: it stands beside the question (G-R24, X17)."""
OTHER_USES = "other-uses"
"""That teaching, research and publication were: purpose, retention and storage (G-R73, G-R233)."""


@dataclass(frozen=True)
class _Recording:
    """One situation, of which only the questions in `asked` count, as one clinician records it now."""

    situation: Situation
    asked: Collection[str]
    by: Reference
    at: dt.datetime

    def text(self, name: str) -> str:
        found = getattr(self.situation, name) if name in self.asked else ""
        return found if isinstance(found, str) else ""

    def answer(self, name: str) -> ConsentAnswer | None:
        found = getattr(self.situation, name) if name in self.asked else None
        return found if isinstance(found, ConsentAnswer) else None

    def right_of(self, scope: ConsentScope, answer: ConsentAnswer) -> Grantor | None:
        """Other uses are asked of patients alone: their no stays theirs where somebody else decides about the rest."""
        theirs = scope in ANSWERED_IN and answer in REFUSALS
        return Grantor.PATIENT if theirs and _giver(self).right is not Grantor.PATIENT else None

    def form_of(self, scope: ConsentScope, answer: ConsentAnswer) -> ConsentForm | None:
        """How another use was agreed to: apart from the whole consent, which may be by word of mouth (X15)."""
        apart = scope in ANSWERED_IN and answer is ConsentAnswer.GIVEN and "uses_form" in self.asked
        return self.situation.uses_form if apart else None


def consent_of(
    draft: Draft,
    situation: Situation,
    *,
    asked: Collection[str],
    patient: Reference,
    recorded_by: Reference,
    recorded_at: dt.datetime,
    policy: PolicyPack,
    private: bool,
    needs_second: bool,
    stores: bool,
    keeps: bool,
) -> PhotoConsent:
    """What was said about the pictures of one capture. `asked`: the questions that this capture needs.

    `stores`: a picture goes into the record; without one, agreeing to storing would be about nothing, or be read as
    about everything. A no stays. `keeps`: anything is made of any picture. Where all are thrown away nobody was asked
    who decides, so nobody is said to have decided.
    """
    said = _Recording(situation, asked, recorded_by, recorded_at)
    store = situation.consent_store
    answers = (
        (ConsentScope.RECEIVE, situation.consent_receive),
        (ConsentScope.STORE, store if stores or store is not ConsentAnswer.GIVEN else None),
        (ConsentScope.VIEW, said.answer("consent_view")),
        *((scope, said.answer(name)) for scope, name in ANSWERED_IN.items()),
        (ConsentScope.RECORD_VIDEO, said.answer("consent_record_video")),
    )
    understood = situation.understood is True and "understood" in asked
    explained: tuple[str, ...] = EXPLAINED if understood else ()
    if understood and policy.retention_text_required:
        explained += (HOW_LONG,)
    if situation.uses_explained is True and "uses_explained" in asked:
        explained += (OTHER_USES,)
    return PhotoConsent(
        capture_id=draft.capture_id,
        patient=patient,
        recorded_by=recorded_by,
        recorded_at=recorded_at,
        decisions=tuple(
            ScopeDecision(
                scope, answer, recorded_at, right=said.right_of(scope, answer), form=said.form_of(scope, answer)
            )
            for scope, answer in answers
            if keeps and answer is not None and answer is not ConsentAnswer.NOT_ASKED
        ),
        form=situation.consent_form if "consent_form" in asked else None,
        understood=understood,
        policy_version=policy.reference,
        private=private,
        giver=_giver(said),
        also=_also(said),
        explained=explained,
        template=policy.explained if explained else "",
        record_told=understood,
        child_view=situation.child_view if "child_view" in asked else None,
        child_words=said.text("child_words"),
        parents_involved=_parents(said),
        assessments=tuple(_assessments(said)),
        overrides=tuple(_overrides(said, draft, policy.reference))
        if needs_second or said.text("override_reason")
        else (),
    )


def _giver(said: _Recording) -> ConsentGiver:
    situation = said.situation
    covers = situation.authority_covers if "authority_covers" in said.asked else None
    right = situation.giver if "giver" in said.asked else None
    if right is None:
        right = _right(said)
    return ConsentGiver(
        right=right,
        name=said.text("giver_name"),
        relationship=said.text("giver_relationship"),
        evidence=said.text("giver_evidence") or said.text("authority_evidence"),
        authority_covers=covers,
    )


def _also(said: _Recording) -> tuple[AlsoAsked, ...]:
    """A parent who was asked beside the child (G-R101)."""
    answer = said.answer("parent_answer")
    if answer is None or answer is ConsentAnswer.NOT_ASKED:
        return ()
    return (AlsoAsked(Grantor.PARENT, answer, said.text("parent_name"), said.text("parent_relationship")),)


def _right(said: _Recording) -> Grantor:
    """By what right it was decided where nobody was asked in so many words."""
    situation = said.situation
    if situation.lacks_capacity and "lacks_capacity" in said.asked:
        binding = situation.authority_covers and situation.authority_answer is not None
        held = {Authority.ATTORNEY: Grantor.ATTORNEY, Authority.DEPUTY: Grantor.DEPUTY}
        if binding and situation.authority in held:
            return held[situation.authority]
        return Grantor.BEST_INTERESTS
    if situation.gillick and "gillick" in said.asked:
        return Grantor.COMPETENT_CHILD
    return Grantor.PATIENT


def _parents(said: _Recording) -> str:
    found = said.situation.parents_discussed if "parents_discussed" in said.asked else None
    return {True: "Involving parents was discussed.", False: "Involving parents was not discussed.", None: ""}[found]


def _assessments(said: _Recording) -> list[Assessment]:
    situation = said.situation
    found: list[Assessment] = []
    if "lacks_capacity" in said.asked and situation.lacks_capacity is not None:
        words = said.text("capacity_words")
        found.append(Assessment("capacity", not situation.lacks_capacity, words, said.by, said.at))
    if "gillick" in said.asked and situation.gillick is not None:
        found.append(Assessment("gillick", situation.gillick, said.text("gillick_words"), said.by, said.at))
    for name in ("best_interests", "keep_best_interests"):
        if text := said.text(name):
            found.append(Assessment("best-interests", None, text, said.by, said.at))
    return found


def _overrides(said: _Recording, draft: Draft, pack: str) -> list[Override]:
    """What was gone on against, with its reason and the second person; without one, on the urgent path (X10)."""
    second = draft.second_under(pack)
    agreed = second.by if second is not None and second.agrees else None
    urgent = agreed is None and bool(said.text("urgent_reason"))
    found = []
    for name, of in (("override_reason", "child-or-parent"), ("exceptional_reason", "sexual-health")):
        if text := said.text(name):
            found.append(Override(of, text, said.by, agreed, urgent, said.at))
    return found
