"""Consent of one picture, taking it back, and looking again at what was filed."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from fhir_plugin.errors import Incomplete, Refused
from fhir_plugin.keep.review import OUTCOMES, Outcome
from fhir_plugin.web.access import launched
from fhir_plugin.web.asking import parts, same_patient, show
from fhir_plugin.web.deleting.standing import hidden_here, open_requests
from fhir_plugin.web.gallery import reference_of
from fhir_plugin.web.worklist import KINDS
from mappings.model.consent import ConsentAnswer, ConsentScope, Grantor
from mappings.model.identifiers import Reference, WorkId
from mappings.model.people import ClinicalSession, Role
from mappings.terminology.consent import GRANTOR_WORDS
from mappings.terminology.photographs import CONSENT_SCOPE_WORDS

reviews = Blueprint("reviews", __name__, url_prefix="/l/<launch>")

ANSWERS: Final[Mapping[ConsentAnswer, str]] = MappingProxyType(
    {
        ConsentAnswer.GIVEN: "Given",
        ConsentAnswer.REFUSED: "Refused",
        ConsentAnswer.WITHDRAWN: "Withdrawn",
        ConsentAnswer.NOT_ASKED: "Not asked",
    }
)
OUTCOME_WORDS: Final[Mapping[Outcome, tuple[str, str]]] = MappingProxyType(
    {
        Outcome.AGREED: (
            "They were asked themselves, and agree that it is kept",
            "Second opinion and other uses are asked for apart, as each comes up.",
        ),
        Outcome.OBJECTED: (
            "They object to its use",
            "It stays closed to second opinion and every other use than their own care.",
        ),
        Outcome.KEEP: ("It is kept", "Say why."),
        Outcome.WISH_HIDDEN: (
            "It should be hidden from the record",
            "Every picture of this review is hidden when you record it. It can be taken back.",
        ),
        Outcome.WISH_DESTROYED: (
            "It should be destroyed",
            "Nothing is destroyed by saying so: request permanent deletion from this page. The Caldicott Guardian "
            "decides. The review stays on the list until it is requested.",
        ),
    }
)


@reviews.get("/images/<kind>/<id>/consent")
@launched(Role.CLINICIAN)
def consent(session: ClinicalSession, kind: str, id: str) -> ResponseReturnValue:
    """What was agreed about a picture, by whom, and a button for each scope to take it back."""
    return _consent_page(session, reference_of(kind, id), {}), 200


def _consent_page(session: ClinicalSession, reference: Reference, problems: Mapping[str, str]) -> str:
    patient = parts().captures.patient(session)
    standing = parts().withdrawals.standing(session, patient, reference)
    kind, id = reference.split("/")
    return show(
        "reviews/consent.html",
        session,
        patient,
        standing=standing,
        scopes=[(scope, CONSENT_SCOPE_WORDS[scope], answer, ANSWERS[answer]) for scope, answer in standing.scopes],
        giver=GRANTOR_WORDS[standing.consent.giver.right],
        rights_in_words=GRANTOR_WORDS,
        answers_in_words=ANSWERS,
        rights=[(right, GRANTOR_WORDS[right]) for right in standing.rights],
        kind=kind,
        id=id,
        problems=problems,
        form=request.form,
    )


@reviews.post("/images/<kind>/<id>/withdraw")
@launched(Role.CLINICIAN)
def withdraw(session: ClinicalSession, kind: str, id: str) -> ResponseReturnValue:
    """One scope, or all of them, taken back: one press."""
    patient, _ = same_patient(session)
    reference = reference_of(kind, id)
    asked, right = request.form.getlist("scope"), request.form.get("right", "")
    if not set(asked) <= {*ConsentScope, "all"}:
        raise Refused("Choose one of the buttons.", code="unknown-scope")
    try:
        if right not in set(Grantor):
            raise Incomplete("Say who withdraws it.", fields={"right": "Say who withdraws it."})
        if "all" in asked:
            standing = parts().withdrawals.standing(session, patient, reference)
            asked = [scope for scope, answer in standing.scopes if answer is ConsentAnswer.GIVEN]
            if standing.image.consent and parts().consultations.live_on(session, standing.image.consent):
                asked.append(ConsentScope.SECOND_OPINION)  # asked for without an answer: from now on there is one
        scopes = [ConsentScope(scope) for scope in asked]
        parts().withdrawals.withdraw(session, patient, reference, scopes, Grantor(right), request.form.get("words", ""))
        parts().consultations.tidy()  # what a colleague could still open is destroyed now, not at the next turn
    except Incomplete as error:
        return _consent_page(session, reference, error.fields), 422
    return redirect(url_for(".consent", kind=kind, id=id), 303)


@reviews.get("/reviews/<work_id>")
@launched(Role.CLINICIAN)
def review(session: ClinicalSession, work_id: str) -> ResponseReturnValue:
    """One review: which pictures, why, and how it ends."""
    return _review_page(session, WorkId(work_id), {}), 200


def _review_page(session: ClinicalSession, id: WorkId, problems: Mapping[str, str]) -> str:
    item, images = parts().reviews.item(session, id)
    return show(
        "reviews/review.html",
        session,
        parts().captures.patient(session),
        item=item,
        images=[(image, *image.reference.split("/")) for image in images],
        hidden=hidden_here(session),
        asked_for=open_requests(session),
        said=KINDS[item.kind],
        outcomes=[(each, *OUTCOME_WORDS[each]) for each in OUTCOMES[item.kind]],
        problems=problems,
        form=request.form,
    )


@reviews.post("/reviews/<work_id>")
@launched(Role.CLINICIAN)
def decide(session: ClinicalSession, work_id: str) -> ResponseReturnValue:
    """Ends it, or records a wish and leaves it open."""
    same_patient(session)
    asked = request.form.get("outcome", "")
    try:
        if asked not in set(Outcome):
            raise Incomplete("Say how it ends.", fields={"outcome": "Choose one."})
        done = parts().reviews.decide(session, WorkId(work_id), Outcome(asked), request.form.get("words", ""))
    except Incomplete as error:
        return _review_page(session, WorkId(work_id), error.fields), 422
    return redirect(url_for("worklist.practice") if done.done_at else url_for(".review", work_id=work_id), 303)


@reviews.get("/wishes")
@launched(Role.CLINICIAN)
def wishes(session: ClinicalSession) -> ResponseReturnValue:
    """What somebody who has died wanted done with their pictures."""
    return _wishes_page(session, {}), 200


def _wishes_page(session: ClinicalSession, problems: Mapping[str, str]) -> str:
    images = parts().reviews.images(session)
    known = next((image.known_wishes for image in images if image.known_wishes), "")
    return show(
        "reviews/wishes.html",
        session,
        parts().captures.patient(session),
        known=known,
        count=len(images),
        problems=problems,
        form=request.form,
    )


@reviews.post("/wishes")
@launched(Role.CLINICIAN)
def record_wishes(session: ClinicalSession) -> ResponseReturnValue:
    """Writes it down for every picture of this patient that this app filed."""
    patient, _ = same_patient(session)
    try:
        parts().reviews.record_wishes(session, patient, request.form.get("wishes", ""))
    except Incomplete as error:
        return _wishes_page(session, error.fields), 422
    return redirect(url_for(".wishes"), 303)
