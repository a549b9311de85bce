"""A canary in every channel by which a withheld picture can be told of, by the numbers of `docs/disclosure.md`.

The whole way is tried: an insurer asks, by the shipped rules, and the second program looks. Then comes a third look,
so simple that nobody has to believe in it: is one of the words there? Channels without words (4 in part, 20, 21, 23)
have tests of their own, which the table names.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from fhir_plugin.disclose.decide import on_their_word, shipped_rules
from fhir_plugin.disclose.decide.facts import INLINE_LABEL
from fhir_plugin.disclose.proven import redact_and_prove
from fhir_plugin.disclose.redact import Part
from mappings.model.disclosure import Mode, Requester
from mappings.model.labels import CONFIDENTIALITY
from tests.disclose.decide.items import TODAY
from tests.disclose.redact.records import (
    BOTH,
    CANARIES,
    FILE,
    FORMS,
    HASH,
    ID,
    IDENTIFIER,
    PIXELS,
    PLAIN,
    TITLE,
    URL,
    UUID,
    Json,
    entry,
    media,
    narrative,
)

KEPT = "kept-words-of-somebody"
BESIDE = "canary beside 815"
"""Stands where nothing points or names, and has to go with what it stands beside."""
SIGNS = (*CANARIES, BESIDE, "45292006", "Vulva")

POINTER = {"reference": f"Media/{ID}"}
PIXELS_64 = base64.b64encode(PIXELS).decode()
E = "https://x.example/e"


def of(kind: str, **more: Any) -> Json:
    """Something else in the record, of this patient."""
    return {"resourceType": kind, "id": "other-1", "subject": {"reference": "Patient/p1"}, **more}


def seen(**more: Any) -> Json:
    return of("Observation", status="final", code={"text": "weight"}, **more)


def packed(content: bytes, how: str) -> bytes:
    if how == "gzip":
        return gzip.compress(content)
    if how == "zip":
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
            made.writestr("word/media/image1.jpeg", content)
        return archive.getvalue()
    if how == "pdf":
        return b"%PDF-1.4\n1 0 obj\n<</Filter/DCTDecode>>\nstream\n" + content + b"\nendstream\n%%EOF"
    return b"<img src='data:image/jpeg;base64," + base64.b64encode(content) + b"'>"


def letter(**attachment: Any) -> Json:
    return of("DocumentReference", status="current", content=[{"attachment": attachment}])


def sealed(value: object) -> Json:
    return {"type": [{"code": "x"}], "when": "2026-01-01T00:00:00Z", "who": {"display": BESIDE}, "data": value}


def bundle(*others: Json, image: Json | None = None, about: Json | None = None, **more: Any) -> Json:
    """The labelled image between what may go out; `about`: what its entry says besides."""
    whole = [
        entry({"resourceType": "Patient", "id": "p1"}),
        {**entry(image or media(), f"urn:uuid:{UUID}"), **(about or {})},
        entry({**PLAIN, "code": {"text": KEPT}}),
        *map(entry, others),
    ]
    return {"resourceType": "Bundle", "type": "collection", **more, "entry": whole}


def history() -> Json:
    old = media(meta={"versionId": "1"}, content={"contentType": "image/jpeg", "title": BESIDE})
    whole = bundle(old, type="history")
    for each in whole["entry"]:
        resource = each["resource"]
        each["request"] = {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}
        each["response"] = {"status": "200", "etag": 'W/"3"', "location": f"{each['request']['url']}/_history/3"}
    return whole


def search(url: str) -> Json:
    return bundle(type="searchset", total=2, link=[{"relation": "self", "url": url}])


def outcome() -> Json:
    issue = {"severity": "error", "code": "invalid", "diagnostics": f"Media/{ID} is too large: {TITLE}"}
    return {"resourceType": "OperationOutcome", "id": "oo", "issue": [issue]}


def in_answer() -> Json:
    whole = bundle(type="batch-response")
    whole["entry"].append({"response": {"status": "400", "outcome": outcome()}})
    return whole


def asked_with(**more: Any) -> Json:
    whole = bundle(type="transaction")
    for each in whole["entry"]:
        each["request"] = {"method": "PUT", "url": f"{each['resource']['resourceType']}/{each['resource']['id']}"}
    whole["entry"][2]["request"] |= more
    return whole


def cases() -> Iterator[tuple[int, Json]]:
    """Channel to what tells in this way. Several to one channel where there are several ways."""
    yield 1, bundle(seen(text=narrative(f"see Media/{ID}, {TITLE}")), image=media(text=narrative(BESIDE)))
    yield 1, bundle(seen(text=narrative(f"see {FILE}", "additional")))
    yield 2, bundle(seen(contained=[{**media(), "id": "inner"}], derivedFrom=[{"reference": "#inner"}]))
    told = {"relation": "alternate", "url": URL}
    answer = {"status": "200", "location": f"{URL}/_history/3", "etag": f'W/"{BESIDE}"'}
    yield 3, bundle(about={"fullUrl": URL, "link": [told], "request": POINTER, "response": answer})
    yield 3, bundle(identifier=IDENTIFIER, signature=sealed("eA=="))
    yield 3, search(f"https://ehr.example/fhir/Media?_id={ID}&site=45292006")
    for form in FORMS.values():
        yield 5, bundle(seen(derivedFrom=[form]))
    yield 5, bundle(seen(derivedFrom=[{"display": TITLE}]))
    yield 5, bundle(of("Basic", code={"text": "x"}, extension=[{"url": E, "valueCanonical": f"{URL}|2"}]))
    report = {"status": "final", "code": {"text": "Dermatology"}, "result": [{"reference": "Observation/o9"}]}
    yield 6, bundle(of("DiagnosticReport", **report, media=[{"comment": BESIDE, "link": POINTER}]))
    backport = "http://hl7.org/fhir/5.0/StructureDefinition/extension-DiagnosticReport.media.link"
    hidden = {"url": backport, "valueReference": {"reference": URL}}
    yield 6, bundle(of("DiagnosticReport", **report, media=[{"extension": [hidden], "comment": BESIDE}]))
    section = {"title": BESIDE, "text": narrative(BESIDE), "entry": [POINTER]}
    yield 7, bundle(of("Composition", title="Letter", section=[section, {"title": "Other", "text": narrative("x")}]))
    yield 7, bundle(of("Composition", title="Letter", section=[{"title": TITLE}]))
    yield 8, bundle(letter(contentType="image/jpeg", url=f"{FILE}?X-Amz-Signature=abc", title=BESIDE))
    replaced = {"code": "replaces", "target": {"reference": URL}}
    yield 8, bundle({**letter(url="https://x.example/l.pdf"), "relatesTo": [replaced], "description": f"for {ID}"})
    yield 9, bundle(of("Provenance", target=[POINTER], reason=[{"text": BESIDE}], signature=[sealed("eA==")]))
    used = {"role": "source", "what": POINTER}
    both = {"target": [{"reference": "Patient/p1"}, POINTER], "entity": [used], "signature": [sealed("eA==")]}
    yield 9, bundle(of("Provenance", recorded="2026-01-01T00:00:00Z", agent=[{"who": {"display": "x"}}], **both))
    yield 10, history()
    queried = base64.b64encode(f"Media?_id={ID}".encode()).decode()
    detail = {"type": BESIDE, "valueString": TITLE}
    yield 11, bundle(of("AuditEvent", entity=[{"what": POINTER, "name": TITLE, "query": queried, "detail": [detail]}]))
    agreed = {"data": [{"meaning": "instance", "reference": POINTER}]}
    yield 12, bundle(of("Consent", category=[{"text": BESIDE}], provision=agreed))
    yield 12, bundle(of("Task", status="requested", intent="order", focus=POINTER, description=BESIDE))
    yield 13, bundle(of("List", status="current", mode="working", title=BESIDE, entry=[{"item": POINTER}]))
    yield 13, bundle(of("List", status="current", mode="working", emptyReason={"text": TITLE}))
    yield 13, bundle(of("Flag", status="active", code={"text": f"see Media/{ID}"}))
    member = [{"entity": POINTER}, {"entity": {"reference": "Device/d1"}}]
    yield 13, bundle({"resourceType": "Group", "id": "g1", "type": "device", "actual": True, "member": member})
    yield 14, bundle({"resourceType": "Subscription", "id": "s1", "criteria": f"Media?_id={ID}", "status": "active"})
    yield 14, search("https://ehr.example/fhir/Media?_security=R&bodysite=45292006")
    yield 15, bundle(seen(extension=[{"url": E, "valueReference": POINTER}, {"url": E, "valueUri": URL}]))
    yield 15, bundle(seen(_status={"extension": [{"url": E, "valueUrl": FILE}]}))
    yield 15, bundle(seen(modifierExtension=[{"url": E, "valueReference": POINTER}]))
    inline = {"url": INLINE_LABEL, "valueCoding": {"system": CONFIDENTIALITY, "code": "R"}}
    yield 15, bundle(seen(note=[{"extension": [inline], "text": BESIDE}]))
    tagged = {**media()["meta"], "tag": [{"display": BESIDE}], "source": f"https://camera.example/{BESIDE}"}
    yield 16, bundle(seen(meta={"source": f"{URL}#x", "tag": [{"display": ID}]}), image=media(meta=tagged))
    yield 17, bundle(letter(contentType="image/png", hash=HASH, size=48151, title=TITLE))
    yield 17, bundle(letter(contentType="image/png", url=f"https://thumbs.example/{FILE.rpartition('/')[2]}"))
    said = {
        "view": {"text": BESIDE},
        "deviceName": BESIDE,
        "note": [{"text": BESIDE}],
        "reasonCode": [{"text": BESIDE}],
    }
    yield 18, bundle(seen(identifier=[IDENTIFIER]), image=media(**said))
    for how in ("gzip", "zip", "pdf", "html"):
        kind = "text/html" if how == "html" else f"application/{how}"
        yield 19, bundle(letter(contentType=kind, data=base64.b64encode(packed(PIXELS, how)).decode()))
    yield 22, bundle(outcome())
    yield 22, in_answer()
    yield 25, bundle(of("ServiceRequest", code={"coding": [{"display": "Photography of vulva"}], "text": TITLE}))
    yield 25, bundle(seen(valueString=f"see {ID}", derivedFrom=[POINTER]))
    yield 25, bundle(of("DiagnosticReport", **report, conclusion=f"As Media/{ID} shows"))
    yield 27, bundle({"resourceType": "Binary", "id": "b1", "contentType": "image/jpeg", "data": PIXELS_64})
    yield 27, bundle(media(id="copy", meta={}, identifier=[], bodySite={"text": BESIDE}))
    yield 28, bundle(seen(extension=[{"url": E, "valueUri": f"data:image/jpeg;base64,{PIXELS_64}"}]))
    drawn = narrative(f'<img src="data:image/jpeg;base64,{PIXELS_64}"/>')
    yield 28, bundle(seen(text=drawn))
    yield 29, asked_with(ifNoneExist=f"identifier={IDENTIFIER['value']}", ifMatch='W/"3"')
    translated: Json = {"url": "http://hl7.org/fhir/StructureDefinition/translation"}
    translated["extension"] = [{"url": "lang", "valueCode": "de"}, {"url": "content", "valueString": f"siehe {TITLE}"}]
    yield 30, bundle(seen(_status={"extension": [translated]}))
    yield 31, bundle({"resourceType": "CustomThing", "id": "c", "of": POINTER, "words": BESIDE})
    yield 31, bundle({**seen(), "hidden": {**media(), "id": "inner"}})
    yield 32, bundle(media(id="unlabelled", meta={}, identifier=[], content={"title": BESIDE}))
    yield 33, bundle(media(meta={}, content={"contentType": "image/jpeg", "title": BESIDE}))


CASES = [pytest.param(number, whole, id=f"{number}-{at}") for at, (number, whole) in enumerate(cases())]
IN_ITS_ENTRY, PACKED = 3, 19
"""Channels of which a plain look at the rest sees nothing: a URL beside the image itself, and what is compressed."""


def goes_out(whole: Json, mode: Mode) -> str:
    asked = on_their_word(Requester.INSURER, TODAY)
    done = redact_and_prove([Part("it", json.dumps(whole).encode())], asked, mode, rules=shipped_rules())
    return "".join(part.data.decode() for part in done.record.parts)


def told(text: str) -> list[str]:
    return [each for each in SIGNS if each.lower() in text.lower()]


@BOTH
@pytest.mark.parametrize(("number", "whole"), CASES)
def test_no_canary_survives_in_any_channel(number: int, whole: Json, mode: Mode) -> None:
    out = goes_out(whole, mode)
    assert told(out) == [], f"channel {number}"
    assert KEPT in out


@pytest.mark.parametrize(("number", "whole"), CASES)
def test_whoever_only_leaves_out_what_is_labelled_tells(number: int, whole: Json) -> None:
    """So that the test above can fail: the canary is there."""
    left = [each for each in whole["entry"] if "security" not in each.get("resource", {}).get("meta", {})]
    assert told(json.dumps({**whole, "entry": left})) or number in (IN_ITS_ENTRY, PACKED), f"channel {number}"


def test_where_nothing_may_tell_no_number_and_no_mark_does() -> None:
    """Channels 4, 24 and 26, in silence: totals, marks and "photo 2 of 3"."""
    first = media(content={"contentType": "image/jpeg", "title": "Clinic photo 2 of 3"})
    second = of("Media", status="completed", content={"contentType": "image/jpeg", "title": "Clinic photo 3 of 3"})
    whole = bundle(second, image=first, type="searchset", total=4)
    out = goes_out(whole, Mode.SILENT)
    assert told(out) == [] and json.loads(out)["total"] == 3 == len(json.loads(out)["entry"])
    assert not [word for word in ("withheld", "REDACTED", "masked", "of 3") if word in out]
    assert "withheld-1" in goes_out(whole, Mode.MARKED)


def test_every_channel_with_words_is_tried() -> None:
    tried = {number for number, _whole in cases()}
    assert sorted(set(range(1, 34)) - tried) == [4, 20, 21, 23, 24, 26]
