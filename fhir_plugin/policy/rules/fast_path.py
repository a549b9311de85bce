"""What is asked of every image (guidance, section Z): purpose, parity, arrival, identity, site, decision, words."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_plugin.policy.case import DESTROYING, EVERYTHING, KEEPING, STAFF, USING, Case
from fhir_plugin.policy.choices import Crop, EmailChannel
from fhir_plugin.policy.findings import Ask, Due, Finding, Stop, Warn
from fhir_plugin.policy.ruling import Act, Reason, WorkDue
from mappings.model.images import Arrival
from mappings.model.labels import Intimacy
from mappings.model.situation import DiscardReason, Identity
from mappings.model.work import WorkKind

_DESCRIBING = frozenset({Act.DESCRIBE})
_DECIDED = frozenset({Act.STORE, Act.DESCRIBE, Act.DISCARD})

RECORD_CHANGED = Reason(
    "record-changed",
    "The patient’s details in the record have changed since these answers were given.",
    "Check that this is the right patient, then answer again.",
    "G-R126",
)
NOT_FACE_TO_FACE = Reason(
    "not-face-to-face",
    "An image is kept only if it would have been kept after seeing the patient face to face.",
    "Choose Describe only instead.",
    "G-R155",
)
BEFORE_BIRTH = Reason(
    "before-birth",
    "It was taken before the patient was born.",
    "Check that it is this patient’s, and the day on which it was taken.",
    "G-R126",
)
EMAIL_OFF = Reason(
    "email-off",
    "This organisation does not take images by email.",
    "Ask for it by our link instead, then empty the mailbox.",
    "G-R129, X6",
)

NOT_OUR_MAILBOX = Reason(
    "not-our-mailbox",
    "It came to a mailbox that this organisation has not named for pictures.",
    "Ask for it by our link instead, then empty the mailbox.",
    "G-R129, X6",
)


def the_record(case: Case) -> Iterator[Finding]:
    """What stops whatever is answered: the record moved under the answers, or the day cannot be."""
    if case.said.record_changed:
        yield Stop(EVERYTHING, RECORD_CHANGED)
    if case.age_then is not None and case.age_then < 0:
        yield Stop(USING, BEFORE_BIRTH)


def why_and_what(case: Case) -> Iterator[Finding]:
    """Purpose, decision, site, findings and advice."""
    said = case.said
    yield Ask("purpose", "Every image has its own purpose.", USING)
    yield Ask("wish", "Each image is decided on its own, and nothing is chosen beforehand.", _DECIDED)
    yield Ask("site_known", "The record says which part of the body it shows.", USING)
    yield Ask("face_to_face", "Only what would be kept face to face is kept.", KEEPING)
    if said.face_to_face is False:
        yield Stop(KEEPING, NOT_FACE_TO_FACE)
    words = DESTROYING if said.discard_reason is DiscardReason.NOT_NEEDED else _DESCRIBING
    yield Ask("findings", "Without the image, these words are all that is left of it.", words)
    yield Ask("note_elsewhere", "Findings and advice may stand in today’s note.", USING, optional=True)
    if not said.note_elsewhere:
        yield Ask("findings", "What you found is recorded as after an examination.", KEEPING)
        yield Ask("advice", "What you advised is recorded.", USING | words)
    yield Ask("discard_reason", "The record says why it was seen and not kept.", frozenset({Act.DISCARD}))


def how_it_came(case: Case) -> Iterator[Finding]:
    """Arrival, and what is left behind in mailboxes and on devices (X6, G-R130, G-R275)."""
    said = case.said
    problem = ""
    if said.arrival is Arrival.UNASKED and said.requested:
        problem = "It came back on a request of ours. Choose Our link."
    elif said.arrival is Arrival.UNASKED and said.photographer in STAFF:
        problem = "Staff took it, so it did not come unasked. Choose how it reached you."
    elif said.arrival is Arrival.TAKEN_NOW and said.requested:
        problem = "It came back on a request of ours, so it was not taken now. Choose Our link."
    needing = USING if said.requested else USING | {Act.REVEAL}
    yield Ask("arrival", "What has to be asked depends on how it came.", needing, problem)
    if said.arrival in (Arrival.EMAIL, Arrival.OTHER):
        words = "Empty the mailbox and delete it from the device on which it was seen."
        yield Due(WorkDue(WorkKind.SOURCE, case.pack.work_hours[WorkKind.SOURCE], words, "G-R130, G-R275"))
        text = "After filing, delete the email or message and the picture from the mailbox and the device."
        yield Warn(Reason("empty-mailbox", text, source="G-R130, G-R275"))
    if said.arrival is Arrival.EMAIL:
        if case.pack.email_channel is EmailChannel.OFF:
            yield Stop(USING, EMAIL_OFF)
        else:
            yield Ask("mailbox", "Pictures come only to mailboxes that this organisation has named.", USING)
            if said.mailbox and said.mailbox not in case.pack.email_allowed_domains:
                yield Stop(USING, NOT_OUR_MAILBOX)
            if case.pack.email_channel is EmailChannel.FALLBACK_WITH_WARNING:
                yield Ask("email_reason", "Email is only for where nothing better is possible.", USING)
            text = "Email can be read on its way, even to an official address. Our link is safer."
            wording = case.pack.wording
            action = f"Tell the patient for another time: {wording.email_warning} {wording.email_identifiers}"
            yield Warn(Reason("email-not-secure", text, action, "G-R10, G-R32, G-R133, X6"))


def whose_it_is(case: Case) -> Iterator[Finding]:
    """Identity, photographer, and nobody else in the picture."""
    said = case.said
    yield Ask("identity", "It has to be in the right record.", USING)
    if said.identity is Identity.NOT_POSSIBLE:
        yield Ask("identity_reason", "Who it shows could not be confirmed.", USING)
        text = "You could not confirm who this is. Look again whether it is this patient’s."
        yield Warn(Reason("identity-not-confirmed", text, source="G-R123, G-R126"))
    yield Ask("photographer", "The record says who took it.", USING)
    sensitive = case.intimate or case.child_image
    required = sensitive or case.pack.crop is Crop.REQUIRED_OR_REASON
    why = "Nobody else may be seen in it." if sensitive else "What need not be seen is cropped."
    yield Ask("only_area", why, KEEPING, optional=not required)
    if said.only_area is False:
        text = "It shows more than the area asked for. Crop it or black out what need not be seen."
        yield Warn(Reason("not-cropped", text, source="G-R249, G-R250, X23"))
        yield Ask("uncropped_reason", "Cropping could lose what matters.", KEEPING, optional=not required)


def how_private(case: Case) -> Iterator[Finding]:
    """Any one of site, patient and clinician makes it intimate; taking that off needs a reason (G-R172, G-R173)."""
    said = case.said
    yield Ask("intimacy", "Intimate images have their own rules.", USING)
    yield Ask("patient_says_private", "What the patient feels is private is private.", USING, optional=True)
    if case.flagged_intimate and said.intimacy is Intimacy.NO:
        why = "The part of the body, the patient or an earlier answer says that it is intimate."
        yield Ask("intimacy_cleared_reason", why, USING)
        if case.keeps_label and not case.intimate:
            yield Warn(LABEL_STAYS)


LABEL_STAYS = Reason(
    "label-stays",
    "It is not handled as intimate. It keeps its restricted label: the part of the body is on the list, or the "
    "patient wants it private.",
    source="G-R172, G-R173, X11",
)
RULES = (the_record, why_and_what, how_it_came, whose_it_is, how_private)
