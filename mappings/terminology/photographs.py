"""Words for how an image arrived and who took it, as they stand in the record."""

from __future__ import annotations

from mappings.model.consent import ConsentForm, ConsentScope
from mappings.model.images import Arrival, Laterality, Photographer
from mappings.model.situation import Made

ARRIVAL_WORDS: dict[Arrival, str] = {
    Arrival.TAKEN_NOW: "Taken now, in the app.",
    Arrival.OUR_LINK: "Sent through our link.",
    Arrival.EMAIL: "Sent by email.",
    Arrival.OTHER: "Arrived another way.",
    Arrival.UNASKED: "Sent without having been asked for.",
}

PHOTOGRAPHER_WORDS: dict[Photographer, str] = {
    Photographer.PATIENT: "The patient",
    Photographer.CLINICIAN: "The clinician who filed it",
    Photographer.COLLEAGUE: "A colleague of the clinician",
    Photographer.PARENT: "A parent of the patient",
    Photographer.FAMILY_CARER: "A family carer of the patient",
    Photographer.CARE_WORKER: "A care worker of the patient",
    Photographer.OTHER: "Another person",
}

MADE_WORDS: dict[Made, str] = {
    Made.CAMERA: "Photograph",
    Made.LIVE_VIDEO: "Still of a live video",
    Made.SCREEN: "Copy of another picture",
}

CONSENT_FORM_WORDS: dict[ConsentForm, str] = {
    ConsentForm.VERBAL: "Spoken",
    ConsentForm.ELECTRONIC: "Electronic",
    ConsentForm.WRITTEN: "Written",
}

CONSENT_SCOPE_WORDS: dict[ConsentScope, str] = {
    ConsentScope.RECEIVE: "Receive the image",
    ConsentScope.VIEW: "Look at the image",
    ConsentScope.STORE: "Store the image in the record",
    ConsentScope.SECOND_OPINION: "Show the image to a colleague for a second opinion",
    ConsentScope.TEACHING: "Use the image for teaching",
    ConsentScope.RESEARCH: "Use the image for research",
    ConsentScope.PUBLICATION: "Publish the image",
    ConsentScope.RECORD_VIDEO: "Record the video consultation",
}

LATERALITY_WORDS: dict[Laterality, str] = {
    Laterality.LEFT: "left",
    Laterality.RIGHT: "right",
    Laterality.BOTH: "both sides",
}
