"""A package that was sent: fetched as often as needed while policy keeps it; then destroyed, the fact kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from fhir_plugin.disclose.send.parts import SendParts
from fhir_plugin.disclose.send.plan import KIND
from fhir_plugin.disclose.send.spool import content_of, forget, intent_of, read_whole, wholes_of
from fhir_plugin.errors import Gone, NotFound, Refused
from fhir_plugin.ports import AuditEntry, Compartment
from mappings.model.disclosure_request import DisclosureId, DisclosureRequest, RequestState
from mappings.model.people import ClinicalSession

FETCHED: Final = "disclosure.fetched"


def pieces_of(parts: SendParts, session: ClinicalSession, request: DisclosureRequest) -> Iterator[bytes]:
    """The package, piece by piece. Raises `Refused` before SENT, `Gone` when it is kept no longer, `Tampered`.

    That somebody fetches it is written down before the first piece; that they had it to its end, after the last.
    """
    package = request.package
    if request.state is not RequestState.SENT or package is None:
        raise Refused("There is no package: it has not been made, proven and written down.", code="not-sent")
    if package.vault_id is None:
        raise Gone("This package is kept no longer. What went out in it is still known.", status=410)
    spooled = read_whole(parts.vault, package.vault_id)
    _note(parts, session, request, whole=False)

    def given() -> Iterator[bytes]:
        yield from content_of(parts.vault, spooled)
        _note(parts, session, request, whole=True)

    return given()


def tidy(parts: SendParts) -> int:
    """Destroys packages whose time is over, and pieces that belong to nothing any more; returns how many packages."""
    gone = 0
    for intent_id in sorted({intent_of(item) for item in parts.vault.items(compartment=Compartment.PACKAGE_PART)}):
        with parts.work.transaction():
            try:
                intent = parts.ledger.get(intent_id)
                request = parts.requests.get(DisclosureId(intent.subject), for_change=True)
            except NotFound:
                continue
            if intent.kind != KIND or not intent.ended:
                continue
            package = request.package
            if package is None or package.vault_id not in wholes_of(parts.vault, intent_id):
                forget(parts.vault, intent_id)
            elif (why := _over(parts, request)) is not None:
                forget(parts.vault, intent_id)
                kept = replace(package, vault_id=None)
                parts.requests.save(replace(request, revision=request.revision + 1, package=kept))
                parts.audit.append(
                    AuditEntry(
                        action="disclosure.package-destroyed",
                        actor="system",
                        patient=f"Patient/{request.patient}",
                        subject=request.id,
                        policy=parts.policy.reference,
                        detail={"because": why, "package": package.sha256},
                    )
                )
                gone += 1
    return gone


def _over(parts: SendParts, request: DisclosureRequest) -> str | None:
    """Why its time is over; None while it is not."""
    now = parts.clock.now()
    fetched = [
        each.at
        for each in parts.audit.entries(subject=request.id, action=FETCHED)
        if each.entry.detail.get("whole") is True
    ]
    if fetched and now >= min(fetched) + parts.policy.package_again:
        return "fetched"
    if request.package is not None and now >= request.package.at + parts.policy.package_kept:
        return "not-fetched"
    return None


def _note(parts: SendParts, session: ClinicalSession, request: DisclosureRequest, *, whole: bool) -> None:
    parts.audit.append(
        AuditEntry(
            action=FETCHED,
            actor=session.user.reference,
            patient=f"Patient/{request.patient}",
            launch=session.launch_id,
            subject=request.id,
            policy=parts.policy.reference,
            detail={"whole": whole, "package": request.package.sha256 if request.package else ""},
        )
    )
