"""Kinds of image whose consent lies in that to the procedure: an endoscopy, a slide, a scan (G-R60, X16).

Never a photograph of the surface of the body, and never what staff did not make, nor what always needs a decision of
its own: intimate images, under 18, without capacity, unasked (X1).
"""

from __future__ import annotations

from collections.abc import Iterator

from fhir_plugin.policy.case import KEEPING, STAFF, USING, Case
from fhir_plugin.policy.findings import Ask, Finding, Warn
from fhir_plugin.policy.ruling import Reason
from mappings.model.consent import ConsentAnswer

EXEMPT = Reason(
    "exempt-type",
    "This kind of image needs no consent of its own: it was made in a procedure to which the patient agreed.",
    "Only for the patient’s own care. Anything else needs to be asked for.",
    "G-R60, X16",
)
_NOT_ASKED = (None, ConsentAnswer.NOT_ASKED)


def may_be_exempt(case: Case) -> bool:
    """Whether the kind of image could make a difference at all."""
    return (
        bool(case.pack.exempt_types) and case.said.photographer in STAFF and not case.floor and not case.said.deceased
    )


def is_exempt(case: Case) -> bool:
    """Whether it needs no consent of its own: whoever was asked all the same is heeded."""
    return may_be_exempt(case) and case.said.image_kind in case.pack.exempt_types


def kind(case: Case) -> Iterator[Finding]:
    """Asked where consent was not: nobody on the usual way meets it. The procedure stands in the record instead."""
    said = case.said
    for answer, acts in ((said.consent_receive, USING), (said.consent_store, KEEPING)):
        if answer is not ConsentAnswer.NOT_ASKED or not may_be_exempt(case):
            continue
        yield Ask("image_kind", "Some kinds of image need no consent of their own.", acts, optional=True)
        if is_exempt(case):
            yield Ask("exempt_procedure", "The consent to the procedure stands in its place.", acts)
            yield Warn(EXEMPT)


RULES = (kind,)
