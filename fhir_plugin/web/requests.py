"""Asking this patient for a photo: prepare on one screen, confirm the number, hand over the link, see where it stands.

The link is shown once, in the answer to the press that made it, and is never part of an address of ours.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import segno
from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from fhir_plugin.capture.requests.asking import Issued, Standing, seen_as
from fhir_plugin.capture.requests.journey import journey
from fhir_plugin.capture.requests.page import CHILD
from fhir_plugin.capture.requests.prepare import lasting
from fhir_plugin.capture.requests.request import LIVE, NEXT, RequestState
from fhir_plugin.errors import Incomplete, Refused
from fhir_plugin.web import request_questions as questions
from fhir_plugin.web.access import launched
from fhir_plugin.web.asking import parts, same_patient, show
from mappings.model.identifiers import CaptureId, Reference, RequestId
from mappings.model.people import ClinicalSession, Patient, Role
from mappings.model.practice import Colleague

USUAL_PICTURES = 3
"""One from afar, one near, one more. Proportionate (G-R9); the clinician may choose fewer, or what policy allows."""

requests = Blueprint("requests", __name__, url_prefix="/l/<launch>/photo-requests")


@requests.get("")
@launched(Role.CLINICIAN)
def of_patient(session: ClinicalSession) -> ResponseReturnValue:
    """Every request to this patient, and where it stands."""
    found = parts().requests.of_patient(session)
    return show(
        "requests/list.html",
        session,
        parts().captures.patient(session),
        lines=[(each, journey(each)) for each in found],
        states=questions.STATES,
        unreadable=parts().requests.unreadable(session),
    )


@requests.get("/new")
@launched(Role.CLINICIAN)
def new(session: ClinicalSession) -> ResponseReturnValue:
    """Every question that must be answered before a link may exist; nothing is answered beforehand."""
    patient = parts().captures.patient(session)
    try:
        parts().requests.facts(session, patient, ())
    except Refused as refused:
        return show("requests/no_link.html", session, patient, why=refused.message), 409
    return _prepare_page(session, patient, {}, {}), 200


@requests.post("/new")
@launched(Role.CLINICIAN)
def prepare(session: ClinicalSession) -> ResponseReturnValue:
    """Keeps the request when every answer is there; else the same page with what was typed."""
    patient, _ = same_patient(session)
    facts = parts().requests.facts(session, patient, _covers(session))
    try:
        made = parts().requests.prepare(facts, request.form)
    except Incomplete as missing:
        return _prepare_page(session, patient, request.form, missing.fields), 422
    return redirect(url_for(".number", request_id=made.request_id), 303)


@requests.get("/<request_id>")
@launched(Role.CLINICIAN)
def one(session: ClinicalSession, request_id: str) -> ResponseReturnValue:
    """One request: its pathway, who holds it, and what may be done with it."""
    standing = parts().requests.get(session, RequestId(request_id))
    return show(
        "requests/one.html",
        session,
        parts().captures.patient(session),
        standing=standing,
        request=standing.request,
        journey=journey(standing),
        states=questions.STATES,
        seen=seen_as(standing.request),
        may_link=RequestState.SENT in NEXT[standing.request.state],
        live=standing.request.state in LIVE,
        mine=standing.with_user == session.user.reference,
        people=_covers(session),
    )


@requests.get("/<request_id>/number")
@launched(Role.CLINICIAN)
def number(session: ClinicalSession, request_id: str) -> ResponseReturnValue:
    """To which number: always asked, never filled in. Somebody else may have the phone that the record knows."""
    return _number_page(session, parts().requests.get(session, RequestId(request_id)), {}), 200


@requests.post("/<request_id>/link")
@launched(Role.CLINICIAN)
def issue(session: ClinicalSession, request_id: str) -> ResponseReturnValue:
    """Makes a link, and shows it this once: as text to copy, as a code to scan, as the message to send."""
    patient, _ = same_patient(session)
    form, id = request.form, RequestId(request_id)
    try:
        issued = parts().requests.issue(session, patient, id, form, seen=form.get("seen", ""))
    except Incomplete as missing:
        return _number_page(session, parts().requests.get(session, id), missing.fields), 422
    return show(
        "requests/link.html",
        session,
        parts().captures.patient(session),
        issued=issued,
        request=issued.request,
        code=_code(issued),
    )


@requests.post("/<request_id>/cancel")
@launched(Role.CLINICIAN)
def cancel(session: ClinicalSession, request_id: str) -> ResponseReturnValue:
    """The link is dead at once."""
    same_patient(session)
    parts().requests.cancel(session, RequestId(request_id), seen=request.form.get("seen", ""))
    return redirect(url_for(".one", request_id=request_id), 303)


@requests.post("/<request_id>/cover")
@launched(Role.CLINICIAN)
def cover(session: ClinicalSession, request_id: str) -> ResponseReturnValue:
    """Somebody else covers."""
    same_patient(session)
    by = next((each for each in _covers(session) if each.user == request.form.get("cover", "")), None)
    if by is None:
        raise Refused("Choose somebody who works here.", code="unknown-cover")
    parts().requests.cover(session, RequestId(request_id), by, seen=request.form.get("seen", ""))
    return redirect(url_for(".one", request_id=request_id), 303)


@requests.post("/<request_id>/take")
@launched(Role.CLINICIAN)
def take(session: ClinicalSession, request_id: str) -> ResponseReturnValue:
    """Takes what came back from the person whom the page named, and goes to it."""
    same_patient(session)
    standing = parts().requests.get(session, RequestId(request_id))
    capture_id = standing.request.capture_id
    if capture_id is None:
        raise Refused("Nothing has come back yet.", code="request-state")
    from_user = Reference(request.form.get("from_user", ""))
    parts().requests.take(session, CaptureId(capture_id), from_user=from_user)
    return redirect(url_for("capture.screen", capture_id=capture_id), 303)


def _covers(session: ClinicalSession) -> Sequence[Colleague]:
    return [each for each in parts().practice.clinicians(session) if each.user != session.user.reference]


def _prepare_page(
    session: ClinicalSession, patient: Patient, form: Mapping[str, str], problems: Mapping[str, str]
) -> str:
    practice, phone = parts().requests.last_practice(session)
    policy = parts().policy
    known = {
        "practice": practice,
        "practice_phone": phone or policy.wording.telephone,
        "most_pictures": str(min(USUAL_PICTURES, policy.request_most_images)),
        "lasts_hours": str(max(lasting(policy))),
    }
    age = patient.age_on(parts().requests.today)
    return show(
        "requests/prepare.html",
        session,
        patient,
        form=form or known,
        problems=problems,
        q=questions,
        policy=policy,
        lasting=lasting(policy),
        people=_covers(session),
        child=age is None or age < CHILD,
        decides_alone=age is not None and age >= policy.age_consent,
    )


def _number_page(session: ClinicalSession, standing: Standing, problems: Mapping[str, str]) -> str:
    return show(
        "requests/number.html",
        session,
        parts().captures.patient(session),
        request=standing.request,
        may_link=RequestState.SENT in NEXT[standing.request.state],
        seen=seen_as(standing.request),
        problems=problems,
        form=request.form,
    )


def _code(issued: Issued) -> Markup:
    """The link as a QR code: SVG inside this one answer, which no browser keeps."""
    out = io.BytesIO()
    segno.make(issued.link, error="m").save(
        out, kind="svg", xmldecl=False, svgns=False, scale=4, border=4, svgclass="app-code", lineclass=None
    )
    return Markup(out.getvalue().decode("ascii"))  # noqa: S704 - drawn by segno from an address of ours
