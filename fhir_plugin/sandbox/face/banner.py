"""How a patient is named on a page: the line at the top of the chart and in the list."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from fhir_plugin.sandbox.people import NHS_NUMBER_SYSTEM

Json = dict[str, Any]


@dataclass(frozen=True)
class Banner:
    """A patient as the header shows them: surname in capitals first, as UK clinical systems do."""

    id: str
    name: str
    born: str
    age: str
    gender: str
    nhs_number: str
    died: str | None


def read_banner(patient: Json, today: dt.date) -> Banner:
    """The banner of a Patient resource; what is missing is said to be unknown."""
    birth_date = str(patient.get("birthDate", ""))
    deceased = patient.get("deceasedDateTime")
    return Banner(
        id=str(patient.get("id", "")),
        name=read_name(patient),
        born=read_date(birth_date) or "unknown",
        age=_age(birth_date, today),
        gender=str(patient.get("gender", "unknown")),
        nhs_number=_nhs_number(patient),
        died=read_date(str(deceased)) if deceased else None,
    )


def read_name(person: Json) -> str:
    """`SURNAME, Given Names (Title)` of the first name, or its text."""
    for name in person.get("name") or ():
        family, given = str(name.get("family", "")).upper(), " ".join(name.get("given") or ())
        prefix = " ".join(name.get("prefix") or ())
        shown = ", ".join(part for part in (family, given) if part) or str(name.get("text", ""))
        if shown:
            return f"{shown} ({prefix})" if prefix else shown
    return "Name unknown"


def read_date(text: str) -> str:
    """A FHIR date or dateTime as `21-Jun-1990`, with the time if there is one."""
    try:
        if len(text) > 10:
            return f"{dt.datetime.fromisoformat(text):%d-%b-%Y %H:%M}"
        return f"{dt.date.fromisoformat(text):%d-%b-%Y}"
    except ValueError:
        return text


def _age(birth_date: str, today: dt.date) -> str:
    try:
        born = dt.date.fromisoformat(birth_date)
    except ValueError:
        return "age unknown"
    return f"{today.year - born.year - ((today.month, today.day) < (born.month, born.day))}y"


def _nhs_number(patient: Json) -> str:
    for identifier in patient.get("identifier") or ():
        if identifier.get("system") == NHS_NUMBER_SYSTEM:
            text = str(identifier.get("value", ""))
            return f"{text[:3]} {text[3:6]} {text[6:]}" if len(text) == 10 else text
    return "none"
