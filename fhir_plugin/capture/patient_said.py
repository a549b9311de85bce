"""What a patient said at our link, as it was said: facts, which no form of a clinician changes (G-R58, G-R170).

A no stays a no until somebody writes down that they were asked again, and what they call private stays private.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from fhir_plugin.capture.draft import Draft
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.policy.questions import catalogue
from mappings.model.consent import ConsentAnswer
from mappings.model.people import ClinicalSession

SCOPES: Final[Mapping[str, str]] = {"consent_receive": "patient_receive", "consent_store": "patient_store"}
"""A form's answer, and the fact beside it in `Situation`."""
NOTES: Final = "notes"
WITHDRAWN_AT: Final = "withdrawn_at"
ASKED_BEFORE: Final = "asked_again"
"""What had been written about asking again before they took it back: asking before is not asking after."""
_NO = (ConsentAnswer.REFUSED, ConsentAnswer.WITHDRAWN)


def answer_of(said: Mapping[str, str], scope: str) -> ConsentAnswer | None:
    """What was answered at the link; None: nothing."""
    return ConsentAnswer(said[scope]) if said.get(scope) else None


def with_facts(said: Mapping[str, str], form: dict[str, Any]) -> dict[str, Any]:
    """The fields of a situation as a form says them, with what the patient said in force over them."""
    if form["asked_again"].strip() == said.get(ASKED_BEFORE):
        form["asked_again"] = ""
    asked_again = _asked_again(form["asked_again"])
    for scope, fact in SCOPES.items():
        form[fact] = answer_of(said, scope)
        if form[fact] in _NO and not asked_again and form[scope] not in _NO:
            form[scope] = form[fact]
    form["patient_says_private"] = form["patient_says_private"] or said.get("patient_says_private") == "yes"
    return form


def _asked_again(text: str) -> bool:
    return len(text.strip()) >= catalogue()["asked_again"].least


def said_no(said: Mapping[str, str]) -> bool:
    return any(answer_of(said, scope) in _NO for scope in SCOPES)


def note_asked_again(parts: CaptureParts, session: ClinicalSession, before: Draft, after: Draft) -> None:
    """Writes down who said that the patient was asked again; joins the open transaction."""
    was, now = (draft.answers.said("asked_again") for draft in (before, after))
    if was != now and said_no(after.patient_said) and (_asked_again(was) or _asked_again(now)):
        said = {scope: after.answers.said(scope) or "not-said" for scope in SCOPES}
        parts.note(session, "consent.asked-again", after.capture_id, stands=_asked_again(now), **said)


def taken_back(draft: Draft, now: dt.datetime) -> Draft:
    """The draft after the patient took everything back: what was refused stays refused."""
    said = dict(draft.patient_said)
    for scope in SCOPES:
        if answer_of(said, scope) not in _NO:
            said[scope] = ConsentAnswer.WITHDRAWN.value
    said |= {WITHDRAWN_AT: now.isoformat(), ASKED_BEFORE: draft.answers.said("asked_again")}
    return replace(draft, patient_said=said, updated=now)


def taken_back_since(draft: Draft, moment: dt.datetime) -> bool:
    """Whether the patient took it back after an order was made at `moment`."""
    at = draft.patient_said.get(WITHDRAWN_AT)
    return at is not None and dt.datetime.fromisoformat(at) >= moment
