"""Consent to receive, view, store and share images, as it was said; not asked is not refused (G-R58 to G-R115).

Clinical consent only. The legal basis for processing stands apart from it (G-R68), and so do the defaults against
insurers or courts, which belong to the disclosure policy and not to the patient.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from enum import StrEnum

from mappings.model.identifiers import CaptureId, Reference


class ConsentScope(StrEnum):
    """What is agreed to, each on its own (G-R58, G-R69, G-R71, G-R206)."""

    RECEIVE = "receive"
    VIEW = "view"
    STORE = "store"
    SECOND_OPINION = "second-opinion"
    TEACHING = "teaching"
    RESEARCH = "research"
    PUBLICATION = "publication"
    RECORD_VIDEO = "record-video"


SECONDARY_USES = (ConsentScope.TEACHING, ConsentScope.RESEARCH, ConsentScope.PUBLICATION)
"""Everything that is not this patient's own care: denied unless explicitly permitted (G-R229)."""


class ConsentAnswer(StrEnum):
    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    NOT_ASKED = "not-asked"


class ConsentForm(StrEnum):
    """How consent was given (X15, G-R65)."""

    VERBAL = "verbal"
    ELECTRONIC = "electronic"
    WRITTEN = "written"


class Grantor(StrEnum):
    """By what right somebody decides (G-R81 to G-R104)."""

    PATIENT = "patient"
    """Somebody of 16 or more who has capacity."""
    COMPETENT_CHILD = "competent-child"
    """Under 16 and Gillick competent for this decision."""
    PARENT = "parent"
    """Holds parental responsibility."""
    DELEGATED = "delegated"
    """Parental responsibility, delegated."""
    GUARDIAN = "guardian"
    COURT_ORDER = "court-order"
    ATTORNEY = "attorney"
    """Lasting power of attorney for health and welfare. Never for anyone under 18."""
    DEPUTY = "deputy"
    BEST_INTERESTS = "best-interests"
    """Nobody consents: the decision-maker decides in the patient's best interests."""


PARENTAL = (Grantor.PARENT, Grantor.DELEGATED, Grantor.GUARDIAN, Grantor.COURT_ORDER)
LEGAL_AUTHORITY = (Grantor.ATTORNEY, Grantor.DEPUTY)


class ChildView(StrEnum):
    """What the child said, or showed, about the image (G-R105 to G-R110)."""

    AGREES = "agrees"
    OBJECTS = "objects"
    UNCLEAR = "unclear"
    TOO_YOUNG = "too-young"
    NOT_ASKED = "not-asked"


@dataclass(frozen=True)
class ScopeDecision:
    """One scope, decided on its own (G-R58). `at`: when it was said; every answer but "not asked" has its moment.

    `by` and `right`: who said so and by what right, where it was not the giver of the whole consent: a child, grown
    up, withdraws what a parent gave. `by` is who recorded it, or the patient where they did it themselves. `form`:
    how it was given, where that is not how the whole consent was: publication in writing, care by word of mouth (X15).
    """

    scope: ConsentScope
    answer: ConsentAnswer
    at: dt.datetime | None = None
    by: Reference | None = None
    right: Grantor | None = None
    form: ConsentForm | None = None


@dataclass(frozen=True)
class ConsentGiver:
    """Who decided and by what right.

    `name`, `relationship`: of somebody who is not the patient. `evidence`: what was seen of an attorney's or
    deputy's authority, or of parental responsibility. `authority_covers`: that authority reaches this decision
    (G-R84); None where the question does not arise. Somebody who decides for themselves has no other name here, and
    who decides in the best interests (G-R85) no relationship: what was typed for another right is dropped.
    """

    right: Grantor
    name: str = field(default="", repr=False)
    relationship: str = field(default="", repr=False)
    evidence: str = field(default="", repr=False)
    authority_covers: bool | None = None

    def __post_init__(self) -> None:
        if not self.is_somebody_else:
            object.__setattr__(self, "relationship", "")
            if self.right is not Grantor.BEST_INTERESTS:
                object.__setattr__(self, "name", "")

    @property
    def is_somebody_else(self) -> bool:
        """Whether a person who is neither the patient nor the decision-maker of the service consents."""
        return self.right in PARENTAL or self.right in LEGAL_AUTHORITY


@dataclass(frozen=True)
class AlsoAsked:
    """Somebody who was asked beside the giver, and does not decide: a parent beside a competent child (G-R101).

    `answer` is about the images as a whole. Raises `ValueError` for the patient's own right, which the giver has, and
    for "not asked": who was not asked is not here.
    """

    right: Grantor
    answer: ConsentAnswer
    name: str = field(default="", repr=False)
    relationship: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not self.giver.is_somebody_else or self.answer is ConsentAnswer.NOT_ASKED:
            raise ValueError("who was asked beside the giver is somebody else, and has answered")

    @property
    def giver(self) -> ConsentGiver:
        """The same person, as somebody who gives."""
        return ConsentGiver(self.right, self.name, self.relationship)


@dataclass(frozen=True)
class Assessment:
    """A judgement about capacity, Gillick competence or best interests, in the assessor's words (G-R81, G-R94, G-R96).

    `about`: "capacity", "gillick" or "best-interests". `outcome` None where the words are the outcome.
    """

    about: str
    outcome: bool | None
    words: str = field(repr=False)
    assessor: Reference
    at: dt.datetime


@dataclass(frozen=True)
class Override:
    """Going on against a child or without a parent: only with a reason and a second person (X10, G-R104, G-R110).

    `second` None: on the urgent path, with a review due within 24 hours.
    """

    of: str
    reason: str = field(repr=False)
    by: Reference
    second: Reference | None
    urgent: bool
    at: dt.datetime


@dataclass(frozen=True)
class PhotoConsent:
    """What was said about the images of one capture, recorded by one clinician.

    `decisions`: of each scope that was asked; a scope without one was not asked, and "not asked" is never among them.
    They lie in the order of the scopes, and those about one scope in the order in which they were made: the last one
    counts, the earlier ones are its history. Raises `ValueError` for one without a moment with an offset.

    `explained`: codes of what was explained, `template` the version of the words it was explained with (G-R80).
    `understood`: the clinician checked that it was understood. `record_told`: told that a record is kept, whatever
    was agreed (G-R17).
    """

    capture_id: CaptureId
    patient: Reference
    recorded_by: Reference
    recorded_at: dt.datetime
    decisions: tuple[ScopeDecision, ...]
    form: ConsentForm | None
    understood: bool
    policy_version: str
    private: bool = False
    giver: ConsentGiver = ConsentGiver(Grantor.PATIENT)
    also: tuple[AlsoAsked, ...] = ()
    explained: tuple[str, ...] = ()
    template: str = ""
    more_wanted: bool | None = None
    record_told: bool = False
    child_view: ChildView | None = None
    child_words: str = field(default="", repr=False)
    parents_involved: str = field(default="", repr=False)
    assessments: tuple[Assessment, ...] = ()
    overrides: tuple[Override, ...] = ()
    legal_basis: tuple[str, ...] = ("gdpr-6-1-e", "gdpr-9-2-h")

    def __post_init__(self) -> None:
        for decision in self.decisions:
            if decision.answer is ConsentAnswer.NOT_ASKED:
                raise ValueError("what was not asked has no decision")
            if decision.at is None or decision.at.utcoffset() is None:
                raise ValueError("a decision has a moment, with its offset")
        scopes = list(ConsentScope)
        ordered = tuple(sorted(self.decisions, key=lambda decision: scopes.index(decision.scope)))
        object.__setattr__(self, "decisions", ordered)

    def decision(self, scope: ConsentScope) -> ScopeDecision | None:
        """The decision about `scope` that counts; None where nobody asked."""
        about = [decision for decision in self.decisions if decision.scope is scope]
        return about[-1] if about else None

    def answer(self, scope: ConsentScope) -> ConsentAnswer:
        """The last decision about `scope`; not asked where there is none."""
        decision = self.decision(scope)
        return decision.answer if decision is not None else ConsentAnswer.NOT_ASKED

    def allows(self, scope: ConsentScope) -> bool:
        """Only what was given and not taken back."""
        return self.answer(scope) is ConsentAnswer.GIVEN

    @property
    def receive(self) -> ConsentAnswer:
        return self.answer(ConsentScope.RECEIVE)

    @property
    def store(self) -> ConsentAnswer:
        return self.answer(ConsentScope.STORE)


def withdrawn(
    consent: PhotoConsent,
    scopes: Collection[ConsentScope],
    by: Reference,
    at: dt.datetime,
    *,
    right: Grantor | None = None,
) -> PhotoConsent:
    """The consent after `scopes` were taken back, each on its own (G-R238, G-R244); what was said before stays.

    `by`: who recorded it, or the patient who did it themselves; `right`: by what right, where it is not the giver's
    own. What was given is withdrawn; what nobody had asked for is refused from now on (who never asks still has to
    hear a no); what was refused or withdrawn before stays as it is, so that doing it twice changes nothing. It says
    nothing about erasing: that is a clinician's review (G-R68, G-R242). Raises `ValueError` for `at` without an
    offset.
    """
    added = []
    for scope in dict.fromkeys(scopes):
        match consent.answer(scope):
            case ConsentAnswer.GIVEN:
                added.append(ScopeDecision(scope, ConsentAnswer.WITHDRAWN, at, by, right))
            case ConsentAnswer.NOT_ASKED:
                added.append(ScopeDecision(scope, ConsentAnswer.REFUSED, at, by, right))
            case ConsentAnswer.REFUSED | ConsentAnswer.WITHDRAWN:
                continue
    return replace(consent, decisions=(*consent.decisions, *added)) if added else consent
