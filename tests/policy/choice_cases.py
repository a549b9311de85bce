"""The cases of every value of every choice where the guidance disagrees: one that passes, one that is refused."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Any

from fhir_plugin.policy.choices import (
    AdminPreview,
    CareworkerCapture,
    Crop,
    DeleteCosign,
    EmailChannel,
    IntimateDefault,
    KeepOriginal,
    LabelHides,
    LacksCapacityRoute,
    OnStoreRefusal,
    OpinionConsent,
    ParentalOverride,
    ParentContact,
    PersonalDevice,
    ReceiveConsent,
    RemoteChaperone,
    SecondaryUse,
    SexualHealthUnder16,
    StoreConsent,
    StoreDefault,
    UnsolicitedOrdinary,
)
from fhir_plugin.policy.ruling import Act, May
from fhir_plugin.policy.uses import (
    Deletion,
    Opinion,
    Preview,
    tell_parents,
)
from mappings.model.consent import ConsentAnswer
from mappings.model.identifiers import Reference
from mappings.model.images import Arrival
from mappings.model.people import Role
from mappings.model.situation import (
    ChaperoneOutcome,
    Device,
    Wish,
)
from tests.policy import situations as of
from tests.policy.tries import Try, deletes, does, opens, sees, uses

NOT_ASKED, REFUSED = ConsentAnswer.NOT_ASKED, ConsentAnswer.REFUSED
UNTOLD: dict[str, Any] = {"consent_store": NOT_ASKED}
REFUSING = replace(of.ADULT, consent_store=REFUSED, wish=Wish.DESCRIBE, alternative_offered="Seen here tomorrow")
OWN_PHONE = replace(of.TAKEN_NOW, device=Device.PERSONAL)


SEXUAL = replace(
    of.FIFTEEN_UNASKED, sexual_health=True, exceptional_reason="Lives on an island; the boat goes on Monday"
)
UNASKED_ORDINARY = replace(of.UNASKED, contact=None, contact_words="", lacks_capacity=None)
ASKER, GUARDIAN, SENIOR = Reference("Practitioner/a"), Reference("Practitioner/g"), Reference("Practitioner/s")
APPROVED = Deletion(ASKER, GUARDIAN, frozenset({Role.CALDICOTT_GUARDIAN}))
OPINION = Opinion("A rare pattern", ConsentAnswer.GIVEN, accepted=True)
EXPLAINED: dict[str, Any] = {"anonymised": True, "explained": True}


# For each value: (the value, X number, field of the pack, what passes, what is refused).
TABLE: list[tuple[StrEnum, str, str, Try, Try]] = [
    (StoreConsent.REQUIRED, "X1", "store_consent", does(of.ADULT), does(of.ADULT, **UNTOLD)),
    (
        StoreConsent.INFORM_AND_OBJECTION,
        "X1",
        "store_consent",
        does(of.ADULT, **UNTOLD),
        does(of.INTIMATE, **UNTOLD),
    ),
    (ReceiveConsent.REQUIRED, "X2", "receive_consent", does(of.ADULT), does(of.ADULT, consent_receive=NOT_ASKED)),
    (
        ReceiveConsent.IMPLIED_BY_REPLY_TO_REQUEST,
        "X2",
        "receive_consent",
        does(of.ADULT, consent_receive=NOT_ASKED),
        does(of.UNASKED, consent_receive=NOT_ASKED),
    ),
    (
        OnStoreRefusal.PROMPT_RECONSIDER_THEN_ALLOW,
        "X3",
        "on_store_refusal",
        does(REFUSING, Act.DESCRIBE, reconsidered="Plain enough in words"),
        does(REFUSING, Act.DESCRIBE),
    ),
    (
        OnStoreRefusal.REQUIRE_F2F_OFFER,
        "X3",
        "on_store_refusal",
        does(REFUSING, Act.DESCRIBE),
        does(REFUSING, Act.DESCRIBE, alternative_offered=""),
    ),
    (
        OnStoreRefusal.CONTINUE,
        "X3",
        "on_store_refusal",
        does(REFUSING, Act.DESCRIBE),
        does(REFUSING, Act.STORE),
    ),
    (
        IntimateDefault.DESCRIBE_AND_DISCARD,
        "X4",
        "intimate_default",
        does(of.INTIMATE, Act.DESCRIBE, store_justification=""),
        does(of.INTIMATE, store_justification=""),
    ),
    (
        IntimateDefault.UNDECIDED,
        "X4",
        "intimate_default",
        does(of.INTIMATE),
        does(of.INTIMATE, store_justification=""),
    ),
    (
        IntimateDefault.NO_REMOTE_INTIMATE,
        "X4",
        "intimate_default",
        does(
            of.INTIMATE,
            arrival=Arrival.TAKEN_NOW,
            requested=False,
            photographer=of.TAKEN_NOW.photographer,
            device=Device.ORGANISATION,
        ),
        does(of.INTIMATE, Act.DESCRIBE),
    ),
    (DeleteCosign.NONE, "X5", "delete_cosign", deletes(APPROVED), deletes(replace(APPROVED, approved_by=ASKER))),
    (
        DeleteCosign.SENIOR_CLINICIAN,
        "X5",
        "delete_cosign",
        deletes(replace(APPROVED, cosigned_by=SENIOR)),
        deletes(replace(APPROVED, cosigned_by=GUARDIAN)),
    ),
    (EmailChannel.OFF, "X6", "email_channel", does(of.ADULT), does(of.EMAILED)),
    (
        EmailChannel.FALLBACK_WITH_WARNING,
        "X6",
        "email_channel",
        does(of.EMAILED),
        does(of.EMAILED, email_reason=""),
    ),
    (
        EmailChannel.ALLOWED,
        "X6",
        "email_channel",
        does(of.EMAILED, email_reason=""),
        does(of.EMAILED, mailbox="elsewhere"),
    ),
    (AdminPreview.NONE, "X7", "admin_preview", sees(Preview.NOTHING, of.ADULT), sees(Preview.WHOLE, of.ADULT)),
    (AdminPreview.BLURRED, "X7", "admin_preview", sees(Preview.BLURRED, of.ADULT), sees(Preview.BLURRED, of.INTIMATE)),
    (
        AdminPreview.NON_SENSITIVE_ONLY,
        "X7",
        "admin_preview",
        sees(Preview.WHOLE, of.ADULT),
        sees(Preview.WHOLE, of.CHILD),
    ),
    (PersonalDevice.FORBIDDEN, "X8", "personal_device", does(of.TAKEN_NOW), does(OWN_PHONE)),
    (
        PersonalDevice.NON_INTIMATE_VIEW_ONLY,
        "X8",
        "personal_device",
        does(OWN_PHONE, Act.DESCRIBE),
        does(OWN_PHONE),
    ),
    (
        PersonalDevice.VIDEO_ONLY_EMERGENCY,
        "X8",
        "personal_device",
        lambda pack: does(of.VIDEO, device=Device.PERSONAL)(replace(pack, emergency_mode=True)),
        does(of.VIDEO, device=Device.PERSONAL),
    ),
    (
        LacksCapacityRoute.MCA_BEST_INTERESTS,
        "X9",
        "lacks_capacity_route",
        does(of.NO_CAPACITY),
        does(of.NO_CAPACITY, authority=None),
    ),
    (
        LacksCapacityRoute.AUTHORITY_REQUIRED,
        "X9",
        "lacks_capacity_route",
        does(of.WITH_ATTORNEY),
        does(of.NO_CAPACITY),
    ),
    (
        ParentalOverride.ALLOWED_WITH_REASON_AND_SECOND_PERSON,
        "X10",
        "parental_override",
        does(of.WITHOUT_PARENTS),
        does(of.WITHOUT_PARENTS, second_person=None),
    ),
    (ParentalOverride.NEVER, "X10", "parental_override", does(of.CHILD), does(of.WITHOUT_PARENTS)),
    (
        SecondaryUse.EXPLICIT_ONLY,
        "X13",
        "secondary_use",
        uses(ConsentAnswer.GIVEN),
        uses(NOT_ASKED, **EXPLAINED),
    ),
    (
        SecondaryUse.ANONYMISED_AFTER_EXPLANATION,
        "X13",
        "secondary_use",
        uses(NOT_ASKED, **EXPLAINED),
        uses(REFUSED, **EXPLAINED),
    ),
    (SecondaryUse.NEVER, "X13", "secondary_use", does(of.ADULT), uses(ConsentAnswer.GIVEN)),
    (
        UnsolicitedOrdinary.CONFIRM,
        "X14",
        "unsolicited_ordinary",
        does(of.UNASKED),
        does(UNASKED_ORDINARY, Act.REVEAL),
    ),
    (
        UnsolicitedOrdinary.IMPLIED_OK,
        "X14",
        "unsolicited_ordinary",
        does(UNASKED_ORDINARY, Act.REVEAL),
        does(of.FIFTEEN_UNASKED, Act.REVEAL, contact=None),
    ),
    (OpinionConsent.REQUIRED, "X18", "opinion_consent", opens(OPINION), opens(replace(OPINION, consent=NOT_ASKED))),
    (
        OpinionConsent.ASK_AND_RECORD,
        "X18",
        "opinion_consent",
        opens(replace(OPINION, consent=NOT_ASKED)),
        opens(replace(OPINION, accepted=False)),
    ),
    (
        RemoteChaperone.ALLOWED,
        "X19",
        "remote_chaperone",
        does(of.INTIMATE),
        does(of.INTIMATE, chaperone=ChaperoneOutcome.NOT_OFFERED),
    ),
    (
        RemoteChaperone.F2F_ONLY,
        "X19",
        "remote_chaperone",
        does(of.INTIMATE, chaperone_reason="Nobody can come; it is plain to see and short"),
        does(of.INTIMATE),
    ),
    (StoreDefault.UNDECIDED, "X20", "store_default", does(of.ADULT), does(of.ADULT, wish=None)),
    (
        ParentContact.NEVER_AUTO,
        "X21",
        "parent_contact",
        does(of.COMPETENT),
        lambda pack: tell_parents(pack, child_agrees=True).may is May.YES,
    ),
    (
        ParentContact.ASK_CHILD,
        "X21",
        "parent_contact",
        lambda pack: tell_parents(pack, child_agrees=True).may is May.YES,
        lambda pack: tell_parents(pack, child_agrees=None).may is May.YES,
    ),
    (
        LabelHides.PIXELS_ONLY,
        "X22",
        "label_hides",
        sees(Preview.NOTHING, of.INTIMATE),
        sees(Preview.WHOLE, of.INTIMATE),
    ),
    (Crop.PROMPT, "X23", "crop", does(of.ADULT, only_area=False), does(of.INTIMATE, only_area=None)),
    (
        Crop.REQUIRED_OR_REASON,
        "X23",
        "crop",
        does(of.ADULT, only_area=False, uncropped_reason="The edge would be lost"),
        does(of.ADULT, only_area=False),
    ),
    (KeepOriginal.NO, "X23", "keep_original", does(of.ADULT), does(of.ADULT, face_to_face=False)),
    (KeepOriginal.AUDIT_VAULT, "X23", "keep_original", does(of.ADULT), does(of.ADULT, consent_store=REFUSED)),
    (CareworkerCapture.OFF, "X24", "careworker_capture", does(of.ADULT), does(of.CARE_WORKER)),
    (
        CareworkerCapture.PER_PROVIDER_AGREEMENT,
        "X24",
        "careworker_capture",
        does(of.CARE_WORKER),
        does(of.CARE_WORKER, device=Device.PERSONAL),
    ),
    (SexualHealthUnder16.BLOCKED, "X25", "sexual_health_under_16", does(of.FIFTEEN_UNASKED), does(SEXUAL)),
    (
        SexualHealthUnder16.EXCEPTIONAL_WITH_SECOND_CLINICIAN,
        "X25",
        "sexual_health_under_16",
        does(SEXUAL),
        does(SEXUAL, second_person=None),
    ),
]
