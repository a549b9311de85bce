"""`fhir-plugin ig build`: what this app writes, as a FHIR package that validators and servers can load."""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePosixPath

import click

from fhir_plugin.commands.answers import json_option, say


@click.group()
def ig() -> None:
    """The profiles, extensions and code systems of what this app writes."""


@ig.command("build")
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Where the package goes; made if it is not there.",
)
@click.option("--unpacked", is_flag=True, help="Also write its files, in a folder `package`.")
@json_option
def build(folder: Path, unpacked: bool, as_json: bool) -> None:
    """Write the FHIR NPM package of all that this app publishes. The same version writes the same bytes."""
    from mappings.profiles.package import definitions, package_archive, package_files
    from mappings.profiles.publishing import NAME, VERSION

    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"{NAME}-{VERSION}.tgz"
    archive.write_bytes(package_archive())
    files = package_files()
    if unpacked:
        for name, content in files.items():
            place = folder / PurePosixPath(name)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
    counts = Counter(str(each["resourceType"]) for each in definitions())
    counts["example"] = sum(name.startswith("package/example/") and "/." not in name for name in files)
    listed = ", ".join(f"{number} {kind}" for kind, number in sorted(counts.items()))
    answer = {"package": str(archive), "name": NAME, "version": VERSION, "holds": dict(sorted(counts.items()))}
    say(answer, as_json=as_json, text=f"{archive}: {listed}")
