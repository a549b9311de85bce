"""FHIR's datatypes in plain words: dates as they are spoken, codes by their names, quantities with their units."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Final

from fhir_plugin.disclose.package.reading.kinds import kind_of

Json = Mapping[str, object]
Naming = Callable[[str], str]
"""What a person may call the resource `Type/id`, or the one with an identifier (`by_number`); empty where it is not in
the package."""

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
_HL7: Final = re.compile(r"http://(?:terminology\.hl7\.org/CodeSystem|hl7\.org/fhir)/([A-Za-z0-9-]+)")
_TYPED: Final = re.compile(
    r"(?:^|/)([A-Z][A-Za-z]{2,40})(?:/[A-Za-z0-9.\-]{1,64}(?:/_history/[A-Za-z0-9.\-]{1,64})?)?$"
)
_SOMEBODY: Final = {
    "Practitioner": "a clinician",
    "PractitionerRole": "a clinician",
    "Organization": "an organisation",
    "Patient": "a patient",
    "RelatedPerson": "a relative or contact",
    "Location": "a place",
    "Device": "a device",
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
    return f"{words}, {hour}:{minute}" + ({None: "", "Z": " (UTC)", "+00:00": " (UTC)"}.get(zone, f" (UTC{zone})"))


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
    """SNOMED CT for its address; HL7 and the list's name for one of HL7's own lists; of any other the address."""
    known = str(system or "")
    if known in _SYSTEMS:
        return _SYSTEMS[known]
    own = _HL7.fullmatch(known)
    return f"HL7 {own[1]}" if own else known


def _is_name(system: object) -> bool:
    """Whether people know it by a name: anything else is an address, which says nothing to a reader."""
    return str(system or "") in _SYSTEMS


def in_words(value: Json, naming: Naming) -> str | None:
    """One datatype as words; None for what is no datatype that is known here: then its fields are listed.

    What it has no words for makes it None (but for an element's id, a code list's version, who chose a code, a rank).
    Codes and addresses stand there only where nothing else says it: `asides.left_out` has the others.
    """
    if not all(_expected(name, each) for name, each in value.items()):
        return None
    keys = value.keys() - {"id"}
    for known, words in _KNOWN:
        if keys and keys <= known:
            with suppress(_Unsaid):
                said = words(value, naming)
                if said:
                    return said
    return None


class _Unsaid(Exception):
    """A part of it has no words: all of it is listed instead."""


def _expected(name: str, value: object) -> bool:
    """Whether a datatype may have such a value in this field; anything else is not one that is known here."""
    if isinstance(value, list):
        inner = dict if name == "coding" else str
        return name in _LISTS and all(isinstance(each, inner) for each in value)
    return not isinstance(value, dict) or name in _OBJECTS


def _inner(value: object, naming: Naming) -> str:
    """The words of a datatype within a datatype; empty where there is none."""
    if value is None:
        return ""
    words = in_words(value, naming) if isinstance(value, dict) else primitive(value)
    if words is None:
        raise _Unsaid
    return words


def _concept(value: Json, naming: Naming) -> str:
    codings = value.get("coding")
    said = [_inner(each, naming) for each in codings] if isinstance(codings, list) else []
    displays = [primitive(each.get("display")) for each in codings] if isinstance(codings, list) else []
    own = [each for each in (primitive(value.get("text")), *displays) if each]
    once: dict[str, str] = {}
    for each in own or said:  # codes only where nothing else says it
        once.setdefault(each.casefold(), each)
    return "; ".join(once.values())


def _coding(value: Json, _naming: Naming) -> str:
    display, code = primitive(value.get("display")), primitive(value.get("code"))
    if display:
        return display
    system = system_words(value.get("system"))
    if code and system.startswith("HL7 "):
        return code.replace("-", " ")  # its codes are words
    return " ".join(each for each in (system if _is_name(value.get("system")) else "", code) if each)


def _quantity(value: Json, _naming: Naming) -> str:
    number = value.get("value")
    if isinstance(number, bool) or not isinstance(number, int | float | Decimal):
        return ""
    unit = value.get("unit") or value.get("currency") or value.get("code")
    return " ".join(primitive(each) for each in (value.get("comparator"), number, unit) if each is not None)


def _period(value: Json, _naming: Naming) -> str:
    start, end = (date_words(primitive(value.get(name))) for name in ("start", "end"))
    if start and end:
        return f"{start} to {end}"
    return f"from {start}" if start else f"until {end}" if end else ""


def _range(value: Json, naming: Naming) -> str:
    low, high = (_inner(value.get(name), naming) for name in ("low", "high"))
    if low and high:
        return f"{low} to {high}"
    return f"{low} or more" if low else f"up to {high}" if high else ""


def _ratio(value: Json, naming: Naming) -> str:
    over, under = (_inner(value.get(name), naming) for name in _RATIO)
    return f"{over} to {under}" if over and under else ""


def _reference(value: Json, naming: Naming) -> str:
    reference, display = primitive(value.get("reference")), primitive(value.get("display"))
    literal = reference and not reference.startswith("#")
    name = naming(key_of(reference)) or naming(_called(reference)) if literal else ""
    number = value.get("identifier")
    if not name and isinstance(number, dict):
        name = naming(by_number(number))
    if display and (_type_of(reference) in _SOMEBODY or name == display):
        return display
    if name or display:
        return f"{display} (see {name})" if name and display else name or display
    if reference.startswith("#"):
        return "a part of this entry"
    if isinstance(number, dict) and _is_name(number.get("system")) and number.get("value"):
        return _inner(number, naming)
    return _unnamed(reference or primitive(value.get("type")))


def by_number(identifier: Json) -> str:
    """The key of a resource that is pointed to by its own identifier."""
    return f"{primitive(identifier.get('system'))}|{primitive(identifier.get('value'))}"


def _unnamed(reference: str) -> str:
    """What kind of thing it is, of something that is not here and of which nobody says what it is called."""
    type_ = _type_of(reference)
    what = _SOMEBODY.get(type_) or (kind_of(type_).name if type_ else "something")
    return f"{what} (not named in this copy)"


def _type_of(reference: str) -> str:
    found = _TYPED.search(reference)
    return found[1] if found else ""


def named_in(resource: object) -> Iterator[tuple[str, str]]:
    """A key and the name of each person, place or organisation that a reference in it calls by a name."""
    waiting = [resource]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            reference, display = primitive(node.get("reference")), primitive(node.get("display"))
            number = node.get("identifier")
            if display and _type_of(reference or primitive(node.get("type"))) in _SOMEBODY:
                if reference:
                    yield _called(reference), display
                if isinstance(number, dict) and number.get("system") and number.get("value"):
                    yield by_number(number), display
        inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        waiting.extend(each for each in inner if isinstance(each, dict | list))


def _called(reference: str) -> str:
    """Of exactly this reference in any version: on another server the same id is somebody else."""
    return f"called {reference.split('/_history/')[0]}"


def key_of(reference: str) -> str:
    """Type/id, of a reference of any form."""
    return "/".join(reference.split("/_history/")[0].split("/")[-2:])


def _identifier(value: Json, naming: Naming) -> str:
    number = primitive(value.get("value"))
    if value.get("system") == "https://fhir.nhs.uk/Id/nhs-number":
        number = nhs_number(number)
    kind = _inner(value.get("type"), naming)
    system = system_words(value.get("system")) if _is_name(value.get("system")) else ""
    of = ", ".join(each for each in (kind, system) if each)
    more = (primitive(value.get("use")), *(_inner(value.get(name), naming) for name in ("period", "assigner")))
    return ", ".join(each for each in (_with(number, of), *more) if each)


def _contact(value: Json, naming: Naming) -> str:
    if value.get("system") is not None and value.get("system") not in _CONTACT:
        return ""
    return _with(primitive(value.get("value")), *_more(value, naming, "system", "use"))


def _name(value: Json, naming: Naming) -> str:
    parts = [*_texts(value.get("prefix")), *_texts(value.get("given")), primitive(value.get("family"))]
    whole = " ".join(each for each in [*parts, *_texts(value.get("suffix"))] if each)
    return _with(_both(primitive(value.get("text")), whole), *_more(value, naming, "use"))


def _address(value: Json, naming: Naming) -> str:
    order = ("line", "city", "district", "state", "postalCode", "country")
    whole = ", ".join(each for name in order for each in _texts(value.get(name)) if each)
    text = primitive(value.get("text")).replace("\n", ", ")
    return _with(_both(text, whole), *_more(value, naming, "use", "type"))


def _annotation(value: Json, naming: Naming) -> str:
    by = _inner(value.get("authorReference"), naming) or primitive(value.get("authorString"))
    return _with(primitive(value.get("text")), by, date_words(primitive(value.get("time"))))


def _both(text: str, whole: str) -> str:
    return _with(text, whole) if text and whole and text != whole else text or whole


def _with(words: str, *more: str) -> str:
    """The words with what else is known in brackets; that alone where there are none."""
    known = ", ".join(each for each in more if each)
    return f"{words} ({known})" if words and known else words or known


def _more(value: Json, naming: Naming, *names: str) -> list[str]:
    said = [_inner(value.get(name), naming) for name in (*names, "period")]
    return [each for each in said if each != "official"]


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


def _texts(value: object) -> list[str]:
    return [primitive(each) for each in value] if isinstance(value, list) else [primitive(value)] if value else []


def primitive(value: object) -> str:
    """A primitive as it is written: numbers keep their digits."""
    if value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(getattr(value, "text", value))
