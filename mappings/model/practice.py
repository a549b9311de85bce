"""The people of a practice as its lists need them, and what forbids destroying anything of a patient."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum

from mappings.model.identifiers import FhirBase, PatientId, Reference
from mappings.model.people import Role


@dataclass(frozen=True)
class Colleague:
    """Somebody who has worked here from this EHR, with name and roles as at their last launch."""

    fhir_base: FhirBase
    user: Reference
    last_seen: dt.datetime
    name: str = field(default="", repr=False)
    roles: frozenset[Role] = frozenset()


@dataclass(frozen=True)
class Absence:
    """`user` is away from the first to the last day, both included; `cover` sees to their items meanwhile."""

    fhir_base: FhirBase
    user: Reference
    cover: Reference
    first_day: dt.date
    last_day: dt.date
    user_name: str = field(default="", repr=False)
    cover_name: str = field(default="", repr=False)

    def on(self, day: dt.date) -> bool:
        return self.first_day <= day <= self.last_day


class HoldKind(StrEnum):
    """Why nothing of a patient may be destroyed."""

    SAFEGUARDING = "safeguarding"
    COMPLAINT = "complaint"
    ACCESS_REQUEST = "access-request"
    LEGAL = "legal"
    """A court, a regulator or a claim needs what there is: a legal hold."""


@dataclass(frozen=True)
class Hold:
    """Until it is lifted with a reason, nothing of this patient at this EHR may be destroyed.

    `about` and `told` are a safeguarding concern's: about whom it is, and who was told (G-R313, G-R318). `note`: where
    the record holds the note of it, once it does. `follows`: the disclosure request with which it ends; nobody lifts
    such a one by hand.
    """

    id: str
    kind: HoldKind
    fhir_base: FhirBase
    patient: PatientId
    since: dt.datetime
    by: Reference
    by_name: str = field(default="", repr=False)
    words: str = field(default="", repr=False)
    about: str = field(default="", repr=False)
    told: str = field(default="", repr=False)
    policy: str = ""
    note: Reference | None = None
    lifted: dt.datetime | None = None
    lifted_by: Reference | None = None
    lifted_by_name: str = field(default="", repr=False)
    lifted_because: str = field(default="", repr=False)
    follows: str = ""
