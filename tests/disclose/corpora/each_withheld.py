"""Each example withheld once, among others that name it: no crash, no leak, nothing else lost, nothing made invalid."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from fhir_plugin.disclose.prove import Leaks, prove, what_to_look_for
from fhir_plugin.disclose.redact import Finding, Part, RedactedRecord, UnreadableRecord, redact_documents
from mappings.model.disclosure import Mode
from tests.disclose.corpora.reading import Example, Json
from tests.disclose.corpora.searching import OURS, labelled, names_left
from tests.disclose.corpora.surroundings import Around, Surroundings
from tests.disclose.redact.records import by_label

Checker = Callable[[Json], list[str]]
"""What is wrong with a resource by its definition, a line each."""

_PLACE = re.compile(r"\[\d+\]")


@dataclass
class Outcome:
    """Numbers of a run, and what went wrong, by kind: `faults` is empty when all is well."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    rules: Counter[str] = field(default_factory=Counter)
    """By which rule a resource that carries no label of its own did not go out."""
    seconds: float = 0.0

    def fault(self, kind: str, example: Example, more: str) -> None:
        self.counts[f"fault: {kind}"] += 1
        if len(self.faults) < 400:
            self.faults.append(f"{kind}: {example.key}: {more}")


def run(corpus: list[Example], numbers: list[int], check: Checker) -> Outcome:
    """Withhold each of these examples, in both modes, once as a Bundle and once as lines."""
    outcome = Outcome()
    surroundings = Surroundings(corpus)
    began = time.monotonic()
    for number in numbers:
        if corpus[number].key in OURS:
            outcome.counts["left out: our own marks are made of it"] += 1
            continue
        around = surroundings.of(number)
        for mode in Mode:
            as_bundle = (mode is Mode.MARKED) is (number % 2 == 0)
            _one(corpus[number], around, mode, as_bundle, check, outcome)
    outcome.seconds = time.monotonic() - began
    return outcome


def _one(example: Example, around: Around, mode: Mode, as_bundle: bool, check: Checker, outcome: Outcome) -> None:
    secret = labelled(example)
    others = [*around.referrers, *around.bystanders]
    outcome.counts["runs"] += 1
    outcome.counts["unlabelled resources"] += len(others)
    try:
        record = redact_documents(list(_parts(secret, around, as_bundle)), by_label, mode)
    except UnreadableRecord as refused:
        outcome.counts[f"refused: {refused.code}"] += 1
        return
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError, RecursionError) as crash:
        outcome.fault("crash", example, repr(crash))
        return
    out = b"\n".join(part.data for part in record.parts)
    for left in names_left(example, out):
        outcome.fault("leak", example, f"{mode}: {left}")
    needles = what_to_look_for(
        [secret], full_urls=[(example.key, around.full_url)], released=[each.resource for each in others]
    )
    proof = prove([("out", [part.data for part in record.parts])], needles)
    if isinstance(proof, Leaks):
        outcome.fault("proof", example, "; ".join(sorted({f"{each.kind} {each.place}" for each in proof.finds})))
    _compare(example, around, record, check, outcome)


def _parts(secret: Json, around: Around, as_bundle: bool) -> Iterator[Part]:
    others = [each.data for each in (*around.referrers, *around.bystanders)]
    made = [json.dumps(each).encode() for each in around.made]
    if not as_bundle:
        for line, data in enumerate([json.dumps(secret).encode(), *made, *others], 1):
            yield Part("record.ndjson", data, line)
        return
    entries = [b'{"fullUrl":' + json.dumps(around.full_url).encode() + b',"resource":' + json.dumps(secret).encode()]
    entries += [b'{"resource":' + data for data in (*made, *others)]
    yield Part("record.json", b'{"resourceType":"Bundle","type":"collection","entry":[' + b"},".join(entries) + b"}]}")


def _compare(example: Example, around: Around, record: RedactedRecord, check: Checker, outcome: Outcome) -> None:
    """Every resource without a label: is it there, and as it was?"""
    left = _by_key(record)
    why = {f"{one.type}/{one.id}": one for one in record.findings if "#" not in one.within.rpartition("/")[2]}
    for each in around.bystanders:
        outcome.counts["bystanders"] += 1
        if each.key not in left:
            outcome.fault("false alarm", example, f"{each.key} {_rule(why.get(each.key))}")
        elif left[each.key] != _exactly(each.data):
            outcome.fault("over-redacted", example, each.key)
        else:
            outcome.counts["equal in meaning"] += 1
    for each in around.referrers:
        outcome.counts["referrers"] += 1
        if each.key not in left:
            found = why.get(each.key)
            outcome.counts[f"referrers: {found.word if found else 'missing'}"] += 1
            outcome.rules[_rule(found)] += 1
            continue
        outcome.counts["referrers: release"] += 1
        new = _without_places(check(_plain(left[each.key]))) - _without_places(check(each.resource))
        outcome.counts["checked by their definition"] += 1
        if new:
            outcome.fault("invalid", example, f"{each.key}: {'; '.join(sorted(new))}")


def _rule(finding: Finding | None) -> str:
    return f"{finding.word} {finding.verdict.reason.rule}" if finding else "not listed"


def _without_places(issues: list[str]) -> set[str]:
    return {_PLACE.sub("", each) for each in issues}


def _exactly(data: bytes) -> Any:
    """Numbers by the digits they are written with."""
    return json.loads(data, parse_float=lambda text: (text,), parse_int=lambda text: (text,))


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return json.loads(value[0])
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _by_key(record: RedactedRecord) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in record.parts:
        whole = _exactly(part.data)
        entries = whole.get("entry", []) if part.line == 0 else [{"resource": whole}]
        for entry in entries:
            resource = entry["resource"]
            found[f"{resource['resourceType']}/{resource.get('id')}"] = resource
    return found
