"""A capture as a file for somebody to file by hand: where an EHR takes nothing from an app, or did not take this.

Nothing is written anywhere. What is hidden, destroyed or discarded is in no such file. A capture that is in the chart,
in whatever form, needs none: then there is nothing to export.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fhir_plugin import VERSION
from fhir_plugin.capture.copy_words import UNLABELLED, filed_words, sheet_words, unfiled_words
from fhir_plugin.capture.draft import Draft, DraftState
from fhir_plugin.capture.filing import FilingOrder, order_from_json
from fhir_plugin.capture.label import label
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.capture.write import image_statement, load_clean
from fhir_plugin.errors import RecordRefused, Refused, Tampered
from fhir_plugin.ports import ClinicalRecord, Json, SheetWords
from mappings.model.identifiers import CaptureId, ImageId, Reference
from mappings.model.writeback import CopyState
from mappings.r4.consent import to_consent
from mappings.r4.media import to_media
from mappings.r4.note import to_note
from mappings.r4.provenance import RestsOn, to_provenance
from mappings.r4.questionnaire_response import to_questionnaire_response

BY_HAND: Final = frozenset({CopyState.TO_FILE, CopyState.FILED_BY_HAND})
_NOT_FILED: Final = (
    "The EHR did not take this. It is not in the record, and is kept by this app until somebody files or discards it. "
    "Whoever files this by hand discards it there, so that it is not filed twice."
)
_FILE_IT: Final = "File this in the chart as documents are filed there, and say in this app's list that it is done."


class NothingToExport(Refused):
    """It is in the chart, or was never sent there, or nothing of it is kept here."""

    code = "nothing-to-export"


@dataclass(frozen=True)
class ExportedImage:
    """One image of an export. `load` gives its bytes, whole."""

    image_id: ImageId
    content_type: str
    width: int
    height: int
    words: SheetWords = field(repr=False)
    load: Callable[[], bytes] = field(repr=False)

    @property
    def is_video(self) -> bool:
        return self.content_type.startswith("video/")


@dataclass(frozen=True)
class CaptureExport:
    """What a signed file of one capture holds. `resources`: what the record would hold of it, or our store holds."""

    capture_id: CaptureId
    made: dt.datetime
    images: tuple[ExportedImage, ...]
    resources: tuple[Json, ...] = field(repr=False)


def may_export(parts: CaptureParts, draft: Draft) -> bool:
    """Whether there is something to file by hand: asked of our own database alone."""
    if draft.state is DraftState.FILED:
        return bool(_to_file(parts, draft))
    if draft.intent is None or draft.state not in (DraftState.OPEN, DraftState.FILING):
        return False
    held_up = bool(parts.ledger.get(draft.intent).reason)  # not what is just being filed
    return held_up and bool(_kept(draft))


def export_of(parts: CaptureParts, draft: Draft, record: Callable[[], ClinicalRecord]) -> CaptureExport:
    """Raises `NothingToExport`, and what reading the whole images raises."""
    if not may_export(parts, draft):
        raise NothingToExport("There is nothing of this to be filed by hand.")
    if draft.state is DraftState.FILED:
        images, resources = _filed(parts, draft, record())
    elif draft.filing is not None:
        images, resources = _ordered(parts, draft, order_from_json(dict(draft.filing)))
    else:
        images, resources = tuple(_bare(parts, draft)), ()
    return CaptureExport(draft.capture_id, parts.clock.now(), images, resources)


# ------------------------------------------------------------------------------------------ kept beside the chart


def _to_file(parts: CaptureParts, draft: Draft) -> dict[Reference, ImageId]:
    """The images that wait to be filed by hand, or were: no hidden one, and none that is to be gone."""
    hidden = parts.hidden.references(draft.fhir_base, draft.patient)
    return {
        copy.image: copy.image_id
        for copy in parts.copies.of_patient(draft.fhir_base, draft.patient)
        if copy.capture_id == draft.capture_id and copy.state in BY_HAND and copy.image not in hidden
    }


def _filed(
    parts: CaptureParts, draft: Draft, record: ClinicalRecord
) -> tuple[tuple[ExportedImage, ...], tuple[Json, ...]]:
    result: Mapping[str, Any] = draft.result or {}
    wanted = _to_file(parts, draft)
    every = list(result.get("filed", ()))
    lines = [line for line in every if Reference(line["reference"]) in wanted]
    if len(lines) < len(every):  # what is said of all of them tells of one that is not to be seen
        result = {}
    images, resources = [], []
    for line in lines:
        media = record.read(*line["reference"].split("/"))
        kept = parts.kept.get(draft.fhir_base, Reference(line["reference"]))
        content_type = str(media["content"]["contentType"])
        words = filed_words(
            line,
            result,
            kept,
            organisation=_organisation(parts),
            closing=_FILE_IT,
            is_video=content_type.startswith("video/"),
        )
        images.append(
            ExportedImage(
                image_id=ImageId(line["image_id"]),
                content_type=content_type,
                width=int(media.get("width", 1)),
                height=int(media.get("height", 1)),
                words=words,
                load=_from_record(record, line["binary"], line["sha256_clean"]),
            )
        )
        resources.append(media)
    named = [result.get(each) for each in ("consent", "decision", "note")] + [line["provenance"] for line in lines]
    for reference in filter(None, named):
        with suppress(RecordRefused):  # what this launch may not read is not part of what somebody files
            resources.append(record.read(*reference.split("/")))
    return tuple(images), tuple(resources)


def _from_record(record: ClinicalRecord, binary: str, sha256: str) -> Callable[[], bytes]:
    def load() -> bytes:
        content = record.read_binary(binary).content
        if hashlib.sha256(content).hexdigest() != sha256:
            raise Tampered("An image is not the one that was filed.", code="image-changed")
        return content

    return load


# ------------------------------------------------------------------------------------------ never filed


def _kept(draft: Draft) -> list[ImageId]:
    """The pictures that were to be stored."""
    if draft.filing is not None:
        return [image.image_id for image in order_from_json(dict(draft.filing)).images]
    said = draft.answers.per_image
    return [
        image.image_id
        for image in draft.images
        if image.is_clean and image.discarded_at is None and said.get(image.image_id, {}).get("decision") == "store"
    ]


def _ordered(
    parts: CaptureParts, draft: Draft, order: FilingOrder
) -> tuple[tuple[ExportedImage, ...], tuple[Json, ...]]:
    """As the order fixed it when *File* was pressed: what the record would hold, under the ids that it would have."""
    images: list[ExportedImage] = []
    resources: list[Json] = []
    media = [Reference(f"Media/{order.resource_id(f'image-{each.image_id}')}") for each in order.images]
    consented = bool(order.consent.decisions)
    for image, target in zip(order.images, media, strict=True):
        clean = load_clean(draft.image(image.image_id), parts.vault)
        labelled = label(clean, image, order)
        words = sheet_words(order, image, clean, organisation=_organisation(parts), shows_picture=not clean.is_video)
        images.append(
            ExportedImage(
                image_id=image.image_id,
                content_type=clean.content_type,
                width=clean.width,
                height=clean.height,
                words=replace(words, closing=(_NOT_FILED,)),
                load=_from_vault(parts, draft, image.image_id),
            )
        )
        binary = f"Binary/{order.resource_id(f'binary-{image.image_id}')}"
        resources.append(to_media(labelled, binary_url=binary, id=target.rpartition("/")[2]))
        resources.append(
            to_provenance(
                labelled,
                targets=[target],
                software_version=VERSION,
                statement=image_statement(labelled),
                jws=image.jws,
                grounds=[RestsOn.CONSENT, RestsOn.DECISION] if consented else [RestsOn.DECISION],
                id=order.resource_id(f"provenance-{image.image_id}"),
            )
        )
    if consented:
        described = [("Media", each) for each in order.described]
        id = order.resource_id("consent")
        resources.append(to_consent(order.consent, images=media, named=described, id=id, labels=order.labels))
    resources.append(
        to_questionnaire_response(
            order.decision,
            order.consent,
            labels=order.labels,
            encounter=order.encounter,
            id=order.resource_id("decision"),
        )
    )
    resources.append(to_note(order.consultation_note, id=order.resource_id("note")))
    return tuple(images), tuple(resources)


def _bare(parts: CaptureParts, draft: Draft) -> Iterator[ExportedImage]:
    """What the EHR refused and gave back: nothing is fixed any more, so that it counts as restricted."""
    for image_id in _kept(draft):
        image = draft.image(image_id)
        words = unfiled_words(draft, image, made=parts.clock.now(), organisation=_organisation(parts))
        yield ExportedImage(
            image_id=image_id,
            content_type=image.content_type,
            width=image.width,
            height=image.height,
            words=replace(words, banner=(UNLABELLED,), closing=(_NOT_FILED,)),
            load=_from_vault(parts, draft, image_id),
        )


def _from_vault(parts: CaptureParts, draft: Draft, image_id: ImageId) -> Callable[[], bytes]:
    return lambda: load_clean(draft.image(image_id), parts.vault).content


def _organisation(parts: CaptureParts) -> str:
    named = parts.policy.organisation
    return named if named != "any" else "the practice"
