"""One request for a copy of a record, from the day it came in to the package that was sent: values only.

What is asked and by what right is `mappings.model.disclosure.Asked`; this is the case around it, that a disclosure
officer works through and signs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

from mappings.model.disclosure import (
    Asked,
    Authority,
    Competence,
    ConsentToRelease,
    Mode,
    Opinion,
    Reason,
    Requester,
    Reviewer,
    Verdict,
)
from mappings.model.identifiers import FhirBase, PatientId, Reference, Sha256, VaultId

DisclosureId = NewType("DisclosureId", str)
ItemKey = NewType("ItemKey", str)
"""`Type/id` of a resource of the record; with `#n` for the n-th contained one."""


class RequestState(StrEnum):
    """Where a request stands. Only the first two take changes; only `SENT` says that a package was made and proven."""

    OPEN = "open"
    WAITS_FOR_SECOND = "waits-for-second"
    """All is decided and signed once; policy asks for a second person."""
    MAKING = "making"
    """Signed: the package is being made, proven and written down. Ends in `SENT`, or in `OPEN` with why."""
    SENT = "sent"
    REFUSED = "refused"
    """Nothing is sent, and whoever asked was told why."""
    CLOSED = "closed"
    """Taken back, or asked twice."""


class Decided(StrEnum):
    """What a person may put in the place of a proposed verdict."""

    RELEASE = "release"
    REDACT = "redact"
    WITHHOLD = "withhold"


@dataclass(frozen=True)
class Override:
    """A person's decision about one item. `reason` is theirs, in words, and goes nowhere but into our own log."""

    decided: Decided
    reason: str = field(repr=False)
    by: Reference
    by_name: str = field(repr=False)
    at: dt.datetime


@dataclass(frozen=True)
class HarmOpinion:
    """What a health professional said about serious harm, were the patient to see this item (DPA 2018, Sch 3)."""

    opinion: Opinion
    words: str = field(repr=False)
    by: Reference
    by_name: str = field(repr=False)
    at: dt.datetime


@dataclass(frozen=True)
class Signature:
    """Somebody put their own name to it. `about`: the digest of exactly what they had before them."""

    by: Reference
    by_name: str = field(repr=False)
    at: dt.datetime
    about: str


@dataclass(frozen=True)
class MadePackage:
    """A package that was made and proven clean. `sha256` and `size` of the ZIP as sent; `counts` by verdict."""

    vault_id: VaultId | None
    """None once it was fetched and is kept no longer."""
    sha256: Sha256
    size: int
    counts: Mapping[str, int]
    images: tuple[Reference, ...]
    at: dt.datetime
    digests: Mapping[Reference, str] = field(default_factory=dict, repr=False)
    """Keyed digests of the bytes of each image that went out, with spaces between: they find it again under another
    reference."""
    manifest: Sha256 | None = None
    key_check: str = ""
    """Of the key that signed it: what is read out to whoever wants to know that it is ours."""
    event: Reference | None = None
    """The AuditEvent that says so in the record."""
    provenance: Reference | None = None


@dataclass(frozen=True)
class DisclosureRequest:
    """One request. `revision` rises with every change: whoever saves over another's change is refused.

    `recipient`: who gets the package. `relationship`: how whoever asks stands to the patient, and how that was
    checked. `extended_because` is why the time was extended; empty where it was not. `gathered`: what was read of the
    record, sealed in the vault, and when; decisions are about exactly that.
    """

    id: DisclosureId
    fhir_base: FhirBase
    patient: PatientId
    requester: Requester
    received: dt.date
    created: dt.datetime
    created_by: Reference
    state: RequestState = RequestState.OPEN
    revision: int = 0
    created_by_name: str = field(default="", repr=False)
    patient_name: str = field(default="", repr=False)
    born: dt.date | None = field(default=None, repr=False)
    recipient: str = field(default="", repr=False)
    relationship: str = field(default="", repr=False)
    identity_checked: str = field(default="", repr=False)
    identity_on: dt.date | None = None
    """The day on which the proof of identity that was asked for arrived: the time to answer begins there (ICO)."""
    purpose: str = field(default="", repr=False)
    consent: ConsentToRelease = ConsentToRelease.NOT_ASKED
    authority: Authority = Authority.NOT_SEEN
    competence: Competence = Competence.UNKNOWN
    agrees: bool | None = None
    mode: Mode = Mode.MARKED
    watermark: bool = False
    """Whether each picture says for whom it is, and since when."""
    extended_because: str = field(default="", repr=False)
    extended_told: dt.date | None = None
    """The day on which whoever asked was told so, with the reason (UK GDPR Article 12(3): within the first month)."""
    gathered: VaultId | None = None
    gathered_at: dt.datetime | None = None
    overrides: Mapping[ItemKey, Override] = field(default_factory=dict, repr=False)
    opinions: Mapping[ItemKey, HarmOpinion] = field(default_factory=dict, repr=False)
    read_words: frozenset[ItemKey] = frozenset()
    """Items whose free text a person has read and cleared."""
    not_read: Mapping[str, str] = field(default_factory=dict)
    """Types of resource (or `Binary/id`) that could not be read when the record was, each with the code of why."""
    accepted_unread: str = field(default="", repr=False)
    """Why it is signed all the same without those; empty while nobody has said so."""
    changed: frozenset[ItemKey] = frozenset()
    """Items that were new or different when the record was read the last time, or were decided about for somebody else
    who asked, and not looked at since."""
    opinions_asked: Mapping[ItemKey, str] = field(default_factory=dict, repr=False)
    """What a health professional was asked about an item, in words; until they have answered it waits."""
    black_outs: Mapping[ItemKey, VaultId] = field(default_factory=dict)
    """Pictures that go out as a derivative with parts blacked out."""
    first: Signature | None = None
    second: Signature | None = None
    why_not: str = field(default="", repr=False)
    """Why it was refused, closed, or could not be made the last time."""
    package: MadePackage | None = None

    def asked(self, on: dt.date, *, concern: bool) -> Asked:
        """What deciding depends on, on the day `on`."""
        return Asked(
            requester=self.requester,
            on=on,
            consent=self.consent,
            authority=self.authority,
            born=self.born,
            competence=self.competence,
            agrees=self.agrees,
            concern=concern,
        )

    @property
    def is_open(self) -> bool:
        """Whether it holds off every discarding, hiding and destroying of this patient's images."""
        return self.state in (RequestState.OPEN, RequestState.WAITS_FOR_SECOND, RequestState.MAKING)


@dataclass(frozen=True)
class DeskItem:
    """One resource of the record as the officer sees it, without pixels. `words`: what it is, from its own fields.

    `proposed` is what policy says, `decided` what holds now. `asks`: who still has to look; None when it is decided.
    `sent_before`: how many earlier packages held it.
    """

    key: ItemKey
    type: str
    title: str = field(repr=False)
    words: str = field(repr=False)
    when: str
    proposed: Verdict
    decided: Verdict
    is_image: bool = False
    sensitive: bool = False
    category: str = ""
    hidden: bool = False
    asks: Reviewer | None = None
    override: Override | None = None
    opinion: HarmOpinion | None = None
    consequence: Reason | None = None
    """Why the redactor had to go further than policy: what it says follows from another item."""
    cuts: int = 0
    sent_before: int = 0
    blacked_out: bool = False
    revealed: bool = False
    """Whether this person has opened its picture in this session, with a reason."""


@dataclass(frozen=True)
class DeskView:
    """One request as the desk shows it. `hidden`: how many items only the privacy officer may see and decide."""

    request: DisclosureRequest
    items: tuple[DeskItem, ...]
    hidden: int
    counts: Mapping[str, int]
    undecided: int
    due: dt.date | None
    days_left: int | None
    may_sign: bool
    """Whether nothing waits for anybody."""
    why_second: tuple[str, ...]
    """Why somebody else has to sign after this person, each in a sentence; nothing when nobody has to."""
    missing: tuple[str, ...]
    """What still stops signing, each in a sentence."""
    digest: str
    """Of everything decided: what a signature is about."""
    reading: float | None = None
    """How much of the record has been read, from 0 to 1, while it is being read."""

    @property
    def needs_second(self) -> bool:
        return bool(self.why_second)
