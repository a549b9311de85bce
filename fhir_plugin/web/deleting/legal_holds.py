"""Legal holds of one patient: the privacy officer sets and lifts them, at that patient's chart."""

from __future__ import annotations

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from fhir_plugin.errors import PluginError
from fhir_plugin.web.access import launched
from fhir_plugin.web.asking import parts, same_patient
from fhir_plugin.web.deleting.blueprint import NONE, Trouble, page
from fhir_plugin.web.deleting.places import guarding
from mappings.model.people import ClinicalSession, Role
from mappings.model.practice import HoldKind


@guarding.get("/register/legal-holds")
@launched(Role.PRIVACY_OFFICER)
def legal_holds(session: ClinicalSession) -> ResponseReturnValue:
    """Those of this launch's patient, with how they are lifted."""
    return _page(session, NONE)


def _page(session: ClinicalSession, trouble: Trouble, at: str = "") -> ResponseReturnValue:
    holds = parts().concerns.legal_holds(session)
    return page(
        "legal_holds.html",
        session,
        standing=[each for each in holds if each.lifted is None],
        lifted=[each for each in holds if each.lifted is not None],
        problems={f"{name}-{at}" if at and name != "form" else name: text for name, text in trouble.problems.items()},
        at=at,
        typed=request.form if trouble.problems else {},
    ), trouble.status


@guarding.post("/register/legal-holds")
@launched(Role.PRIVACY_OFFICER)
def set_legal_hold(session: ClinicalSession) -> ResponseReturnValue:
    """From now on nothing of this patient is destroyed, whatever was approved."""
    same_patient(session)
    try:
        parts().concerns.set_hold(session, HoldKind.LEGAL, request.form.get("words", ""))
    except PluginError as error:
        return _page(session, Trouble.told(error))
    return redirect(url_for(".legal_holds"), 303)


@guarding.post("/register/legal-holds/<hold_id>/lift")
@launched(Role.PRIVACY_OFFICER)
def lift_legal_hold(session: ClinicalSession, hold_id: str) -> ResponseReturnValue:
    """It holds nothing any more; why is kept with it."""
    same_patient(session)
    standing = [each.id for each in parts().concerns.legal_holds(session) if each.lifted is None]
    number = str(standing.index(hold_id) + 1) if hold_id in standing else ""
    try:
        parts().concerns.lift(session, hold_id, request.form.get("because", ""))
    except PluginError as error:
        return _page(session, Trouble.told(error), number)
    return redirect(url_for(".legal_holds"), 303)
