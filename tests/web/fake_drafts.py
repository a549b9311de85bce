"""Drafts in memory with their pictures: begun, received, edited, shown and answered; any call can be made to fail."""

from __future__ import annotations

import hashlib
import io
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

from PIL import Image, ImageDraw

from fhir_plugin.capture.draft import Draft, DraftImage, DraftState
from fhir_plugin.capture.routing import WaitingHere
from fhir_plugin.capture.waiting import WaitingItem
from fhir_plugin.errors import (
    NotFound,
    PluginError,
    Refused,
    UnacceptableImage,
)
from fhir_plugin.policy.pack import PolicyPack
from mappings.model.identifiers import (
    CaptureId,
    ImageId,
    Sha256,
    VaultId,
)
from mappings.model.images import Geometry, Region
from mappings.model.people import ClinicalSession, Patient
from tests.fakes.clock import FakeClock
from tests.web.fake_gallery import as_jpeg
from tests.web.people import AMY, BASE, DOCTOR, SAM


def _box(region: Region, width: int, height: int) -> tuple[int, int, int, int]:
    return (
        round(region.left * width),
        round(region.top * height),
        round(region.right * width),
        round(region.bottom * height),
    )


class FakeDrafts:
    """Drafts in a dict. `trouble` is raised by the next call of the method of that name."""

    def __init__(self, clock: FakeClock, policy: PolicyPack, patients: Sequence[Patient] = (AMY, SAM)) -> None:
        self.clock, self.policy = clock, policy
        self.patients = {patient.id: patient for patient in patients}
        self.drafts: dict[CaptureId, Draft] = {}
        self.received: dict[ImageId, Image.Image] = {}
        self.received_bytes: dict[ImageId, tuple[bytes, str]] = {}
        self.trouble: dict[str, PluginError] = {}
        self.extra_waiting: list[WaitingItem] = []
        self.at_this_chart: list[WaitingHere] = []
        self._numbers = itertools.count(1)

    def _stumble(self, method: str) -> None:
        if error := self.trouble.pop(method, None):
            raise error

    def patient(self, session: ClinicalSession) -> Patient:
        self._stumble("patient")
        return self.patients[session.patient_id]

    def identity_digest(self, patient: Patient) -> str:
        return hashlib.sha256(repr((patient.id, patient.birth_date, patient.nhs_number)).encode()).hexdigest()[:24]

    def begin(self, session: ClinicalSession) -> CaptureId:
        self._stumble("begin")
        now = self.clock.now()
        capture_id = CaptureId(f"capture-{next(self._numbers)}")
        self.drafts[capture_id] = Draft(
            capture_id=capture_id,
            fhir_base=session.fhir_base,
            patient=session.patient_id,
            user=session.user.reference,
            launch=session.launch_id,
            encounter=None,
            state=DraftState.OPEN,
            created=now,
            updated=now,
        )
        return capture_id

    def waits(self, capture_id: CaptureId, kind: str, message: str) -> WaitingItem:
        return WaitingItem(capture_id, kind, message, self.clock.now(), DOCTOR.reference, BASE, AMY.id)

    def waiting(self, session: ClinicalSession) -> Sequence[WaitingItem]:
        unfinished = [
            self.waits(draft.capture_id, "unfinished", f"{len(draft.images)} pictures wait for your decision.")
            for draft in self.drafts.values()
            if draft.state is DraftState.OPEN and draft.patient == session.patient_id and draft.images
        ]
        return [*unfinished, *self.extra_waiting]

    def waiting_here(self, session: ClinicalSession) -> Sequence[WaitingHere]:
        self._stumble("waiting_here")
        return self.at_this_chart

    def draft(self, session: ClinicalSession, capture_id: CaptureId) -> Draft:
        self._stumble("draft")
        draft = self.drafts.get(capture_id)
        if draft is None or draft.patient != session.patient_id:
            raise NotFound(f"capture {capture_id} is not here", status=404)
        return draft

    def _save(self, draft: Draft) -> Draft:
        draft = replace(draft, updated=self.clock.now())
        self.drafts[draft.capture_id] = draft
        return draft

    def receive(
        self, session: ClinicalSession, capture_id: CaptureId, content: bytes, declared_type: str
    ) -> DraftImage:
        self._stumble("receive")
        draft = self.draft(session, capture_id)
        draft.need_open()
        if len(draft.images) >= self.policy.most_images:
            raise Refused(
                "A set holds up to ten pictures. File these first, then start another set.", code="too-many-images"
            )
        if not content:
            raise UnacceptableImage("The file is empty. Choose it again.", code="empty")
        try:
            picture = Image.open(io.BytesIO(content))
            picture.load()
        except (OSError, ValueError) as error:
            raise UnacceptableImage("This is not a picture that the app knows.", code="not-an-image") from error
        image_id = ImageId(f"i{next(self._numbers)}")
        self.received[image_id] = picture.convert("RGB")
        self.received_bytes[image_id] = (content, declared_type)
        image = DraftImage(
            image_id=image_id,
            declared_type=declared_type,
            sha256_received=Sha256(hashlib.sha256(content).hexdigest()),
            size=len(content),
            received=VaultId("v"),
            clean=VaultId("c"),
            thumbnail=VaultId("t"),
            sha256_clean=Sha256(hashlib.sha256(content[::-1]).hexdigest()),
            content_type="image/jpeg",
            width=picture.width,
            height=picture.height,
            removed=("location", "phone model", "time"),
        )
        self._save(replace(draft, images=(*draft.images, image)))
        return image

    def edit(
        self,
        session: ClinicalSession,
        capture_id: CaptureId,
        image_id: ImageId,
        geometry: Geometry,
        *,
        lossless: bool = False,
    ) -> DraftImage:
        self._stumble("edit")
        draft = self.draft(session, capture_id)
        changed = replace(draft.image(image_id), geometry=geometry, lossless=lossless)
        self._save(draft.with_image(changed))
        return changed

    def _edited(self, image_id: ImageId, geometry: Geometry) -> Image.Image:
        picture = self.received[image_id].rotate(-90 * geometry.quarter_turns, expand=True)
        pen = ImageDraw.Draw(picture)
        for region in geometry.black_out:
            pen.rectangle(_box(region, *picture.size), fill=(0, 0, 0))
        return picture.crop(_box(geometry.crop, *picture.size)) if geometry.crop else picture

    def preview(
        self, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId, *, quarter_turns: int
    ) -> bytes:
        self.draft(session, capture_id).image(image_id)
        picture = self._edited(image_id, Geometry(quarter_turns=quarter_turns))
        picture.thumbnail((1200, 1200))
        return as_jpeg(picture)

    def picture(self, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId) -> tuple[bytes, str]:
        image = self.draft(session, capture_id).image(image_id)
        return as_jpeg(self._edited(image_id, image.geometry)), "image/jpeg"

    def thumbnail(self, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId) -> tuple[bytes, str]:
        image = self.draft(session, capture_id).image(image_id)
        picture = self._edited(image_id, image.geometry)
        picture.thumbnail((320, 320))
        return as_jpeg(picture), "image/jpeg"

    def answer(
        self,
        session: ClinicalSession,
        capture_id: CaptureId,
        form: Mapping[str, str],
        *,
        identity: str = "",
        seen: str = "",
        page: str = "",
    ) -> Draft:
        self._stumble("answer")
        draft = self.draft(session, capture_id)
        draft.need_open()
        return self._save(draft.with_form(form, identity=identity, seen=seen, page=page, now=self.clock.now()))

    def confirm_patient(self, session: ClinicalSession, capture_id: CaptureId, *, identity: str) -> Draft:
        return self._save(replace(self.draft(session, capture_id), identity=identity))
