"""What the codes of a proof mean to a person: where was looked, why not, and who must do what about what remains."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from fhir_plugin.ports import PurgeMeans
from mappings.model.deletion import Looked

NOT_OFFERED: Final = "-not-offered"
"""After the code of a place that this server says it does not have, and that showed nothing when it was asked."""

PLACES: Final = {
    "record-control": "Whether the record shows and finds what must be there",
    "record-read": "The image’s own address in the record",
    "record-versions": "Earlier versions of the image, and its history",
    "search-id": "Search of the record by the image’s id",
    "search-patient": "All of the patient’s images in the record, found by search",
    "search-identifier": "Search of the record by the image’s identifiers",
    "search-security": "Search of the record by the image’s labels",
    "everything": "Everything that the record has about the patient ($everything)",
    "binary": "The address of the picture’s bytes, in every form",
    "binary-versions": "Earlier versions of the picture’s bytes, in every form",
    "chart-copies": "Copies of the image in the chart, and their earlier versions where the EHR shows any",
    "vault": "This app’s own vault of encrypted files",
    "registers": "This app’s own lists of images",
    "traces-database": "The files of this app’s database",
    "traces-database-rows": "The rows of this app’s database",
    "traces-queue": "The files of this app’s queue",
    "traces-state": "Every other file of this app",
    "traces-temp": "Temporary files of this app",
    "traces-logs": "The log files of this app",
}
"""In the order in which they are looked at."""

UNASKED: Final = {
    "may-not-look": "this launch may not look there",
    "forbidden": "the server did not let us look",
    "record-not-believable": "the server’s answers cannot be believed",
    "record-unavailable": "the server did not answer",
    "unusable-answer": "the server answered with something else than what was asked",
    "pages-loop": "the server’s pages never end",
    "too-many-results": "there are more results than anybody can look through",
    "outside-base": "the server points to another server",
    "versions-not-offered": "the server shows nobody whether it keeps earlier versions",
    "no-needles": "what to look for is not known any more",
    "too-much": "there is more than can be looked through",
    "copy-by-hand": "only a person can say whether it is gone",
    "not-readable": "a file there cannot be read",
}
_ANOTHER: Final = "it could not be looked at"

_RECORD: Final = ("record-", "search-", "everything", "binary")
_OF_BYTES: Final = "binary"
_COPIES: Final = "chart-copies"
_RIGHT: Final = frozenset({"may-not-look", "forbidden"})


def place_words(place: str) -> str:
    """Where was looked, for a person."""
    bare = place.removesuffix(NOT_OFFERED)
    words = PLACES.get(bare, bare)
    return f"{words} (this server does not offer it)" if bare != place else words


def unasked_words(code: str) -> str:
    """Why it could not be looked at, for a person."""
    return UNASKED.get(code, _ANOTHER)


def what_to_ask(places: Iterable[Looked], means: Sequence[PurgeMeans]) -> tuple[str, ...]:
    """Who must do what about what remains, or could not be looked at; each thing once."""
    left = [each for each in places if not each.clean]
    of_record = [each for each in left if each.place.startswith(_RECORD)]
    of_copies = [each for each in left if each.place == _COPIES]
    asks: list[str] = []
    if any(each.found for each in of_record):
        asks += [each.ask for each in means if each.ask]
    if any(each.unasked in _RIGHT for each in of_record):
        asks.append("Open the patient’s record with an account that may see all of it, and look again.")
    if any(each.unasked and each.unasked not in _RIGHT for each in of_record):
        asks.append(
            "Ask the administrator of the EHR’s server why it does not answer these questions. Look again then."
        )
    if of_copies:
        asks.append(
            "Take the copies of this image out of the chart by hand, and say on the practice’s list that they are "
            "gone. Look again then."
        )
    if any(not each.place.startswith((*_RECORD, _COPIES)) for each in left):
        asks.append("Ask whoever runs this app to remove what is left on its own machine. Look again then.")
    return tuple(dict.fromkeys(asks))
