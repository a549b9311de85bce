"""What is fixed at the moment a clinician presses *File*: the order that every resume carries out to the letter.

Kept sealed with the draft. Two runs of the same order write the same resources under the same ids.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, field
from typing import Any

from fhir_plugin.capture.order_json import consent_from_json, consent_to_json, decision_from_json, decision_to_json
from mappings.model.consent import PhotoConsent
from mappings.model.decisions import DecisionRecord
from mappings.model.filing import ConsultationNote
from mappings.model.identifiers import CaptureId, ImageId, IntentId, Reference
from mappings.model.images import Arrival, BodySite, Laterality, Photographer
from mappings.model.labels import Label
from mappings.model.situation import Made

Json = dict[str, Any]
NAMESPACE = uuid.UUID("8d2f3f0e-5c1b-4f5e-9a77-0a4d4b7f6c21")


@dataclass(frozen=True)
class OrderedImage:
    """One image that will be stored. `jws` signs its statement; None when nothing could be signed yet."""

    image_id: ImageId
    site: BodySite
    laterality: Laterality | None
    labels: tuple[Label, ...]
    captured: dt.datetime | dt.date | None
    show_online: bool | None
    ended: dt.datetime | None = None
    """Of a recording, where somebody wrote down when it was; it began at `captured`."""
    made: Made = Made.CAMERA
    purpose: str = field(default="", repr=False)
    """Its own, where that differs from the set's (G-R51)."""
    jws: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class FilingOrder:
    """Everything that the record will hold about one capture but the bytes themselves."""

    intent_id: IntentId
    capture_id: CaptureId
    patient: Reference
    encounter: Reference | None
    user: Reference
    user_display: str = field(repr=False)
    recorded_at: dt.datetime
    purpose: str = field(repr=False)
    arrival: Arrival
    photographer: Photographer
    consent: PhotoConsent
    decision: DecisionRecord
    note: str = field(repr=False)
    labels: tuple[Label, ...]
    """The highest of all images: what the consent, the note and the audit event carry."""
    images: tuple[OrderedImage, ...]
    described: tuple[ImageId, ...] = ()
    discarded: tuple[ImageId, ...] = ()
    patient_name: str = field(default="", repr=False)
    birth_date: dt.date | None = field(default=None, repr=False)
    """As the EHR said when *File* was pressed: for the register of what is kept, and its days of review."""

    @property
    def consultation_note(self) -> ConsultationNote:
        """The words about the whole capture, as the clinician saw them."""
        return ConsultationNote(
            capture_id=self.capture_id,
            patient=self.patient,
            encounter=self.encounter,
            author=self.user,
            author_display=self.user_display,
            recorded_at=self.recorded_at,
            text=self.note,
            labels=self.labels,
        )

    def resource_id(self, role: str) -> str:
        """Our own id for one resource of this order: the same at every run, never that of another attempt."""
        return str(uuid.uuid5(NAMESPACE, f"{self.intent_id}/{role}"))


def order_to_json(order: FilingOrder) -> Json:
    return {
        "intent_id": order.intent_id,
        "capture_id": order.capture_id,
        "patient": order.patient,
        "encounter": order.encounter,
        "user": order.user,
        "user_display": order.user_display,
        "recorded_at": order.recorded_at.isoformat(),
        "purpose": order.purpose,
        "arrival": order.arrival,
        "photographer": order.photographer,
        "consent": consent_to_json(order.consent),
        "decision": decision_to_json(order.decision),
        "note": order.note,
        "labels": _labels(order.labels),
        "images": [
            {
                "image_id": image.image_id,
                "site": [image.site.code, image.site.display, image.site.paired, image.site.private],
                "laterality": image.laterality,
                "labels": _labels(image.labels),
                "captured": image.captured.isoformat() if image.captured else None,
                "show_online": image.show_online,
                "ended": image.ended.isoformat() if image.ended else None,
                "made": image.made,
                "purpose": image.purpose,
                "jws": image.jws,
            }
            for image in order.images
        ],
        "described": list(order.described),
        "discarded": list(order.discarded),
        "patient_name": order.patient_name,
        "birth_date": order.birth_date.isoformat() if order.birth_date else None,
    }


def order_from_json(value: Json) -> FilingOrder:
    recorded_at = dt.datetime.fromisoformat(value["recorded_at"])
    consent = consent_from_json(
        value["consent"],
        capture_id=CaptureId(value["capture_id"]),
        patient=Reference(value["patient"]),
        recorded_by=Reference(value["user"]),
        recorded_at=recorded_at,
    )
    return FilingOrder(
        intent_id=IntentId(value["intent_id"]),
        capture_id=CaptureId(value["capture_id"]),
        patient=Reference(value["patient"]),
        encounter=Reference(value["encounter"]) if value["encounter"] else None,
        user=Reference(value["user"]),
        user_display=value["user_display"],
        recorded_at=recorded_at,
        purpose=value["purpose"],
        arrival=Arrival(value["arrival"]),
        photographer=Photographer(value["photographer"]),
        consent=consent,
        decision=decision_from_json(value.get("decision"), pack=consent.policy_version),
        note=value["note"],
        labels=_read_labels(value["labels"]),
        images=tuple(
            OrderedImage(
                image_id=ImageId(image["image_id"]),
                site=BodySite(*image["site"]),
                laterality=Laterality(image["laterality"]) if image["laterality"] else None,
                labels=_read_labels(image["labels"]),
                captured=read_captured(image["captured"]),
                show_online=image["show_online"],
                ended=dt.datetime.fromisoformat(ended) if (ended := image.get("ended")) else None,
                made=Made(image.get("made", Made.CAMERA)),
                purpose=image.get("purpose", ""),
                jws=image["jws"],
            )
            for image in value["images"]
        ),
        described=tuple(ImageId(image) for image in value["described"]),
        discarded=tuple(ImageId(image) for image in value["discarded"]),
        patient_name=value.get("patient_name", ""),
        birth_date=dt.date.fromisoformat(born) if (born := value.get("birth_date")) else None,
    )


def _labels(labels: tuple[Label, ...]) -> list[list[str]]:
    return [[label.system, label.code] for label in labels]


def _read_labels(value: list[list[str]]) -> tuple[Label, ...]:
    return tuple(Label(system, code) for system, code in value)


def read_captured(value: str | None) -> dt.datetime | dt.date | None:
    """A day or an instant from its ISO 8601 text."""
    if value is None:
        return None
    return dt.datetime.fromisoformat(value) if "T" in value else dt.date.fromisoformat(value)
