"""Somebody else took it: family, carers, care workers, staff; and on whose device (G-R323 to G-R338, X8, X24)."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_plugin.policy.case import STAFF, USING, Case
from fhir_plugin.policy.choices import CareworkerCapture, PersonalDevice
from fhir_plugin.policy.findings import Ask, Due, Finding, Flagged, Stop, Warn
from fhir_plugin.policy.offered import offered
from fhir_plugin.policy.ruling import Act, Reason, WorkDue
from mappings.model.images import Photographer
from mappings.model.situation import Device, Modality
from mappings.model.work import WorkKind

HELPER_NOT_AGREED = Reason(
    "helper-not-agreed",
    "The patient does not agree to this person taking it.",
    "Do not use it. Offer another way of being assessed.",
    "G-R336",
)
CARE_WORKERS_OFF = Reason(
    "care-worker",
    "Care staff may take images only under a local agreement with their provider, and there is none.",
    "See the patient in person.",
    "G-R324, X24",
)
NOT_TRAINED = Reason(
    "care-worker-not-trained",
    "Care staff take images only when trained for it, free to say no, and on the provider’s secure device.",
    "See the patient in person.",
    "G-R325, G-R331, G-R333",
)
PERSONAL_NEVER = Reason(
    "personal-device-never",
    "A personal device is never used for an intimate image, nor by care staff.",
    "Make sure it is deleted from the device. See the patient in person.",
    "G-R136, G-R332, X8",
)
PERSONAL_FORBIDDEN = Reason(
    "personal-device",
    "This organisation does not take images on staff’s own devices.",
    "Take it again with our own device, and delete it from the other.",
    "G-R138, G-R139, X8",
)
PERSONAL_LOOK_ONLY = Reason(
    "personal-device-look-only",
    "What staff have on their own devices may be looked at and described here, and not filed.",
    "Take it again with our own device, or choose Describe only.",
    "G-R139, X8",
)


def helper(case: Case) -> Iterator[Finding]:
    """Family, carers and others: the patient agrees to this person; dignity and burden are weighed (G-R54, G-R336)."""
    said = case.said
    who = said.photographer
    others = (Photographer.FAMILY_CARER, Photographer.CARE_WORKER, Photographer.OTHER)
    if who not in others and not (who is Photographer.PARENT and not case.below_consent_age):
        return
    yield Flagged("carer")
    yield Ask("helper_agreed", "The patient agrees to who takes it.", USING)
    if said.helper_agreed is False:
        yield Stop(USING, HELPER_NOT_AGREED)
    if case.intimate or case.lacks_capacity or who is Photographer.CARE_WORKER:
        yield Ask("helper_burden", "Another person took it: dignity and burden are weighed.", USING)
    if who is Photographer.CARE_WORKER:
        yield from _care_worker(case)


def _care_worker(case: Case) -> Iterator[Finding]:
    agreements = offered("provider_agreement", case.pack, case.said.today)
    if case.pack.careworker_capture is CareworkerCapture.OFF or not agreements:
        yield Stop(USING, CARE_WORKERS_OFF)
        return
    yield Warn(Reason("tell-care-worker", case.pack.wording.careworker, source="G-R325"))
    chosen = case.said.provider_agreement
    problem = "Choose one of the agreements that the policy names." if chosen and chosen not in agreements else ""
    yield Ask("provider_agreement", "Care staff take images only under a local agreement.", USING, problem)
    yield Ask("provider_exceptional", "Care staff take images only for exceptional reasons.", USING)
    yield Ask("care_setting", "Where they look after the patient alters what support there is.", USING)
    yield Ask("provider_trained", "Care staff must be trained, free to say no, and on a secure device.", USING)
    if case.said.provider_trained is False:
        yield Stop(USING, NOT_TRAINED)
    if case.intimate:
        yield Ask("less_restrictive", "A care worker may have to touch an intimate area.", USING)


def device(case: Case) -> Iterator[Finding]:
    """On whose device staff or care staff took it (X8)."""
    said = case.said
    care_worker = said.photographer is Photographer.CARE_WORKER
    taken_by_workers = said.photographer in STAFF or care_worker
    if taken_by_workers:
        yield Ask("device", "Pictures of patients do not stay on anybody’s own device.", USING)
    if said.device is not Device.PERSONAL:
        return
    yield Due(
        WorkDue(
            WorkKind.SOURCE,
            case.pack.work_hours[WorkKind.SOURCE],
            "Delete it from the device on which it was taken.",
            "G-R144, G-R149, G-R275",
        )
    )
    if not taken_by_workers:
        problem = "No member of staff took it. Choose whose device it was."
        yield Ask("device", "The device belongs to whoever took it.", USING, problem)
    elif case.intimate or case.said.intimacy is None or care_worker:
        yield Stop(USING | {Act.REVEAL} if case.intimate else USING, PERSONAL_NEVER)
    elif case.pack.personal_device is PersonalDevice.NON_INTIMATE_VIEW_ONLY:
        yield Stop(frozenset({Act.STORE}), PERSONAL_LOOK_ONLY)
    elif (
        case.pack.personal_device is PersonalDevice.VIDEO_ONLY_EMERGENCY
        and case.pack.emergency_mode
        and said.modality is Modality.VIDEO
    ):
        text = "It was taken on somebody’s own device, which is allowed only in this emergency."
        action = "Tell the patient how it is kept safe, file it soon, and delete it from the device."
        yield Warn(Reason("personal-device-emergency", text, action, "G-R31, G-R145, X8"))
    else:
        yield Stop(USING, PERSONAL_FORBIDDEN)


RULES = (helper, device)
