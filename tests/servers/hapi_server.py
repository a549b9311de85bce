"""HAPI FHIR JPA, the server behind the best known public sandbox, in a process of its own on a free loopback port.

Maven brings its libraries into the user's own repository the first time (350 MB); Java compiles the one source file as
it starts it. Needs a JDK (17 or later) and Maven.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from mappings.model.identifiers import FhirBase
from tests.servers.started import bring, running

CLASSPATH: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath"


@contextlib.contextmanager
def running_hapi(version: str = "r4") -> Iterator[FhirBase]:
    """Its FHIR base, once it answers; ended, with all that it stored, on leaving. `version`: `r4` or `r5`."""
    with running(Path(__file__).parent / "hapi", partial(_command, version)) as base:
        yield base


def _command(version: str, folder: Path) -> Sequence[str]:
    bring(["mvn", "-q", "-B", CLASSPATH, "-Dmdep.outputFile=classpath"], folder)
    classpath = (folder / "classpath").read_text("utf-8").strip()
    return ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", classpath, "HapiServer.java", "0", version]
