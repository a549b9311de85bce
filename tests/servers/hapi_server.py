"""HAPI FHIR JPA, the server behind the best known public sandbox, in a process of its own on a free loopback port.

Maven brings its libraries into the user's own repository the first time (350 MB); Java compiles the one source file as
it starts it. Needs a JDK (17 or later) and Maven.
"""

from __future__ import annotations

import contextlib
import selectors
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from mappings.model.identifiers import FhirBase

_HERE: Final = Path(__file__).parent / "hapi"
_CLASSPATH: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath"
_DOWNLOAD_SECONDS: Final = 600
_START_SECONDS: Final = 300


@contextlib.contextmanager
def running_hapi() -> Iterator[FhirBase]:
    """Its FHIR base, once it answers; ended, with all that it stored, on leaving."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", _classpath(Path(folder))]
        log = Path(folder) / "hapi.log"
        with (
            log.open("wb") as errors,
            subprocess.Popen(
                [*command, str(_HERE / "HapiServer.java"), "0"],
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            ) as process,
        ):
            try:
                assert process.stdout is not None
                yield FhirBase(f"http://127.0.0.1:{_port(process.stdout, log)}/fhir")
            finally:
                process.kill()


def _classpath(folder: Path) -> str:
    """What `pom.xml` names and what that needs, as Java takes it."""
    mine = folder / "maven"
    shutil.copytree(_HERE, mine, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    said = subprocess.run(
        ["mvn", "-q", "-B", _CLASSPATH, "-Dmdep.outputFile=classpath"],
        cwd=mine,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_DOWNLOAD_SECONDS,
        check=False,
    )
    if said.returncode:
        raise AssertionError(f"Maven did not bring HAPI's libraries:\n{said.stdout.decode(errors='replace')[-2000:]}")
    return (mine / "classpath").read_text("utf-8").strip()


def _port(output: IO[bytes], log: Path) -> int:
    with selectors.DefaultSelector() as waiting:
        waiting.register(output, selectors.EVENT_READ)
        if not waiting.select(_START_SECONDS):
            raise AssertionError(f"HAPI did not start within {_START_SECONDS} seconds")
    word, _, port = output.readline().decode().strip().partition(" ")
    if word != "ready":
        raise AssertionError(f"HAPI did not start:\n{log.read_text('utf-8', errors='replace')[-2000:]}")
    return int(port)
