"""Reading the record in the background, and what becomes of the decisions when it is read again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, TypeVar

import structlog

from fhir_plugin.damage import DAMAGE
from fhir_plugin.disclose.course import TAKES_CHANGES, changed
from fhir_plugin.disclose.desk import gathered
from fhir_plugin.disclose.desk.gathered import Gathered
from fhir_plugin.disclose.desk.hidden_copies import add_hidden_copies
from fhir_plugin.disclose.desk.parts import DeskParts
from fhir_plugin.disclose.desk.people import OFFICERS, need, need_own
from fhir_plugin.disclose.desk.reading import KeptBytes, Read, read_record
from fhir_plugin.errors import NotFound, PluginError, Refused
from fhir_plugin.ports import Compartment
from mappings.model.disclosure_request import DisclosureId, DisclosureRequest, ItemKey
from mappings.model.people import ClinicalSession

ALIVE: Final = dt.timedelta(minutes=3)
"""Whoever has not said for so long how far they are reads no more: the process died."""
WHOLE: Final = "record"
"""Stands in `not_read` for everything: nothing was read this time."""

T = TypeVar("T")
_log = structlog.get_logger(__name__)


def share_read(parts: DeskParts, id: DisclosureId) -> float | None:
    """How much has been read, while somebody reads."""
    told = parts.requests.reading(id)
    if told is None or parts.clock.now() - told[1] > ALIVE:
        return None
    return told[0]


Afterwards = Callable[[ClinicalSession, DisclosureRequest], None]


def begin(parts: DeskParts, session: ClinicalSession, id: DisclosureId, *, afterwards: Afterwards) -> None:
    """Begins to read, unless somebody does already. `afterwards` is told once it is read, with the request as it is."""
    need(session, OFFICERS, "reading a record for a copy")
    with parts.work.transaction():
        request = need_own(session, parts.requests.get(id, for_change=True))
        if request.state not in TAKES_CHANGES:
            raise Refused("This request takes no changes any more.", code=f"request-{request.state}")
        if share_read(parts, id) is not None:
            return
        parts.requests.tell_reading(id, 0.0, parts.clock.now())
        parts.note(session, "disclosure.reading", id)
    parts.background.begin(f"disclosure-read {id}", partial(_run, parts, session, id, afterwards))


def _run(parts: DeskParts, session: ClinicalSession, id: DisclosureId, afterwards: Afterwards) -> None:
    """What the background does. A record that cannot be read is told on the desk; what was read before stays."""
    kept: list[KeptBytes] = []

    def keep(content: bytes, content_type: str) -> KeptBytes:
        owner = gathered.owner_of(id)
        vault_id = parts.vault.put(content, compartment=Compartment.PACKAGE_PART, owner=owner)
        kept.append(KeptBytes(vault_id, content_type, parts.vault.keyed_digest(content), len(content)))
        return kept[-1]

    def tell(share: float) -> None:
        parts.requests.tell_reading(id, share, parts.clock.now())

    try:
        read = read_record(parts.records(session.launch_id), session.patient_id, keep=keep, tell=tell)
        add_hidden_copies(parts, read, session.fhir_base, session.patient_id, keep)
        is_done = _done(parts, session, id, read)
    except DAMAGE as error:  # whatever it was, a full disk among it: nobody waits for a reading that has ended
        code = error.code if isinstance(error, PluginError) else "not-readable"
        _log.info("disclosure.not-read", request=id, code=code, kind=type(error).__name__)
        for each in kept:
            parts.vault.destroy(each.vault_id)
        _failed(parts, session, id, code)
        return
    if is_done:
        afterwards(session, parts.requests.get(id))


def _failed(parts: DeskParts, session: ClinicalSession, id: DisclosureId, code: str) -> None:
    with parts.work.transaction():
        request = parts.requests.get(id, for_change=True)
        parts.requests.tell_reading(id, None, parts.clock.now())
        if request.state in TAKES_CHANGES:
            parts.requests.save(changed(request, not_read={**request.not_read, WHOLE: code}, accepted_unread=""))
        parts.note(session, "disclosure.not-read", id, code=code)


def _done(parts: DeskParts, session: ClinicalSession, id: DisclosureId, read: Read) -> bool:
    with parts.work.transaction():
        request = parts.requests.get(id, for_change=True)
        parts.requests.tell_reading(id, None, parts.clock.now())
        if request.state not in TAKES_CHANGES:
            gathered.forget(parts.vault, id)  # it ended meanwhile
            return False
        before = before_of(parts, request)
        vault_id = gathered.seal(parts.vault, id, read)
        now = gathered.load(parts.vault, vault_id)
        different = now.changed_since(before) if before is not None else frozenset()
        parts.requests.save(
            changed(
                request,
                gathered=vault_id,
                gathered_at=parts.clock.now(),
                changed=different & frozenset(now.keys),
                not_read=read.not_read,
                accepted_unread=request.accepted_unread if dict(request.not_read) == read.not_read else "",
                **decisions_that_stand(request, different),
            )
        )
        gathered.forget(parts.vault, id, but=gathered.held_by(now, vault_id))
        parts.note(
            session,
            "disclosure.read",
            id,
            resources=len(now.keys),
            pictures=len(now.pictures),
            different=len(different),
            others=read.others,
            not_read=len(read.not_read),
        )
    return True


def before_of(parts: DeskParts, request: DisclosureRequest) -> Gathered | None:
    """What was read the last time; None where nothing was, or it cannot be opened."""
    if request.gathered is None:
        return None
    try:
        return gathered.load(parts.vault, request.gathered)
    except NotFound:
        return None


def decisions_that_stand(request: DisclosureRequest, different: frozenset[ItemKey]) -> dict[str, object]:
    """What was decided about items that are as they were. About one that changed nobody has decided anything."""

    def standing(found: Mapping[ItemKey, T]) -> dict[ItemKey, T]:
        return {key: each for key, each in found.items() if key not in different}

    return {
        "overrides": standing(request.overrides),
        "opinions": standing(request.opinions),
        "opinions_asked": request.opinions_asked,
        "read_words": request.read_words - different,
        "black_outs": standing(request.black_outs),
    }
