"""What nobody here can look at: somebody's word with a date, and never part of what is proven.

Backups, other systems and those who had received the image cannot be asked by this app. Whoever is responsible says
that it is gone there, or when it will be; until then the certificate says that nobody has said so.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Final

from fhir_plugin.delete.clock import uk_day
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.errors import Incomplete, NotAllowed, WrongPatient
from mappings.model.deletion import Attested, CaseId, DeletionCase
from mappings.model.identifiers import Reference
from mappings.model.people import ClinicalSession, Role

ATTESTED_PLACES: Final = {
    "ehr-backups": "Backups of the EHR",
    "own-backups": "Backups of this app",
    "ehr-other": "Other systems that the EHR has given the image to",
    "recipients": "People and organisations that had received a copy",
    "logs": "Logs that are collected elsewhere",
}
"""In the order in which they are told."""
MAY_ATTEST: Final = frozenset({Role.PRIVACY_OFFICER, Role.CALDICOTT_GUARDIAN})
MOST_WORDS: Final = 1000


def attest(
    parts: DeleteParts, session: ClinicalSession, id: CaseId, *, place: str, words: str, on: dt.date
) -> DeletionCase:
    """Keeps what somebody responsible says about one place: in place of what was said before about it.

    `on`: the day of their word, not in the future. Raises `Incomplete`, `NotAllowed`, `WrongPatient` for a case of
    another EHR.
    """
    if not session.user.roles & MAY_ATTEST:
        raise NotAllowed("A privacy officer or the Caldicott Guardian writes this down.", code="not-yours")
    if parts.cases.get(id).fhir_base != session.fhir_base:
        raise WrongPatient("This request belongs to another EHR.")
    with parts.work.transaction():
        changed = keep_word(parts, id, place=place, words=words, on=on, by=session.user.person)
        parts.note(session, "deletion.attested", id, place=place, on=on.isoformat())
    return changed


def keep_word(
    parts: DeleteParts, id: CaseId, *, place: str, words: str, on: dt.date, by: Reference | None
) -> DeletionCase:
    """The same for whoever runs the installation (`by` None); they write into the audit trail who they are.

    Joins the open transaction. Raises `Incomplete`.
    """
    _need(parts, place, words, on)
    with parts.work.transaction():
        case = parts.cases.get(id, for_change=True)
        others = tuple(each for each in case.attested if each.place != place)
        changed = replace(case, attested=(*others, Attested(place, words.strip(), by, on)), revision=case.revision + 1)
        parts.cases.save(changed)
    return changed


def _need(parts: DeleteParts, place: str, words: str, on: dt.date) -> None:
    wrong: dict[str, str] = {}
    if place not in ATTESTED_PLACES:
        wrong["place"] = "Choose what this is about."
    if not words.strip():
        wrong["words"] = "Say who told you, and what."
    elif len(words) > MOST_WORDS:
        wrong["words"] = f"Use at most {MOST_WORDS} letters."
    if on > uk_day(parts.clock.now()):
        wrong["on"] = "The day must not be in the future."
    if wrong:
        raise Incomplete("Something is missing.", fields=wrong)
