"""What a clinician says who asks for a second opinion, and what is missing of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from fhir_plugin.keep.opinion import OpinionPurpose
from fhir_plugin.policy.pack import PolicyPack
from fhir_plugin.policy.uses import Opinion, second_opinion
from mappings.model.consent import PARENTAL, ConsentAnswer, Grantor
from mappings.model.images import UNCHANGED, Geometry
from mappings.model.kept import KeptImage
from mappings.model.people import Patient

CHECKS = ("tattoos", "jewellery", "background", "rare")
"""What somebody has to look for before a copy counts as anonymised (G-R226). Metadata goes by itself."""
MOST_WORDS = 4000


@dataclass(frozen=True)
class Asking:
    """What the clinician says. `consent` and `right`: where the patient was asked just now."""

    to: str
    purpose: str
    reason: str = field(repr=False)
    checked: frozenset[str] = frozenset()
    geometry: Geometry = UNCHANGED
    anonymised: bool = True
    identified_reason: str = field(default="", repr=False)
    consent: ConsentAnswer = ConsentAnswer.NOT_ASKED
    right: str = ""


@dataclass(frozen=True)
class Ground:
    """What an opinion about this picture stands on. `stops`: why none can be asked for, in words."""

    image: KeptImage
    version: str
    sensitive: bool
    answer: ConsentAnswer
    rights: tuple[Grantor, ...]
    shared_before: int
    """How often pictures of this patient were shared like this before (G-R227)."""
    stops: tuple[str, ...] = ()
    parents_no: bool = False
    """A parent said no, and `rights` are of who can decide themselves by now: only their own yes opens it."""


def what_is_missing(
    patient: Patient, asking: Asking, answer: ConsentAnswer, pack: PolicyPack, *, known: bool
) -> dict[str, str]:
    """Each field with what to do; nothing when it may be asked. `known`: the colleague is one of those offered."""
    case = Opinion(asking.reason, answer, True, asking.anonymised, asking.identified_reason)
    named = {"opinion-reason": "reason", "opinion-consent": "consent", "opinion-identified": "identified_reason"}
    verdict = second_opinion(case, pack)
    problems = {named[reason.code]: reason.action for reason in verdict.reasons if reason.code in named}
    if not known:
        problems["to"] = "Choose the colleague."
    if asking.purpose not in set(OpinionPurpose):
        problems["purpose"] = "Say what you ask for."
    if asking.anonymised and not asking.checked >= set(CHECKS):
        problems["checked"] = "Look for each of these, and cut it off or black it out."
    if asking.anonymised and names_the_patient(patient, asking.reason):
        problems["reason"] = "This names the patient. Take the name, the number and the date of birth out."
    if max(len(asking.reason), len(asking.identified_reason)) > MOST_WORDS:
        problems["reason"] = f"Write at most {MOST_WORDS} characters."
    return problems


def who_gives(rights: tuple[Grantor, ...], giver: Grantor) -> tuple[Grantor, ...]:
    """The patient, or by the right by which consent was given before; no parent once the patient decides."""
    allowed = {Grantor.PATIENT, Grantor.COMPETENT_CHILD, giver}
    if Grantor.PATIENT in rights:
        allowed -= set(PARENTAL)
    return tuple(right for right in rights if right in allowed)


def what_is_missing_of_consent(asking: Asking, ground: Ground) -> dict[str, str]:
    """Of an answer that the patient gave just now."""
    if asking.consent not in (ConsentAnswer.GIVEN, ConsentAnswer.REFUSED):
        return {"consent": "Say whether they agree."}
    if asking.right not in set(ground.rights):
        return {"right": "Say who was asked."}
    return {}


def names_the_patient(patient: Patient, words: str) -> bool:
    """Whether a text says who the patient is: a part of the name, the NHS number, the date of birth."""
    said = set(re.findall(r"[^\W\d_]+", words.casefold()))
    name = [part for part in re.findall(r"[^\W\d_]+", patient.name.casefold()) if len(part) > 1]
    born = patient.birth_date
    days = (born.isoformat(), born.strftime("%d/%m/%Y"), f"{born.day}/{born.month}/{born.year}") if born else ()
    number = patient.nhs_number or ""
    digits = re.sub(r"\D", "", words)
    return bool(said & set(name)) or any(day in words for day in days) or bool(number and number in digits)
