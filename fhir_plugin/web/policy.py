"""The policy in force, for whoever works under it: whose it is, what it rests on, what to read, whom to ask."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from fhir_plugin.web.access import launched
from fhir_plugin.web.asking import parts, show
from mappings.model.people import ClinicalSession, Role

policy = Blueprint("policy", __name__, url_prefix="/l/<launch>/policy")

READERS = {
    "clinician": "For you",
    "patient": "For patients",
    "parent": "For parents",
    "carer": "For carers",
}
"""Of the pack's links, in the order of the page (G-R33, G-R350)."""


@policy.get("")
@launched(Role.CLINICIAN, Role.TRIAGE)
def page(session: ClinicalSession) -> ResponseReturnValue:
    """Reads only; the same for every patient (G-R189, G-R217, G-R298, G-R339, G-R344, G-R350, G-R351)."""
    pack, today = parts().policy, parts().clock.now().date()
    reading = {
        words: [each for each in pack.guidance if each.audience == audience] for audience, words in READERS.items()
    }
    return show(
        "policy.html",
        session,
        parts().captures.patient(session),
        policy=pack,
        reading={words: links for words, links in reading.items() if links},
        missing=[each for each in pack.attestations if not each.is_made(today)],
        agreements=[each for each in pack.provider_agreements if each.agreed_on <= today],
    )
