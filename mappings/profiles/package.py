"""All that we publish as one FHIR NPM package: definitions, terminology and examples, each a file, and an index.

The form is that of the FHIR package specification: `package/package.json`, `package/.index.json`, one JSON file for
each resource, examples in a folder of their own. The same sources give the same bytes.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

from mappings.profiles.examples import Example, examples
from mappings.profiles.publishing import CANONICAL, DATE, FHIR_VERSION, NAME, PUBLISHER, VERSION, published
from mappings.profiles.shape import profile_url, profiles
from mappings.profiles.terminology import code_systems, value_sets

Json = dict[str, Any]

TITLE: Final = "Clinical photographs in the record"
DESCRIPTION: Final = (
    "Profiles, extensions, value sets and code systems of the resources that the fhir-plugin app writes: photographs "
    "with consent, labels and provenance, and what becomes of them."
)
_INDEXED: Final = ("resourceType", "id", "url", "version", "kind", "type", "content", "derivation")


@cache
def definitions() -> tuple[Json, ...]:
    """Every conformance resource of the package, in order of types and ids; the guide that lists them comes last."""
    found = [
        *profiles(),
        *_kept("extensions"),
        *_kept("questionnaires"),
        *value_sets(),
        *code_systems(),
        *(_for_anybody(each) for each in _kept("operations")),
    ]
    found.sort(key=lambda one: (one["resourceType"], one["id"]))
    return (*found, _guide(found, examples()))


@cache
def package_files() -> Mapping[str, bytes]:
    """The files of the package by their path in it."""
    files = {"package/package.json": _written(_manifest())}
    for folder, several in (
        ("package", definitions()),
        ("package/example", tuple(each.claiming for each in examples())),
    ):
        named = {f"{each['resourceType']}-{each['id']}.json": each for each in several}
        files |= {f"{folder}/{name}": _written(each) for name, each in named.items()}
        files[f"{folder}/.index.json"] = _written(_index(named))
    return dict(sorted(files.items()))


def package_archive() -> bytes:
    """The package as `.tgz`: without times, owners and names of a machine."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, content in package_files().items():
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), compresslevel=9, mtime=0)


def _kept(folder: str) -> Iterator[Json]:
    for file in (resources.files("mappings.profiles") / folder).iterdir():
        if file.name.endswith(".json"):
            yield json.loads(file.read_bytes())


def _for_anybody(resource: Json) -> Json:
    """What one installation says of itself, without its address."""
    if resource.get("kind") != "instance":
        return resource
    kept = {key: value for key, value in resource.items() if key != "implementation"}
    rest = [{**each, "security": _without_address(each["security"])} for each in kept["rest"]]
    return {**kept, "kind": "capability", "rest": rest}


def _without_address(security: Json) -> Json:
    return {key: value for key, value in security.items() if key != "extension"}


def _manifest() -> Json:
    return {
        "name": NAME,
        "version": VERSION,
        "title": TITLE,
        "description": DESCRIPTION,
        "type": "IG",
        "canonical": CANONICAL,
        "url": CANONICAL,
        "author": PUBLISHER,
        "license": "Apache-2.0",
        "date": DATE.replace("-", "") + "000000",
        "fhirVersions": [FHIR_VERSION],
        "dependencies": {"hl7.fhir.r4.core": FHIR_VERSION},
        "directories": {"lib": "package", "example": "package/example"},
    }


def _index(named: Mapping[str, Json]) -> Json:
    rows = [
        {"filename": name} | {key: each[key] for key in _INDEXED if isinstance(each.get(key), str)}
        for name, each in sorted(named.items())
    ]
    return {"index-version": 1, "files": rows}


def _guide(several: list[Json], shown: tuple[Example, ...]) -> Json:
    listed = [_listed(each, str(each.get("title", each["id"])), {"exampleBoolean": False}) for each in several]
    for each in shown:
        of = {"exampleBoolean": True} if each.profile is None else {"exampleCanonical": profile_url(each.profile)}
        listed.append(_listed(each.resource, each.title, of))
    return {
        "resourceType": "ImplementationGuide",
        "id": NAME,
        "url": f"{CANONICAL}:implementation-guide",
        **published(TITLE, DESCRIPTION),
        "packageId": NAME,
        "license": "Apache-2.0",
        "fhirVersion": [FHIR_VERSION],
        "definition": {"resource": listed},
    }


def _listed(resource: Json, name: str, example: Json) -> Json:
    return {"reference": {"reference": f"{resource['resourceType']}/{resource['id']}"}, "name": name} | example


def _written(value: Json) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode("utf-8")
