"""Who can still see a hidden image at its server, in plain words: by what the server says of itself and what it
answered to us, never by guessing."""

from __future__ import annotations

from typing import Final

from fhir_plugin.capability import Capability
from mappings.r4.hidden_stub import Form

MARKED: Final = (
    "The EHR took the mark that this picture is hidden, and not the change of its content: other systems may still "
    "show the picture itself."
)
STILL_THERE: Final = (
    "The EHR did not let its file be replaced: whoever knows the file’s own address and may read the record can still "
    "open it there."
)
SHARED: Final = (
    "Another entry of this record shows the same file, so the file was left as it is: it can be opened through that "
    "entry."
)
READABLE: Final = (
    "The EHR keeps earlier versions and gave us the one from before just now: whoever may read this record there can "
    "open it by its version."
)
KEEPS: Final = (
    "The EHR says that it keeps earlier versions of its entries. It did not give us the one from before; people with "
    "more access there may be able to open it."
)
FILE_VERSIONS: Final = (
    "The EHR says that it keeps earlier versions of files, too: whoever may read the record there can open the file as "
    "it was by its version."
)
UNTOLD: Final = "The EHR does not say whether it keeps earlier versions. Ask whoever runs it."
NOT_TAKEN: Final = "The EHR did not take the change: this app hides the picture, other systems may show it."
_READS_VERSIONS: Final = frozenset({"vread", "history-instance"})


def what_remains(*, form: str, how: str, earlier: str, keeps: bool, keeps_files: bool) -> tuple[str, ...]:
    """`form` of the stub, `how` the bytes were treated, what asking for the version from before brought, and whether
    the server says that it keeps versions of entries and of files."""
    said = []
    if form == Form.MARKED:
        said.append(MARKED)
    elif how == "still-there":
        said.append(STILL_THERE)
    elif how == "shared":
        said.append(SHARED)
    if earlier == "readable":
        said.append(READABLE)
    elif keeps:
        said.append(KEEPS)
    elif earlier == "unversioned":
        said.append(UNTOLD)
    if how == "overwritten" and keeps_files:
        said.append(FILE_VERSIONS)
    return tuple(said)


def keeps_versions(capability: Capability, resource_type: str) -> bool:
    """Whether the server says that it gives earlier versions to somebody, whoever that may be."""
    return bool(capability.interactions.get(resource_type, frozenset()) & _READS_VERSIONS)
