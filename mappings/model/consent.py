"""Consent to receive, view, store and share images, as it was said; not asked is not refused (G-R58 to G-R115).

Clinical consent only. The legal basis for processing stands apart from it (G-R68), and so do the defaults against
insurers or courts, which belong to the disclosure policy and not to the patient.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

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
    """One scope, decided on its own. `at`: when it was said; None for what was not asked."""

    scope: ConsentScope
    answer: ConsentAnswer
    at: dt.datetime | None = None


@dataclass(frozen=True)
class ConsentGiver:
    """Who decided and by what right.

    `name`, `relationship`: of somebody who is not the patient. `evidence`: what was seen of an attorney's or
    deputy's authority, or of parental responsibility. `authority_covers`: that authority reaches this decision
    (G-R84); None where the question does not arise.
    """

    right: Grantor
    name: str = field(default="", repr=False)
    relationship: str = field(default="", repr=False)
    evidence: str = field(default="", repr=False)
    authority_covers: bool | None = None


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

    `decisions`: one for each scope that was asked; a scope without one was not asked. `explained`: codes of what
    was explained, `template` the version of the words it was explained with (G-R80). `understood`: the clinician
    checked that it was understood. `record_told`: told that a record is kept, whatever was agreed (G-R17).
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

    @classmethod
    def two(cls, receive: ConsentAnswer, store: ConsentAnswer, **rest: Any) -> PhotoConsent:
        """Of somebody who was asked about receiving and storing only."""
        at = rest["recorded_at"]
        asked = ((ConsentScope.RECEIVE, receive), (ConsentScope.STORE, store))
        decisions = tuple(ScopeDecision(*each, at) for each in asked if each[1] is not ConsentAnswer.NOT_ASKED)
        return cls(decisions=decisions, **rest)

    def answer(self, scope: ConsentScope) -> ConsentAnswer:
        """The last decision about `scope`; not asked where there is none."""
        found = ConsentAnswer.NOT_ASKED
        for decision in self.decisions:
            if decision.scope is scope:
                found = decision.answer
        return found

    @property
    def receive(self) -> ConsentAnswer:
        return self.answer(ConsentScope.RECEIVE)

    @property
    def store(self) -> ConsentAnswer:
        return self.answer(ConsentScope.STORE)
