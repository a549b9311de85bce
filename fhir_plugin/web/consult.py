"""A second opinion: asked at the picture, given at whatever chart the colleague has open."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from fhir_plugin.errors import Incomplete, Refused
from fhir_plugin.keep.asking import CHECKS, Asking
from fhir_plugin.keep.opinion import OpinionPurpose, OpinionState, SecondOpinion
from fhir_plugin.policy.choices import OpinionConsent
from fhir_plugin.web.access import launched
from fhir_plugin.web.asking import parts, same_patient, show
from fhir_plugin.web.gallery import reference_of
from fhir_plugin.web.geometry import read_geometry, region_as_text
from fhir_plugin.web.security import picture_response
from fhir_plugin.web.words import clock_time, day
from mappings.model.consent import ConsentAnswer
from mappings.model.identifiers import OpinionId, Reference
from mappings.model.images import Geometry
from mappings.model.people import ClinicalSession, Role
from mappings.terminology.consent import GRANTOR_WORDS

consult = Blueprint("consult", __name__, url_prefix="/l/<launch>")

PURPOSES: Final[Mapping[OpinionPurpose, str]] = MappingProxyType(
    {
        OpinionPurpose.DIAGNOSIS: "What it is",
        OpinionPurpose.TREATMENT: "How to treat it",
        OpinionPurpose.NEXT_STEP: "What to do next: refer, see in person, wait",
    }
)
"""Teaching and peer review are not among them (G-R228)."""
CHECK_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "tattoos": "Tattoos, scars, birthmarks that people know",
        "jewellery": "Jewellery, clothes, name bands",
        "background": "The background: papers, screens, rooms, other people",
        "rare": "A condition or situation so rare that it says who this is",
    }
)
STATES: Final[Mapping[OpinionState, str]] = MappingProxyType(
    {
        OpinionState.ASKED: "Asked, not accepted yet",
        OpinionState.ACCEPTED: "Accepted, not answered yet",
        OpinionState.ANSWERED: "Answered",
        OpinionState.DECLINED: "Declined",
        OpinionState.CANCELLED: "Cancelled",
        OpinionState.EXPIRED: "Not answered in time",
        OpinionState.STOPPED: "Closed: consent does not allow it",
    }
)
_ANSWERS = frozenset({ConsentAnswer.GIVEN, ConsentAnswer.REFUSED})


@consult.app_template_filter()
def opinion_state(state: OpinionState) -> str:
    """Where it stands, in words."""
    return STATES[state]


# ---------------------------------------------------------------------------------------------- at the picture


@consult.get("/images/<kind>/<id>/opinion/prepare")
@launched(Role.CLINICIAN)
def prepare(session: ClinicalSession, kind: str, id: str) -> ResponseReturnValue:
    """Cut and black out what could say who it is, on a copy: the filed picture stays as it is."""
    patient = parts().captures.patient(session)
    ground = parts().consultations.ground(session, patient, reference_of(kind, id))
    return show("consult/prepare.html", session, patient, ground=ground, kind=kind, id=id)


@consult.post("/images/<kind>/<id>/opinion/prepare")
@launched(Role.CLINICIAN)
def prepared(session: ClinicalSession, kind: str, id: str) -> ResponseReturnValue:
    """Goes on to the question, with the geometry in the address: it says nothing about anybody."""
    same_patient(session)
    if "quarter_turns" not in request.form:  # pressed before the editor had begun
        return redirect(url_for(".prepare", kind=kind, id=id), 303)
    geometry = read_geometry(request.form, request.form.getlist("black_out"))
    said: dict[str, Any] = {"kind": kind, "id": id, **_said(geometry)}
    return redirect(url_for(".question", **said), 303)


@consult.get("/images/<kind>/<id>/opinion/upright")
@launched(Role.CLINICIAN)
def upright(session: ClinicalSession, kind: str, id: str) -> ResponseReturnValue:
    """What the editor draws on."""
    turns = request.args.get("turns", "0")
    if turns not in ("0", "1", "2", "3"):
        raise Refused("A picture can be turned by 0, 1, 2 or 3 quarters.", code="bad-turn")
    return picture_response(parts().consultations.upright(session, reference_of(kind, id), int(turns)), "image/jpeg")


@consult.get("/images/<kind>/<id>/opinion/copy")
@launched(Role.CLINICIAN)
def copy(session: ClinicalSession, kind: str, id: str) -> ResponseReturnValue:
    """The copy as it would be shared, for the last look."""
    return picture_response(*parts().consultations.copy(session, reference_of(kind, id), _geometry(request.args)))


@consult.get("/images/<kind>/<id>/opinion")
@launched(Role.CLINICIAN)
def question(session: ClinicalSession, kind: str, id: str) -> ResponseReturnValue:
    """Whom, what, why, and whether the patient agrees."""
    return _question_page(session, reference_of(kind, id), _geometry(request.args), {}), 200


def _question_page(
    session: ClinicalSession, reference: Reference, geometry: Geometry, problems: Mapping[str, str]
) -> str:
    patient = parts().captures.patient(session)
    ground = parts().consultations.ground(session, patient, reference)
    away = {each.user: each for each in parts().practice.absences(session)}
    kind, id = reference.split("/")
    return show(
        "consult/ask.html",
        session,
        patient,
        ground=ground,
        kind=kind,
        id=id,
        people=[(each, away.get(each.user)) for each in parts().consultations.people(session)],
        purposes=PURPOSES,
        checks=[(each, CHECK_WORDS[each]) for each in CHECKS],
        rights=[(right, GRANTOR_WORDS[right]) for right in ground.rights],
        must_ask=ground.parents_no or parts().policy.opinion_consent is OpinionConsent.REQUIRED,
        unreadable=parts().consultations.unreadable(session),
        hours=int(parts().policy.opinion_lasts.total_seconds() // 3600),
        geometry=_said(geometry),
        problems=problems,
        form=request.form,
    )


@consult.post("/images/<kind>/<id>/opinion")
@launched(Role.CLINICIAN)
def ask(session: ClinicalSession, kind: str, id: str) -> ResponseReturnValue:
    """Asks, or records that the patient said no."""
    patient, _ = same_patient(session)
    form, reference = request.form, reference_of(kind, id)
    geometry, said = _geometry(form), form.get("consent", "")
    asking = Asking(
        to=form.get("to", ""),
        purpose=form.get("purpose", ""),
        reason=form.get("reason", ""),
        checked=frozenset(form.getlist("checked")),
        geometry=geometry,
        anonymised=form.get("anonymised", "yes") != "no",
        identified_reason=form.get("identified_reason", ""),
        consent=ConsentAnswer(said) if said in _ANSWERS else ConsentAnswer.NOT_ASKED,
        right=form.get("right", ""),
    )
    try:
        made = parts().consultations.ask(session, patient, reference, asking)
    except Incomplete as error:
        return _question_page(session, reference, geometry, error.fields), 422
    if made is None:
        return redirect(url_for("reviews.consent", kind=kind, id=id), 303)
    return redirect(url_for(".one", opinion_id=made.id), 303)


@consult.get("/opinions/<opinion_id>")
@launched(Role.CLINICIAN)
def one(session: ClinicalSession, opinion_id: str) -> ResponseReturnValue:
    """At the patient's chart: where it stands, the answer, and the words for the note."""
    opinion = parts().consultations.one(session, OpinionId(opinion_id))
    kind, id = opinion.image.split("/")
    return show(
        "consult/one.html",
        session,
        parts().captures.patient(session),
        opinion=opinion,
        kind=kind,
        id=id,
        purpose=PURPOSES[opinion.purpose],
        note=note_words(opinion),
    )


@consult.post("/opinions/<opinion_id>/cancel")
@launched(Role.CLINICIAN)
def cancel(session: ClinicalSession, opinion_id: str) -> ResponseReturnValue:
    """Not needed any more."""
    same_patient(session)
    parts().consultations.cancel(session, OpinionId(opinion_id))
    return redirect(url_for(".one", opinion_id=opinion_id), 303)


@consult.post("/opinions/<opinion_id>/read")
@launched(Role.CLINICIAN)
def read(session: ClinicalSession, opinion_id: str) -> ResponseReturnValue:
    """Somebody at the chart has read how it ended."""
    same_patient(session)
    parts().consultations.read(session, OpinionId(opinion_id))
    return redirect(url_for("worklist.practice"), 303)


def note_words(opinion: SecondOpinion) -> str:
    """Text for the note: who was asked, about which picture and version, when, and what they said (G-R224, G-R292)."""
    lines = [
        f"Second opinion asked of {opinion.recipient_name} by {opinion.asker_name} on {_when(opinion.created)}, about "
        f"{opinion.image}, version {opinion.image_version or 'not known'}, "
        f"as {'an anonymised' if opinion.anonymised else 'an identified'} copy.",
        f"Asked: {PURPOSES[opinion.purpose].lower()}. {opinion.reason}",
    ]
    if opinion.accepted_at is not None:
        lines.append(f"Accepted on {_when(opinion.accepted_at)}.")
    if opinion.ended_at is not None:
        said = f": {opinion.answer}" if opinion.answer else "."
        lines.append(f"{STATES[opinion.state]} on {_when(opinion.ended_at)}{said}")
    return "\n".join(lines)


def _when(moment: dt.datetime) -> str:
    return f"{day(moment)}, {clock_time(moment)}"


# ---------------------------------------------------------------------------------------------- the colleague


@consult.get("/asked/<opinion_id>")
@launched(Role.CLINICIAN)
def asked(session: ClinicalSession, opinion_id: str) -> ResponseReturnValue:
    """What a colleague asks. It is about no chart, and says so."""
    return _asked_page(session, OpinionId(opinion_id), {}), 200


def _asked_page(session: ClinicalSession, id: OpinionId, problems: Mapping[str, str]) -> str:
    opinion = parts().consultations.asked_of_me(session, id)
    return show(
        "consult/asked.html",
        session,
        parts().captures.patient(session),
        opinion=opinion,
        purpose=PURPOSES[opinion.purpose],
        problems=problems,
        form=request.form,
    )


@consult.post("/asked/<opinion_id>/accept")
@launched(Role.CLINICIAN)
def accept(session: ClinicalSession, opinion_id: str) -> ResponseReturnValue:
    """They agree to look."""
    same_patient(session)
    parts().consultations.accept(session, OpinionId(opinion_id))
    return redirect(url_for(".asked", opinion_id=opinion_id), 303)


@consult.post("/asked/<opinion_id>/decline")
@launched(Role.CLINICIAN)
def decline(session: ClinicalSession, opinion_id: str) -> ResponseReturnValue:
    """They would rather not."""
    same_patient(session)
    parts().consultations.decline(session, OpinionId(opinion_id), request.form.get("declined", ""))
    return redirect(url_for(".asked", opinion_id=opinion_id), 303)


@consult.post("/asked/<opinion_id>/answer")
@launched(Role.CLINICIAN)
def answer(session: ClinicalSession, opinion_id: str) -> ResponseReturnValue:
    """What they think."""
    same_patient(session)
    try:
        parts().consultations.answer(session, OpinionId(opinion_id), request.form.get("answer", ""))
    except Incomplete as error:
        return _asked_page(session, OpinionId(opinion_id), error.fields), 422
    return redirect(url_for(".asked", opinion_id=opinion_id), 303)


@consult.get("/asked/<opinion_id>/picture")
@launched(Role.CLINICIAN)
def picture(session: ClinicalSession, opinion_id: str) -> ResponseReturnValue:
    """The pixels, with the colleague's name and the time burnt in. Each time is written down."""
    return picture_response(parts().consultations.open(session, OpinionId(opinion_id)), "image/jpeg")


# ---------------------------------------------------------------------------------------------- inside


def _said(geometry: Geometry) -> dict[str, str | list[str]]:
    return {
        "quarter_turns": str(geometry.quarter_turns),
        "crop": region_as_text(geometry.crop) if geometry.crop else "",
        "black_out": [region_as_text(box) for box in geometry.black_out],
    }


def _geometry(form: MultiDict[str, str]) -> Geometry:
    return read_geometry(form, form.getlist("black_out"))
