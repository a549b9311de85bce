"""What a policy pack says, as types: every choice of X1 to X26, the numbers, the retention rules and the wording."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from fhir_plugin.errors import PluginError
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
from fhir_plugin.policy.jurisdiction import LAWS, Jurisdiction, Law
from mappings.model.consent import ConsentScope
from mappings.model.work import WorkKind

WARN_BEFORE_REVIEW = dt.timedelta(days=60)
"""How long before its review date a pack begins to say so."""


class UnusablePack(PluginError):
    """A policy pack is incomplete, holds what nobody knows, or is below a floor: it is not loaded.

    The message names the key, and the floor where there is one; never a value.
    """

    code = "unusable-policy-pack"


@dataclass(frozen=True)
class Source:
    """A guidance document that the pack rests on. `date`: day, month or year as far as it says, or "undated" (X26).

    `cited`: how reasons refer to it, before the line: `000:19`.
    """

    cited: str
    title: str
    date: str
    note: str
    """How old it is and what it leaves out."""


class RetentionRule(StrEnum):
    """From when the years of a retention class count."""

    AFTER_LAST_ENTRY = "years-after-last-entry"
    AFTER_DEATH = "years-after-death"
    UNTIL_AGE = "until-age"


@dataclass(frozen=True)
class RetentionClass:
    """How long one kind of image is kept, and when somebody looks at it. Nothing is ever destroyed by a date (G-R169).

    `years`: of the rule; for `until-age` the birthday. `review_years`: at latest so many years after it was filed
    somebody decides again. `told`: what the patient reads (G-R24, X17).
    """

    name: str
    rule: RetentionRule
    years: int
    review_years: int
    source: str
    told: str


@dataclass(frozen=True)
class GuidanceLink:
    """What people are asked to read (G-R33, G-R99, G-R189, G-R217, G-R298, G-R350). `version`: date or edition."""

    title: str
    url: str
    version: str
    audience: str
    """"clinician", "patient", "parent" or "carer"."""


@dataclass(frozen=True)
class ProviderAgreement:
    """With one care provider, about care workers taking images (G-R324, G-R326)."""

    provider: str
    reference: str
    agreed_on: dt.date


@dataclass(frozen=True)
class Attestation:
    """Something outside the software that the organisation says it has done. `on` None: not yet."""

    name: str
    on: dt.date | None
    says: str
    sources: tuple[str, ...]

    def is_made(self, today: dt.date) -> bool:
        """What is dated later than `today` has not happened."""
        return self.on is not None and self.on <= today


@dataclass(frozen=True)
class Wording:
    """What patients and users read. A text of the organisation's own that it has not written yet is "" (see `gaps`)."""

    who_sees: str
    """G-R25."""
    storage_and_deletion: str
    """How storage and deletion work here (G-R14, G-R279)."""
    kept_only_if: str
    """An image is kept only if it would have been kept face to face (G-R7)."""
    purpose: str
    """For direct care only (G-R20)."""
    code_of_conduct: str
    """G-R8."""
    not_for_emergencies: str
    face_to_face: str
    """Other ways of being assessed, with being seen among them (G-R26)."""
    other_routes: str
    """For people who do not use digital services (G-R4)."""
    no_pressure: str
    """G-R27."""
    no_effect_on_care: str
    """Of refusing or withdrawing (G-R28, G-R239)."""
    withdraw: str
    """Consent can be withdrawn (G-R30)."""
    private_first: str
    """Do not send an intimate picture without first talking to the clinician (G-R5)."""
    only_area: str
    """G-R16."""
    parents: str
    """For parents: talk with the child first (G-R11, G-R34)."""
    safe_sending: str
    """Proportionate amount, safe transfer, limits of the system (G-R9)."""
    record_kept: str
    """A record is kept, whatever is agreed (G-R17)."""
    copies: str
    """A copy can be asked for (G-R23)."""
    secondary_use: str
    """Shown only where the pack turns it on (G-R22)."""
    email_warning: str
    """G-R10, G-R133."""
    email_identifiers: str
    """Only the NHS number, never name, date of birth or address (G-R32)."""
    own_device: str
    """What is said when a clinician uses a device of their own (G-R31)."""
    chaperone_role: str
    """Told to the chaperone (G-R199)."""
    careworker: str
    """Told to a care worker: no pressure, alternatives (G-R325)."""
    privacy_paragraph: str
    """For the organisation's privacy notice (G-R15)."""
    scope: str
    """What the pack does not cover (G-R344)."""
    emergency: str
    """Only in emergency mode (G-R348)."""
    message: str
    """What the practice's own messaging sends with a link, with places for what the app fills in (G-R2, G-R4)."""
    telephone: str
    privacy_notice_url: str
    privacy_notice_version: str
    """G-R12."""
    safeguarding_lead: str
    """G-R112."""
    safeguarding_pathway: str
    """G-R313."""
    local_committee: str
    """The Local Medical Committee's contact (G-R273, G-R347)."""


@dataclass(frozen=True)
class Said:
    """One key as a loaded pack has it: the value as TOML would show it, why, and which layer said so."""

    key: str
    value: object
    reason: str
    layer: str


@dataclass(frozen=True)
class PolicyPack:
    """What an organisation decided, in force. Every decision stores `reference` (id and version)."""

    id: str
    version: str
    title: str
    written_on: dt.date
    review_by: dt.date
    approved_by: str
    """Who agreed to it for the organisation (G-R341); "" where nobody has."""
    approved_on: dt.date | None
    organisation: str
    specialty: str
    setting: str
    """What it is for; "any" where it does not say (G-R339)."""
    jurisdiction: Jurisdiction
    emergency_mode: bool
    sources: tuple[Source, ...]

    receive_consent: ReceiveConsent
    store_consent: StoreConsent
    on_store_refusal: OnStoreRefusal
    store_default: StoreDefault
    explained: str
    """Version of the words in which things are explained (G-R80)."""
    written_for: frozenset[ConsentScope]
    exempt_types: frozenset[str]
    intimate_default: IntimateDefault
    intimate_sites: frozenset[str]
    """SNOMED CT codes of body structures."""
    sexual_health_under_16: SexualHealthUnder16
    sexual_health: bool
    """Every matter that this pack governs is one of sexual health."""
    age_consent: int
    age_child_image: int
    maturity_ages: tuple[int, ...]
    lacks_capacity_route: LacksCapacityRoute
    parental_override: ParentalOverride
    parent_contact: ParentContact
    unsolicited_ordinary: UnsolicitedOrdinary
    secondary_use: SecondaryUse
    opinion_consent: OpinionConsent
    remote_chaperone: RemoteChaperone
    email_channel: EmailChannel
    email_allowed_domains: frozenset[str]
    admin_preview: AdminPreview
    personal_device: PersonalDevice
    careworker_capture: CareworkerCapture
    provider_agreements: tuple[ProviderAgreement, ...]
    label_hides: LabelHides
    crop: Crop
    keep_original: KeepOriginal
    delete_cosign: DeleteCosign

    most_images: int
    most_bytes_per_image: int
    lossless_when_asked: bool
    discard_undo: dt.timedelta
    waiting_alert: dt.timedelta
    shortest_purpose: int
    """Characters; so are the next two (G-R40, G-R113, G-R156)."""
    shortest_justification: int
    shortest_justification_child: int
    video_most_bytes: int
    video_most_seconds: int
    label_lowered_alone: bool
    video_sound: bool
    """Whether sound may be kept where somebody asks for it with a reason."""
    request_most_images: int
    request_lasts: dt.timedelta
    request_answer_within: dt.timedelta
    """How soon somebody looks at what a patient sent: the patient is told so."""
    requests_kept: dt.timedelta
    """How long a request that is over stays readable, before only its bones are kept."""
    withdraw_window: dt.timedelta
    """How long after sending the patient can take it back by the link."""
    package_kept: dt.timedelta
    package_again: dt.timedelta
    """How long packages of disclosures can be fetched: those that nobody fetched, and those that somebody did."""
    deletion_decided: dt.timedelta
    deletion_approval: dt.timedelta
    deletion_look_again: dt.timedelta
    """How long: for deciding about a permanent deletion, for carrying it out, until it is looked again for remains."""
    hiding_restorable: dt.timedelta
    """How long what was hidden can be put back."""
    hand_over_lasts: dt.timedelta
    """How long a picture that was in a wrong chart waits to be filed again by the same person in the right one."""
    deletion_unlinks: bool
    """Whether references to an image that is destroyed are taken out of other entries; else one that is there stops
    it."""
    chart_copy_reduce: bool
    chart_copy_words_only: bool
    chart_copy_taken_back: bool
    """In a chart that takes no images: may a copy be smaller, is there none but words of a restricted image, and are
    copies taken back once the chart holds the image itself."""
    opinion_lasts: dt.timedelta
    ask_online_record: bool
    online_default_ordinary: bool
    online_default_private: bool
    reveal_reasons: tuple[str, ...]
    secondary_explained: bool
    """Whether the patient's page says that anonymised use is possible (G-R22)."""
    retention_text_required: bool
    retention: tuple[RetentionClass, ...] = field(repr=False)
    guidance: tuple[GuidanceLink, ...] = field(repr=False)
    wording: Wording = field(repr=False)
    attestations: tuple[Attestation, ...] = field(repr=False)
    work_hours: Mapping[WorkKind, int] = field(hash=False)
    """Hours until an item of the worklist counts as late."""
    said: tuple[Said, ...] = field(default=(), compare=False, repr=False)
    """Every key with its reason and the layer that decided it, in the order of `policy.keys`."""
    stayed_because: str = ""
    """Why this pack, the last good one, is in force although the settings name another."""

    @property
    def reference(self) -> str:
        return f"{self.id}/{self.version}"

    @property
    def law(self) -> Law:
        """The ages of this pack's jurisdiction."""
        return LAWS[self.jurisdiction]

    @property
    def consent_receive_required(self) -> bool:
        return self.receive_consent is ReceiveConsent.REQUIRED

    @property
    def child_image_age(self) -> int:
        return self.age_child_image

    def retained(self, name: str) -> RetentionClass:
        """The retention class of that name. A loaded pack has every one of `RETENTION_CLASSES`."""
        return next(each for each in self.retention if each.name == name)

    def told_how_long(self, *, child: bool, intimate: bool = False) -> str:
        """What is said about how long an image is kept: of the class with the closest review (G-R24, X17)."""
        return self.retained("intimate" if intimate else "child" if child else "adult").told

    def notices(self, today: dt.date) -> tuple[str, ...]:
        """What every decision and every screen says about the pack itself: sentences, none while all is well (X26)."""
        said = []
        if self.stayed_because:
            said.append(
                f"The policy that the settings name cannot be used ({self.stayed_because}). "
                f"{self.reference}, the last good one, stays in force until somebody mends it."
            )
        if today > self.review_by:
            said.append(
                f"The policy {self.reference} was due for review on {self.review_by.isoformat()}. "
                "It stays in force until a reviewed one replaces it."
            )
        elif today > self.review_by - WARN_BEFORE_REVIEW:
            said.append(f"The policy {self.reference} is due for review by {self.review_by.isoformat()}.")
        return tuple(said)

    def gaps(self, today: dt.date) -> tuple[str, ...]:
        """What the organisation has still to say before the pack is its own: keys (G-R12, G-R13, G-R341, G-R345).

        What is dated later than `today` has not happened; an approval before the pack was written is of another one.
        """
        missing = [f"wording.{name}" for name in ORGANISATIONS_OWN if not getattr(self.wording, name)]
        missing += [f"attestations.{each.name}" for each in self.attestations if not each.is_made(today)]
        if self.approved_on is None or not self.written_on <= self.approved_on <= today:
            missing.append("pack.approved_on")
        return tuple(missing)

    def missing_before_patients(self, today: dt.date) -> tuple[str, ...]:
        """Keys without which nobody begins with real patients (G-R12, G-R13, G-R345)."""
        needed = [each for each in self.attestations if BEFORE_PATIENTS & set(each.sources)]
        missing = [f"attestations.{each.name}" for each in needed if not each.is_made(today)]
        return tuple(missing + ([] if self.wording.privacy_notice_url else ["wording.privacy_notice_url"]))


BEFORE_PATIENTS = frozenset({"G-R13", "G-R345"})
"""Requirements whose attestations come before the first real patient: impact assessment, clinical safety, chaperones,
safeguarding, and a privacy notice that covers pictures."""

RETENTION_CLASSES = ("adult", "child", "intimate", "deceased")
"""Every pack says how long each of these is kept."""

ORGANISATIONS_OWN = (
    "telephone",
    "privacy_notice_url",
    "privacy_notice_version",
    "safeguarding_lead",
    "safeguarding_pathway",
    "local_committee",
)
"""Texts of `Wording` that only the organisation itself can write."""
