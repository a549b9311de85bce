"""The end of a request: what the recipient gets, signed with one's own name; refused, closed, or given more time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Final

from flask import Response, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import escape

from fhir_plugin.disclose.package import AS_SENT
from fhir_plugin.disclose.package.locking import locked
from fhir_plugin.errors import AnswersChanged, Incomplete, Refused
from fhir_plugin.web.access import launched
from fhir_plugin.web.asking import parts, same_patient
from fhir_plugin.web.disclosing import words
from fhir_plugin.web.disclosing.blueprint import (
    DESK,
    NONE,
    OFFICERS,
    Trouble,
    desk,
    disclosing,
    for_whom,
    page,
    revision_seen,
    signed_first,
)
from fhir_plugin.web.disclosing.deciding import shared
from fhir_plugin.web.security import readable_response
from fhir_plugin.web.words import local
from mappings.model.disclosure_request import DisclosureId, RequestState
from mappings.model.people import ClinicalSession

SHORTEST: Final = 12
LONGEST: Final = 200
"""Characters of a password: ours has 35."""


@disclosing.get("/<disclosure_id>/preview")
@launched(*DESK)
def preview(session: ClinicalSession, disclosure_id: str) -> ResponseReturnValue:
    """What they get, in a frame that runs nothing."""
    view = desk().view(session, DisclosureId(disclosure_id))
    g.frames_own_pages = True
    opened = desk().preview_is_open(session, view.request.id)
    shows = request.args.get("shows") if opened and request.args.get("shows") in AS_SENT else AS_SENT[0]
    return page(
        "preview.html",
        session,
        found=view.request,
        view=view,
        opened=opened,
        shows=shows,
        own=signed_first(session, view.request),
        reasons=words.REVEAL_REASONS[4:],
    )


@disclosing.post("/<disclosure_id>/preview")
@launched(*DESK)
def open_preview(session: ClinicalSession, disclosure_id: str) -> ResponseReturnValue:
    """One press with a reason, logged: the preview shows its pictures to this person."""
    same_patient(session)
    reason = request.form.get("reason", "")
    if reason not in words.REVEAL_REASONS:
        raise Refused("Choose one of the reasons offered.", code="unknown-reason")
    desk().open_preview(session, DisclosureId(disclosure_id), reason)
    return redirect(url_for(".preview", disclosure_id=disclosure_id), 303)


@disclosing.get("/<disclosure_id>/preview/page")
@launched(*DESK)
def preview_page(session: ClinicalSession, disclosure_id: str) -> ResponseReturnValue:
    """The readable record with a grey tile for each picture."""
    return readable_response(desk().preview(session, DisclosureId(disclosure_id)))


@disclosing.get("/<disclosure_id>/preview/<name>")
@launched(*DESK)
def as_sent(session: ClinicalSession, disclosure_id: str, name: str) -> ResponseReturnValue:
    """A file of the package itself, byte for byte, once the preview was opened with a reason."""
    pieces = desk().as_sent(session, DisclosureId(disclosure_id), name)
    try:
        first = next(pieces, b"")  # what goes wrong is told before anything is shown
    except Refused as error:  # in the frame, where a page of the app cannot be shown
        why = escape(error.message)
        return readable_response(f"<!DOCTYPE html><html lang=en><title>Not yet</title><p>{why}</p></html>")
    return readable_response(chain((first,), pieces))


@disclosing.get("/<disclosure_id>/sign")
@launched(*DESK)
def signing(session: ClinicalSession, disclosure_id: str) -> ResponseReturnValue:
    """Everything that is signed for, on one page."""
    return _sign_page(session, DisclosureId(disclosure_id), NONE)


def _sign_page(session: ClinicalSession, id: DisclosureId, trouble: Trouble) -> ResponseReturnValue:
    view = desk().view(session, id)
    found = view.request
    if found.state not in (RequestState.OPEN, RequestState.WAITS_FOR_SECOND):
        return redirect(url_for(".one", disclosure_id=id), 303)
    second = found.state is RequestState.WAITS_FOR_SECOND
    return page(
        "sign.html",
        session,
        problems=trouble.problems,
        name=request.form.get("name", ""),
        second=second,
        left_out=[each for each in words.grouped(for_whom(session, view)) if each.anchor in ("masked", "held")],
        own=signed_first(session, found),
        **shared(view),
    ), trouble.status


@disclosing.post("/<disclosure_id>/sign")
@launched(*DESK)
def sign(session: ClinicalSession, disclosure_id: str) -> ResponseReturnValue:
    """Puts one's own name to exactly what the page showed. The package is made while the next page waits."""
    same_patient(session)
    id = DisclosureId(disclosure_id)
    name = request.form.get("name", "").strip()
    try:
        if not name:
            raise Incomplete("No name.", fields={"name": "Type your own name."})
        desk().sign(session, id, name, about=request.form.get("about", ""), revision=revision_seen())
    except (Incomplete, AnswersChanged) as error:
        return _sign_page(session, id, Trouble.of(error))
    return redirect(url_for(".one", disclosure_id=id), 303)


@disclosing.get("/<disclosure_id>/package")
@launched(*OFFICERS)
def package(session: ClinicalSession, disclosure_id: str) -> ResponseReturnValue:
    """The ZIP, as a file to keep."""
    name, pieces = desk().package(session, DisclosureId(disclosure_id))
    return _as_file(name, pieces)


@disclosing.post("/<disclosure_id>/package")
@launched(*OFFICERS)
def locked_package(session: ClinicalSession, disclosure_id: str) -> ResponseReturnValue:
    """The same behind the password that the page has shown. It is in no address, no log, and kept nowhere."""
    same_patient(session)
    password = request.form.get("password", "")
    if not SHORTEST <= len(password) <= LONGEST:
        raise Refused("Go back and take the password that the page shows.", code="password")
    name, pieces = desk().package(session, DisclosureId(disclosure_id))
    return _as_file(name, locked(pieces, password, parts().clock.now()))


def _as_file(name: str, pieces: Iterator[bytes]) -> Response:
    response = Response(pieces, content_type="application/zip")
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


@disclosing.get("/<disclosure_id>/end")
@launched(*OFFICERS)
def ending(session: ClinicalSession, disclosure_id: str) -> ResponseReturnValue:
    """More time, refusing, closing: each with its reason."""
    return _end_page(session, DisclosureId(disclosure_id), NONE)


def _end_page(session: ClinicalSession, id: DisclosureId, trouble: Trouble) -> ResponseReturnValue:
    view = desk().view(session, id)
    today = local(parts().clock.now()).date().isoformat()
    return page(
        "end.html", session, problems=trouble.problems, typed=request.form, today=today, **shared(view)
    ), trouble.status


@disclosing.post("/<disclosure_id>/extend")
@launched(*OFFICERS)
def extend(session: ClinicalSession, disclosure_id: str) -> ResponseReturnValue:
    """More time, because."""
    same_patient(session)
    id = DisclosureId(disclosure_id)
    try:
        desk().extend(session, id, _reason("extend"), request.form.get("extend-told", ""), revision=revision_seen())
    except (Incomplete, AnswersChanged) as error:
        return _end_page(session, id, _named(Trouble.of(error), "extend"))
    return redirect(url_for(".one", disclosure_id=id), 303)


@disclosing.post("/<disclosure_id>/refuse")
@launched(*OFFICERS)
def refuse(session: ClinicalSession, disclosure_id: str) -> ResponseReturnValue:
    """Nothing is sent: refused, or closed because nobody needs it any more."""
    same_patient(session)
    id, closed = DisclosureId(disclosure_id), request.form.get("closed") == "yes"
    which = "close" if closed else "refuse"
    try:
        desk().refuse(session, id, _reason(which), closed=closed, revision=revision_seen())
    except (Incomplete, AnswersChanged) as error:
        return _end_page(session, id, _named(Trouble.of(error), which))
    return redirect(url_for(".one", disclosure_id=id), 303)


def _reason(which: str) -> str:
    said = request.form.get(f"{which}-reason", "").strip()
    if not said:
        raise Incomplete("No reason.", fields={"reason": "Say why, in a sentence."})
    return said


def _named(trouble: Trouble, which: str) -> Trouble:
    fields = ("reason", "told")
    named = {(f"{which}-{name}" if name in fields else name): text for name, text in trouble.problems.items()}
    return Trouble(named, trouble.status)
