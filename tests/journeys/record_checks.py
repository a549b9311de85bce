"""What the sandbox EHR holds of a capture, judged from its own store and nothing else."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from fhir_plugin.sandbox.fhir.store import FhirStore

TAG = "urn:fhir-plugin:capture"


def of_capture(store: FhirStore, resource_type: str, capture: str) -> list[dict[str, Any]]:
    return store.search(resource_type, {"_tag": f"{TAG}|{capture}"})


def sets_of(store: FhirStore, capture: str) -> tuple[list[str], list[str]]:
    """(images that are complete and current, images that are current but incomplete), by reference."""
    images = [*of_capture(store, "Media", capture), *of_capture(store, "DocumentReference", capture)]
    current = [each for each in images if _is_image(each) and each["status"] in ("completed", "current")]
    complete: list[str] = []
    partial: list[str] = []
    for image in current:
        reference = f"{image['resourceType']}/{image['id']}"
        (complete if _is_complete(store, image, reference, capture) else partial).append(reference)
    return complete, partial


def _is_image(resource: dict[str, Any]) -> bool:
    if resource["resourceType"] == "Media":
        return True
    return any(
        str(each["attachment"].get("contentType", "")).startswith("image/") for each in resource.get("content", [])
    )


def _is_complete(store: FhirStore, image: dict[str, Any], reference: str, capture: str) -> bool:
    content = image["content"]
    attachment = content if isinstance(content, dict) else content[0]["attachment"]
    binary = store.binary(attachment["url"].split("/")[-1])
    if binary is None or len(binary[0]) != attachment["size"] or not image.get("meta", {}).get("security"):
        return False
    if hashlib.sha1(binary[0]).digest() != base64.b64decode(attachment["hash"]):
        return False
    provenances = of_capture(store, "Provenance", capture)
    ours = [each for each in provenances if any(target["reference"] == reference for target in each["target"])]
    consents = [each for each in of_capture(store, "Consent", capture) if each["status"] == "active"]
    decisions = [each for each in of_capture(store, "QuestionnaireResponse", capture) if each["status"] == "completed"]
    events = of_capture(store, "AuditEvent", capture)
    notes = [each for each in of_capture(store, "DocumentReference", capture) if not _is_image(each)]
    return len(ours) == len(consents) == len(decisions) == len(events) == len(notes) == 1


def left_standing(store: FhirStore, capture: str) -> list[str]:
    """What still speaks for a capture that is not filed: a consent in force, a decision that counts, a note."""
    alive = {"Consent": "active", "QuestionnaireResponse": "completed", "DocumentReference": "current"}
    return [
        f"{kind}/{each['id']}"
        for kind, status in alive.items()
        for each in of_capture(store, kind, capture)
        if each["status"] == status
    ]
