"""What a person would know a withheld image by when they write about it: when it was taken, and of what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from fhir_plugin.disclose.redact.strict import is_object

_MONTHS: Final = (
    "january february march april may june july august september october november december".split()  # noqa: SIM905
)
_PLAIN: Final = frozenset(
    re.findall(
        r"\w+",
        "area body both entire external image left lower middle mid part photo photograph picture region right side "
        "site skin structure surface system tissue upper view whole with from over under near back front",
    )
)
_DATE: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_SITES: Final = ("bodySite", "bodyStructure", "view")
_SUBJECTS: Final = ("subject", "patient", "for", "individual", "beneficiary")


@dataclass
class Hints:
    """`dates` as people write them, and `sites`: words for the place on the body; both in lower case."""

    dates: set[str] = field(default_factory=set)
    sites: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.dates or self.sites)

    @property
    def of_places(self) -> Hints:
        """Without the dates: every letter has one."""
        return Hints(sites=self.sites)


def subject_of(resource: Mapping[str, object]) -> str:
    """The reference of the patient that a resource is about; empty when it does not say."""
    if resource.get("resourceType") == "Patient":
        return f"Patient/{resource.get('id', '')}"
    for name in _SUBJECTS:
        value = resource.get(name)
        if is_object(value) and isinstance(value.get("reference"), str):
            return str(value["reference"])
    return ""


class HintsByPatient:
    """Kept apart by patient: one patient's withheld image says nothing about another's record."""

    def __init__(self) -> None:
        self._by_patient: dict[str, Hints] = {}
        self._all = Hints()
        self.learnt = 0
        """How often anything was."""

    def learn(self, resource: Mapping[str, object]) -> None:
        """This image is withheld."""
        if resource.get("resourceType") not in ("Media", "DocumentReference"):
            return
        self.learnt += 1
        dates, sites = set(_dates(resource)), set(_sites(resource))
        for hints in (self._by_patient.setdefault(subject_of(resource), Hints()), self._all):
            hints.dates |= dates
            hints.sites |= sites

    @property
    def size(self) -> int:
        return len(self._all.dates) + len(self._all.sites)

    def words(self) -> Iterator[str]:
        """Everything that may be spoken of, of any patient."""
        yield from self._all.dates
        yield from self._all.sites

    def about(self, resource: Mapping[str, object]) -> Hints:
        """What may be spoken of in this resource: everything where it does not say whom it is about."""
        subject = subject_of(resource)
        if not subject:
            return self._all
        own = self._by_patient.get(subject, Hints())
        nobodys = self._by_patient.get("")
        return own if nobodys is None else Hints(own.dates | nobodys.dates, own.sites | nobodys.sites)


def _dates(resource: Mapping[str, object]) -> Iterator[str]:
    for name in ("createdDateTime", "date"):
        found = _DATE.match(str(resource.get(name, "")))
        if found:
            year, month, day = found.groups()
            yield found.group()
            for separator in "/.-":
                yield f"{day}{separator}{month}{separator}{year}"
                yield f"{int(day)}{separator}{int(month)}{separator}{year}"
            if 1 <= int(month) <= 12:
                word = _MONTHS[int(month) - 1]
                yield from (f"{int(day)} {word}", f"{int(day)} {word[:3]}", f"{word} {int(day)}")


def _sites(resource: Mapping[str, object]) -> Iterator[str]:
    for name in _SITES:
        for text in _texts(resource.get(name)):
            for word in re.findall(r"[a-z]{4,}", text.casefold()):
                if word not in _PLAIN:
                    yield word


def _texts(value: object) -> Iterator[str]:
    if is_object(value):
        for name, inner in value.items():
            if name in ("text", "display") and isinstance(inner, str):
                yield inner
            else:
                yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
