"""What triage sees of the captures at a chart: that they wait, since when and for whom, never what they show (G-R148).

A `WaitingHere` has no field that could hold a picture, a body site, a label, a reason or anything that was typed.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum

from fhir_plugin.capture.draft import Draft, DraftState
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.errors import PluginError, Unavailable
from fhir_plugin.ledger.intents import IntentState
from mappings.model.identifiers import Reference
from mappings.model.people import ClinicalSession
from mappings.r4.patient import human_name


class WaitsFor(StrEnum):
    """What has to happen before a capture moves on."""

    DECISION = "decision"
    """Its clinician decides on each picture."""
    SIGN_IN = "sign-in"
    """Its clinician opens this patient again: filing goes on by itself then."""
    RECORD = "record"
    """Nobody: it is being filed, or being checked after an answer was lost."""


@dataclass(frozen=True)
class WaitingHere:
    """One capture at this chart, for somebody who passes it on."""

    waits_for: WaitsFor
    pictures: int
    user: Reference
    """Whose it is: the person who began it."""
    name: str = field(repr=False)
    """What the EHR calls them; empty where it does not say."""
    since: dt.datetime
    late: bool
    """Whether it has waited longer than policy allows (G-R149)."""


def waiting_here(parts: CaptureParts, session: ClinicalSession) -> list[WaitingHere]:
    """Everybody's unfinished captures of this patient at this EHR, the longest waiting first."""
    drafts = [
        draft
        for draft in parts.drafts.of(fhir_base=session.fhir_base, patient=session.patient_id, user=None)
        if (draft.fhir_base, draft.patient) == (session.fhir_base, session.patient_id)
    ]
    names: dict[Reference, str] = {}
    found = []
    for draft in sorted(drafts, key=lambda each: each.updated):
        waits_for, pictures = _waits_for(parts, draft), _pictures(draft)
        if waits_for is None or not pictures:
            continue
        if draft.user not in names:
            names[draft.user] = name_of(parts, session, draft.user)
        late = parts.clock.now() - draft.updated > parts.policy.waiting_alert
        found.append(WaitingHere(waits_for, pictures, draft.user, names[draft.user], draft.updated, late))
    return found


def _pictures(draft: Draft) -> int:
    return sum(1 for image in draft.images if image.discarded_at is None)


def _waits_for(parts: CaptureParts, draft: Draft) -> WaitsFor | None:
    if draft.state is DraftState.OPEN:
        return WaitsFor.DECISION
    if draft.state is DraftState.FILING and draft.intent is not None:
        waits = parts.ledger.get(draft.intent).state is IntentState.WAITING_FOR_SIGN_IN
        return WaitsFor.SIGN_IN if waits else WaitsFor.RECORD
    return None


def name_of(parts: CaptureParts, session: ClinicalSession, user: Reference) -> str:
    """What the EHR calls them; a reference that it does not show stays a reference."""
    kind, _, id = user.partition("/")
    if kind != "Practitioner" or "/" in id:
        return ""
    try:
        return human_name(parts.records(session.launch_id).read(kind, id).get("name"))
    except Unavailable:
        raise
    except PluginError:
        return ""
