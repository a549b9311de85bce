"""Resources of a corpus: from a folder of JSON or NDJSON, one such file, or an npm package (`.tgz`)."""

from __future__ import annotations

import json
import lzma
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]

_KEY = re.compile(r"([A-Z][A-Za-z]{2,50})/([A-Za-z0-9\-.]{1,64})(?![A-Za-z0-9\-])")


@dataclass(frozen=True)
class Example:
    """One resource as it was published. `data`: without the white space around it."""

    name: str
    data: bytes = field(repr=False)
    resource: Json = field(repr=False)

    @property
    def type(self) -> str:
        return str(self.resource["resourceType"])

    @property
    def key(self) -> str:
        return f"{self.type}/{self.resource.get('id')}"


def examples(path: Path, *, inside: bool = False) -> list[Example]:
    """Every resource with an id, in the order of their names; of two with one id the first.

    `inside`: what is in a Bundle instead of the Bundle.
    """
    found: dict[str, Example] = {}
    for name, data in sorted(_files(path)):
        lines = data.split(b"\n") if ".ndjson" in name else [data]
        for line in lines:
            for example in _taken_apart(name, line, inside=inside):
                found.setdefault(example.key, example)
    return list(found.values())


def _taken_apart(name: str, line: bytes, *, inside: bool) -> Iterator[Example]:
    resource = _resource(line)
    if resource is None:
        return
    if inside and resource["resourceType"] == "Bundle":
        for entry in resource.get("entry", []):
            yield from _taken_apart(name, json.dumps(entry.get("resource")).encode(), inside=True)
    elif "id" in resource:
        yield Example(name, line.strip(), resource)


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for each in path.rglob("*"):
            if each.is_file() and each.name.endswith((".json", ".ndjson")):
                yield str(each.relative_to(path)), each.read_bytes()
    elif path.name.endswith((".tgz", ".tar.gz")):
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.name.endswith(".json") else None
                if stream is not None:
                    yield member.name, stream.read()
    elif path.name.endswith(".xz"):
        yield path.name.removesuffix(".xz"), lzma.decompress(path.read_bytes())
    else:
        yield path.name, path.read_bytes()


def _resource(data: bytes) -> Json | None:
    try:
        value = json.loads(data)
    except ValueError:
        return None
    return value if isinstance(value, dict) and isinstance(value.get("resourceType"), str) else None


def strings(value: object) -> Iterator[str]:
    """Every text in a resource, names of elements not among them."""
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, dict):
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


class Pointing:
    """Which examples speak of which, read without the redactor."""

    def __init__(self, all_: list[Example]) -> None:
        self._by_key: dict[str, list[int]] = {}
        self._by_url: dict[str, list[int]] = {}
        for number, each in enumerate(all_):
            keys: set[str] = set()
            urls: set[str] = set()
            for text in strings(each.resource):
                if "/" in text:
                    for type_, id_ in _KEY.findall(text):
                        keys.add(f"{type_}/{id_}")
                        if "." in id_:
                            keys.add(f"{type_}/{id_.rpartition('.')[0]}")
                if ":" in text and " " not in text:
                    urls.add(text.removeprefix("urn:uuid:"))
                    urls.add(re.split(r"[|#?]", text, maxsplit=1)[0])
            for key in keys:
                self._by_key.setdefault(key, []).append(number)
            for url in urls:
                self._by_url.setdefault(url, []).append(number)

    def at(self, resource: Json) -> list[int]:
        """The numbers of those that name it by `Type/id` or by its URL, itself among them."""
        key = f"{resource['resourceType']}/{resource.get('id')}"
        urls = (str(resource.get("url", "")), str(resource.get("id")))  # an id that is a UUID is named by its URN, too
        return sorted({*self._by_key.get(key, ()), *(at for url in urls for at in self._by_url.get(url, ()))})


SAMPLE = Path(__file__).with_name("r4-examples.ndjson.xz")
_LARGEST = 12_000


def sample(corpus: list[Example]) -> list[Example]:
    """The smallest example of each type, two where there are some, each with one that names it where one is small."""
    small = [at for at, each in enumerate(corpus) if len(each.data) < _LARGEST]
    by_type: dict[str, list[int]] = {}
    for at in small:
        by_type.setdefault(corpus[at].type, []).append(at)
    pointing = Pointing(corpus)
    chosen: set[int] = set()
    for numbers in by_type.values():
        picked = sorted(numbers, key=lambda at: (len(corpus[at].data), corpus[at].key))[:2]
        chosen.update(picked)
        for at in picked:
            naming = [other for other in pointing.at(corpus[at].resource) if other != at and other in set(small)]
            chosen.update(sorted(naming, key=lambda other: len(corpus[other].data))[:1])
    return [corpus[at] for at in sorted(chosen)]


def write_sample(corpus: list[Example], path: Path = SAMPLE) -> None:
    """The same, byte for byte, whenever the corpus is."""
    lines = [json.dumps(each.resource, ensure_ascii=False, separators=(",", ":")) for each in sample(corpus)]
    text = "".join(f"{line}\n" for line in lines)
    path.write_bytes(lzma.compress(text.encode("utf-8"), preset=9 | lzma.PRESET_EXTREME))
