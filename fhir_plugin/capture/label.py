"""A clean image becomes a labelled one: the only kind that can be written."""

from __future__ import annotations

from fhir_plugin.capture.filing import FilingOrder, OrderedImage
from mappings.model.filing import LabelledImage
from mappings.model.images import CleanImage, Photographer
from mappings.model.labels import Intimacy, Label, Source, image_labels

VOUCHED_FOR_BY = {
    Photographer.CLINICIAN: Source.CLINICIAN,
    Photographer.COLLEAGUE: Source.CLINICIAN,
    Photographer.PATIENT: Source.PATIENT,
    Photographer.PARENT: Source.PROXY,
    Photographer.FAMILY_CARER: Source.PROXY,
    Photographer.CARE_WORKER: Source.PROXY,
    Photographer.OTHER: Source.PROXY,
}


def labels_for(
    *,
    intimacy: Intimacy,
    private_site: bool,
    photographer: Photographer,
    patient_says_private: bool = False,
    child: bool = False,
) -> tuple[Label, ...]:
    """The labels of an image by what was answered (labels-and-shapes A2, A12; G-R172, G-R186, G-R254)."""
    return image_labels(
        intimacy=intimacy,
        private_site=private_site,
        source=VOUCHED_FOR_BY[photographer],
        patient_says_private=patient_says_private,
        child=child,
    )


def label(image: CleanImage, ordered: OrderedImage, order: FilingOrder) -> LabelledImage:
    """The clean image with the labels and facts that were fixed when filing began."""
    return LabelledImage(
        image=image,
        labels=ordered.labels,
        capture_id=order.capture_id,
        patient=order.patient,
        encounter=order.encounter,
        site=ordered.site,
        laterality=ordered.laterality,
        purpose=ordered.purpose or order.purpose,
        arrival=order.arrival,
        photographer=order.photographer,
        recorded_by=order.user,
        recorded_at=order.recorded_at,
        captured=ordered.captured,
        show_online=ordered.show_online,
        ended=ordered.ended,
        made=ordered.made,
        policy_version=order.consent.policy_version,
    )
