"""`fhir-plugin export-capture`: a signed file of a capture that no EHR has taken, for somebody to file by hand."""

from __future__ import annotations

from pathlib import Path

import click

from fhir_plugin.commands.answers import json_option, mendable, open_installation, operator, say, state_option


@click.command("export-capture")
@click.argument("capture")
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Where to write it (ZIP)."
)
@state_option
@json_option
def export_capture(capture: str, output: Path, state: Path | None, as_json: bool) -> None:
    """Write the signed file of CAPTURE: its pictures whole, a page for each, and what the record would hold of them.

    For captures that an EHR did not take, or that it can only get by hand. `fhir-plugin verify-package` checks the
    file. The audit trail says that it was made, and by whom. Nothing is changed.
    """
    from fhir_plugin.adapters.whole_file import whole
    from mappings.model.identifiers import CaptureId

    with mendable(as_json=as_json):
        installation = open_installation(state)
        try:
            export, pieces = installation.exports.by_operator(CaptureId(capture), operator())
            with whole(output) as file:
                for piece in pieces:
                    file.write(piece)
        finally:
            installation.close()
    said = {"capture": capture, "images": len(export.images), "output": str(output)}
    say(said, as_json=as_json, text=f"{len(export.images)} pictures of capture {capture}, signed: {output}")
