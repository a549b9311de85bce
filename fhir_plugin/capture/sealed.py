"""What was decided to go and may not go yet: sealed under its ended capture until nothing holds the patient's images.

A hold may come up between *File* and the end of a filing. The note is written then, but nothing is destroyed, nobody is
told that it was, and no page opens it any more (G-R255, G-R278, G-R312).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fhir_plugin.capture.cleaning import destroy_image
from fhir_plugin.capture.draft import Draft, DraftImage, DraftState
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.errors import NotFound
from fhir_plugin.policy.ruling import Reason
from fhir_plugin.ports import AuditEntry, Compartment
from mappings.model.identifiers import CaptureId

SEALED_FOR = "sealed_for"
"""Key of a draft's result: why its pictures are kept sealed, in words."""
ENDED = frozenset({DraftState.FILED, DraftState.DESCRIBED, DraftState.DISCARDED})
_WORDS: Mapping[str, str] = {"described": "image.described", "discarded": "image.discarded"}


def kept_sealed(held: tuple[Reason, ...]) -> dict[str, list[str]]:
    """What the result of a filing says while pictures of it are kept sealed."""
    return {SEALED_FOR: [reason.text for reason in held]}


def bare(image: DraftImage) -> DraftImage:
    """What is known of a picture once its bytes are destroyed."""
    return replace(image, received=None, clean=None, thumbnail=None)


def destroy_sealed(parts: CaptureParts) -> int:
    """Destroys what was kept sealed only because something held it, where nothing does any more; returns how many."""
    owners = dict.fromkeys(item.owner for item in parts.vault.items(compartment=Compartment.QUARANTINE))
    return sum(_destroy(parts, CaptureId(owner)) for owner in owners)


def _destroy(parts: CaptureParts, capture_id: CaptureId) -> int:
    with parts.work.transaction():
        try:
            draft = parts.drafts.get(capture_id, for_change=True)
        except NotFound:
            return 0
        if draft.state not in ENDED or SEALED_FOR not in (draft.result or {}):
            return 0
        if parts.held(draft.fhir_base, draft.patient):
            return 0
        sealed = [image for image in draft.images if image.received is not None]
        for image in sealed:
            destroy_image(parts, image)
        result = {key: value for key, value in (draft.result or {}).items() if key != SEALED_FOR}
        emptied = replace(draft, images=tuple(bare(image) for image in draft.images), result=result)
        parts.drafts.save(replace(emptied, updated=parts.clock.now()))
        for image in sealed:
            _note(parts, draft, image)
    return len(sealed)


def _note(parts: CaptureParts, draft: Draft, image: DraftImage) -> None:
    result = draft.result or {}
    not_stored = result.get("not_stored")
    how = dict(not_stored).get(image.image_id, "") if isinstance(not_stored, list) else ""
    detail: dict[str, str | int | bool] = {
        "image": image.image_id,
        "left": len(parts.vault.items(owner=draft.capture_id)),
    }
    if how == "discarded":
        detail["reason"] = draft.answers.per_image.get(image.image_id, {}).get("discard_reason", "")
    parts.audit.append(
        AuditEntry(
            action=_WORDS.get(how, "image.discarded"),
            actor="system",
            patient=f"Patient/{draft.patient}",
            launch=draft.launch,
            subject=draft.capture_id,
            policy=str(result.get("policy") or parts.policy.reference),
            detail=detail,
        )
    )
