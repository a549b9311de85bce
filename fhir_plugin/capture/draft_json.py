"""Drafts to and from JSON, for the store that encrypts them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from fhir_plugin.capture.answers import Answers
from fhir_plugin.capture.draft import Draft, DraftImage, DraftState, Making, NotUsed, SecondAnswer
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
from mappings.model.images import Geometry, Region

Json = dict[str, Any]


def geometry_to_json(geometry: Geometry) -> Json:
    def region(r: Region) -> list[float]:
        return [r.left, r.top, r.right, r.bottom]

    return {
        "quarter_turns": geometry.quarter_turns,
        "crop": region(geometry.crop) if geometry.crop else None,
        "black_out": [region(r) for r in geometry.black_out],
    }


def geometry_from_json(value: Json) -> Geometry:
    """Raises ValueError, TypeError or KeyError on anything that is not a geometry."""
    return Geometry(
        quarter_turns=value["quarter_turns"],
        crop=Region(*map(float, value["crop"])) if value.get("crop") else None,
        black_out=tuple(Region(*map(float, r)) for r in value.get("black_out", ())),
    )


def _instant(value: dt.datetime | None) -> str | None:
    return value.isoformat() if value else None


def _read_instant(value: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(value) if value else None


def _making_to_json(making: Making | None) -> Json | None:
    if making is None:
        return None
    geometry = geometry_to_json(making.geometry)
    return {"geometry": geometry, "sound": making.sound, "at": _instant(making.at), "share": making.share}


def _making_from_json(value: Json | None) -> Making | None:
    if value is None:
        return None
    return Making(geometry_from_json(value["geometry"]), value["sound"], _read_instant(value["at"]), value["share"])


def _image_to_json(image: DraftImage) -> Json:
    return {
        "image_id": image.image_id,
        "declared_type": image.declared_type,
        "sha256_received": image.sha256_received,
        "size": image.size,
        "received": image.received,
        "clean": image.clean,
        "thumbnail": image.thumbnail,
        "sha256_clean": image.sha256_clean,
        "clean_size": image.clean_size,
        "content_type": image.content_type,
        "width": image.width,
        "height": image.height,
        "removed": list(image.removed),
        "captured_at": _instant(image.captured_at),
        "captured_at_has_offset": image.captured_at_has_offset,
        "lossless": image.lossless,
        "geometry": geometry_to_json(image.geometry),
        "discarded_at": _instant(image.discarded_at),
        "received_at": _instant(image.received_at),
        "screen_like": image.screen_like,
        "seconds": image.seconds,
        "sound": image.sound,
        "making": _making_to_json(image.making),
        "unreadable": image.unreadable,
    }


def _image_from_json(value: Json) -> DraftImage:
    return DraftImage(
        image_id=ImageId(value["image_id"]),
        declared_type=value["declared_type"],
        sha256_received=Sha256(value["sha256_received"]),
        size=value["size"],
        received=VaultId(value["received"]) if value["received"] else None,
        clean=VaultId(value["clean"]) if value["clean"] else None,
        thumbnail=VaultId(value["thumbnail"]) if value["thumbnail"] else None,
        sha256_clean=Sha256(value["sha256_clean"]) if value["sha256_clean"] else None,
        clean_size=value["clean_size"],
        content_type=value["content_type"],
        width=value["width"],
        height=value["height"],
        removed=tuple(value["removed"]),
        captured_at=_read_instant(value["captured_at"]),
        captured_at_has_offset=value["captured_at_has_offset"],
        lossless=value["lossless"],
        geometry=geometry_from_json(value["geometry"]),
        discarded_at=_read_instant(value["discarded_at"]),
        received_at=_read_instant(value["received_at"]),
        screen_like=value.get("screen_like", False),
        seconds=value.get("seconds"),
        sound=value.get("sound", False),
        making=_making_from_json(value.get("making")),
        unreadable=value.get("unreadable", False),
    )


def draft_to_json(draft: Draft) -> Json:
    return {
        "capture_id": draft.capture_id,
        "fhir_base": draft.fhir_base,
        "patient": draft.patient,
        "user": draft.user,
        "launch": draft.launch,
        "encounter": draft.encounter,
        "state": draft.state,
        "created": _instant(draft.created),
        "updated": _instant(draft.updated),
        "images": [_image_to_json(image) for image in draft.images],
        "answers": {
            "shared": dict(draft.answers.shared),
            "per_image": {image: dict(said) for image, said in draft.answers.per_image.items()},
        },
        "intent": draft.intent,
        "filing": draft.filing,
        "result": draft.result,
        "source_emptied_at": _instant(draft.source_emptied_at),
        "request": draft.request,
        "preauthorised_private": draft.preauthorised_private,
        "patient_said": dict(draft.patient_said),
        "from_patient": list(draft.from_patient),
        "identity": draft.identity,
        "second_asked_at": _instant(draft.second_asked_at),
        "second_asked_by": draft.second_asked_by,
        "second": _second_to_json(draft.second),
        "refusals": [_second_to_json(each) for each in draft.refusals],
        "last_page": draft.last_page,
        "was_intimate": draft.was_intimate,
        "not_used": [[each.image_id, each.code, each.message] for each in draft.not_used],
    }


def _second_to_json(second: SecondAnswer | None) -> Json | None:
    if second is None:
        return None
    return {
        "by": second.by,
        "name": second.name,
        "agrees": second.agrees,
        "words": second.words,
        "at": _instant(second.at),
        "about": second.about,
        "person": second.person,
    }


def _second_from_json(value: Json | None) -> SecondAnswer | None:
    if value is None:
        return None
    at = dt.datetime.fromisoformat(value["at"])
    person = Reference(value["person"]) if value.get("person") else None
    by = Reference(value["by"])
    return SecondAnswer(by, value["name"], value["agrees"], value["words"], at, value["about"], person)


def draft_from_json(value: Json) -> Draft:
    """A draft as an earlier version of the app left it opens, too: what it did not know is as before it was known."""
    created, updated = _read_instant(value["created"]), _read_instant(value["updated"])
    if created is None or updated is None:
        raise ValueError("a draft has its times")
    return Draft(
        capture_id=CaptureId(value["capture_id"]),
        fhir_base=FhirBase(value["fhir_base"]),
        patient=PatientId(value["patient"]),
        user=Reference(value["user"]),
        launch=LaunchId(value["launch"]),
        encounter=Reference(value["encounter"]) if value["encounter"] else None,
        state=DraftState(value["state"]),
        created=created,
        updated=updated,
        images=tuple(_image_from_json(image) for image in value["images"]),
        answers=Answers(
            value["answers"]["shared"],
            {ImageId(image): said for image, said in value["answers"]["per_image"].items()},
        ),
        intent=IntentId(value["intent"]) if value["intent"] else None,
        filing=value["filing"],
        result=value["result"],
        source_emptied_at=_read_instant(value["source_emptied_at"]),
        request=RequestId(value["request"]) if value.get("request") else None,
        preauthorised_private=value.get("preauthorised_private", False),
        patient_said=value.get("patient_said", {}),
        from_patient=tuple(ImageId(image) for image in value.get("from_patient", ())),
        identity=value.get("identity", ""),
        second_asked_at=_read_instant(value.get("second_asked_at")),
        second_asked_by=Reference(value["second_asked_by"]) if value.get("second_asked_by") else None,
        second=_second_from_json(value.get("second")),
        refusals=tuple(found for each in value.get("refusals", ()) if (found := _second_from_json(each)) is not None),
        last_page=value.get("last_page", ""),
        was_intimate=value.get("was_intimate", False),
        not_used=tuple(NotUsed(ImageId(image), code, message) for image, code, message in value.get("not_used", ())),
    )
