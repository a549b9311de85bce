"""FHIR's datatypes in plain words: dates as they are spoken, codes by their names, quantities with their units."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

Json = Mapping[str, object]
Naming = Callable[[str], str]
"""What a person may call the resource `Type/id`; empty where it is not in the package."""

_DATE: Final = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?")
_MONTHS: Final = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]  # not the machine's language
_SYSTEMS: Final = {
    "http://snomed.info/sct": "SNOMED CT",
    "http://loinc.org": "LOINC",
    "http://unitsofmeasure.org": "UCUM",
    "http://hl7.org/fhir/sid/icd-10": "ICD-10",
    "https://dmd.nhs.uk": "dm+d",
    "http://read.info/readv2": "Read",
    "http://read.info/ctv3": "CTV3",
    "https://fhir.nhs.uk/Id/nhs-number": "NHS number",
    "https://fhir.nhs.uk/Id/ods-organization-code": "ODS code",
}
_CONTACT: Final = frozenset({"phone", "fax", "email", "pager", "url", "sms", "other"})
_QUANTITY: Final = frozenset({"value", "unit", "code", "system", "comparator", "currency"})
_LISTS: Final = frozenset({"coding", "given", "prefix", "suffix", "line"})
_OBJECTS: Final = frozenset(
    {"type", "period", "assigner", "identifier", "numerator", "denominator", "low", "high", "authorReference"}
)


def date_words(text: str) -> str:
    """3 March 2024, 14:05; March 2024; 2024. Anything that is no FHIR date as it stands."""
    found = _DATE.fullmatch(text)
    if not found:
        return text
    year, month, day, hour, minute, zone = found.groups()
    if month is None:
        return year
    if not 1 <= int(month) <= 12:
        return text
    if day is None:
        return f"{_MONTHS[int(month) - 1]} {year}"
    words = f"{int(day)} {_MONTHS[int(month) - 1]} {year}"
    if hour is None:
        return words
    return f"{words}, {hour}:{minute}" + ({None: "", "Z": " (UTC)"}.get(zone, f" (UTC{zone})"))


def day_words(day: dt.date) -> str:
    """3 March 2024."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def looks_like_date(text: str) -> bool:
    """A whole date at least: a year alone might be any number."""
    return len(text) >= 7 and _DATE.fullmatch(text) is not None


def nhs_number(text: str) -> str:
    """999 000 0018, so that it can be read aloud."""
    digits = re.sub(r"\s", "", text)
    return f"{digits[:3]} {digits[3:6]} {digits[6:]}" if re.fullmatch(r"\d{10}", digits) else text


def system_words(system: object) -> str:
    """SNOMED CT for its address; of any other the address."""
    return _SYSTEMS.get(str(system), str(system)) if system else ""


def in_words(value: Json, naming: Naming) -> str | None:
    """One datatype as words; None for what is no datatype that is known here: then its fields are listed.

    What it has no words for makes it None (but for an element's id, a code list's version, who chose a code, a rank).
    """
    for name, each in value.items():
        if (isinstance(each, list) and name not in _LISTS) or (isinstance(each, dict) and name not in _OBJECTS):
            return None
    keys = value.keys() - {"id"}
    for known, words in _KNOWN:
        if keys <= known and keys:
            said = words(value, naming)
            if said:
                return said
    return None


def _concept(value: Json, naming: Naming) -> str:
    codings = value.get("coding")
    said = [_coding(each, naming) for each in codings if isinstance(each, dict)] if isinstance(codings, list) else []
    text = value.get("text")
    if not isinstance(text, str) or not text:
        return "; ".join(said)
    return "; ".join([text, *(each for each in said if each != text)]) if not _just(said, text) else said[0]


def _just(said: list[str], text: str) -> bool:
    """The one code bears the same words: once is enough."""
    return len(said) == 1 and said[0].casefold().startswith(f"{text.casefold()} (")


def _coding(value: Json, _naming: Naming) -> str:
    display, code = value.get("display"), value.get("code")
    name = " ".join(each for each in (system_words(value.get("system")), primitive(code)) if each)
    if display and name:
        return f"{display} ({name})"
    return primitive(display) or name


def _quantity(value: Json, _naming: Naming) -> str:
    number = value.get("value")
    if number is not None and (isinstance(number, bool) or not isinstance(number, int | float | Decimal)):
        return ""
    unit = value.get("unit") or value.get("currency") or value.get("code")
    words = " ".join(primitive(each) for each in (value.get("comparator"), number, unit) if each is not None)
    return words if number is not None else ""


def _period(value: Json, _naming: Naming) -> str:
    start, end = value.get("start"), value.get("end")
    if start and end:
        return f"{date_words(primitive(start))} to {date_words(primitive(end))}"
    return f"from {date_words(primitive(start))}" if start else f"until {date_words(primitive(end))}"


def _range(value: Json, naming: Naming) -> str:
    low, high = (in_words(each, naming) if isinstance(each, dict) else None for each in _pick(value, "low", "high"))
    if low and high:
        return f"{low} to {high}"
    return f"{low} or more" if low else f"up to {high}" if high else ""


def _ratio(value: Json, naming: Naming) -> str:
    parts = (in_words(each, naming) if isinstance(each, dict) else None for each in _pick(value, *_RATIO))
    over, under = parts
    return f"{over} to {under}" if over and under else ""


def _reference(value: Json, naming: Naming) -> str:
    reference, display = primitive(value.get("reference")), primitive(value.get("display"))
    key = "/".join(reference.split("/_history/")[0].split("/")[-2:])
    name = naming(key) if reference and not reference.startswith("#") else ""
    if name and display:
        return f"{display} (see {name})"
    identifier = value.get("identifier")
    known_as = _identifier(identifier, naming) if isinstance(identifier, dict) else ""
    said = name or display or ("a part of this entry: " + reference if reference.startswith("#") else reference)
    if known_as:
        said = f"{said} ({known_as})" if said else known_as
    return said


def _identifier(value: Json, naming: Naming) -> str:
    number = primitive(value.get("value"))
    kind = value.get("type")
    of = (in_words(kind, naming) if isinstance(kind, dict) else None) or system_words(value.get("system"))
    if value.get("system") == "https://fhir.nhs.uk/Id/nhs-number":
        number = nhs_number(number)
    period, assigner = value.get("period"), value.get("assigner")
    more = [in_words(each, naming) or "" for each in (period, assigner) if isinstance(each, dict)]
    words = f"{number} ({of})" if of and number else number or of
    return ", ".join(each for each in (words, primitive(value.get("use")), *more) if each)


def _contact(value: Json, naming: Naming) -> str:
    if value.get("system") is not None and value.get("system") not in _CONTACT:
        return ""
    period = value.get("period")
    when = in_words(period, naming) if isinstance(period, dict) else None
    more = ", ".join(each for each in (primitive(value.get("system")), primitive(value.get("use")), when or "") if each)
    return f"{primitive(value.get('value'))} ({more})" if more else primitive(value.get("value"))


def _name(value: Json, naming: Naming) -> str:
    parts = [*_texts(value.get("prefix")), *_texts(value.get("given")), primitive(value.get("family"))]
    whole = " ".join(each for each in [*parts, *_texts(value.get("suffix"))] if each)
    text = primitive(value.get("text"))
    said = f"{text} ({whole})" if text and whole and text != whole else text or whole
    period = value.get("period")
    when = in_words(period, naming) if isinstance(period, dict) else None
    more = ", ".join(each for each in (primitive(value.get("use")), when or "") if each and each != "official")
    return f"{said} ({more})" if said and more else said


def _address(value: Json, naming: Naming) -> str:
    order = ("line", "city", "district", "state", "postalCode", "country")
    parts = [each for name in order for each in _texts(value.get(name))]
    whole = ", ".join(each for each in parts if each)
    text = primitive(value.get("text")).replace("\n", ", ")
    said = f"{text} ({whole})" if text and whole and text != whole else text or whole
    period = value.get("period")
    when = in_words(period, naming) if isinstance(period, dict) else None
    more = ", ".join(each for each in (primitive(value.get("use")), primitive(value.get("type")), when or "") if each)
    return f"{said} ({more})" if said and more else said


def _annotation(value: Json, naming: Naming) -> str:
    who = value.get("authorReference")
    by = in_words(who, naming) if isinstance(who, dict) else primitive(value.get("authorString"))
    when = date_words(primitive(value.get("time")))
    more = ", ".join(each for each in (by or "", when) if each)
    return f"{primitive(value.get('text'))} ({more})" if more else primitive(value.get("text"))


_RATIO: Final = ("numerator", "denominator")
_Words = Callable[[Json, Naming], str]
_KNOWN: Final[tuple[tuple[frozenset[str], _Words], ...]] = (
    (frozenset({"coding", "text"}), _concept),
    (frozenset({"system", "code", "display", "version", "userSelected"}), _coding),
    (_QUANTITY, _quantity),
    (frozenset({"start", "end"}), _period),
    (frozenset({"low", "high"}), _range),
    (frozenset(_RATIO), _ratio),
    (frozenset({"reference", "display", "type", "identifier"}), _reference),
    (frozenset({"system", "value", "use", "rank", "period"}), _contact),
    (frozenset({"system", "value", "use", "type", "period", "assigner"}), _identifier),
    (frozenset({"text", "family", "given", "prefix", "suffix", "use", "period"}), _name),
    (
        frozenset(
            {"text", "line", "city", "district", "state", "postalCode", "country", "use", "type", "period"},
        ),
        _address,
    ),
    (frozenset({"text", "time", "authorReference", "authorString"}), _annotation),
)


def _pick(value: Json, *names: str) -> tuple[object, ...]:
    return tuple(value.get(name) for name in names)


def _texts(value: object) -> list[str]:
    return [primitive(each) for each in value] if isinstance(value, list) else [primitive(value)] if value else []


def primitive(value: object) -> str:
    """A primitive as it is written: numbers keep their digits."""
    if value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(getattr(value, "text", value))
