"""The blueprint of the patient's pages, and the ways between them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, make_response, redirect

from fhir_plugin.capture.requests.page import Stage, Visit
from fhir_plugin.web.asking import asked_by_script
from fhir_plugin.web.patient.door import at, door, keep_secret, visits
from fhir_plugin.web.patient.flow import Page, may_see, stands_at

CUT_OFF = "cut-off"
"""Stands for the secret of a link that lost it on the way."""

patient = Blueprint("patient", __name__, url_prefix="/p/<secret>")


@patient.url_value_preprocessor
def secret_of_path(_: str | None, values: dict[str, Any] | None) -> None:
    keep_secret((values or {}).pop("secret", CUT_OFF))
    (values or {}).pop("rest", None)


def to(page: str, **values: Any) -> Response:
    return make_response(redirect(at(page, **values), 303))


def go(page: str) -> Response:
    """On to a page: told to a script, or as a redirect."""
    if asked_by_script():
        return make_response({"go": at(page)}, 409)
    return to(page)


def here(page: Page) -> Visit | Response:
    """The visit, when this page can be now; else the way to the one that can."""
    visit = visits().open(door())
    if visit.stage is not Stage.OPEN:
        return to("start")
    return visit if may_see(page, visit) else to(stands_at(visit))


def shown_picture(picture: Any) -> dict[str, Any]:
    """A picture with a version that changes with its edges, so that no browser shows an old one."""
    geometry = picture.geometry
    return {"image_id": picture.image_id, "version": f"{abs(hash((geometry, picture.checked))) % 10**8}"}
