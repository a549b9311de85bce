"""HL7's own validator for FHIR, the reference implementation, in a Java process that is asked again and again.

Maven brings it from Maven Central, npm the definitions of R4 (hl7.fhir.r4.examples, whose digest is pinned here). It
would bring its packages from its own registry and ask HL7's terminology server; here it gets a folder that holds all
that it loads, and no server. What no package holds stands in `validator/stand-ins.json` and
`tests/definitions/r5-attachment.json`: MIME types, and three elements of R5 as extensions.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import selectors
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from tests.servers.hapi_server import CLASSPATH
from tests.servers.started import bring

Json = dict[str, Any]

_DEFINITIONS: Final = "hl7.fhir.r4.examples@4.0.1"
_SHA512: Final = (
    "0d705d21939e41a48a220094ef0e87382eecc3fe81cf29668a92e4056e1ffffa"
    "53f8173de31fbc2c89b04ddbda35384f2683b3a41cefc40ccdaa37aedd7ff32f"
)
_CORE: Final = "hl7.fhir.r4.core#4.0.1"
_KEPT: Final = ("package/StructureDefinition-", "package/ValueSet-", "package/CodeSystem-", "package/ConceptMap-")
_EXTENSIONS: Final = ("http://hl7.org/fhir/StructureDefinition/data-absent-reason",)
_PROSE: Final = frozenset({"definition", "comment", "requirements", "alias", "mapping", "example"})
_HERE: Final = Path(__file__).parent / "validator"
_R5_ATTACHMENT: Final = Path(__file__).parents[1] / "definitions" / "r5-attachment.json"
_SECONDS: Final = 300


@dataclass(frozen=True)
class Said:
    """One thing that it says about a resource. `severity`: fatal, error or warning."""

    severity: str
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.severity} {self.where}: {self.text}"


class Hl7Validator:
    """Ask it about resources, one after the other."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, log: Path) -> None:
        self._process = process
        self._file = folder / "resource.json"
        self._log = log

    def about(self, resource: Json, *profiles: str) -> list[Said]:
        """What is wrong, and what it would rather have otherwise; what it merely remarks is left out."""
        self._file.write_text(json.dumps(resource, ensure_ascii=False), encoding="utf-8")
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write("\t".join([str(self._file), *profiles]).encode() + b"\n")
        self._process.stdin.flush()
        told = json.loads(_line(self._process.stdout, self._log))
        return [Said(**each) for each in told if each["severity"] != "information"]

    def errors(self, resource: Json, *profiles: str) -> list[str]:
        """Only what is wrong, a line each."""
        return [str(each) for each in self.about(resource, *profiles) if each.severity in ("error", "fatal")]


@contextlib.contextmanager
def running_validator(*packages: bytes) -> Iterator[Hl7Validator]:
    """It, knowing R4 and `packages` (each a .tgz), once it answers; ended on leaving."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _fill(folder / ".fhir" / "packages", folder)
        for number, package in enumerate(packages):
            (folder / f"{number}.tgz").write_bytes(package)
        for source in ("pom.xml", "Hl7Validator.java"):
            (folder / source).write_bytes((_HERE / source).read_bytes())
        log = folder / "log"
        with (
            log.open("wb") as errors,
            subprocess.Popen(
                _command(folder, len(packages)),
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            ) as process,
        ):
            try:
                assert process.stdout is not None
                assert _line(process.stdout, log).startswith("ready")
                yield Hl7Validator(process, folder, log)
            finally:
                process.kill()


def _command(folder: Path, packages: int) -> Sequence[str]:
    bring(["mvn", "-q", "-B", CLASSPATH, "-Dmdep.outputFile=classpath"], folder)
    classpath = (folder / "classpath").read_text("utf-8").strip()
    quick = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", f"-Duser.home={folder}")
    return ["java", *quick, "-cp", classpath, "Hl7Validator.java", _CORE, *(f"{each}.tgz" for each in range(packages))]


def _fill(cache: Path, folder: Path) -> None:
    """What it would fetch: R4 without the profiles and extensions that others base on it, and our stand-ins."""
    bring(["npm", "pack", "--silent", _DEFINITIONS], folder)
    [packed] = folder.glob("*.tgz")
    if hashlib.sha512(packed.read_bytes()).hexdigest() != _SHA512:
        raise AssertionError(f"{_DEFINITIONS} is not what it was")
    core = cache / _CORE / "package"
    core.mkdir(parents=True)
    with tarfile.open(packed, "r:gz") as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.name.startswith(_KEPT) else None
            kept = _without_prose(json.loads(stream.read())) if stream is not None else None
            if kept is not None:
                (core / Path(member.name).name).write_text(json.dumps(kept))
    packed.unlink()
    _manifest(core, "hl7.fhir.r4.core", "4.0.1", "fhir.core")
    beside = cache / "hl7.fhir.xver-extensions#0.1.0" / "package"
    beside.mkdir(parents=True)
    _manifest(beside, "hl7.fhir.xver-extensions", "0.1.0", "fhir.ig")
    for stand_in in (*json.loads((_HERE / "stand-ins.json").read_bytes()), *json.loads(_R5_ATTACHMENT.read_bytes())):
        (beside / f"{stand_in['resourceType']}-{stand_in['id']}.json").write_text(json.dumps(stand_in))
    (cache / "packages.ini").write_text("[cache]\nversion=3\n[urls]\n[local]\n[packages]\n")


def _without_prose(definition: Json) -> Json | None:
    """What it needs to check by: it reads the whole package again for each extension that it looks at. None for
    profiles and extensions of others."""
    definition = {key: value for key, value in definition.items() if key not in ("text", "mapping")}
    if definition["resourceType"] != "StructureDefinition":
        return definition
    if definition.get("derivation") == "constraint" and definition["url"] not in _EXTENSIONS:
        return None
    elements = definition["snapshot"]["element"]
    shortened = [{key: value for key, value in one.items() if key not in _PROSE} for one in elements]
    return {**definition, "snapshot": {"element": shortened}, "differential": {"element": shortened[:1]}}


def _manifest(folder: Path, name: str, version: str, kind: str) -> None:
    told = {"name": name, "version": version, "type": kind, "fhirVersions": ["4.0.1"], "dependencies": {}}
    told |= {"canonical": "http://hl7.org/fhir", "url": "http://hl7.org/fhir"}
    (folder / "package.json").write_text(json.dumps(told))


def _line(output: IO[bytes], log: Path) -> str:
    with selectors.DefaultSelector() as waiting:
        waiting.register(output, selectors.EVENT_READ)
        if not waiting.select(_SECONDS):
            raise AssertionError(f"the validator said nothing for {_SECONDS} seconds")
    line = output.readline().decode("utf-8")
    if not line:
        raise AssertionError(f"the validator ended:\n{log.read_text('utf-8', errors='replace')[-2000:]}")
    return line
