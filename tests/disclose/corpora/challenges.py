"""A challenge that any redactor can be put to: Bundles with one labelled image, told of in one way each.

`python -m tests.disclose.corpora challenges FOLDER` writes them; another redactor reads them and writes what it would
let out, a file of the same name each, into a second folder; `score FOLDER` then says what it let through and what it
lost.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from tests.disclose.redact.records import (
    CANARIES,
    FILE,
    FORMS,
    HASH,
    ID,
    PIXELS,
    PLAIN,
    RESTRICTED,
    TITLE,
    URL,
    UUID,
    Json,
    entry,
    media,
    narrative,
)

KEPT = "kept-4711-words"
"""Stands in a resource of every Bundle that nothing is wrong with."""

SEX_LABEL = '"SEX"'


def challenges() -> dict[str, Json]:
    """Name to Bundle. The image is labelled R and SEX; nothing else carries a label."""
    pointer = FORMS["literal"]
    found: dict[str, list[Json]] = {
        "entry": [],
        **{f"reference-{name}": [_observation(derivedFrom=[form])] for name, form in FORMS.items()},
        "extension": [_observation(extension=[{"url": "https://x.example/e", "valueReference": pointer}])],
        "primitive-extension": [_observation(_status={"extension": [{"url": "https://x.example/e", "valueUri": URL}]})],
        "report-media": [_of("DiagnosticReport", code={"text": "x"}, media=[{"comment": TITLE, "link": pointer}])],
        "provenance": [_of("Provenance", target=[pointer], recorded="2026-01-01T00:00:00Z", agent=[{}])],
        "task": [_of("Task", status="requested", intent="order", focus=pointer, description=TITLE)],
        "list": [_of("List", status="current", mode="working", title="Private", entry=[{"item": pointer}])],
        "composition": [_of("Composition", title="x", section=[{"title": TITLE, "entry": [pointer]}])],
        "consent": [_of("Consent", provision={"data": [{"meaning": "instance", "reference": pointer}]})],
        "audit": [_of("AuditEvent", entity=[{"what": pointer, "name": TITLE}])],
        "narrative": [_observation(text=narrative(f"see Media/{ID}, {TITLE}"))],
        "note": [_observation(note=[{"text": f"see Media/{ID}"}])],
        "display": [_observation(derivedFrom=[{"display": TITLE}])],
        "same-bytes": [_of("Binary", contentType="image/jpeg", data=base64.b64encode(PIXELS).decode())],
        "same-file": [_of("DocumentReference", content=[{"attachment": {"contentType": "image/jpeg", "url": FILE}}])],
        "hash": [_of("DocumentReference", content=[{"attachment": {"contentType": "image/jpeg", "hash": HASH}}])],
        "inside-html": [
            _of(
                "DocumentReference",
                content=[{"attachment": {"contentType": "text/html", "data": _in_html()}}],
            )
        ],
        "contained": [
            _observation(contained=[{**media(), "id": "inner"}], derivedFrom=[{"reference": "#inner"}]),
        ],
    }
    bundles = {name: _bundle(others) for name, others in found.items()}
    bundles["inside-a-bundle"] = {**_bundle([]), "entry": [entry(_kept()), entry(_bundle([]))]}
    bundles["links-and-total"] = {
        **_bundle([]),
        "type": "searchset",
        "total": 2,
        "link": [{"relation": "self", "url": f"https://ehr.example/fhir/Media?_id={ID}"}],
    }
    bundles["history"] = {
        **_bundle([]),
        "type": "history",
        "entry": [
            {**entry(each, f"https://ehr.example/fhir/{each['resourceType']}/{each['id']}"), "request": _put(each)}
            for each in (media(), media(meta={"versionId": "1"}), _kept())
        ],
    }
    return bundles


def _put(resource: Json) -> Json:
    return {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}


def _of(kind: str, **more: object) -> Json:
    return {"resourceType": kind, "id": "o2", "subject": {"reference": "Patient/p1"}, **more}


def _observation(**more: object) -> Json:
    return {**PLAIN, "id": "o2", **more}


def _in_html() -> str:
    picture = base64.b64encode(PIXELS)
    return base64.b64encode(b"<img src='data:image/jpeg;base64," + picture + b"'>").decode()


def _kept() -> Json:
    return {**PLAIN, "code": {"text": KEPT}}


def _bundle(others: list[Json]) -> Json:
    """The image stands between what may go out: a redactor that counts wrongly lets out the wrong one."""
    image = entry(media(meta={**RESTRICTED, "tag": [{"code": "clinical-photo"}]}), f"urn:uuid:{UUID}")
    first = entry({"resourceType": "Organization", "id": "clinic", "name": "Clinic"})
    patient = entry({"resourceType": "Patient", "id": "p1", "identifier": [{"system": "urn:x", "value": "p-1"}]})
    return {
        "resourceType": "Bundle",
        "id": "b1",
        "type": "collection",
        "entry": [first, patient, image, entry(_kept()), *(entry(each) for each in others)],
    }


def write_challenges(folder: Path) -> None:
    """One file each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, bundle in challenges().items():
        (folder / f"{name}.json").write_text(json.dumps(bundle, indent=1), encoding="utf-8")


def score(folder: Path) -> dict[str, list[str]]:
    """By what was not right: `leaked`, `lost` (what nobody labelled is gone), `nothing` (no such file), `clean`."""
    found: dict[str, list[str]] = {"leaked": [], "lost": [], "nothing": [], "clean": []}
    for name, bundle in challenges().items():
        path = folder / f"{name}.json"
        if not path.exists():
            found["nothing"].append(name)
            continue
        text = json.dumps(json.loads(path.read_text("utf-8")), ensure_ascii=False)
        leaked = [each for each in (*CANARIES, SEX_LABEL, _in_html()[400:440]) if each.lower() in text.lower()]
        if name == "reference-conditional-other" and "Media?" in text:
            leaked.append("Media?")
        if name == "links-and-total" and '"total": 2' in text and text.count('"resourceType"') < 5:
            leaked.append("total")
        found["leaked"] += [name] if leaked else []
        found["lost"] += [name] if KEPT in json.dumps(bundle) and KEPT not in text else []
        found["clean"] += [name] if not leaked and KEPT in text else []
    return found
