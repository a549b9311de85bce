"""What we filed and somebody must look at again: at maturity (G-R245), and when its retention ends (G-R169)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from mappings.model.consent import ConsentScope, Grantor
from mappings.model.identifiers import CaptureId, FhirBase, PatientId, Reference

A_PARENT = frozenset({Grantor.PARENT, Grantor.DELEGATED, Grantor.GUARDIAN})
"""Whose no is a child's parent's, and not the patient's own; what a court said is neither."""
THEMSELVES = frozenset({Grantor.PATIENT, Grantor.COMPETENT_CHILD})


class OwnConsent(StrEnum):
    """Whether somebody who has grown up was asked themselves about their earlier image (G-R245 to G-R247)."""

    NOT_DUE = "not-due"
    DUE = "due"
    GIVEN = "given"
    OBJECTED = "objected"


@dataclass(frozen=True)
class KeptImage:
    """One filed image with its days of review. A day stands until its review has been raised, then it is None.

    `review_at_16`: the next birthday that asks while still a child, `review_at_18`: at the child-image line or later.
    `birth_date` None: the EHR did not say, and the image counts as a child's; the days follow once it is known.
    `adult`: the patient was 18 when this was filed, so that no birthday asks for a review. `owner`: who filed it, and
    gets what is due.
    """

    fhir_base: FhirBase
    reference: Reference
    patient: PatientId
    capture_id: CaptureId
    filed: dt.datetime
    consent: Reference | None = None
    owner: Reference | None = None
    owner_name: str = field(default="", repr=False)
    patient_name: str = field(default="", repr=False)
    birth_date: dt.date | None = field(default=None, repr=False)
    adult: bool = False
    review_at_16: dt.date | None = None
    review_at_18: dt.date | None = None
    retention_review: dt.date | None = None
    own_consent: OwnConsent = OwnConsent.NOT_DUE
    retention_due: bool = False
    """Its retention review has been raised, and nobody has decided yet."""
    withdrawn: frozenset[ConsentScope] = frozenset()
    """Scopes that were taken back here: shut at once, whenever the EHR learns of it."""
    a_parents: frozenset[ConsentScope] = frozenset()
    """Of `withdrawn`: what a parent said no to, and the patient not themselves. It does not bind somebody who can
    decide themselves by now: they are asked (G-R246)."""
    untold: frozenset[ConsentScope] = frozenset()
    """... of which the record has still to be told: taken back where no clinician was signed in."""
    known_wishes: str = field(default="", repr=False)
    """Of somebody who has died: what they wanted (G-R92)."""

    def shut(self, scopes: Iterable[ConsentScope], right: Grantor) -> KeptImage:
        """With `scopes` taken back by that right. A patient's own no never becomes a parent's."""
        said = frozenset(scopes)
        a_parents = self.a_parents | (said - self.withdrawn) if right in A_PARENT else self.a_parents - said
        return replace(self, withdrawn=self.withdrawn | said, a_parents=a_parents)

    def opened(self, scope: ConsentScope, right: Grantor) -> KeptImage:
        """With a parent's no to `scope` gone, where it is the patient who says yes; any other no stays."""
        if scope not in self.a_parents or right not in THEMSELVES:
            return self
        return replace(self, withdrawn=self.withdrawn - {scope}, a_parents=self.a_parents - {scope})

    def awaits_own_consent(self, today: dt.date) -> bool:
        """Whether second opinion and secondary use stay shut until the young person has been asked (G-R246).

        The day decides, not the job that puts it on a list: a job that did not run opens nothing.
        """
        if self.own_consent in (OwnConsent.DUE, OwnConsent.OBJECTED):
            return True
        return any(day is not None and day <= today for day in (self.review_at_16, self.review_at_18))
