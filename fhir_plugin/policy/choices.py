"""Where the guidance disagrees (X1 to X26): each setting with the values that a pack may choose, the default first."""

from __future__ import annotations

from enum import StrEnum


class StoreConsent(StrEnum):
    """X1, `store.consent`: is consent needed to store?"""

    REQUIRED = "required"
    INFORM_AND_OBJECTION = "inform_and_objection"


class ReceiveConsent(StrEnum):
    """X2, `receive.consent`."""

    REQUIRED = "required"
    IMPLIED_BY_REPLY_TO_REQUEST = "implied_by_reply_to_request"


class OnStoreRefusal(StrEnum):
    """X3, `on_store_refusal`: does refusing storage end the remote consultation?"""

    PROMPT_RECONSIDER_THEN_ALLOW = "prompt_reconsider_then_allow"
    REQUIRE_F2F_OFFER = "require_f2f_offer"
    CONTINUE = "continue"


class IntimateDefault(StrEnum):
    """X4, `intimate.default`."""

    DESCRIBE_AND_DISCARD = "describe_and_discard"
    UNDECIDED = "undecided"
    NO_REMOTE_INTIMATE = "no_remote_intimate"


class DeleteCosign(StrEnum):
    """X5, `delete.cosign`."""

    NONE = "none"
    SENIOR_CLINICIAN = "senior_clinician"


class EmailChannel(StrEnum):
    """X6, `channel.email`."""

    OFF = "off"
    FALLBACK_WITH_WARNING = "fallback_with_warning"
    ALLOWED = "allowed"


class AdminPreview(StrEnum):
    """X7, `admin.preview`."""

    NONE = "none"
    BLURRED = "blurred"
    NON_SENSITIVE_ONLY = "non_sensitive_only"


class PersonalDevice(StrEnum):
    """X8, `device.personal`."""

    FORBIDDEN = "forbidden"
    NON_INTIMATE_VIEW_ONLY = "non_intimate_view_only"
    VIDEO_ONLY_EMERGENCY = "video_only_emergency"


class LacksCapacityRoute(StrEnum):
    """X9, `lacks_capacity.route`."""

    MCA_BEST_INTERESTS = "mca_best_interests"
    AUTHORITY_REQUIRED = "authority_required"


class ParentalOverride(StrEnum):
    """X10, `child.pr_override`."""

    ALLOWED_WITH_REASON_AND_SECOND_PERSON = "allowed_with_reason_and_second_person"
    NEVER = "never"


class SecondaryUse(StrEnum):
    """X13, `secondary`."""

    EXPLICIT_ONLY = "explicit_only"
    ANONYMISED_AFTER_EXPLANATION = "anonymised_after_explanation"
    NEVER = "never"
    """Nobody is asked, and what was said before counts for nothing while it is so."""


class UnsolicitedOrdinary(StrEnum):
    """X14, `unsolicited.non_intimate`."""

    CONFIRM = "confirm"
    IMPLIED_OK = "implied_ok"


class OpinionConsent(StrEnum):
    """X18, `second_opinion.consent`."""

    REQUIRED = "required"
    ASK_AND_RECORD = "ask_and_record"


class RemoteChaperone(StrEnum):
    """X19, `chaperone.remote`."""

    ALLOWED = "allowed"
    F2F_ONLY = "f2f_only"


class StoreDefault(StrEnum):
    """X20, `store.default`: nothing is ever chosen beforehand."""

    UNDECIDED = "undecided"


class ParentContact(StrEnum):
    """X21, `child.parent_contact`."""

    NEVER_AUTO = "never_auto"
    ASK_CHILD = "ask_child"


class LabelHides(StrEnum):
    """X22, `label.hides`."""

    PIXELS_ONLY = "pixels_only"


class Crop(StrEnum):
    """X23, `crop`."""

    PROMPT = "prompt"
    REQUIRED_OR_REASON = "required_or_reason"


class KeepOriginal(StrEnum):
    """X23, `crop.keep_original`."""

    NO = "no"
    AUDIT_VAULT = "audit_vault"


class CareworkerCapture(StrEnum):
    """X24, `careworker.capture`."""

    OFF = "off"
    PER_PROVIDER_AGREEMENT = "per_provider_agreement"


class SexualHealthUnder16(StrEnum):
    """X25, `sexual_health_u16`: also for vulnerable people of any age (G-R50)."""

    BLOCKED = "blocked"
    EXCEPTIONAL_WITH_SECOND_CLINICIAN = "exceptional_with_second_clinician"
