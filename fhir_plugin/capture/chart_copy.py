"""Filing where a chart takes no image: a copy of each image for reading, or words that say where it is.

The whole image is filed first, beside the chart, and read back; the copy comes last, so that what an EHR cannot take
back is written only once everything else stands. Each image has a copy of its own: it is destroyed, hidden and given
out with its image and with nothing else (docs/adr/0035).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from fhir_plugin.capture.copy_step import ChartCopyStep, CopyLookStep
from fhir_plugin.capture.copy_terms import CopyTerms as CopyTerms
from fhir_plugin.capture.copy_terms import role_of
from fhir_plugin.capture.copy_terms import words_type_at as words_type_at
from fhir_plugin.capture.filing import FilingOrder, OrderedImage
from fhir_plugin.capture.steps import Found
from fhir_plugin.ledger.intents import Evidence, Intent, Step
from fhir_plugin.ports import ClinicalRecord, CopySheets
from mappings.model.identifiers import CaptureId, PatientId, Reference
from mappings.model.images import CleanImage
from mappings.model.writeback import ChartCopy, CopyState, Rung


def copy_steps(
    order: FilingOrder,
    terms: CopyTerms,
    *,
    record: ClinicalRecord,
    found: Found,
    clean: Callable[[OrderedImage], CleanImage],
    sheets: CopySheets,
    digest: Callable[[bytes], str],
    left: Callable[[OrderedImage, Evidence, CopyState], None],
) -> list[Step]:
    """Two steps for each image, writing and looking, to be done after everything else of it has been read back; none
    where the chart holds the images itself, or takes nothing.

    `left` is told what an undo could not remove, so that the register knows of it.
    """
    if terms.rung.whole or terms.rung is Rung.SIGNED_EXPORT:
        return []
    steps: list[Step] = []
    for image in order.images:
        step = ChartCopyStep(
            image=image,
            order=order,
            terms=terms,
            record=record,
            found=found,
            clean=clean,
            sheets=sheets,
            digest=digest,
            left=left,
        )
        steps += [step, CopyLookStep(step)]
    return steps


def copies_of(
    intent: Intent, order: FilingOrder, terms: CopyTerms, evidence: Mapping[str, Evidence]
) -> Iterator[ChartCopy]:
    """What the register keeps once the order has been carried out: one for each image; nothing where the chart holds
    the images itself."""
    for image in order.images if not terms.rung.whole else ():
        held = Reference(evidence[f"image-{image.image_id}"]["reference"])
        if terms.rung is Rung.SIGNED_EXPORT:
            yield copy_of(intent, order, image, held, {"rung": terms.rung.value}, CopyState.TO_FILE)
        else:
            role = role_of(image)
            seen = evidence.get(f"{role}-look", {})
            yield copy_of(intent, order, image, held, {**evidence[role], **seen}, CopyState.IN_CHART)


def copy_of(
    intent: Intent, order: FilingOrder, image: OrderedImage, held: Reference, evidence: Evidence, state: CopyState
) -> ChartCopy:
    """One row of the register, from what a step has left. `held`: the whole image."""
    return ChartCopy(
        id=order.resource_id(role_of(image)),
        fhir_base=intent.fhir_base,
        patient=PatientId(intent.patient),
        image=held,
        image_id=image.image_id,
        capture_id=CaptureId(order.capture_id),
        rung=Rung(evidence["rung"]),
        state=state,
        since=order.recorded_at,
        document=Reference(evidence["reference"]) if evidence.get("reference") else None,
        binary=Reference(evidence["binary"]) if evidence.get("binary") else None,
        content_type=evidence.get("content_type", ""),
        digest=evidence.get("digest", ""),
        reduced=evidence.get("reduced") == "yes",
    )
