"""The outside world in our words. Adapters implement these; flows know nothing else.

Every port has a fake in `tests/fakes` and a contract suite in `tests/contracts` that runs on the fake, on
the embedded default and on real servers alike.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from fhir_plugin.deletion_ports import Answered as Answered
from fhir_plugin.deletion_ports import DeletionCases as DeletionCases
from fhir_plugin.deletion_ports import Destroyed as Destroyed
from fhir_plugin.deletion_ports import DestructionLog as DestructionLog
from fhir_plugin.deletion_ports import HiddenImages as HiddenImages
from fhir_plugin.deletion_ports import PurgeMeans as PurgeMeans
from fhir_plugin.deletion_ports import RecordPurge as RecordPurge
from fhir_plugin.deletion_ports import Traces as Traces
from fhir_plugin.record_port import BinaryContent as BinaryContent
from fhir_plugin.record_port import ClinicalRecord as ClinicalRecord
from fhir_plugin.record_port import EntryOutcome as EntryOutcome
from fhir_plugin.record_port import Json as Json
from fhir_plugin.record_port import Stored as Stored
from fhir_plugin.record_port import TransactionEntry as TransactionEntry
from fhir_plugin.writeback_ports import ChartCopies as ChartCopies
from fhir_plugin.writeback_ports import CopySheets as CopySheets
from fhir_plugin.writeback_ports import ServerLimits as ServerLimits
from fhir_plugin.writeback_ports import Sheet as Sheet
from fhir_plugin.writeback_ports import SheetPicture as SheetPicture
from fhir_plugin.writeback_ports import SheetWords as SheetWords
from fhir_plugin.writeback_ports import TwoPlaces as TwoPlaces
from mappings.model.disclosure_request import DisclosureId, DisclosureRequest
from mappings.model.identifiers import FhirBase, PatientId, Reference, VaultId, WorkId
from mappings.model.images import UNCHANGED, CleanImage, Geometry, ReceivedImage, VideoTerms
from mappings.model.kept import KeptImage
from mappings.model.label_change import ImageLabel
from mappings.model.practice import Hold
from mappings.model.work import WorkItem, WorkKind


class Clock(Protocol):
    """The one place that tells the time."""

    def now(self) -> dt.datetime:
        """An aware UTC instant."""


class UnitOfWork(Protocol):
    """One transaction of our own database. Vault rows, audit entries and ledger rows join the open one."""

    def transaction(self) -> AbstractContextManager[None]:
        """Commits on leaving, rolls back on an exception. Re-entrant: an inner one joins the outer one.

        Never open one around HTTP.
        """


# ---------------------------------------------------------------------------------- bytes not in the record


class Compartment(StrEnum):
    """Parts of the vault, each with its own roles."""

    RECEIVED = "received"
    CLEAN = "clean"
    THUMBNAIL = "thumbnail"
    QUARANTINE = "quarantine"
    DRAFT = "draft"
    AUDIT_COPY = "audit-copy"
    OPINION = "opinion"
    PACKAGE_PART = "package-part"
    HIDDEN = "hidden"
    """Bytes and resource of an image that is hidden: opened by break-glass alone."""
    COMPANION = "companion"
    """The image itself, where the EHR takes none: the content of a Binary in the companion store."""
    CASE = "case"
    """The marked copy that a Guardian may open, and the needles of a proof; gone with the decision."""


def kept_under(fhir_base: str, reference: Reference | str) -> str:
    """The owner of vault items that belong to an image in a record: its thumbnail, its audit copy."""
    return f"{fhir_base}/{reference}"


@dataclass(frozen=True)
class VaultItem:
    vault_id: VaultId
    compartment: Compartment
    owner: str
    size: int
    created: dt.datetime


class Vault(Protocol):
    """Bytes that are not (yet, or any more) in the record, each under a key of its own.

    Nothing touches the disk in clear. Destroying the key is destroying the item.
    """

    def put(self, content: bytes, *, compartment: Compartment, owner: str) -> VaultId:
        """Durable when it returns. `owner` is what the item belongs to: a capture id, an image reference."""

    def get(self, vault_id: VaultId) -> bytes:
        """Raises `NotFound` when destroyed or never there, `Tampered` when it does not verify."""

    def destroy(self, vault_id: VaultId) -> None:
        """Key first, then bytes. Idempotent."""

    def items(self, *, compartment: Compartment | None = None, owner: str | None = None) -> list[VaultItem]: ...

    def sweep(self) -> int:
        """Removes what a crash left half made or half destroyed (bytes without key, key without bytes);
        returns how many. Safe while others put: it spares what is younger than an hour and still in the making."""

    def keyed_digest(self, content: bytes) -> str:
        """HMAC-SHA-256 under a key of this installation, hexadecimal: for matching, never the image's own hash."""


# ---------------------------------------------------------------------------------- audit


@dataclass(frozen=True)
class AuditEntry:
    """Who did what, on which launch, under which policy. Never content: ids, codes and keyed digests only."""

    action: str
    """Our word, e.g. image.received, image.filed, image.revealed."""
    actor: str
    """The user's reference at the EHR, or `system`."""
    patient: str | None = None
    launch: str | None = None
    subject: str | None = None
    policy: str | None = None
    outcome: str = "success"
    detail: Mapping[str, str | int | bool] = field(default_factory=dict)


@dataclass(frozen=True)
class ChainedEntry:
    sequence: int
    at: dt.datetime
    entry: AuditEntry
    previous: str
    hash: str


@dataclass(frozen=True)
class ChainReport:
    intact: bool
    entries: int
    broken_at: int | None = None
    message: str = ""
    signed_heads: int = 0


class AuditTrail(Protocol):
    """Append-only; each entry hashes the one before; heads are signed from time to time."""

    def append(self, entry: AuditEntry) -> ChainedEntry:
        """Joins the open transaction, so that an act and its audit entry stand or fall together."""

    def entries(
        self,
        *,
        after: int = 0,
        subject: str | None = None,
        patient: str | None = None,
        launch: str | None = None,
        action: str | None = None,
    ) -> list[ChainedEntry]: ...

    def sign_head(self) -> None: ...

    def verify(self) -> ChainReport: ...


# ---------------------------------------------------------------------------------- signing


class StatementSigner(Protocol):
    """Signs our own statements: RFC 8785 canonical JSON, detached JWS (RFC 7515 appendix F, ES384) with kid."""

    def sign(self, statement: Json) -> str:
        """The detached JWS, `header..signature`."""

    def verify(self, statement: Json, jws: str) -> bool:
        """True when one of our keys, current or retired, signed exactly this statement."""

    def public_jwks(self) -> Json:
        """{"keys": [...]}: every key that may still verify something, the next one included."""

    def rotate(self) -> str:
        """The next key becomes the current one, a new next key is made; returns the current kid."""


# ---------------------------------------------------------------------------------- images


class ImageWorker(Protocol):
    """Decoding happens elsewhere: in warm, recycled processes with CPU and memory limits.

    Raises `UnacceptableImage` with a stable code and a message that says what to do.
    """

    def clean(
        self,
        received: ReceivedImage,
        *,
        geometry: Geometry = UNCHANGED,
        lossless: bool = False,
        video: VideoTerms | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> CleanImage:
        """A picture, or on the terms of `video` a video, rebuilt from its pixels. Without terms, a video is refused.

        `progress` hears from time to time which share of a video is done, from 0 to 1, in the thread that called.
        """

    def preview(self, received: ReceivedImage, *, quarter_turns: int = 0, longest_side: int = 1200) -> bytes:
        """A JPEG without metadata of the upright, turned, uncropped picture, for the editor."""

    def mark(self, received: ReceivedImage, words: str, *, below: bool = False) -> bytes:
        """A JPEG without metadata, with `words` burnt all over it: who looks at it, and when. Never of a video.

        `below`: on a strip under the whole picture instead, which itself stays as it is, at its full size.
        """

    def fitted(self, content: bytes, *, most_bytes: int | None) -> bytes:
        """A JPEG without metadata of the whole upright picture in sRGB, at the most `most_bytes`: with fewer pixels, if
        it must be."""

    def pixels(self, content: bytes) -> bytes | None:
        """A print of what the picture shows, by which a copy of it is known again (`disclose.prove.pixels`); None for
        what cannot be opened, which a video is."""


# ---------------------------------------------------------------------------------- work later


class Background(Protocol):
    """Work that outlives the request that began it, in this process. It goes with the process, so that who begins it
    has written down what is to be done and looks again later; the work itself must bear being begun twice."""

    def begin(self, name: str, work: Callable[[], object]) -> None:
        """Does `work` soon. Nothing, while work of that name waits or is under way."""

    def wait(self, name: str, seconds: float) -> bool:
        """Waits for the work of that name, `seconds` at the most; whether it is over."""

    def settle(self, seconds: float) -> bool:
        """Waits until nothing is under way, `seconds` at the most; whether that is so."""


class JobQueue(Protocol):
    """Only wakes the resume engine; the ledger is the truth, so a lost or doubled wake-up changes nothing."""

    def wake(self, *, after_seconds: float = 0) -> None: ...


class Worklist(Protocol):
    """What waits for a person. Every method joins the open transaction, so that no act is without its task."""

    def add(self, item: WorkItem) -> WorkItem:
        """The open item of this kind and subject at this EHR if there is one, else this one."""

    def get(self, id: WorkId, *, for_change: bool = False) -> WorkItem:
        """Raises `NotFound`."""

    def save(self, item: WorkItem) -> None: ...

    def of_patient(self, fhir_base: FhirBase, patient: PatientId, *, done: bool = False) -> list[WorkItem]:
        """The longest waiting first; with `done`, those that are finished too."""

    def of_practice(self, fhir_base: FhirBase, *, kind: WorkKind | None = None) -> list[WorkItem]:
        """Everything open at this EHR, what is due first comes first."""

    def late(self, now: dt.datetime) -> list[WorkItem]:
        """What is open and past its time at any EHR, the longest overdue first: for whoever runs the installation."""


class Messages(Protocol):
    """The practice's own messaging: we hand over a text for a number, it sends. What it names says nobody's name."""

    def hand_over(self, number: str, text: str, *, expires: dt.datetime) -> str:
        """An id of its own. Raises `Unavailable`; the person then copies the text."""

    def take_back(self, message: str) -> None:
        """Removes what has not been fetched. Idempotent; what has left cannot be called back."""

    def forget_expired(self, now: dt.datetime) -> int:
        """Removes what was never fetched and is past its time; returns how many."""


class ImageLabels(Protocol):
    """What we say about the labels of images, ours and other systems', whatever a server keeps of it. Joins the open
    transaction. Who shows, sends or redacts an image takes `ImageLabel.in_force` over the labels on the server."""

    def keep(self, label: ImageLabel) -> None:
        """Adds it, or takes the place of what is known of this reference."""

    def find(self, fhir_base: FhirBase, reference: Reference, *, for_change: bool = False) -> ImageLabel | None:
        """None: we say nothing about it. What cannot be read restricts: a label that nobody can read."""

    def of_patient(self, fhir_base: FhirBase, patient: PatientId, *, for_change: bool = False) -> list[ImageLabel]:
        """By reference. `for_change`: nobody else changes any of them until the open transaction ends."""


class Holds(Protocol):
    """What forbids destroying anything of a patient. Every method joins the open transaction."""

    def add(self, hold: Hold) -> None: ...

    def get(self, id: str, *, for_change: bool = False) -> Hold:
        """Raises `NotFound`."""

    def save(self, hold: Hold) -> None: ...

    def of_patient(self, fhir_base: FhirBase, patient: PatientId, *, lifted: bool = False) -> list[Hold]:
        """Those in force, oldest first; with `lifted`, the others too."""


class KeptImages(Protocol):
    """The register of what we filed, with the days on which somebody must look again. Joins the open transaction."""

    def keep(self, image: KeptImage) -> None:
        """Adds it, or takes the place of what is known of this reference."""

    def get(self, fhir_base: FhirBase, reference: Reference, *, for_change: bool = False) -> KeptImage:
        """Raises `NotFound` for an image that we did not file."""

    def of_patient(self, fhir_base: FhirBase, patient: PatientId, *, for_change: bool = False) -> list[KeptImage]:
        """Oldest first. One that cannot be read is logged, left out, and counted by `unreadable`.

        `for_change`: nobody else changes any of them until the open transaction ends. Whoever changes more than one,
        or changes a work item too, holds them this way first: everybody in the same order, so that nobody waits for
        each other.
        """

    def unreadable(self, fhir_base: FhirBase, patient: PatientId) -> int:
        """How many of a patient's cannot be read. Asked for by its reference, such a one raises: it is withheld."""

    def due(self, today: dt.date) -> list[KeptImage]:
        """Those at any EHR with a review that has not been raised and whose day has come; one that cannot be read is
        logged, and left out."""

    def forget(self, fhir_base: FhirBase, reference: Reference) -> None:
        """The image is in the record no more. Idempotent."""


class DisclosureRequests(Protocol):
    """Requests for a copy of a record. Every method joins the open transaction."""

    def add(self, request: DisclosureRequest) -> None:
        """Raises `AlreadyThere` where one has this id."""

    def get(self, id: DisclosureId, *, for_change: bool = False) -> DisclosureRequest:
        """Raises `NotFound`; `Tampered` for a row that was changed past the app."""

    def save(self, request: DisclosureRequest) -> None:
        """Takes the place of the one with the revision before. Raises `AnswersChanged` where that is no more."""

    def of_patient(self, fhir_base: FhirBase, patient: PatientId) -> list[DisclosureRequest]:
        """Newest first. One that cannot be read is logged, left out, and counted by `unreadable`."""

    def unreadable(self, fhir_base: FhirBase, patient: PatientId) -> int:
        """How many of a patient's cannot be read."""

    def open_at(self, fhir_base: FhirBase) -> list[DisclosureRequest]:
        """Every open one at this EHR, oldest first."""

    def tell_reading(self, id: DisclosureId, share: float | None, at: dt.datetime) -> None:
        """How much of the record somebody has read, from 0 to 1; None once nobody reads. Changes no revision."""

    def reading(self, id: DisclosureId) -> tuple[float, dt.datetime] | None:
        """What was told last, and when; None while nobody reads."""
