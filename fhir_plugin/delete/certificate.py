"""The certificate of destruction: what was destroyed, by whose decision, and where it was looked for. Our signed word.

Content-free: ids, times, codes, who asked and decided, and a keyed digest by which bytes that turn up later can be
known again here. No title, site, name, picture, nor a hash that anybody could compute. What nobody here can look at is
named as what somebody else has said, with a date, or as what nobody has said anything about yet.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any, Final

from fhir_plugin.delete.attest import ATTESTED_PLACES
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.errors import Refused
from mappings.model.deletion import Certificate, CertificateNumber, DeletionCase, DeletionItem, Signed

Json = dict[str, Any]

FORMAT: Final = "fhir-plugin-certificate-of-destruction"
FORMAT_VERSION: Final = 1
_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without I, L, O and U: to be read out and typed in."""
_GROUPS, _OF = 3, 4


class NotProvenYet(Refused):
    """Only what is proven is certified."""

    code = "not-proven"


def certify(parts: DeleteParts, case: DeletionCase, item: DeletionItem) -> Certificate:
    """A certificate of what is proven, to be kept. Raises `NotProvenYet` for anything else, and for what nobody has
    approved."""
    number = new_number(parts.new_id())
    made = parts.clock.now()
    statement = statement_of(case, item, number=number, made=made)
    jws = parts.signer.sign(statement)
    return Certificate(number, case.fhir_base, case.patient, case.id, item.id, made, statement, jws)


def statement_of(case: DeletionCase, item: DeletionItem, *, number: CertificateNumber, made: dt.datetime) -> Json:
    """What is signed, as JSON (RFC 8785 when it is signed). Raises `NotProvenYet`."""
    proof, approval = item.proof, item.approval
    if proof is None or not proof.proven or approval is None:
        raise NotProvenYet("This is not proven to be destroyed, so that there is no certificate of it.")
    said: Json = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "number": number,
        "made": _instant(made),
        "fhir_base": case.fhir_base,
        "patient": f"Patient/{case.patient}",
        "case": case.id,
        "item": item.id,
        "image": item.image.reference,
        "image_version": item.image.version,
        "keyed_digest": item.image.digest,
        "reason": case.reason.value,
        "policy": case.policy,
        "asked": {"by": case.requested_by, "at": _instant(case.created)},
        "approved": _signed(approval),
        "destroyed": list(item.purged),
        "looked": [{"place": each.place, "at": _instant(each.at)} for each in proof.places],
        "attested": _attested(case),
    }
    if item.cosigned is not None:
        said["signed_as_well"] = _signed(item.cosigned)
    return said


def new_number(seed: str) -> CertificateNumber:
    """Twelve letters and digits in groups, out of a random id of ours: `7K2M-Q0ZD-W4TX`."""
    value = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big")
    letters = "".join(_LETTERS[value >> 5 * place & 31] for place in range(_GROUPS * _OF))
    return CertificateNumber("-".join(letters[at : at + _OF] for at in range(0, len(letters), _OF)))


def signed_file(certificate: Certificate, jwks: Json) -> Json:
    """What is handed out: the statement, its detached JWS (RFC 7515, appendix F), and the public keys with it."""
    return {"statement": certificate.statement, "jws": certificate.jws, "keys": jwks.get("keys", [])}


def _signed(signed: Signed) -> Json:
    principles = sorted(each.value for each in signed.principles)
    return {"by": signed.by, "at": _instant(signed.at), **({"principles": principles} if principles else {})}


def _attested(case: DeletionCase) -> list[Json]:
    """Every place that nobody here can look at; with whose word and of which day, where somebody has given it."""
    said = {each.place: each for each in case.attested if each.on is not None}
    found: list[Json] = []
    for place in ATTESTED_PLACES:
        given = said.get(place)
        by = {"by": given.by} if given is not None and given.by is not None else {}
        on = {"on": given.on.isoformat()} if given is not None and given.on is not None else {}
        found.append({"place": place, **by, **on})
    return found


def _instant(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
