"""A certificate of destruction as one printed page (PDF), tagged for screen readers as every sheet of ours.

An adapter because it joins two flows that do not know each other: what deletion certifies, and how packages print.
Content-free, as the certificate is: it says what is signed, in words, and how anybody can check it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from fhir_plugin.delete.attest import ATTESTED_PLACES
from fhir_plugin.delete.places import place_words
from fhir_plugin.delete.told import REASONS
from fhir_plugin.disclose.package.manifest import key_check, kid_of
from fhir_plugin.disclose.package.pdf import PdfPages
from fhir_plugin.disclose.package.printing import Flow
from fhir_plugin.disclose.package.reading import Fact
from fhir_plugin.disclose.package.reading.plain import day_words
from mappings.model.deletion import Certificate

Json = dict[str, Any]

TITLE: Final = "Certificate of destruction"
_NOBODY: Final = "nobody has said so yet"


def certificate_pdf(certificate: Certificate, organisation: str, jwks: Json) -> bytes:
    """The whole file. `jwks`: the public keys, of which the one that signed is named by its key check."""
    pages = _drawn(certificate, organisation, jwks, between="\n")
    if pages.count > 1:  # long names: the places one after the other, and it is one sheet all the same
        pages = _drawn(certificate, organisation, jwks, between="; ")
    return b"".join(pages.pieces())


def _drawn(certificate: Certificate, organisation: str, jwks: Json, *, between: str) -> PdfPages:
    said = certificate.statement
    pages = PdfPages(
        TITLE, organisation, certificate.at, footer=f"Certificate {certificate.number}", subject="Certificate"
    )
    flow = Flow(pages)
    flow.heading(1, TITLE)
    flow.paragraph(
        "One image of a patient’s record was permanently deleted. It was looked for in every place named below, and "
        "nothing of it was found. This sheet says nothing of what it showed."
    )
    flow.facts(_facts(said, organisation))
    digests = _text(said, "keyed_digest").replace(" ", "\n")
    flow.paragraph(f"Keyed digest, by which we know the bytes again if they turn up:\n{digests}", small=True)
    flow.heading(2, "Where it was looked for, and found nothing")
    for day, rows in _looked(said).items():
        flow.paragraph(f"On {day}, times in UTC:\n{between.join(rows)}", small=True)
    flow.heading(2, "What this app cannot look at")
    flow.paragraph(between.join(_attested(said)), small=True)
    flow.heading(2, "How to check this")
    flow.paragraph(
        "Keep the signed file of this certificate. The command fhir-plugin verify-certificate checks it on any "
        "computer, and shows by which key it was signed. Ring us on a number that you know and have the key read out:",
        small=True,
    )
    flow.paragraph(_check(certificate.jws, jwks), small=True, bold=True)
    return pages


def _facts(said: Mapping[str, object], organisation: str) -> list[Fact]:
    asked, approved, as_well = (_mapping(said.get(each)) for each in ("asked", "approved", "signed_as_well"))
    rows = [
        Fact("Certificate", f"{_text(said, 'number')}, made {_moment(_text(said, 'made'))}"),
        Fact("Made by", organisation),
        Fact("Record", _text(said, "fhir_base")),
        Fact("Patient", _text(said, "patient")),
        Fact("Image", f"{_text(said, 'image')} {_version(_text(said, 'image_version'))}".strip()),
        Fact("Reason", REASONS.get(_text(said, "reason"), _text(said, "reason"))),
        Fact("Asked for", f"{_text(asked, 'by')}, {_moment(_text(asked, 'at'))}"),
        Fact("Approved", f"{_text(approved, 'by')}, {_moment(_text(approved, 'at'))}"),
    ]
    if as_well:
        rows.append(Fact("Signed as well", f"{_text(as_well, 'by')}, {_moment(_text(as_well, 'at'))}"))
    rows.append(Fact("Policy", _text(said, "policy")))
    return rows


def _looked(said: Mapping[str, object]) -> dict[str, list[str]]:
    """By day, each place with its time."""
    found: dict[str, list[str]] = {}
    for each in _mappings(said.get("looked")):
        at = _text(each, "at")
        found.setdefault(_day(at), []).append(f"{at[11:19]}  {place_words(_text(each, 'place'))}")
    return found


def _attested(said: Mapping[str, object]) -> list[str]:
    rows = []
    for each in _mappings(said.get("attested")):
        place, on = _text(each, "place"), _text(each, "on")
        word = f"by the word of {_text(each, 'by') or 'somebody responsible'}, {_day(on)}" if on else _NOBODY
        rows.append(f"{ATTESTED_PLACES.get(place, place)}: {word}")
    return rows


def _check(jws: str, jwks: Json) -> str:
    try:
        kid = kid_of(jws)
    except ValueError:
        return ""
    keys = jwks.get("keys")
    found = next((each for each in keys if each.get("kid") == kid), None) if isinstance(keys, list) else None
    return key_check(found) if found is not None else kid


def _version(version: str) -> str:
    return f"(version {version})" if version else ""


def _moment(instant: str) -> str:
    return f"{_day(instant)}, {instant[11:16]} UTC" if instant else ""


def _day(instant: str) -> str:
    return day_words(dt.date.fromisoformat(instant[:10])) if instant else ""


def _text(said: Mapping[str, object], name: str) -> str:
    value = said.get(name)
    return value if isinstance(value, str) else ""


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _mappings(value: object) -> list[Mapping[str, object]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
