"""What became of each resource, as the `report` of the operation's answer: types, ids, rules, counts; never content."""

from __future__ import annotations

from typing import Any

from fhir_plugin.disclose.machines.answer import Redacted
from fhir_plugin.disclose.redact import Finding

Json = dict[str, Any]


def report_of(answer: Redacted) -> Json:
    """The parameter `report`."""
    said: list[Json] = [
        {"name": "purpose", "valueCode": answer.row.purpose},
        {"name": "requester", "valueCode": answer.row.requester.value},
        {"name": "mode", "valueCode": answer.mode.value},
    ]
    if answer.recipient:
        said.append({"name": "recipient", "valueString": answer.recipient})
    counts = [{"name": name, "valueUnsignedInt": number} for name, number in answer.counts.items()]
    items = [{"name": "item", "part": _item(each)} for each in answer.findings]
    return {"name": "report", "part": [*said, {"name": "counts", "part": counts}, *items]}


def _item(finding: Finding) -> list[Json]:
    parts: list[Json] = [{"name": "type", "valueString": finding.type}]
    if finding.id:
        parts.append({"name": "id", "valueString": finding.id})
    parts += [
        {"name": "verdict", "valueCode": finding.word},
        {"name": "rule", "valueCode": finding.verdict.reason.rule},
        {"name": "reason", "valueString": finding.verdict.reason.text},
    ]
    if finding.within:
        parts.append({"name": "in", "valueString": finding.within})
    return parts
