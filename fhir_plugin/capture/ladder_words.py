"""The write-back ladder in sentences that people read: before *File*, after it, and about an EHR at any time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from fhir_plugin.capture.ladder import Ladder, Passed, Why
from mappings.model.writeback import Rung

SHORT: Final[Mapping[Rung, str]] = MappingProxyType(
    {
        Rung.TRANSACTION: "the image itself, with everything about it at once",
        Rung.SEQUENCE: "the image itself, step by step",
        Rung.DOCUMENT_BINARY: "the image itself, as a document",
        Rung.DOCUMENT_INLINE: "the image itself, inside a document",
        Rung.PDF: "a PDF page with the picture",
        Rung.XHTML: "a web page with the picture in it",
        Rung.TEXT_NOTE: "words that say where the image is",
        Rung.SIGNED_EXPORT: "nothing: a signed file to file by hand",
    }
)
"""What the chart gets, in the middle of a sentence."""

WHOLE: Final = "This EHR takes the image itself. It will be in the patient’s record there."
_KEPT: Final = "The whole image is kept by this app, with its consent and labels."
BEFORE: Final[Mapping[Rung, str]] = MappingProxyType(
    {
        Rung.TRANSACTION: WHOLE,
        Rung.SEQUENCE: WHOLE,
        Rung.DOCUMENT_BINARY: WHOLE,
        Rung.DOCUMENT_INLINE: WHOLE,
        Rung.PDF: f"This EHR takes no such image: its chart gets a PDF page with the picture. {_KEPT}",
        Rung.XHTML: f"This EHR takes no such image: its chart gets a page with the picture in it. {_KEPT}",
        Rung.TEXT_NOTE: f"The chart gets words only: that there is an image, and how to find it in this app. {_KEPT}",
        Rung.SIGNED_EXPORT: (
            f"Nothing of this can be written into this EHR: you get a signed file to file in the chart by hand. {_KEPT}"
        ),
    }
)
"""Before *File*: what will happen."""


AFTER: Final[Mapping[Rung, str]] = MappingProxyType(
    {
        Rung.TRANSACTION: "The image itself is in the chart.",
        Rung.SEQUENCE: "The image itself is in the chart.",
        Rung.DOCUMENT_BINARY: "The image itself is in the chart, as a document.",
        Rung.DOCUMENT_INLINE: "The image itself is in the chart, inside a document.",
        Rung.PDF: f"The chart has a PDF page with the picture. {_KEPT}",
        Rung.XHTML: f"The chart has a page with the picture in it. {_KEPT}",
        Rung.TEXT_NOTE: f"The chart has words that say where the image is, and no picture. {_KEPT}",
        Rung.SIGNED_EXPORT: f"The chart has nothing yet: file the signed file there by hand. {_KEPT}",
    }
)
"""On the receipt: what did happen."""

SENSITIVE_TOO: Final = "Of sensitive images the chart gets words only."
SMALLER: Final = "The picture in the chart is smaller than the image."

BECAUSE: Final[Mapping[Why, str]] = MappingProxyType(
    {
        Why.NO_IMAGES: "it takes no such files from apps",
        Why.NOT_GRANTED: "the EHR did not grant it to this app: whoever runs the EHR can",
        Why.NOT_READABLE: "this app may not read back what it would write, so nothing could be proven",
        Why.NO_MEDIA: "it has no place for images that are not documents",
        Why.NO_TRANSACTION: "it cannot write several things at once, or none",
        Why.IDS: "it chooses the ids itself",
        Why.NO_BINARY: "it keeps no files of their own",
        Why.TOO_LARGE: "the image is larger than it takes",
        Why.NO_DOCUMENTS: "it takes no documents from apps",
        Why.TYPE_REFUSED: "it does not take this kind of document",
        Why.NO_ENCOUNTER: "it files documents within an encounter, and the app was opened outside one",
        Why.VIDEO: "a video cannot be on a page",
        Why.SENSITIVE: "by policy such a chart gets words only of a sensitive image",
        Why.NOT_REDUCED: "it would fit only as a smaller picture, which policy does not want",
    }
)
"""Why a better way is not taken, in the middle of a sentence."""


@dataclass(frozen=True)
class Forecast:
    """What filing will do in this EHR: one sentence, and on demand why not better."""

    rung: Rung
    sentence: str
    why_not: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """What the chart gets, in the middle of a sentence; empty where that is the image itself."""
        return "" if self.rung.whole else SHORT[self.rung]


def forecast(ladder: Ladder) -> Forecast:
    """The words of a ladder. Differences between ways that put the same into the chart are nobody's concern here."""
    sentence = BEFORE[ladder.rung]
    if ladder.reduced:
        sentence = f"{sentence} {SMALLER}"
    return Forecast(ladder.rung, sentence, () if ladder.rung.whole else why_not(ladder.passed))


def why_not(passed: tuple[Passed, ...]) -> tuple[str, ...]:
    """One line for the image itself, one for each other way that was passed over."""
    lines: list[str] = []
    for each in passed:
        what = "the image itself" if each.rung.whole else SHORT[each.rung]
        line = f"Not {what}: {BECAUSE[each.why]}."
        if line not in lines and not (each.rung.whole and each.why in _HOW):
            lines.append(line)
    return tuple(lines)


_HOW: Final = frozenset({Why.NO_MEDIA, Why.NO_TRANSACTION, Why.IDS})
"""About how an image gets there, not whether."""


def said_after(rung: Rung, *, reduced: bool = False) -> str:
    """What the receipt says of the rung that was taken."""
    return f"{AFTER[rung]} {SMALLER}" if reduced else AFTER[rung]
