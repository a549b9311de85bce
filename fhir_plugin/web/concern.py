"""Raising a concern from every screen, and what holds this patient's images until somebody closes it with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from fhir_plugin.errors import Incomplete, Refused
from fhir_plugin.web.access import launched
from fhir_plugin.web.asking import parts, same_patient, show
from mappings.model.people import ClinicalSession, Role
from mappings.model.practice import HoldKind

concern = Blueprint("concern", __name__, url_prefix="/l/<launch>/concerns")

HOLDS: Final[Mapping[HoldKind, str]] = MappingProxyType(
    {
        HoldKind.SAFEGUARDING: "Safeguarding concern",
        HoldKind.COMPLAINT: "Complaint",
        HoldKind.ACCESS_REQUEST: "Request for a copy of the record",
        HoldKind.LEGAL: "Legal hold",
    }
)
NOTE_STATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "written": "It is in the record, where those who treat this patient can read it.",
        "waiting": "It is on its way into the record: that goes on by itself.",
        "sign-in": "It goes into the record once the person who raised it opens this patient again from the EHR.",
        "refused": "The EHR did not take it. Write it into the record yourself. It stays readable here.",
        "none": "",
    }
)


def _shown(session: ClinicalSession, problems: Mapping[str, str], *, raised: bool = False) -> str:
    clinician = Role.CLINICIAN in session.user.roles
    found = parts().concerns.of_chart(session, lifted=True) if clinician else []
    wording = parts().policy.wording
    return show(
        "concern/raise.html",
        session,
        parts().captures.patient(session),
        clinician=clinician,
        holds=[(HOLDS[hold.kind], hold, NOTE_STATES[parts().concerns.note_state(hold)]) for hold in found],
        kinds=[(kind, words) for kind, words in HOLDS.items() if kind is not HoldKind.SAFEGUARDING],
        contacts=[each for each in (wording.safeguarding_lead, wording.safeguarding_pathway) if each],
        problems=problems,
        form=request.form,
        raised=raised,
    )


@concern.get("")
@launched(Role.CLINICIAN, Role.TRIAGE)
def page(session: ClinicalSession) -> ResponseReturnValue:
    """What concerns somebody; for clinicians also what holds this patient's images."""
    return _shown(session, {}, raised="raised" in request.args)


@concern.post("")
@launched(Role.CLINICIAN, Role.TRIAGE)
def raise_one(session: ClinicalSession) -> ResponseReturnValue:
    """Writes it down, for this patient and no other."""
    patient, _ = same_patient(session)
    form = request.form
    try:
        parts().concerns.raise_concern(
            session, patient, words=form.get("words", ""), about=form.get("about", ""), told=form.get("told", "")
        )
    except Incomplete as error:
        return _shown(session, error.fields), 422
    return redirect(url_for(".page", raised=1), 303)


@concern.get("/<hold_id>")
@launched(Role.CLINICIAN)
def one(session: ClinicalSession, hold_id: str) -> ResponseReturnValue:
    """One of them, with how it is closed."""
    return _one_page(session, hold_id, {}), 200


def _one_page(session: ClinicalSession, hold_id: str, problems: Mapping[str, str]) -> str:
    hold = parts().concerns.get(session, hold_id)
    return show(
        "concern/one.html",
        session,
        parts().captures.patient(session),
        hold=hold,
        said=HOLDS[hold.kind],
        note=NOTE_STATES[parts().concerns.note_state(hold)],
        problems=problems,
        form=request.form,
    )


@concern.post("/holds")
@launched(Role.CLINICIAN)
def hold_back(session: ClinicalSession) -> ResponseReturnValue:
    """A complaint or a request for the record is open: nothing is destroyed."""
    same_patient(session)
    asked = request.form.get("kind", "")
    if asked not in set(HoldKind):
        raise Refused("Choose one of the reasons offered.", code="unknown-kind")
    try:
        parts().concerns.set_hold(session, HoldKind(asked), request.form.get("hold_words", ""))
    except Incomplete as error:
        return _shown(session, {"hold_words": error.fields["words"]}), 422
    return redirect(url_for(".page"), 303)


@concern.post("/<hold_id>/close")
@launched(Role.CLINICIAN)
def close(session: ClinicalSession, hold_id: str) -> ResponseReturnValue:
    """Closes it with a reason."""
    same_patient(session)
    try:
        parts().concerns.lift(session, hold_id, request.form.get("because", ""))
    except Incomplete as error:
        return _one_page(session, hold_id, error.fields), 422
    return redirect(url_for(".page"), 303)
