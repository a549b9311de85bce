"""Random records in which everything points at everything, in every form, checked by a model that knows no redactor.

The model: what carries a label stays out, and what is about nothing but that; everything else goes out, without its
pointers to what stays and with all others.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fhir_plugin.disclose.prove import Clean, prove, what_to_look_for
from fhir_plugin.disclose.redact import Part, RedactedRecord, redact_documents
from fhir_plugin.disclose.redact.stub import stub_number
from mappings.model.disclosure import Mode
from tests.disclose.redact.records import by_label

Json = dict[str, Any]
SYSTEM = "https://hospital.example/photographs"
PLAIN_KINDS = ("Media", "Observation", "DocumentReference", "Condition", "Goal")
ABOUT_KINDS = {"List": ("entry", "item"), "Provenance": ("target", ""), "DiagnosticReport": ("media", "link")}
FORMS = ("literal", "versioned", "absolute", "urn", "logical", "conditional", "escaped")
PLACES = ("basedOn", "extension", "_language", "nested")


@dataclass
class Node:
    """One resource to be. `pointers`: number of the other one, form, place."""

    number: int
    kind: str
    code: str | None
    says_more: bool
    pointers: list[tuple[int, str, str]] = field(default_factory=list)

    @property
    def id(self) -> str:
        return f"a{'b' * (self.number % 3)}{self.number // 3}"

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.id}"

    @property
    def urn(self) -> str:
        return f"urn:uuid:{uuid.UUID(int=self.number + 4711)}"

    @property
    def canary(self) -> str:
        return f"canary{self.number}x"


@st.composite
def graphs(draw: st.DrawFn) -> list[Node]:
    count = draw(st.integers(1, 10))
    kinds = st.sampled_from([*PLAIN_KINDS, *PLAIN_KINDS, *ABOUT_KINDS])
    codes = st.sampled_from([None, None, None, "R", "V", "review"])
    nodes = [Node(number, draw(kinds), draw(codes), draw(st.booleans())) for number in range(count)]
    other = st.integers(0, count)  # one more than there are: it points at what is not here
    pointers = st.lists(st.tuples(other, st.sampled_from(FORMS), st.sampled_from(PLACES)), max_size=4)
    for node in nodes:
        node.pointers = draw(pointers)
    return nodes


def reference(nodes: list[Node], to: int, form: str) -> Json:
    if to == len(nodes):
        return {"reference": "Media/absent"}
    node = nodes[to]
    forms: dict[str, Json] = {
        "literal": {"reference": node.key},
        "versioned": {"reference": f"{node.key}/_history/2"},
        "absolute": {"reference": f"https://ehr.example/fhir/{node.key}", "display": "it"},
        "urn": {"reference": node.urn},
        "logical": {"type": node.kind, "identifier": {"system": SYSTEM, "value": f"N-{node.number}"}},
        "conditional": {"reference": f"{node.kind}?identifier={SYSTEM}|N-{node.number}"},
        "escaped": {"reference": node.key.replace("/", "%2F")},
    }
    return forms[form]


def made(nodes: list[Node], node: Node) -> Json:
    """The resource, with its pointers where they belong."""
    labels = [{"code": node.code}] if node.code else []
    resource: Json = {
        "resourceType": node.kind,
        "id": node.id,
        "meta": {"security": [{"code": "other"}, *labels]},
        "identifier": [{"system": SYSTEM, "value": f"N-{node.number}"}],
        "language": "en",
        "extension": [{"url": "https://x.example/canary", "valueString": node.canary}],
    }
    if node.kind == "DiagnosticReport" and node.says_more:
        resource["conclusion"] = "all well"
    for to, form, place in node.pointers:
        pointer = reference(nodes, to, form)
        if node.kind in ABOUT_KINDS:
            name, inside = ABOUT_KINDS[node.kind]
            resource.setdefault(name, []).append({inside: pointer} if inside else pointer)
        elif place == "extension":
            resource["extension"].append({"url": "https://x.example/to", "valueReference": pointer})
        elif place == "_language":
            resource.setdefault("_language", {"extension": []})["extension"].append(
                {"url": "https://x.example/to", "valueReference": pointer}
            )
        elif place == "nested":
            resource.setdefault("component", []).append({"value": [pointer], "code": {"text": "size"}})
        else:
            resource.setdefault("basedOn", []).append(pointer)
    return resource


def kept_back(nodes: list[Node]) -> set[int]:
    """The model: who stays out."""
    out = {node.number for node in nodes if node.code}
    grown = True
    while grown:
        more = {
            node.number
            for node in nodes
            if node.kind in ABOUT_KINDS and node.pointers and all(to in out for to, _form, _place in node.pointers)
        } - out
        out |= more
        grown = bool(more)
    return out


def record(nodes: list[Node], shape: str) -> list[Part]:
    resources = [made(nodes, node) for node in nodes]
    if shape == "bundle":
        entries = [{"fullUrl": node.urn, "resource": each} for node, each in zip(nodes, resources, strict=True)]
        return [Part("b.json", json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode())]
    if shape == "bundles":  # two documents: what one withholds, the other points at
        half = len(nodes) // 2
        parts = zip(("one.json", "two.json"), (nodes[:half], nodes[half:]), strict=True)
        return [
            Part(
                name,
                json.dumps(
                    {
                        "resourceType": "Bundle",
                        "type": "collection",
                        "entry": [{"fullUrl": node.urn, "resource": made(nodes, node)} for node in some],
                    }
                ).encode(),
            )
            for name, some in parts
        ]
    return [
        Part(f"{each['resourceType']}.ndjson", json.dumps(each).encode(), line)
        for line, each in enumerate(resources, 1)
    ]


def written(done: RedactedRecord) -> dict[str, Json]:
    """What goes out, by its canary."""
    found: dict[str, Json] = {}
    for part in done.parts:
        value = json.loads(part.data)
        inside = [each["resource"] for each in value.get("entry", [])] if value["resourceType"] == "Bundle" else [value]
        for each in inside:
            if stub_number(each) is None:
                found[each["extension"][0]["valueString"]] = each
    return found


def pointed(value: object) -> list[str]:
    """Every pointer in a resource, whatever its form, as text, in order; its own identifier is none."""
    if isinstance(value, dict):
        if "reference" in value or ("identifier" in value and "type" in value and "resourceType" not in value):
            return [json.dumps(value, sort_keys=True)]
        return [text for name, each in value.items() if name != "identifier" for text in pointed(each)]
    if isinstance(value, list):
        return [text for each in value for text in pointed(each)]
    return []


SHAPES = st.sampled_from(["bundle", "bundles", "lines"])


def without_urns(nodes: list[Node]) -> list[Node]:
    """Lines have no fullUrl, so nothing says whose a URN is."""
    for node in nodes:
        node.pointers = [(to, "literal" if form == "urn" else form, place) for to, form, place in node.pointers]
    return nodes


@given(graphs(), st.sampled_from(Mode), SHAPES)
def test_exactly_what_the_model_says_goes_out(nodes: list[Node], mode: Mode, shape: str) -> None:
    nodes = without_urns(nodes) if shape == "lines" else nodes
    parts = record(nodes, shape)
    done = redact_documents(parts, by_label, mode)
    out, gone = written(done), kept_back(nodes)
    assert set(out) == {node.canary for node in nodes if node.number not in gone}
    for node in nodes:
        if node.number in gone:
            continue
        wanted = [
            json.dumps(reference(nodes, to, form), sort_keys=True)
            for to, form, _place in node.pointers
            if to not in gone
        ]
        assert sorted(pointed(out[node.canary])) == sorted(wanted)
        if len(wanted) == len(node.pointers):
            assert out[node.canary] == made(nodes, node)
    withheld = [made(nodes, node) for node in nodes if node.number in gone]
    urls = [(node.key, node.urn) for node in nodes if node.number in gone]
    needles = what_to_look_for(
        withheld, full_urls=urls, canaries=[node.canary for node in nodes if node.number in gone], released=out.values()
    )
    assert isinstance(prove([(part.place, [part.data]) for part in done.parts], needles), Clean)


@given(graphs(), st.sampled_from(Mode), SHAPES)
def test_redacting_twice_is_redacting_once(nodes: list[Node], mode: Mode, shape: str) -> None:
    once = redact_documents(record(nodes, shape), by_label, mode)
    twice = redact_documents(once.parts, by_label, mode)
    assert [part.data for part in twice.parts] == [part.data for part in once.parts]


@given(graphs(), st.sampled_from(Mode), SHAPES, st.randoms(use_true_random=False))
def test_neither_the_order_of_labels_nor_that_of_resources_matters(
    nodes: list[Node], mode: Mode, shape: str, random: Any
) -> None:
    parts = record(nodes, shape)
    first = written(redact_documents(parts, by_label, mode))
    turned = []
    for part in parts:
        value = json.loads(part.data)
        inside = [each["resource"] for each in value.get("entry", [])] if value["resourceType"] == "Bundle" else [value]
        for each in inside:
            if "meta" in each:
                random.shuffle(each["meta"]["security"])
        if value["resourceType"] == "Bundle":
            random.shuffle(value["entry"])
        turned.append(Part(part.name, json.dumps(value).encode(), part.line))
    random.shuffle(turned)
    second = written(redact_documents(turned, by_label, mode))
    assert set(first) == set(second)
    assert {name: sorted(pointed(each)) for name, each in first.items()} == {
        name: sorted(pointed(each)) for name, each in second.items()
    }
