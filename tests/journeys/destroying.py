"""A photograph filed, its permanent deletion asked for and approved by somebody else: what carrying out begins with."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence

from PIL import Image

from fhir_plugin.delete.request import Asked
from fhir_plugin.installation import Installation
from fhir_plugin.walkthrough import answers_for
from mappings.model.deletion import DeletionCase, DeletionReason, Principle
from mappings.model.identifiers import Reference
from mappings.model.people import ClinicalSession


def photograph(number: int) -> bytes:
    """Coloured noise, another for each number: nothing in it stands in any other picture."""
    dice = random.Random(number)
    picture = Image.frombytes("RGB", (48, 36), dice.randbytes(48 * 36 * 3)).resize((480, 360), Image.Resampling.NEAREST)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()


def file_images(installation: Installation, session: ClinicalSession, photographs: Sequence[bytes]) -> list[Reference]:
    """One capture, filed; the images in the order of the photographs."""
    captures = installation.captures
    capture = captures.begin(session)
    images = [captures.receive(session, capture, each, "image/jpeg").image_id for each in photographs]
    captures.answer(session, capture, answers_for(list(images)))
    digest = captures.identity_digest(captures.patient(session))
    receipt = captures.file(session, capture, patient_id=session.patient_id, identity_digest=digest)
    assert receipt.state == "filed", receipt.reason
    filed = {line.image_id: line.reference for line in receipt.filed}
    return [filed[each] for each in images]


def ask_for(installation: Installation, session: ClinicalSession, *images: Reference) -> DeletionCase:
    """By the clinician of `session`, for a reason that no clock belongs to."""
    record = installation.records.record_of(session.launch_id)
    versions = {each: str(record.read(*each.split("/")).get("meta", {}).get("versionId", "")) for each in images}
    asked = Asked(
        images=versions,
        reason=DeletionReason.NO_CONSENT,
        words="Nobody was asked.",
        described="In the notes of today.",
        gmc_looked_at=True,
        instead="It must not be seen by anybody.",
    )
    patient = installation.captures.patient(session)
    return installation.deletion.requests.ask(session, patient, asked, once="")


def approve(installation: Installation, guardian: ClinicalSession, case: DeletionCase) -> DeletionCase:
    """Every image of it, by the Guardian of that session."""
    decisions = installation.deletion.decisions
    case = decisions.opened(guardian, case.id)
    for item in case.items:
        case = decisions.approve(
            guardian, case.id, item.id, frozenset(Principle), "It was never agreed to.", revision=case.revision
        )
    return case
