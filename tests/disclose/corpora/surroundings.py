"""What a labelled example is put among: examples that name it, made resources that point at it, and bystanders."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from tests.definitions.pointers import PointerPath, pointer_paths
from tests.disclose.corpora.reading import Example, Json, Pointing
from tests.disclose.redact.records import planted

_LARGE = 200_000
_REFERRERS = 8
_MADE = 6
_BYSTANDERS = 6


@dataclass(frozen=True)
class Around:
    """`full_url`: how a Bundle names the labelled one."""

    full_url: str
    referrers: list[Example]
    made: list[Json]
    bystanders: list[Example]


class Surroundings:
    """Deterministic: the same corpus gives the same Bundles. Every path that points has its turn."""

    def __init__(self, corpus: list[Example]) -> None:
        self._corpus = corpus
        self._pointing = Pointing(corpus)
        self._by_key = {each.key: [at] for at, each in enumerate(corpus)}
        self._paths = itertools.cycle(each for each in pointer_paths("R4") if each.kind == "Reference")
        self._texts = itertools.cycle(each for each in pointer_paths("R4") if each.kind in ("canonical", "uri", "url"))
        self._small = [at for at, each in enumerate(corpus) if len(each.data) < 20_000 and _speaks(each)]

    def of(self, number: int) -> Around:
        """What stands around the example with this number."""
        example = self._corpus[number]
        full_url = f"https://ehr.example/fhir/{example.key}"
        naming = self._naming(example) - {number}
        referrers = [self._corpus[at] for at in sorted(naming) if _speaks(self._corpus[at])]
        referrers = [each for each in referrers if len(each.data) < _LARGE][:_REFERRERS]
        made = [planted(path, value) for path, value in itertools.islice(self._pointers(example, full_url), _MADE)]
        for at, resource in enumerate(made):
            resource["id"] = f"made-{at}"
        further = {each for other in referrers for each in self._naming(other)}
        step = int.from_bytes(hashlib.sha256(example.key.encode()).digest()[:4], "big")
        bystanders: list[Example] = []
        for turn in range(len(self._small)):
            at = self._small[(step + turn * 7) % len(self._small)]
            other = self._corpus[at]
            if at == number or at in naming or at in further or other in bystanders:
                continue
            if not any(_shares(each, other.resource) for each in _with_inner(example.resource)):
                bystanders.append(other)
            if len(bystanders) == _BYSTANDERS:
                break
        return Around(full_url, referrers, made, bystanders)

    def _naming(self, example: Example) -> set[int]:
        """Those that name it, or what is inside it, and those that are one of these themselves."""
        found: set[int] = set()
        for each in _with_inner(example.resource):
            found.update(self._pointing.at(each))
            found.update(self._by_key.get(f"{each['resourceType']}/{each.get('id')}", ()))
        return found

    def _pointers(self, example: Example, full_url: str) -> Iterator[tuple[PointerPath, object]]:
        url = example.resource.get("url")
        forms: list[Json] = [
            {"reference": example.key},
            {"reference": f"{full_url}/_history/3", "display": "it"},
            {"reference": f"{example.type}?_id={example.resource['id']}"},
            {"reference": example.key.replace("/", "%2F")},
            {"reference": f"{example.key}/_history/1", "type": example.type},
        ]
        for form in forms:
            yield self._path(self._paths), form
        while True:
            yield self._path(self._texts), url if isinstance(url, str) else full_url

    @staticmethod
    def _path(paths: Iterator[PointerPath]) -> PointerPath:
        return next(each for each in paths if each.type not in ("AuditEvent", "Bundle", "Parameters"))


def _speaks(example: Example) -> bool:
    """Collections have parts of their own, the audit log is never sent, and some are published with a label."""
    labels = example.resource.get("meta", {}).get("security", [])
    return example.type not in ("Bundle", "Parameters", "AuditEvent") and not {"R", "V"} & {
        each.get("code") for each in labels
    }


def _with_inner(resource: Json) -> Iterator[Json]:
    """A resource, and if it is a collection all that is in it."""
    yield resource
    for entry in resource.get("entry", []) if resource["resourceType"] == "Bundle" else []:
        if "resource" in entry:
            yield from _with_inner(entry["resource"])


def _shares(one: Json, other: Json) -> bool:
    """Whether another goes by the same id or identifier: it is no bystander then."""
    return bool(set(_own(one)) & set(_own(other)))


def _own(resource: Json) -> Iterator[str]:
    yield f"id {resource.get('id')}"
    for name in ("identifier", "masterIdentifier"):
        value = resource.get(name)
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict) and each.get("value"):
                yield f"identifier {each['value']}"
