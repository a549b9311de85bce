"""Codes and words that a Consent uses.

Sources: R4 consentaction (access: "retrieval without permitting collection"; collect: "gather ... for storage"; use;
disclose), v3-ActReason (purposes of use), media-type, v3-RoleCode (relationships); UK GDPR Articles 6 and 9 (G-R68).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mappings.model.consent import ChildView, ConsentAnswer, ConsentScope, Grantor
from mappings.terminology import systems
from mappings.terminology.audit import PURPOSE_DISPLAYS


@dataclass(frozen=True)
class ScopeTerms:
    """How R4 says one scope: what is done (`action`) and what for (`purpose`, with its system).

    A rule without a purpose would permit, or forbid, the act for every purpose there is.
    """

    action: tuple[str, str]
    purpose: tuple[str, str, str]
    video_only: bool = False
    """About recordings that do not exist yet: it names no image, so that refusing it forbids none."""


def _for(code: str) -> tuple[str, str, str]:
    return (systems.ACT_REASON, code, PURPOSE_DISPLAYS[code])


SCOPE_TERMS: Final[dict[ConsentScope, ScopeTerms]] = {
    ConsentScope.RECEIVE: ScopeTerms(("access", "Access"), _for("TREAT")),
    ConsentScope.VIEW: ScopeTerms(("access", "Access"), _for("TREAT")),
    ConsentScope.STORE: ScopeTerms(("collect", "Collect"), _for("TREAT")),
    ConsentScope.SECOND_OPINION: ScopeTerms(("disclose", "Disclose"), _for("TREAT")),
    ConsentScope.TEACHING: ScopeTerms(("use", "Use"), _for("TRAIN")),
    ConsentScope.RESEARCH: ScopeTerms(("use", "Use"), _for("HRESCH")),
    ConsentScope.PUBLICATION: ScopeTerms(("disclose", "Disclose"), (systems.PURPOSE, "publication", "Publication")),
    ConsentScope.RECORD_VIDEO: ScopeTerms(("collect", "Collect"), _for("TREAT"), video_only=True),
}

GRANTOR_WORDS: Final[dict[Grantor, str]] = {
    Grantor.PATIENT: "The patient",
    Grantor.COMPETENT_CHILD: "The patient, under 16 and competent to decide this",
    Grantor.PARENT: "Somebody with parental responsibility",
    Grantor.DELEGATED: "Somebody to whom parental responsibility was delegated",
    Grantor.GUARDIAN: "The patient's guardian",
    Grantor.COURT_ORDER: "Somebody with a court order",
    Grantor.ATTORNEY: "An attorney for health and welfare",
    Grantor.DEPUTY: "A deputy appointed by the court",
    Grantor.BEST_INTERESTS: "The decision-maker, in the patient's best interests",
}

RELATIONSHIP_CODES: Final[dict[Grantor, tuple[str, str]]] = {
    Grantor.PARENT: ("PRN", "parent"),
    Grantor.GUARDIAN: ("GUARD", "guardian"),
    Grantor.ATTORNEY: ("HPOWATT", "healthcare power of attorney"),
}
"""v3-RoleCode, where it has the relationship; it has none for a deputy, a delegate or a court order."""

ANSWER_WORDS: Final[dict[ConsentAnswer, str]] = {
    ConsentAnswer.GIVEN: "Given",
    ConsentAnswer.REFUSED: "Refused",
    ConsentAnswer.WITHDRAWN: "Withdrawn",
    ConsentAnswer.NOT_ASKED: "Not asked",
}

CHILD_VIEW_WORDS: Final[dict[ChildView, str]] = {
    ChildView.AGREES: "The child agrees",
    ChildView.OBJECTS: "The child objects",
    ChildView.UNCLEAR: "The child's view is not clear",
    ChildView.TOO_YOUNG: "Too young to say",
    ChildView.NOT_ASKED: "The child was not asked",
}

LEGAL_BASIS_WORDS: Final[dict[str, str]] = {
    "gdpr-6-1-e": "UK GDPR Article 6(1)(e): public task",
    "gdpr-9-2-h": "UK GDPR Article 9(2)(h): health care",
}
"""Others are written by their code alone."""
