"""Looking at the images of a record: dates and sites at once, pixels of restricted ones only after a reason.

The server sends no pixel of a restricted image before its reveal; every reveal is in the audit chain, which is
also where we look whether it happened, so that a log that was lost never shows more.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fhir_plugin.errors import NotAllowed, NotFound, RecordRefused, UnacceptableImage
from fhir_plugin.keep.parts import KeepParts
from fhir_plugin.keep.played import Played
from fhir_plugin.ports import ClinicalRecord, Compartment, Json, kept_under
from mappings.model.filing import RecordedImage
from mappings.model.identifiers import ImageId, LaunchId, Reference, Sha256
from mappings.model.images import ReceivedImage
from mappings.model.label_change import ImageLabel
from mappings.model.labels import Label, is_restricted
from mappings.model.people import ClinicalSession, Role
from mappings.model.writeback import ChartCopy
from mappings.r4.attachment import inline_content
from mappings.r4.document_reference import from_document_reference, holds_image, holds_video
from mappings.r4.errors import NotReadable
from mappings.r4.media import from_media, is_photograph, is_video, plays
from mappings.terminology.labels import plain_label

SHOWN = frozenset({"image/jpeg", "image/png", "image/webp"})
"""What a browser may get as it is. Anything else is cleaned by the worker first, or not shown."""
REVEALED = "image.revealed"
POSTER_SIDE = 320
"""Longest side, in pixels, of the frame that stands for a video."""
CURRENT = frozenset({"completed", "current"})
"""An image entered in error, superseded or not proven yet is not shown, and not given by its address either."""


@dataclass(frozen=True)
class GalleryItem:
    """One image of the record, without pixels. `reason_category`: people's words for why it is a calm tile. `in_chart`:
    what its chart has of it, where that takes no images; empty where it holds the image itself."""

    entry: RecordedImage
    sensitive: bool
    revealed: bool
    reason_category: str
    in_chart: tuple[ChartCopy, ...] = ()


class Gallery:
    """The images of this launch's patient, as this launch may see them."""

    def __init__(self, parts: KeepParts) -> None:
        self._parts = parts
        self._played = Played(parts.clock.now)

    def images(self, session: ClinicalSession) -> list[GalleryItem]:
        """Newest first. Those entered in error, in preparation or superseded are not current and do not show."""
        return [item for item, _resource in self.with_resources(session)]

    def with_resources(self, session: ClinicalSession) -> list[tuple[GalleryItem, Json]]:
        """The same, each with the resource as the record gave it. The item's labels are those in force: what the
        record says and what we say, together. What is hidden is not there, whatever the record says of it by now."""
        record = self._parts.records(session.launch_id)
        hidden = self._parts.hidden.references(session.fhir_base, session.patient_id)
        revealed = self._revealed_at(session)
        said = {each.reference: each for each in self._parts.labels.of_patient(session.fhir_base, session.patient_id)}
        copies = self._parts.copies.of_patient(session.fhir_base, session.patient_id)
        found = []
        for entry, resource in self._entries(record, session):
            if entry.status not in CURRENT or entry.reference in hidden:
                continue
            known = said.get(entry.reference)
            in_force = _in_force(entry, known)
            sensitive = is_restricted(list(in_force.labels))
            opened = not sensitive or _opens(revealed, known)
            of_it = tuple(each for each in copies if each.image == entry.reference)
            found.append((GalleryItem(in_force, sensitive, opened, category(in_force.labels), of_it), resource))
        return sorted(found, key=lambda each: _when(each[0].entry), reverse=True)

    def reveal(self, session: ClinicalSession, reference: Reference, reason: str) -> None:
        """One reason opens this patient's restricted images for this launch. Logged before anything is sent."""
        self._need_clinician(session)
        if reason not in self._parts.policy.reveal_reasons:
            raise NotAllowed("Choose a reason before opening a sensitive picture.", code="reason-needed")
        self.entry(session, reference)
        with self._parts.work.transaction():
            self._parts.note(session, REVEALED, reference, reason=reason)

    def picture(self, session: ClinicalSession, reference: Reference) -> tuple[bytes, str]:
        """The image and its type. Raises `NotAllowed` for a restricted one that has not been revealed."""
        entry, resource = self.entry(session, reference)
        self._need_revealed(session, entry)
        viewing = (session.launch_id, reference, entry.version or "")
        if entry.is_video and entry.version and (going_on := self._played.get(viewing)) is not None:
            return going_on, _bare(entry.content_type)
        content, content_type = self._bytes(session, entry, resource)
        if is_restricted(list(entry.labels)):
            with self._parts.work.transaction():
                self._parts.note(session, "image.viewed", reference)
        if content_type in SHOWN:
            return content, content_type
        if entry.is_video and plays(content_type) and content_type == _bare(entry.content_type):
            if entry.version:
                self._played.keep(viewing, content)
            return content, content_type
        clean = self._parts.worker.clean(_foreign(content, content_type))
        return clean.content, clean.content_type

    def thumbnail(self, session: ClinicalSession, reference: Reference) -> tuple[bytes, str]:
        """A small picture, kept in the vault only and under the same label. Made now for images of other systems."""
        entry, resource = self.entry(session, reference)
        self._need_revealed(session, entry)
        owner = kept_under(session.fhir_base, reference)
        kept = self._parts.vault.items(compartment=Compartment.THUMBNAIL, owner=owner)
        if kept:
            return self._parts.vault.get(kept[0].vault_id), "image/jpeg"
        content, content_type = self._bytes(session, entry, resource)
        if entry.is_video:
            small = self._parts.worker.preview(_foreign(content, content_type), longest_side=POSTER_SIDE)
        else:
            small = self._parts.worker.clean(_foreign(content, content_type)).thumbnail
        self._parts.vault.put(small, compartment=Compartment.THUMBNAIL, owner=owner)
        return small, "image/jpeg"

    def entry(self, session: ClinicalSession, reference: Reference) -> tuple[RecordedImage, Json]:
        """The image, with the labels in force, and its resource, if it is this patient's. Otherwise it does not exist
        for this launch."""
        resource_type, _, id = reference.partition("/")
        if resource_type not in ("Media", "DocumentReference") or not id:
            raise NotFound("there is no such picture", status=404)
        if reference in self._parts.hidden.references(session.fhir_base, session.patient_id):
            raise NotFound("there is no such picture", status=404)  # whatever the record says of it by now
        resource = self._parts.records(session.launch_id).read(resource_type, id)
        if not _is_about(resource, session) or not _is_picture(resource):
            raise NotFound("there is no such picture", status=404)
        entry = _read(resource)
        if entry.status not in CURRENT:
            raise NotFound("there is no such picture", status=404)
        return _in_force(entry, self._parts.labels.find(session.fhir_base, reference)), resource

    def is_open(self, session: ClinicalSession, entry: RecordedImage) -> bool:
        """Whether this launch may see it now: it is ordinary, or a reason was given since it was labelled so."""
        if not is_restricted(list(entry.labels)):
            return True
        return _opens(self._revealed_at(session), self._parts.labels.find(session.fhir_base, entry.reference))

    def ended(self, launch: LaunchId) -> None:
        """A launch is over: no video that was being played in it is kept in memory."""
        self._played.end(launch)

    def forget(self, image: Reference) -> None:
        """It is being destroyed: no video of it is kept in memory."""
        self._played.forget(image)

    # ------------------------------------------------------------------------------------------ inside

    def _entries(self, record: ClinicalRecord, session: ClinicalSession) -> list[tuple[RecordedImage, Json]]:
        patient = session.patient_id
        found: list[tuple[RecordedImage, Json]] = []
        for resource_type in ("Media", "DocumentReference"):
            if record.searchable(resource_type):
                resources = record.search(resource_type, {"patient": patient})
                found += [(_read(each), each) for each in resources if _is_about(each, session) and _is_picture(each)]
        return found

    def _bytes(self, session: ClinicalSession, entry: RecordedImage, resource: Json) -> tuple[bytes, str]:
        if entry.inline:
            return _inline(resource), _bare(entry.content_type)
        if entry.content_url is None:
            raise NotFound("this entry of the record holds no picture", status=404)
        binary = self._parts.records(session.launch_id).read_binary(entry.content_url)
        return binary.content, _bare(binary.content_type)

    def _need_clinician(self, session: ClinicalSession) -> None:
        if Role.CLINICIAN not in session.user.roles:
            raise NotAllowed("Only clinicians may open a sensitive picture. Ask one of them.", code="role")

    def _need_revealed(self, session: ClinicalSession, entry: RecordedImage) -> None:
        if not self.is_open(session, entry):
            raise NotAllowed("Choose a reason before opening a sensitive picture.", code="reveal-first")

    def _revealed_at(self, session: ClinicalSession) -> dt.datetime | None:
        """When a reason was last given in this launch; None: never."""
        patient = f"Patient/{session.patient_id}"
        given = self._parts.audit.entries(patient=patient, launch=session.launch_id, action=REVEALED)
        return max((each.at for each in given), default=None)


def _in_force(entry: RecordedImage, known: ImageLabel | None) -> RecordedImage:
    return entry if known is None else replace(entry, labels=known.in_force(entry.labels))


def _opens(revealed: dt.datetime | None, known: ImageLabel | None) -> bool:
    """Whether the reason that was given opens it: one that was given before it was labelled so strictly does not."""
    if revealed is None:
        return False
    return known is None or known.hidden_since is None or revealed > known.hidden_since


def category(labels: Sequence[Label]) -> str:
    """Why an image is restricted, in people's words: the most telling label, or that there is none."""
    telling = [label for label in labels if label.system.endswith("v3-ActCode")]
    return plain_label(telling[0]) if telling else ("sensitive" if labels else "not labelled")


def _is_about(resource: Json, session: ClinicalSession) -> bool:
    """Whether its subject is this patient of this EHR: `Patient/1` of another server is another person."""
    subject = resource.get("subject")
    reference = str(subject.get("reference", "")) if isinstance(subject, dict) else ""
    relative = reference.split("/_history/")[0].removeprefix(f"{session.fhir_base}/")
    return relative == f"Patient/{session.patient_id}"


def _is_picture(resource: Json) -> bool:
    if resource.get("resourceType") == "Media":
        return is_photograph(resource) or is_video(resource)
    return holds_image(resource) or holds_video(resource)


def _read(resource: Json) -> RecordedImage:
    return from_media(resource) if resource.get("resourceType") == "Media" else from_document_reference(resource)


def _inline(resource: Json) -> bytes:
    try:
        return inline_content(resource)
    except NotReadable as error:
        raise RecordRefused("this entry of the record holds a broken picture", status=422) from error


def _bare(content_type: str) -> str:
    return content_type.split(";")[0].strip().lower()


def _foreign(content: bytes, content_type: str) -> ReceivedImage:
    if not content:
        raise UnacceptableImage("This entry of the record holds an empty picture.", code="empty")
    return ReceivedImage(ImageId("foreign"), content, content_type, Sha256("0" * 64))


def _when(entry: RecordedImage) -> str:
    moment = entry.taken or entry.recorded
    return moment.isoformat() if moment is not None else ""
