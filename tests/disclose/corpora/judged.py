"""How much is left to a person, and how much of that in vain: the rules and the redactor on whole records."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from fhir_plugin.disclose.decide import Together, judge_for, on_their_word
from fhir_plugin.disclose.redact import Part, redact_documents
from fhir_plugin.sandbox.people import resources as people_of_the_practice
from mappings.model.disclosure import Mode, Requester
from tests.disclose.corpora.reading import Example, Json

ON = dt.date(2026, 11, 22)
_DEFINITIONS = frozenset(
    re.findall(
        r"\w+",
        "SearchParameter ValueSet CodeSystem StructureDefinition ConceptMap OperationDefinition ImplementationGuide "
        "CapabilityStatement CompartmentDefinition StructureMap GraphDefinition NamingSystem ExampleScenario Bundle "
        "Parameters AuditEvent",
    )
)
_LABEL = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"


def clinical(corpus: Iterable[Example]) -> list[Json]:
    """The examples that a record can hold."""
    return [each.resource for each in corpus if each.type not in _DEFINITIONS and len(each.data) < 200_000]


def practice() -> list[Json]:
    """The sandbox's practice; each patient has twenty photographs, four of them sensitive, and what is written of
    them. `Observation/plain-...` are notes that speak of something else: one of them in the report is a false alarm."""
    found = list(people_of_the_practice(ON))
    for patient in [each for each in found if each["resourceType"] == "Patient"]:
        found.extend(_pictures(str(patient["id"])))
    return found


def _pictures(patient: str) -> Iterator[Json]:
    subject = {"reference": f"Patient/{patient}"}
    sites = [("14975008", "Forearm"), ("7569003", "Finger"), ("76505004", "Thumb"), ("56459004", "Foot")]
    for number in range(20):
        name = f"{patient}-{number}"
        sensitive = number % 5 == 0
        code, site = ("45292006", "Vulva") if sensitive else sites[number % 4]
        day = f"2026-{number % 9 + 1:02}-{number % 27 + 1:02}"
        media: Json = {"resourceType": "Media", "id": f"photo-{name}", "status": "completed", "subject": subject}
        media |= {
            "createdDateTime": f"{day}T10:00:00Z",
            "content": {"contentType": "image/jpeg", "title": f"{name}.jpg"},
        }
        media["bodySite"] = {"coding": [{"system": "http://snomed.info/sct", "code": code, "display": site}]}
        if sensitive:
            media["meta"] = {"security": [{"system": _LABEL, "code": "R"}]}
        yield media
        pointer = {"reference": f"Media/photo-{name}"}
        yield {
            "resourceType": "Provenance",
            "id": f"prov-{name}",
            "target": [pointer],
            "recorded": f"{day}T10:01:00Z",
            "agent": [{"who": {"reference": "Practitioner/prac-gp"}}],
        }
        note: Json = {"resourceType": "Observation", "status": "final", "subject": subject, "code": {"text": "Note"}}
        yield {**note, "id": f"with-{name}", "derivedFrom": [pointer], "valueString": f"{site}: looks better."}
        yield {**note, "id": f"plain-{name}", "valueString": f"Seen on {day}. Blood pressure well controlled."}
        yield {**note, "id": f"plain-site-{name}", "valueString": f"{site}: full range of movement, no pain."}
        if number % 4 == 0:
            yield {**note, "id": f"speaks-{name}", "valueString": f"Photograph of {day} shows the {site.lower()}."}
            yield {**note, "id": f"plain-image-{name}", "valueString": "Chest X-ray: image quality good, clear lungs."}


def judged(resources: list[Json], requester: Requester) -> Counter[str]:
    """What becomes of a record, by verdict and by rule."""
    parts = [Part("record.ndjson", json.dumps(each).encode(), line) for line, each in enumerate(resources, 1)]
    judge = judge_for(on_their_word(requester, ON), around=Together(resources))
    found: Counter[str] = Counter()
    for each in redact_documents(parts, judge, Mode.MARKED).findings:
        found[each.word] += 1
        if each.word == "review":
            found[f"review {each.verdict.reason.rule}"] += 1
            found["false alarms"] += each.id.startswith("plain-")
    return found


def per_thousand(found: Counter[str]) -> dict[str, float]:
    """Items left to a person, and those in vain, of a thousand."""
    whole = sum(found[each] for each in ("release", "redact", "withhold", "review"))
    return {name: round(1000 * found[name] / max(whole, 1), 1) for name in ("review", "false alarms")} | {"of": whole}
