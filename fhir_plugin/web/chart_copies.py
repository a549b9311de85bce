"""What of an image is in the EHR, in words: where its chart takes no images."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from fhir_plugin.keep.view import GalleryItem
from mappings.model.writeback import ChartCopy, CopyState, Rung

_SHOWN: Final[Mapping[Rung, str]] = MappingProxyType(
    {
        Rung.PDF: "a PDF page with it",
        Rung.XHTML: "a page with it",
        Rung.TEXT_NOTE: "words that say where it is",
        Rung.SIGNED_EXPORT: "a file that was filed by hand",
    }
)
_STATES: Final[Mapping[CopyState, str]] = MappingProxyType(
    {
        CopyState.TO_FILE: "nothing yet: a file waits to be filed by hand",
        CopyState.TAKEN_BACK: "a note that was taken back",
        CopyState.REMOVE_BY_HAND: "a copy that has to be taken out by hand",
    }
)


def in_the_ehr(item: GalleryItem) -> str:
    """In the middle of a sentence; empty where the EHR has no copy of it."""
    return ", ".join(dict.fromkeys(_words(each) for each in item.in_chart if each.state is not CopyState.GONE))


def _words(copy: ChartCopy) -> str:
    if copy.state in (CopyState.IN_CHART, CopyState.FILED_BY_HAND):
        shown = _SHOWN.get(copy.rung, "a copy")
        return f"{shown} (smaller)" if copy.reduced else shown
    return _STATES[copy.state]
