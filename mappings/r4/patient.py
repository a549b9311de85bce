"""Patient: who the EHR says this is (R4 Patient, UK Core NHS number)."""

from __future__ import annotations

from typing import Final

from nhs_number.validate import is_valid

from mappings.model.identifiers import PatientId
from mappings.model.people import Patient
from mappings.r4 import elements
from mappings.r4.elements import Json
from mappings.terminology import systems

_USE_ORDER: Final = ("official", "usual")
_NEVER: Final = ("old", "maiden")
_GENDERS: Final = frozenset({"male", "female", "other", "unknown"})


def from_patient(json: object) -> Patient:
    """The patient, with what is unsure left out.

    A partial birth date is None; an NHS number counts only when its check digit holds and no other one
    contradicts it. Any sign of death counts as death. Raises `NotReadable` for another type or a missing id.
    """
    patient = elements.resource_of_type(json, "Patient")
    birth_date = elements.parse_date(patient.get("birthDate"))
    gender = elements.text_of(patient.get("gender"))
    return Patient(
        id=PatientId(elements.id_of(patient)),
        name=human_name(patient.get("name")),
        birth_date=birth_date,
        nhs_number=_nhs_number(patient),
        gender=gender if gender in _GENDERS else None,
        deceased=_deceased(patient),
    )


def human_name(names: object) -> str:
    """The name to show: official, else usual, else any other that is not old; empty when there is none.

    R4 HumanName: the parts in their order, "given family", with the text where there are no parts. A name
    whose period has ended is used only when nothing else is there.
    """
    candidates = [name for name in elements.objects_of(names) if name.get("use") not in _NEVER and _words(name)]
    if not candidates:
        return ""
    return _words(min(candidates, key=lambda name: (_ended(name), _rank(name))))


def _rank(name: Json) -> int:
    use = elements.text_of(name.get("use"))
    if use in _USE_ORDER:
        return _USE_ORDER.index(use)
    return len(_USE_ORDER) if not use else len(_USE_ORDER) + 1


def _ended(name: Json) -> bool:
    return isinstance(elements.object_of(name.get("period")).get("end"), str)


def _words(name: Json) -> str:
    given = name.get("given")
    parts = [part for part in given if isinstance(part, str)] if isinstance(given, list) else []
    words = " ".join(" ".join([*parts, elements.text_of(name.get("family"))]).split())
    return words or " ".join(elements.text_of(name.get("text")).split())


def _nhs_number(patient: Json) -> str | None:
    found = set()
    for identifier in elements.objects_of(patient.get("identifier")):
        if identifier.get("system") != systems.NHS_NUMBER or identifier.get("use") == "old":
            continue
        digits = "".join(elements.text_of(identifier.get("value")).split()).replace("-", "")
        if len(digits) == 10 and digits.isascii() and digits.isdigit() and is_valid(digits):
            found.add(digits)
    return found.pop() if len(found) == 1 else None


def _deceased(patient: Json) -> bool:
    return patient.get("deceasedBoolean") not in (None, False) or bool(patient.get("deceasedDateTime"))
