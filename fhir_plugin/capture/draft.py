"""A capture in the making: its images (as vault items), its answers, and what was fixed when filing began."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from fhir_plugin.capture.answers import Answers, says_intimate
from fhir_plugin.errors import AnswersChanged, NotFound, Refused
from mappings.model.identifiers import (
    CaptureId,
    FhirBase,
    ImageId,
    IntentId,
    LaunchId,
    PatientId,
    Reference,
    RequestId,
    Sha256,
    VaultId,
)
from mappings.model.images import UNCHANGED, Geometry

CHANGED_ELSEWHERE = "Somebody, perhaps you in another tab, has changed these answers. Look again."


class DraftState(StrEnum):
    """Where a capture stands for people. The ledger knows where its filing stands."""

    SENDING = "sending"
    """A patient is sending it by our link: nobody at the practice sees it before they confirm."""
    OPEN = "open"
    FILING = "filing"
    FILED = "filed"
    DESCRIBED = "described"
    DISCARDED = "discarded"


@dataclass(frozen=True)
class Making:
    """A clean video that is asked for and not made yet. `at` is the last sign of life of who makes it, `share` how far
    they are, from 0 to 1; None: it waits for its turn."""

    geometry: Geometry = UNCHANGED
    sound: bool = False
    at: dt.datetime | None = None
    share: float = 0.0

    def same_as(self, other: Making) -> bool:
        """Whether both ask for the same video."""
        return (self.geometry, self.sound) == (other.geometry, other.sound)


@dataclass(frozen=True)
class NotUsed:
    """A video that could not be cleaned, or not as asked, found out when nobody waited: why, in words for people."""

    image_id: ImageId
    code: str
    message: str


@dataclass(frozen=True)
class DraftImage:
    """One image of a capture. `received`, `clean` and `thumbnail` are vault items; None once destroyed."""

    image_id: ImageId
    declared_type: str
    sha256_received: Sha256
    size: int
    received: VaultId | None
    clean: VaultId | None = None
    thumbnail: VaultId | None = None
    sha256_clean: Sha256 | None = None
    clean_size: int = 0
    """Bytes of the clean image."""
    content_type: str = ""
    width: int = 0
    height: int = 0
    removed: tuple[str, ...] = ()
    captured_at: dt.datetime | None = None
    captured_at_has_offset: bool = False
    lossless: bool = False
    geometry: Geometry = UNCHANGED
    discarded_at: dt.datetime | None = None
    received_at: dt.datetime | None = None
    screen_like: bool = False
    """As it came it named no camera, and was of the kind or shape of a screenshot."""
    seconds: float | None = None
    """How long a video lasts; None for a picture."""
    sound: bool = False
    """Whether a video has kept its sound."""
    making: Making | None = None
    """Of a video: what is being made of it; until then `clean` is what was made before, or nothing."""
    unreadable: bool = False
    """What came can be opened no more, its sealed bytes being damaged or gone: it was told, and is not tried again."""

    @property
    def is_made(self) -> bool:
        """Whether it is as asked: nothing is being made of it."""
        return self.clean is not None and self.making is None

    @property
    def is_video(self) -> bool:
        return self.content_type.startswith("video/")

    @property
    def had_sound(self) -> bool:
        """Whether a video came with sound, kept or not."""
        return self.sound or "sound" in self.removed

    @property
    def camera_day(self) -> dt.date | None:
        """The camera's own claim, if it made one."""
        return self.captured_at.date() if self.captured_at else None

    @property
    def is_clean(self) -> bool:
        return self.clean is not None


@dataclass(frozen=True)
class SecondAnswer:
    """What a second clinician said about going on (X10, X25, G-R104, G-R110). `words` in their own.

    `about`: a digest of what they were shown; once that changes, nobody has agreed to it any more. A no stands until
    somebody who was asked again says yes.
    """

    by: Reference
    name: str = field(repr=False)
    agrees: bool
    words: str = field(repr=False)
    at: dt.datetime
    about: str = ""
    person: Reference | None = None
    """The person behind `by`, who may have other logins."""


@dataclass(frozen=True)
class Draft:
    """One capture of one user for one patient at one EHR. Belongs to these, not to the launch."""

    capture_id: CaptureId
    fhir_base: FhirBase
    patient: PatientId
    user: Reference
    launch: LaunchId
    encounter: Reference | None
    state: DraftState
    created: dt.datetime
    updated: dt.datetime
    images: tuple[DraftImage, ...] = ()
    answers: Answers = field(default_factory=Answers)
    intent: IntentId | None = None
    filing: Mapping[str, object] | None = field(default=None, repr=False)
    """What was fixed when filing began (`capture.filing.FilingOrder` as JSON), so that a resume says the same."""
    result: Mapping[str, object] | None = field(default=None, repr=False)
    """What the receipt shows."""
    source_emptied_at: dt.datetime | None = None
    """When somebody said that the mailbox or device was emptied (G-R130, G-R275)."""
    request: RequestId | None = None
    """The request of ours that these pictures answer; None: nobody asked through us (G-R122)."""
    preauthorised_private: bool = False
    """That request allowed a private picture (G-R182)."""
    patient_said: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What was said at the link itself (`capture.patient_said`); no form ever changes it. Empty: not by our link."""
    from_patient: tuple[ImageId, ...] = ()
    """The pictures that came by the link; others of the capture were added here."""
    identity: str = ""
    """Digest of how the record named the patient when the answers were given; empty before the first."""
    second_asked_at: dt.datetime | None = None
    second_asked_by: Reference | None = None
    """The person who asked, behind their login."""
    second: SecondAnswer | None = None
    refusals: tuple[SecondAnswer, ...] = ()
    """Those who had said no before `second` was given."""
    last_page: str = ""
    """Which page saved answers last, and which save of it: what it does not know of, another has said."""
    was_intimate: bool = False
    """A clinician said once that it is intimate or private: going back on it needs a reason (G-R173)."""
    not_used: tuple[NotUsed, ...] = ()
    """What was refused after its upload had been answered, until somebody was told."""

    def with_form(self, form: Mapping[str, str], *, identity: str, seen: str, page: str, now: dt.datetime) -> Draft:
        """What a form says on top of what was said. `page`: which page says it, `seen`: the digest of the answers
        that it saw last. Raises `AnswersChanged` where it would change answers that it knows nothing of. A page knows
        what it saved itself, before any reply reaches it; it numbers its saves (`page.7`), and one that a later one
        has overtaken on the way changes nothing."""
        answers = self.answers.with_form(form, tuple(image.image_id for image in self.images))
        own, overtaken = _compared(page, self.last_page)
        if overtaken:
            return self
        if seen and not own and self.answers.digest not in (seen, answers.digest):
            raise AnswersChanged(CHANGED_ELSEWHERE)
        return replace(
            self,
            answers=answers,
            identity=self.identity or identity,
            last_page=page,
            was_intimate=self.was_intimate or says_intimate(answers),
            updated=now,
        )

    def second_under(self, pack: str) -> SecondAnswer | None:
        """The second clinician's answer that counts under the pack in force: an agreement by somebody else than who
        asks or files, while what it is about is what it was; else the last refusal, which nothing wears off."""
        second = self.second
        if second is None or not second.agrees:
            return second
        own = {self.user, self.second_asked_by} & {second.by, second.person} - {None}
        if not own and second.about == what_a_second_sees(self, pack):
            return second
        return self.refusals[-1] if self.refusals else None

    def second_waits(self, pack: str) -> bool:
        """Whether a second clinician was asked and has not answered yet."""
        stands = self.second_under(pack)
        if self.second_asked_at is None or (stands is not None and stands.agrees):
            return False
        return stands is None or stands.at < self.second_asked_at

    def image(self, image_id: ImageId) -> DraftImage:
        for image in self.images:
            if image.image_id == image_id:
                return image
        raise NotFound(f"image {image_id} is not part of this capture", status=404)

    def with_image(self, changed: DraftImage) -> Draft:
        return replace(
            self, images=tuple(changed if image.image_id == changed.image_id else image for image in self.images)
        )

    def need_open(self) -> None:
        """Raises `Refused` once filing has begun: what is on its way is not changed under it."""
        if self.state not in (DraftState.OPEN, DraftState.SENDING):
            raise Refused("This capture is already being filed or finished. Start a new one.", code="not-open")

    @property
    def only_words(self) -> bool:
        """What is left once the patient took back every picture that came by our link: what a clinician wrote about
        them, which gets its note (G-R159, G-R160, G-R270)."""
        written = any(self.answers.said(name) for name in ("findings", "advice"))
        return self.request is not None and not self.images and written

    @property
    def vault_items(self) -> tuple[VaultId, ...]:
        return tuple(
            item for image in self.images for item in (image.received, image.clean, image.thumbnail) if item is not None
        )


OWN_WORDS = frozenset({"findings", "advice", "note_elsewhere", "show_online", "urgent_reason"})
"""Answers that may change without a second clinician looking again: they are no ground for going on."""


def what_a_second_sees(draft: Draft, pack: str) -> str:
    """A digest of the grounds: who the patient is, the pack in force, what a request allowed, pictures as they would
    be kept, and every answer but `OWN_WORDS`."""
    shared = _said({name: said for name, said in draft.answers.shared.items() if name not in OWN_WORDS})
    pictures = {image.image_id: image.sha256_clean for image in draft.images if image.discarded_at is None}
    own = {image: _said(draft.answers.per_image.get(image, {})) for image in pictures}
    grounds: list[object] = [draft.identity, draft.preauthorised_private, pack, shared, pictures, own]
    if draft.patient_said:
        grounds.append(dict(draft.patient_said))
    return hashlib.sha256(json.dumps(grounds, sort_keys=True).encode()).hexdigest()


def _compared(page: str, last: str) -> tuple[bool, bool]:
    """Whether the page that speaks is the one that saved last, and whether what it says now is older than that. A page
    without a script has no numbers: it is gone when it has saved."""
    (name, number), (last_name, last_number) = _name_and_number(page), _name_and_number(last)
    own = bool(name) and name == last_name
    return own, own and number is not None and last_number is not None and number < last_number


def _name_and_number(page: str) -> tuple[str, int | None]:
    name, _, number = page.partition(".")
    return name, int(number) if number.isascii() and number.isdecimal() and len(number) < 10 else None


def _said(answers: Mapping[str, str]) -> dict[str, str]:
    return {name: said.strip() for name, said in answers.items() if said.strip()}


class DraftStore(Protocol):
    """Drafts, encrypted at rest. Every method joins the open transaction."""

    def add(self, draft: Draft) -> None: ...

    def get(self, capture_id: CaptureId, *, for_change: bool = False) -> Draft:
        """Raises `NotFound`. `for_change` keeps others from changing it until the transaction ends."""

    def save(self, draft: Draft) -> None: ...

    def of(self, *, fhir_base: FhirBase, patient: PatientId, user: Reference | None) -> list[Draft]:
        """Newest first. `user` None: everybody's for this patient."""

    def unfinished(self) -> list[Draft]:
        """Everybody's open and filing drafts, oldest first: for escalation and tidying. One that cannot be read is
        logged and hides no other."""
