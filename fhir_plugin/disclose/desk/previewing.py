"""What the recipient gets, for whoever signs: with grey tiles, or, opened with a reason, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fhir_plugin.disclose.desk import outgoing
from fhir_plugin.disclose.desk.deciding import Decision
from fhir_plugin.disclose.desk.parts import DeskParts
from fhir_plugin.disclose.package.preview import AS_SENT, as_sent
from fhir_plugin.errors import NotAllowed, NotFound
from mappings.model.disclosure_request import DisclosureRequest
from mappings.model.people import ClinicalSession

OPENED: Final = "disclosure.preview-opened"
SEEN: Final = "disclosure.picture-seen"


def open_with_pictures(
    parts: DeskParts, session: ClinicalSession, request: DisclosureRequest, decision: Decision, reason: str
) -> None:
    """From now on this launch may see the pixels of exactly what is decided now. Joins the open transaction."""
    parts.note(session, OPENED, request.id, reason=reason, about=decision.digest)


def is_open(parts: DeskParts, session: ClinicalSession, request: DisclosureRequest, decision: Decision) -> bool:
    """Whether this launch has opened it, and nothing was decided since."""
    entries = parts.audit.entries(launch=session.launch_id, subject=request.id, action=OPENED)
    return any(each.entry.detail.get("about") == decision.digest for each in entries)


def pieces(
    parts: DeskParts, session: ClinicalSession, request: DisclosureRequest, decision: Decision, name: str
) -> Iterator[bytes]:
    """One file of the package as it will be. Each picture that somebody sees so is written down under its own name.

    Raises `NotAllowed` unless it was opened, `NotFound` for another name.
    """
    if name not in AS_SENT:
        raise NotFound("no such page", status=404)
    if not is_open(parts, session, request, decision):
        raise NotAllowed("Choose a reason before the pictures are shown.", code="reveal-first")
    contents = outgoing.contents_of(parts, request, decision)
    with parts.work.transaction():
        for reference in dict.fromkeys(each.reference for each in contents.images):
            parts.note(session, SEEN, reference, request=request.id, preview=name)
    return as_sent(contents, name, package_id=request.id, signer=parts.signer, worker=parts.worker)
