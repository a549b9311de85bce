"""Who lives in the world of the interleavings. Every person has words that occur nowhere else: the canaries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mappings.terminology import systems

Json = dict[str, Any]

GP, RECEPTIONIST = "R0260", "R1730"
TWIN = "pat-twin"
"""An id that both EHRs have given, each to somebody else."""


@dataclass(frozen=True)
class Person:
    """One patient of one EHR."""

    ehr: str
    id: str
    given: str
    family: str
    nhs_number: str
    born: str

    @property
    def mark(self) -> str:
        """A word that tests put into everything that is typed and photographed for this patient."""
        return f"mark-{self.ehr}-{self.id}"

    @property
    def canaries(self) -> tuple[str, ...]:
        """What must never be on a page or in a write that belongs to somebody else."""
        spaced = f"{self.nhs_number[:3]} {self.nhs_number[3:6]} {self.nhs_number[6:]}"
        own_id = () if self.id == TWIN else (self.id,)
        return (self.family, self.given, self.nhs_number, spaced, self.mark, *own_id)

    def resource(self, born: str) -> Json:
        """The Patient as this EHR has it; `born` may have been corrected meanwhile."""
        return {
            "resourceType": "Patient",
            "id": self.id,
            "active": True,
            "identifier": [{"system": systems.NHS_NUMBER, "value": self.nhs_number}],
            "name": [{"use": "official", "family": self.family, "given": [self.given]}],
            "gender": "other",
            "birthDate": born,
        }


@dataclass(frozen=True)
class Staff:
    """Somebody who works at an EHR; `job` is an SDS job role, empty when the EHR says none."""

    id: str
    job: str

    def resource(self) -> Json:
        name = {"family": self.id.removeprefix("prac-").capitalize(), "given": ["Staff"]}
        return {"resourceType": "Practitioner", "id": self.id, "active": True, "name": [name]}

    def roles(self) -> list[Json]:
        if not self.job:
            return []
        coding = {"system": systems.SDS_JOB_ROLE_NAME, "code": self.job}
        return [
            {
                "resourceType": "PractitionerRole",
                "id": f"role-{self.id}",
                "active": True,
                "practitioner": {"reference": f"Practitioner/{self.id}"},
                "code": [{"coding": [coding]}],
            }
        ]


PEOPLE: Final = (
    Person("north", "pat-heron", "Heronette", "Egretsworth", "9000000009", "1961-04-05"),
    Person("north", "pat-wren", "Wrenfrieda", "Jennywell", "9000000017", "1984-11-30"),
    Person("north", TWIN, "Kestrelia", "Northtwinham", "9000000025", "1975-01-17"),
    Person("south", "pat-otter", "Otteranna", "Holtwater", "9000000033", "1990-08-21"),
    Person("south", TWIN, "Badgerina", "Southtwinham", "9000000041", "1968-06-09"),
)
STAFF: Final[Mapping[str, tuple[Staff, ...]]] = {
    "north": (
        Staff("prac-rowan", GP),
        Staff("prac-sorrel", GP),
        Staff("prac-desk", RECEPTIONIST),
        Staff("prac-new", ""),
    ),
    "south": (Staff("prac-rowan", GP), Staff("prac-desk", RECEPTIONIST)),
}
"""`prac-rowan` is an id at both EHRs, and again two people."""

SECRET: Final = "never-shown-"
"""What every code and token of these EHRs begins with (after its kind)."""

_BY_CANARY: Final = {canary: person for person in PEOPLE for canary in person.canaries}
_ANY = re.compile("|".join(re.escape(each) for each in sorted(_BY_CANARY, key=len, reverse=True)).encode())
_SECRETS = re.compile(SECRET.encode())


def named_in(*texts: bytes) -> set[Person]:
    """Everybody of whom one of the texts says something."""
    return {_BY_CANARY[match.decode()] for text in texts for match in _ANY.findall(text)}


def holds_secret(*texts: bytes) -> bool:
    """Whether a code or a token of an EHR is in one of the texts."""
    return any(_SECRETS.search(text) for text in texts)


def of_ehr(name: str) -> tuple[Person, ...]:
    """The patients of one EHR."""
    return tuple(person for person in PEOPLE if person.ehr == name)


def others(people: Iterable[Person], but: Person) -> set[Person]:
    """Those of `people` who are not this one."""
    return {person for person in people if person != but}
