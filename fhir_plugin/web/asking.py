"""What pages share: who asks, about whom, and that a page and its launch name the same patient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from flask import current_app, render_template, request, url_for

from fhir_plugin.errors import WrongPatient
from fhir_plugin.web.contract import PageParts
from mappings.model.people import ClinicalSession, Patient

PATIENT_HEADER = "X-Patient"
IDENTITY_HEADER = "X-Identity"
SIGN_OUT = "way_in.sign_out"
"""The way out belongs to the way in (`launch`); pages alone have none."""


def parts() -> PageParts:
    """The joined parts of this app."""
    return cast(PageParts, current_app.extensions["fhir_plugin"])


def claimed(name: str, header: str) -> str:
    """What the page says it was made for: a field of its form, or a header of its script."""
    return request.form.get(name, "") or request.headers.get(header, "")


def own_page(session: ClinicalSession) -> None:
    """The page that sends this was made for the patient of this launch; the EHR is not asked.

    Enough to keep what was typed, which belongs to this launch's own draft, while the EHR is down. Raises
    `WrongPatient`.
    """
    if claimed("patient", PATIENT_HEADER) != session.patient_url:
        raise WrongPatient("The page was made for another patient than this launch.")


def same_patient(session: ClinicalSession) -> tuple[Patient, str]:
    """The patient and the identity digest, when the page that writes was made for exactly these.

    Raises `WrongPatient`: a page left open while the chart moved on must write nothing (G-R126).
    """
    captures = parts().captures
    patient = captures.patient(session)
    identity = captures.identity_digest(patient)
    made_for = (claimed("patient", PATIENT_HEADER), claimed("identity_seen", IDENTITY_HEADER))
    if made_for != (session.patient_url, identity):
        raise WrongPatient("The page was made for another patient than this launch, or their details have changed.")
    return patient, identity


def asked_by_script() -> bool:
    """Whether a script of ours asked (htmx, XHR, fetch): it gets fragments and JSON, and needs no `noscript`."""
    return "HX-Request" in request.headers or request.headers.get("X-Requested-With") == "fetch"


def show(template: str, session: ClinicalSession, patient: Patient, **values: Any) -> str:
    """A page of this launch: with its patient named, and the two fields that every form of it carries."""
    shared: Mapping[str, Any] = {
        "session": session,
        "patient": patient,
        "identity": parts().captures.identity_digest(patient),
        "scripted": asked_by_script(),
        "sign_out": url_for(SIGN_OUT) if SIGN_OUT in current_app.view_functions else "",
    }
    return render_template(template, **shared, **values)
