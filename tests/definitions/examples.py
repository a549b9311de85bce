"""HL7's own example resources of R4 and R5, of the types that are said differently in the two.

`python -m tests.definitions.examples R4.tgz R5.tgz` makes `examples.json.xz` from the npm packages hl7.fhir.r4.examples
4.0.1 and hl7.fhir.r5.examples 5.0.0. Narratives are dropped. The output is the same, byte for byte, whenever the input
is.
"""

from __future__ import annotations

import json
import lzma
import sys
import tarfile
from functools import cache
from pathlib import Path
from typing import Any, Final

Json = dict[str, Any]

TYPES: Final = (
    "AuditEvent",
    "CommunicationRequest",
    "Consent",
    "DocumentReference",
    "Provenance",
    "QuestionnaireResponse",
    "Task",
)
FILE: Final = Path(__file__).with_name("examples.json.xz")


@cache
def examples() -> dict[str, list[Json]]:
    """By version, `r4` and `r5`, in the order of their names."""
    read: dict[str, list[Json]] = json.loads(lzma.decompress(FILE.read_bytes()))
    return read


def _of(package: Path) -> list[Json]:
    found: dict[str, Json] = {}
    with tarfile.open(package, "r:gz") as archive:
        for member in archive:
            name = member.name.rpartition("/")[2]
            if name.partition("-")[0] in TYPES and (stream := archive.extractfile(member)) is not None:
                resource: Json = json.loads(stream.read())
                if resource.get("resourceType") in TYPES:
                    resource.pop("text", None)
                    found[name] = resource
    return [found[name] for name in sorted(found)]


if __name__ == "__main__":
    _r4, _r5 = sys.argv[1:]
    _text = json.dumps({"r4": _of(Path(_r4)), "r5": _of(Path(_r5))}, ensure_ascii=False, separators=(",", ":"))
    FILE.write_bytes(lzma.compress(_text.encode("utf-8"), preset=9 | lzma.PRESET_EXTREME))
    sys.stderr.write(f"{FILE.name}: {FILE.stat().st_size} bytes\n")
