"""What a second opinion about one picture stands on: what was said about it, by whom, and why it may not be shared."""

from __future__ import annotations

from fhir_plugin.errors import NotFound, Refused, Tampered
from fhir_plugin.keep.asking import Ground, who_gives
from fhir_plugin.keep.consent_change import read_consent
from fhir_plugin.keep.opinion import SecondOpinions
from fhir_plugin.keep.opinion_course import SCOPE
from fhir_plugin.keep.parts import KeepParts
from fhir_plugin.keep.view import GalleryItem
from fhir_plugin.keep.withdraw import kept_of
from fhir_plugin.policy.clock_times import UK
from fhir_plugin.policy.earlier_images import (
    PARENTS_NO,
    answer_that_counts,
    blocked,
    said_no_themselves,
    who_withdraws,
)
from mappings.model.consent import ConsentAnswer
from mappings.model.kept import THEMSELVES
from mappings.model.people import ClinicalSession, Patient


def ground_of(
    parts: KeepParts, opinions: SecondOpinions, session: ClinicalSession, patient: Patient, item: GalleryItem
) -> Ground:
    """Raises `Refused` for a picture that has no consent of ours, or whose notes cannot be read."""
    reference, today = item.entry.reference, parts.clock.now().astimezone(UK).date()
    try:
        image = kept_of(parts, session, reference)
    except NotFound:
        image = None
    except (Tampered, ValueError, KeyError, TypeError) as error:
        raise Refused(
            "What this app noted about this picture cannot be read, so nothing is shared. Tell the person who looks "
            "after this app.",
            code="kept-image-unreadable",
        ) from error
    if image is None or image.consent is None:
        raise Refused(
            "Only pictures that this app filed with a consent can be shared for a second opinion: there is no "
            "other place for the patient’s answer.",
            code="no-consent",
        )
    consent = read_consent(parts, session, image.consent)
    rights = who_withdraws(patient, today, parts.policy.law)
    shut = blocked(image, SCOPE, today, deceased=patient.deceased)
    answer = answer_that_counts(image, consent, SCOPE, today, parts.policy)
    if any(reason.code == "withdrawn" for reason in shut):
        answer = ConsentAnswer.WITHDRAWN
    stops = [reason.text for reason in shut if reason.code != PARENTS_NO]
    rights = who_gives(rights, consent.giver.right)
    parents_no = any(reason.code == PARENTS_NO for reason in shut) and not said_no_themselves(consent, SCOPE)
    if parents_no and not stops:  # it does not bind who can decide themselves: they, and nobody else, are asked
        answer, rights = ConsentAnswer.NOT_ASKED, tuple(right for right in rights if right in THEMSELVES)
    elif not stops and (shut or answer in (ConsentAnswer.REFUSED, ConsentAnswer.WITHDRAWN)):
        stops.append("The patient does not want it shown to a colleague.")
    return Ground(
        image=image,
        version=item.entry.version or "",
        sensitive=item.sensitive,
        answer=answer,
        rights=rights,
        shared_before=len(opinions.of_patient(session.fhir_base, session.patient_id))
        + opinions.unreadable(session.fhir_base, session.patient_id),
        stops=tuple(stops),
        parents_no=parents_no and not stops,
    )
