"""The situation of one image: everything the policy engine may look at, and nothing else.

Each field that a person answers has the name of its form field and of its entry in `policy/questions.toml`. None means
"not answered"; a free text is "" until somebody writes it. Texts count only by being there (or by their length).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum

from mappings.model.consent import ChildView, ConsentAnswer, ConsentForm, Grantor
from mappings.model.images import Arrival, Photographer
from mappings.model.labels import Intimacy


class Modality(StrEnum):
    """What kind of recording (G-R21, G-R63)."""

    PHOTO = "photo"
    VIDEO = "video"
    SCREENSHOT = "screenshot"


class ImageKind(StrEnum):
    """What kind of image it is. All but the first are made in a procedure that was consented to (002:58-65, G-R60)."""

    PHOTOGRAPH = "photograph"
    """Of the surface of the body: never exempt (X16)."""
    INTERNAL_ORGANS = "internal-organs"
    PATHOLOGY_SLIDES = "pathology-slides"
    ENDOSCOPY = "endoscopy"
    ORGAN_FUNCTION = "organ-function"
    ULTRASOUND = "ultrasound"
    X_RAY = "x-ray"


class Identity(StrEnum):
    """How the clinician knows whose picture it is (G-R123)."""

    IN_PERSON = "in-person"
    KNOWN = "known"
    DATE_OF_BIRTH = "date-of-birth"
    VIDEO = "video"
    NHS_LOGIN = "nhs-login"
    NOT_POSSIBLE = "not-possible"


class Authority(StrEnum):
    """What the search for somebody with legal authority found (G-R83)."""

    NONE_KNOWN = "none-known"
    ATTORNEY = "attorney"
    DEPUTY = "deputy"
    OTHER = "other"


class ChaperoneOutcome(StrEnum):
    """What became of the offer (G-R193, G-R203)."""

    PRESENT = "present"
    DECLINED = "declined"
    UNAVAILABLE = "unavailable"
    NOT_OFFERED = "not-offered"


class Device(StrEnum):
    """On what it was taken or seen (X8, G-R138 to G-R145)."""

    ORGANISATION = "organisation"
    PATIENT = "patient"
    PERSONAL = "personal"
    PROVIDER = "provider"
    """A care provider's own device."""


class ContactOutcome(StrEnum):
    """What contacting the sender of an unsolicited image came to (G-R116)."""

    REACHED = "reached"
    NOT_REACHED = "not-reached"
    EMERGENCY = "emergency"
    """Opened before contact because somebody may be in danger or pain, with a reason."""


class Made(StrEnum):
    """What a picture without a camera's data, or of the shape of a screen, is (G-R63, G-R126, G-R174)."""

    CAMERA = "camera"
    LIVE_VIDEO = "live-video"
    """A still of a video consultation: recording it is a decision of its own (G-R206)."""
    SCREEN = "screen"
    """A copy of another picture, message or page: whom it shows and when may be others than of the copy."""


class CareSetting(StrEnum):
    """Where care staff look after the patient, which alters what support there is (G-R335)."""

    NURSING = "nursing"
    RESIDENTIAL = "residential"
    DOMICILIARY = "domiciliary"
    OTHER = "other"


class Wish(StrEnum):
    """What the person in charge wants done with the image (G-R154: no default)."""

    STORE = "store"
    DESCRIBE = "describe"
    DISCARD = "discard"


class DiscardReason(StrEnum):
    """Why a picture that is not kept needs no description."""

    DUPLICATE = "duplicate"
    UNUSABLE = "unusable"
    SENT_IN_ERROR = "sent-in-error"
    NOT_NEEDED = "not-needed"


@dataclass(frozen=True)
class Situation:
    # ------------------------------------------------------------------ facts that nobody answers
    birth_date: dt.date | None
    """None: missing or partial in the record."""
    today: dt.date
    """The day of the decision."""
    deceased: bool = False
    captured_on: dt.date | None = None
    """The earliest day that anybody claims; None: unknown, which counts as a child's image."""
    modality: Modality = Modality.PHOTO
    looks_like_screen: bool = False
    """The file names no camera and is of the kind or shape that screenshots are."""
    requested: bool = False
    """It answers a request of ours that a clinician made for this patient."""
    preauthorised_private: bool = False
    """That request allowed a private image (G-R182)."""
    private_site: bool = False
    """The body site is on the pack's list (X11)."""
    sexual_health: bool = False
    """A sexual-health matter: by specialty overlay or by the clinician (X25, G-R50)."""
    vulnerable: bool = False
    open_concern: bool = False
    """A safeguarding concern, complaint or access request is open: nothing may be destroyed."""
    second_person: bool | None = None
    """Somebody else with the right role has agreed (True) or refused (False)."""
    said_intimate_before: bool = False
    """A clinician said so once, and it was kept: only a reason takes it off (G-R173)."""
    record_changed: bool = False
    """The patient's details in the record are no longer those that the answers were given for."""
    patient_receive: ConsentAnswer | None = None
    """What was answered at our link itself, which no form changes (G-R58); None: it did not come by the link."""
    patient_store: ConsentAnswer | None = None
    other_uses_shut: bool = False
    """Another picture that shares its Consent may be used for nothing but care: what is agreed is agreed of all."""

    # ------------------------------------------------------------------ the fast path (guidance, section Z)
    purpose: str = field(default="", repr=False)
    wish: Wish | None = None
    face_to_face: bool | None = None
    arrival: Arrival | None = None
    mailbox: str = field(default="", repr=False)
    """Where an email was received: one of the domains that the pack names, or elsewhere (G-R129)."""
    email_reason: str = field(default="", repr=False)
    """Why by email and not by our link (G-R133)."""
    device: Device | None = None
    made: Made | None = None
    """What it is a picture of, where that is not plain."""
    consent_receive: ConsentAnswer | None = None
    consent_store: ConsentAnswer | None = None
    consent_form: ConsentForm | None = None
    understood: bool | None = None
    image_kind: ImageKind | None = None
    """Asked only where consent was not (X16)."""
    exempt_procedure: str = field(default="", repr=False)
    """The procedure to which the patient agreed, whose consent stands in for that to the image (G-R60)."""
    photographer: Photographer | None = None
    identity: Identity | None = None
    identity_reason: str = field(default="", repr=False)
    """Why confirming was not possible."""
    site_known: bool = False
    intimacy: Intimacy | None = None
    intimacy_cleared_reason: str = field(default="", repr=False)
    """Why a flag that the site, the patient or a clinician set was taken off (G-R173)."""
    patient_says_private: bool = False
    only_area: bool | None = None
    """Only the area asked for, nobody else in it (G-R16, G-R127, G-R250)."""
    uncropped_reason: str = field(default="", repr=False)
    findings: str = field(default="", repr=False)
    advice: str = field(default="", repr=False)
    note_elsewhere: bool = False
    alternative_offered: str = field(default="", repr=False)
    """What was offered instead, on any refusal (G-R77)."""
    asked_again: str = field(default="", repr=False)
    """How and when they were asked again after saying no themselves: only then does another answer count (G-R170)."""
    reconsidered: str = field(default="", repr=False)
    """Why remote is still safest although storing was refused (X3, G-R79)."""

    # ------------------------------------------------------------------ who decides
    capacity_doubt: bool = False
    lacks_capacity: bool | None = None
    capacity_words: str = field(default="", repr=False)
    authority: Authority | None = None
    authority_covers: bool | None = None
    authority_evidence: str = field(default="", repr=False)
    authority_answer: ConsentAnswer | None = None
    """The attorney's or deputy's own answer: a refusal within their authority stops."""
    best_interests: str = field(default="", repr=False)
    less_restrictive: str = field(default="", repr=False)
    giver: Grantor | None = None
    giver_name: str = field(default="", repr=False)
    giver_relationship: str = field(default="", repr=False)
    giver_evidence: str = field(default="", repr=False)
    gillick: bool | None = None
    gillick_words: str = field(default="", repr=False)
    child_asked_for_care: bool | None = None
    """The child asked for care themselves: parents may not know (G-R97)."""
    child_view: ChildView | None = None
    child_words: str = field(default="", repr=False)
    parents_discussed: bool | None = None
    parent_answer: ConsentAnswer | None = None
    """What a parent said beside a competent child, who decides (G-R101)."""
    parent_name: str = field(default="", repr=False)
    parent_relationship: str = field(default="", repr=False)
    keep_best_interests: str = field(default="", repr=False)
    """Why keeping, apart from taking, is in the child's best interests (G-R111)."""
    safeguarding_advice: str = field(default="", repr=False)
    override_reason: str = field(default="", repr=False)
    urgent_reason: str = field(default="", repr=False)
    """Why it cannot wait for the second person; puts a review on somebody's list within 24 hours."""
    known_wishes: str = field(default="", repr=False)
    """Of somebody who has died (G-R92)."""

    # ------------------------------------------------------------------ intimate
    intimate_necessary: bool | None = None
    """Clinically necessary, and an examination in person is not reasonable (G-R42)."""
    can_wait: bool | None = None
    store_justification: str = field(default="", repr=False)
    legitimate_reason: str = field(default="", repr=False)
    """For an intimate image of somebody under 18 (G-R185, G-R187)."""
    exceptional_reason: str = field(default="", repr=False)
    """Sexual health under 16 or vulnerable (X25)."""
    chaperone: ChaperoneOutcome | None = None
    chaperone_name: str = field(default="", repr=False)
    chaperone_designation: str = field(default="", repr=False)
    chaperone_family: bool | None = None
    chaperone_trained: bool | None = None
    chaperone_extent: str = field(default="", repr=False)
    chaperone_with_clinician: str = field(default="", repr=False)
    """Where the chaperone was at the clinician's end (G-R203)."""
    chaperone_with_patient: str = field(default="", repr=False)
    """... and at the patient's end."""
    chaperone_reason: str = field(default="", repr=False)
    """Why it went on without one (G-R202)."""

    # ------------------------------------------------------------------ unasked, carers, video
    contact: ContactOutcome | None = None
    contact_words: str = field(default="", repr=False)
    consent_view: ConsentAnswer | None = None
    """To look at what came unasked, apart from sending it (G-R118)."""
    emergency_reason: str = field(default="", repr=False)
    helper_agreed: bool | None = None
    """The patient agrees to this carer taking it (G-R336)."""
    helper_burden: str = field(default="", repr=False)
    """Dignity of the patient, competence, comfort and burden of the helper (G-R54, G-R337)."""
    provider_agreement: str = field(default="", repr=False)
    """Reference and date of the local agreement (G-R324, G-R326)."""
    provider_exceptional: str = field(default="", repr=False)
    provider_trained: bool | None = None
    care_setting: CareSetting | None = None
    recording_reason: str = field(default="", repr=False)
    consent_record_video: ConsentAnswer | None = None
    sound_reason: str = field(default="", repr=False)
    recording_confirmed: bool | None = None
    """Start and stop were said aloud (G-R208)."""
    recording_began: str = field(default="", repr=False)
    """By the clock in the room, as 14:05; "" where nobody wrote it down (G-R208)."""
    recording_ended: str = field(default="", repr=False)
    speaks_freely: bool | None = None
    """The patient could speak freely; nobody presses them (G-R48, G-R316)."""
    concern: bool | None = None

    # ------------------------------------------------------------------ not keeping it
    discard_reason: DiscardReason | None = None

    # ------------------------------------------------------------------ beyond this patient's own care
    consent_teaching: ConsentAnswer | None = None
    consent_research: ConsentAnswer | None = None
    consent_publication: ConsentAnswer | None = None
    uses_explained: bool | None = None
    """Purpose, retention and storage of these uses were explained (G-R73, G-R233)."""
    uses_form: ConsentForm | None = None
