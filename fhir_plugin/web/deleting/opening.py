"""Opening what is hidden by break-glass, and leading on to its restoring; certificates of destruction."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from flask import Response, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from fhir_plugin.errors import Incomplete, NotFound, PluginError
from fhir_plugin.web.access import launched
from fhir_plugin.web.asking import parts, same_patient
from fhir_plugin.web.deleting import words as said
from fhir_plugin.web.deleting.blueprint import Trouble
from fhir_plugin.web.deleting.places import WATCHERS, guarding, list_page, of_a_list, offices
from fhir_plugin.web.gallery import reference_of
from fhir_plugin.web.security import picture_response
from mappings.model.deletion import CertificateNumber
from mappings.model.hiding import HiddenImage
from mappings.model.identifiers import Reference
from mappings.model.people import ClinicalSession, Role

NO_PROBLEMS: Final[Mapping[str, str]] = MappingProxyType({})


def _hidden(session: ClinicalSession, reference: Reference) -> HiddenImage:
    found = next((each for each in offices().register.whole(session).hidden if each.reference == reference), None)
    if found is None:
        raise NotFound("nothing of this name is hidden at this EHR", status=404)
    return found


@guarding.get("/register/hidden/<kind>/<id>")
@launched(*WATCHERS)
def hidden(session: ClinicalSession, kind: str, id: str) -> ResponseReturnValue:
    """One hidden image, closed: why, by whom, who can still see it, and the glass to break."""
    return _hidden_page(session, reference_of(kind, id))


def _hidden_page(
    session: ClinicalSession,
    reference: Reference,
    problems: Mapping[str, str] = NO_PROBLEMS,
    ticket: str = "",
    status: int = 422,
) -> Response:
    image = _hidden(session, reference)
    kind, id = reference.split("/", 1)
    changes = Role.PRIVACY_OFFICER in session.user.roles
    own = parts().captures.patient(session) if changes and image.patient == session.patient_id else None
    page = list_page(
        "break_glass.html",
        session,
        image=image,
        kind=kind,
        id=id,
        state=said.HIDING_STATES[image.state],
        why=said.HIDING_REASONS[image.reason],
        own=own,
        own_identity=parts().captures.identity_digest(own) if own is not None else "",
        changes=changes,
        ticket=ticket,
        problems=problems,
        typed=request.form if problems else {},
    )
    return make_response(page, status if problems else 200)


@guarding.post("/register/hidden/<kind>/<id>")
@launched(*WATCHERS)
def break_glass(session: ClinicalSession, kind: str, id: str) -> ResponseReturnValue:
    """One press with a reason, logged: the page comes back with the picture, which is shown this one time."""
    of_a_list(session)
    reference = reference_of(kind, id)
    try:
        ticket = offices().break_glass.open(session, reference, request.form.get("reason", "").strip())
    except Incomplete as error:
        return _hidden_page(session, reference, error.fields)
    return _hidden_page(session, reference, ticket=ticket)


@guarding.get("/register/hidden/<kind>/<id>/picture/<ticket>")
@launched(*WATCHERS, touches=False)
def hidden_picture(session: ClinicalSession, kind: str, id: str, ticket: str) -> ResponseReturnValue:
    """What was kept of it, once, in the launch that opened it."""
    return picture_response(*offices().break_glass.picture(session, reference_of(kind, id), ticket))


@guarding.post("/register/hidden/<kind>/<id>/restore")
@launched(Role.PRIVACY_OFFICER)
def restore(session: ClinicalSession, kind: str, id: str) -> ResponseReturnValue:
    """Begins to put it back, at its own patient's chart."""
    patient, _ = same_patient(session)
    reference = reference_of(kind, id)
    try:
        parts().deletion.hiding.restore(session, patient, reference, request.form.get("words", "").strip())
    except PluginError as error:
        trouble = Trouble.told(error)
        return _hidden_page(session, reference, trouble.problems, status=trouble.status)
    return redirect(url_for(".register", part="hidden"), 303)


# ------------------------------------------------------------------------------------------------ certificates


@guarding.get("/certificates/<number>")
@launched(*WATCHERS)
def certificate(session: ClinicalSession, number: str) -> ResponseReturnValue:
    """A certificate as a page: what is signed, line by line."""
    found = offices().register.certificate(session, CertificateNumber(number))
    return list_page(
        "certificate.html",
        session,
        certificate=found,
        lines=list(_lines(found.statement)),
        signed=offices().register.signed(found),
    )


def _lines(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """What is signed, a line for each value, named by where it stands."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _lines(each, f"{name}, {_words(key)}" if name else _words(key).capitalize())
    elif isinstance(value, list | tuple) and any(isinstance(each, Mapping | list | tuple) for each in value):
        for number, each in enumerate(value, start=1):
            yield from _lines(each, f"{name} {number}")
    else:
        text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        yield name, text or "none"


def _words(key: object) -> str:
    """`notProven`, `not_proven` and `not-proven` are read as words."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", str(key)).replace("_", " ").replace("-", " ").lower()


@guarding.get("/certificates/<number>/<form>")
@launched(*WATCHERS)
def certificate_file(session: ClinicalSession, number: str, form: str) -> ResponseReturnValue:
    """The same as signed JSON (`fhir-plugin verify-certificate` reads it), or as a PDF to be filed on paper."""
    found = offices().register.certificate(session, CertificateNumber(number))
    if form == "json":
        text = json.dumps(offices().certificate_file(found), indent=2, ensure_ascii=False)
        response = Response(text + "\n", content_type="application/json; charset=utf-8")
    elif form == "pdf":
        response = Response(offices().certificate_pdf(found), content_type="application/pdf")
    else:
        raise NotFound("a certificate comes as json or as pdf", status=404)
    response.headers["Content-Disposition"] = f'attachment; filename="certificate-{found.number}.{form}"'
    return response
