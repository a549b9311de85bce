"""The permanent deletion of images that are in the record: what is asked, who decides, how it stands, what was proven.

Three acts are never confused (G-R280): discarding what was never filed, hiding what was filed
(`mappings.model.hiding`), and this one. A request is one case; each image of it is an item with a Task and a life of
its own, decided by itself. Which step may follow which is one table: `fhir_plugin.delete.lifecycle`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

from mappings.model.identifiers import FhirBase, PatientId, Reference, VaultId

CaseId = NewType("CaseId", str)
"""One request for permanent deletion. Ours, random; becomes the id of the parent Task where a server takes one."""

ItemId = NewType("ItemId", str)
"""One image of a request. Ours, random; becomes the id of its Task where a server takes one."""

CertificateNumber = NewType("CertificateNumber", str)
"""What people quote: ours, random, says nothing about the patient."""


class DeletionReason(StrEnum):
    """Why an image should be destroyed."""

    WRONG_PATIENT = "wrong-patient"
    NO_CONSENT = "no-consent"
    WITHDRAWN = "withdrawn"
    """Consent was withdrawn. It does not by itself erase anything (G-R242)."""
    ERASURE_REQUEST = "erasure-request"
    """The patient asked for erasure (UK GDPR, Article 17): answered within a month."""
    OBJECTION = "objection"
    """The patient objects to it being kept (Article 21): answered within a month."""
    RETENTION_ENDED = "retention-ended"
    COURT_ORDER = "court-order"
    OTHER = "other"


WITH_A_REPLY = frozenset({DeletionReason.ERASURE_REQUEST, DeletionReason.OBJECTION})
"""Who asked is answered within a month, whatever is decided."""


class DeletionState(StrEnum):
    """Where one item stands: the code of its Task's status (R4). Only `COMPLETED` says that it is destroyed."""

    REQUESTED = "requested"
    RECEIVED = "received"
    """A Guardian has opened it; more may have been asked for, or a second signature is awaited."""
    ACCEPTED = "accepted"
    """Approved, of this version, until the approval expires. Nothing has been destroyed."""
    IN_PROGRESS = "in-progress"
    """The first destroying act may have happened."""
    ON_HOLD = "on-hold"
    """Something forbids it: a legal hold, an open access request, a complaint, a concern."""
    COMPLETED = "completed"
    """Destroyed, and proven: every place was looked at and nothing found."""
    FAILED = "failed"
    """Not proven: it stopped at a place, or something remains. Says what; looked at again on a schedule."""
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    ENTERED_IN_ERROR = "entered-in-error"


class Principle(StrEnum):
    """The eight Caldicott Principles (National Data Guardian, 2020), ticked in an approval (G-R267)."""

    JUSTIFY = "justify"
    NECESSARY = "necessary"
    MINIMUM = "minimum"
    NEED_TO_KNOW = "need-to-know"
    RESPONSIBILITY = "responsibility"
    LAW = "law"
    DUTY_TO_SHARE = "duty-to-share"
    NO_SURPRISES = "no-surprises"


@dataclass(frozen=True)
class BoundImage:
    """Exactly which image: approval is of this version and these bytes, and of nothing else.

    `digest`: `Vault.keyed_digest` of its bytes, never their own hash. `version`: empty where the server has none.
    """

    reference: Reference
    version: str
    digest: str
    binaries: tuple[Reference, ...] = ()


@dataclass(frozen=True)
class Signed:
    """One person's decision about one item."""

    by: Reference
    """Of the person (`User.person`), so that two logins of one person are one."""
    by_name: str = field(repr=False)
    at: dt.datetime
    principles: frozenset[Principle] = frozenset()
    words: str = field(default="", repr=False)
    login: Reference | None = None
    """With which they signed: its roles are asked for again when it is carried out (G-R305)."""


@dataclass(frozen=True)
class Happened:
    """One line of an item's timeline. `event`: a code of `fhir_plugin.delete.lifecycle`, or of what was told."""

    event: str
    at: dt.datetime
    by: Reference | None = None
    by_name: str = field(default="", repr=False)
    words: str = field(default="", repr=False)


@dataclass(frozen=True)
class Looked:
    """One place that was looked at for what was destroyed. `place`: our code (`record-read`, `record-history`,
    `vault`, ...); `found`: what remains there, as references and versions, never content; `unasked`: why it could not
    be looked at, empty when it was."""

    place: str
    at: dt.datetime
    found: tuple[str, ...] = ()
    unasked: str = ""

    @property
    def clean(self) -> bool:
        """It was looked at, and nothing is there."""
        return not self.found and not self.unasked


@dataclass(frozen=True)
class Attested:
    """What nobody here can look at (backups, other systems), as somebody's word with a date: never proven."""

    place: str
    words: str = field(repr=False)
    by: Reference | None = None
    on: dt.date | None = None
    """None: nobody has said so yet."""


@dataclass(frozen=True)
class Proof:
    """What was found when everything was looked at, once. It is proven when every place was asked and is clean."""

    at: dt.datetime
    places: tuple[Looked, ...]
    ask: tuple[str, ...] = ()
    """What the server's administrator must do about what remains, in plain words."""

    @property
    def proven(self) -> bool:
        return bool(self.places) and all(place.clean for place in self.places)


@dataclass(frozen=True)
class DeletionItem:
    """One image of a request. `title`, `picture` and all words go when it is destroyed: what stays says nothing.

    `held_from`: where it goes on once nothing holds it any more. `picture`: a small marked copy for the Guardian's
    deliberate look, in the vault's compartment `case`, destroyed with the decision. `purged`: what has been destroyed
    so far, as places: told when it stops half way.
    """

    id: ItemId
    image: BoundImage
    state: DeletionState = DeletionState.REQUESTED
    title: str = field(default="", repr=False)
    picture: VaultId | None = None
    held_from: DeletionState | None = None
    approval: Signed | None = None
    cosigned: Signed | None = None
    rejection: Signed | None = None
    expires: dt.datetime | None = None
    why: str = ""
    """Of a stop, a hold, a voided approval, or what a received one waits for: a code."""
    why_before: str = ""
    """Of a held one: what `why` is again once nothing holds it."""
    purged: tuple[str, ...] = ()
    proof: Proof | None = None
    look_again: dt.datetime | None = None
    certificate: CertificateNumber | None = None
    task: Reference | None = None
    timeline: tuple[Happened, ...] = ()


@dataclass(frozen=True)
class DeletionCase:
    """One request: exact images, a reason, and everything that the Guardian has to know. Sealed but for whose it is.

    `described`: where the written description stands that remains (G-R274), a reference or words. `asked_by_patient`
    and `reply_due` belong to reasons `WITH_A_REPLY`. `revision` grows by one with every change: two people cannot both
    change it.
    """

    id: CaseId
    fhir_base: FhirBase
    patient: PatientId
    revision: int
    created: dt.datetime
    due: dt.date
    reason: DeletionReason
    items: tuple[DeletionItem, ...]
    requested_by: Reference
    """Of the person (`User.person`)."""
    requested_by_name: str = field(default="", repr=False)
    words: str = field(default="", repr=False)
    described: str = field(default="", repr=False)
    gmc_looked_at: bool = False
    instead: str = field(default="", repr=False)
    """Why hiding is not enough."""
    policy: str = ""
    """The policy pack and version in force when it was asked for (G-R281)."""
    patient_name: str = field(default="", repr=False)
    nhs_number: str = field(default="", repr=False)
    asked_by_patient: dt.date | None = None
    reply_due: dt.date | None = None
    replied: dt.datetime | None = None
    seen_by: tuple[str, ...] = field(default=(), repr=False)
    """Who has seen or received these images, in plain words, as known when it was asked for."""
    attested: tuple[Attested, ...] = ()
    deceased: bool = False
    """As the EHR said when it was asked for: an approval does not outlive such a change."""

    def item(self, id: ItemId) -> DeletionItem:
        """Raises `KeyError` for an item of another case."""
        for each in self.items:
            if each.id == id:
                return each
        raise KeyError(id)

    @property
    def open(self) -> bool:
        """Whether anything of it may still change by itself or by somebody."""
        return any(each.state not in TERMINAL for each in self.items)


TERMINAL = frozenset(
    {
        DeletionState.COMPLETED,
        DeletionState.REJECTED,
        DeletionState.CANCELLED,
        DeletionState.ENTERED_IN_ERROR,
    }
)
"""Nothing follows these. `FAILED` is not among them: the app alone may try it again, under the same approval."""


def look_at(case: DeletionCase) -> dt.datetime | None:
    """When the app itself looks at it again; None: when somebody does something.

    At every look, while anything is undecided, approved or held: what holds a patient comes and goes at any moment.
    """
    times = [each.look_again for each in case.items if each.state is DeletionState.FAILED and each.look_again]
    watched = (DeletionState.REQUESTED, DeletionState.RECEIVED, DeletionState.ACCEPTED, DeletionState.ON_HOLD)
    if any(each.state in watched for each in case.items):
        times.append(case.created)
    return min(times, default=None)


@dataclass(frozen=True)
class Certificate:
    """A certificate of destruction: our signed statement. Content-free: no title, site, plain hash or name."""

    number: CertificateNumber
    fhir_base: FhirBase
    patient: PatientId
    case: CaseId
    item: ItemId
    at: dt.datetime
    statement: dict[str, object] = field(repr=False)
    """What is signed, RFC 8785."""
    jws: str = field(repr=False)
