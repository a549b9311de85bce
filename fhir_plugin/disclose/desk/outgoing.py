"""What a signed request sends: worked out anew from what was read and decided, the same for the same request."""

from __future__ import annotations

import base64
import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from fhir_plugin.disclose.contents import CoverSheet, PackageContents, named
from fhir_plugin.disclose.desk.deciding import Decision, counts
from fhir_plugin.disclose.desk.parts import DeskParts, uk_day
from fhir_plugin.disclose.desk.pictures import cuts_by_bytes, inline, type_of
from fhir_plugin.disclose.desk.released import Derivatives, released_pictures
from fhir_plugin.disclose.desk.released import needles_of as needles_of_decision
from fhir_plugin.disclose.package.pointing import nodes
from fhir_plugin.disclose.prove import Needles, what_to_look_for
from fhir_plugin.disclose.redact import Part
from fhir_plugin.disclose.redact.names import attachments
from fhir_plugin.disclose.redact.strict import read_resource, write
from mappings.model.disclosure import Mode, Redact
from mappings.model.disclosure_request import DisclosureRequest, ItemKey
from mappings.model.identifiers import VaultId
from mappings.r4.patient import from_patient

CHECKED: Final = (
    "Every entry that carries a security label was held against what this recipient may get.",
    "Pictures of places on the body that are private were checked even where they carry no label.",
    "What points to something that is not included, or repeats it, was taken out.",
    "The finished package was searched for everything that is not included, by a second program.",
)
NOT_CHECKED: Final = (
    "Text about other people was not looked for: whoever signed is responsible for having read it.",
    "Nothing was made anonymous: a picture can show who somebody is even where parts of it are black.",
    "What a picture itself shows was not looked at by a program.",
)
_LAST: Final = "9999"
_NOT_READ: Final = "These parts of the record could not be read and are not included: {}."


def contents_of(parts: DeskParts, request: DisclosureRequest, decision: Decision) -> PackageContents:
    """What goes into the package. Nothing is read before its turn comes."""
    cuts = cuts_by_bytes(parts.vault, request, decision.gathered)
    made = Derivatives(cuts, parts.vault.keyed_digest, told=request.mode is Mode.MARKED)
    shown = released_pictures(decision, _record(parts, decision, cuts), parts.vault.get, parts.signer, made=made)
    return PackageContents(
        record=lambda: _record(parts, decision, cuts),
        images=tuple(sorted(shown, key=lambda each: each.taken or _LAST)),  # numbered as they are read
        cover=_cover(parts, request, decision),
        watermark=_watermark(request, parts) if request.watermark else "",
    )


def needles_of(parts: DeskParts, request: DisclosureRequest, decision: Decision) -> Needles:
    """By what everything that stays can be named: the bytes of pictures that stay, and of those that go out with
    parts blacked out, among them."""
    cuts = cuts_by_bytes(parts.vault, request, decision.gathered)
    named = needles_of_decision(decision, parts.vault.get, parts.worker.pixels, cuts)
    found = list(named.needles)
    for owner in request.black_outs:
        for each in attachments(decision.gathered.by_key.get(owner, {})):
            if inline(each) is not None:
                found += what_to_look_for([{"resourceType": "Binary", "data": each["data"]}]).needles
    return Needles(tuple(dict.fromkeys(found)), named.prints)


def _record(parts: DeskParts, decision: Decision, cuts: Mapping[str, VaultId]) -> Iterator[Part]:
    """With each derivative in the place of the bytes that it was made of, wherever a resource holds those itself: in a
    portrait or a letter's attachment, too."""
    for part in decision.record.parts:
        if not cuts or b'"data"' not in part.data:
            yield part
            continue
        resource = read_resource(part.data)
        changed = False
        for _url, _owner, node in nodes(dict(resource)):
            content = inline(node)
            cut = cuts.get(parts.vault.keyed_digest(content)) if content is not None else None
            if cut is not None:
                _put_in_place(node, parts.vault.get(cut))
                changed = True
        yield Part(part.name, write(resource), part.line) if changed else part


def _put_in_place(node: dict[str, object], content: bytes) -> None:
    for name in ("size", "hash", "title", "creation", "height", "width", "url"):
        node.pop(name, None)
    node["contentType"] = type_of(content)
    node["data"] = base64.b64encode(content).decode("ascii")


def _cover(parts: DeskParts, request: DisclosureRequest, decision: Decision) -> CoverSheet:
    person = decision.gathered.by_key.get(ItemKey(f"Patient/{request.patient}"))
    patient = from_patient(person) if person is not None else None
    signed = [each for each in (request.first, request.second) if each is not None]
    made = signed[-1].at if signed else parts.clock.now()
    not_checked: tuple[str, ...] = NOT_CHECKED
    if request.not_read and request.mode is Mode.MARKED:
        not_checked = (*NOT_CHECKED, _NOT_READ.format(", ".join(sorted(request.not_read))))
    return CoverSheet(
        patient_name=patient.name if patient is not None else request.patient_name,
        nhs_number=(patient.nhs_number or "") if patient is not None else "",
        born=request.born,
        recipient=request.recipient,
        row=parts.rules.rows[request.requester],
        mode=request.mode,
        purpose=request.purpose,
        received=request.received,
        made=made,
        signed_by=tuple(each.by_name for each in signed),
        organisation=named(parts.policy.organisation),
        counts=counts(decision.items),
        checked=CHECKED,
        not_checked=not_checked,
        taken_out=_taken_out(decision) if request.mode is Mode.MARKED else {},
        contact=contact(parts),
    )


def contact(parts: DeskParts) -> str:
    """Where to ask again: the telephone number that policy has; else empty, and whoever sent it is asked."""
    number = parts.policy.wording.telephone
    return f"{named(parts.policy.organisation)}, telephone {number}" if number else ""


def _taken_out(decision: Decision) -> dict[str, int]:
    """How many for which reason, as it can be read aloud."""
    found = Counter(each.decided.reason.text for each in decision.items if isinstance(each.decided, Redact))
    return dict(sorted(found.items()))


def _watermark(request: DisclosureRequest, parts: DeskParts) -> str:
    day: dt.date = uk_day(parts.clock.now()) if request.first is None else uk_day(request.first.at)
    return f"For {request.recipient}, {day:%d/%m/%Y}"
