"""How each kind of item ends, where it ends by somebody saying so. The others end on the page of what they wait for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from mappings.model.work import WorkKind


@dataclass(frozen=True)
class Ending:
    """`code` is kept; `text` is what a person chooses; `needs_words`: not without saying more."""

    code: str
    text: str
    needs_words: bool = False


ENDINGS: Final[Mapping[WorkKind, tuple[Ending, ...]]] = MappingProxyType(
    {
        WorkKind.CALL_ME: (
            Ending("spoken", "I have spoken with them"),
            Ending("seen", "They were, or will be, seen in person"),
            Ending("not-reached", "They could not be reached: it is settled another way", needs_words=True),
        ),
        WorkKind.DECLINED: (
            Ending("offered", "Another way of assessing was offered", needs_words=True),
            Ending("not-needed", "No picture is needed any more", needs_words=True),
        ),
        WorkKind.REQUEST_EXPIRED: (
            Ending("asked-again", "They were asked again"),
            Ending("offered", "Another way of assessing was offered", needs_words=True),
            Ending("not-needed", "No picture is needed any more", needs_words=True),
        ),
        WorkKind.SOURCE: (Ending("emptied", "The picture is gone from there, and from its deleted items"),),
        WorkKind.URGENT_REVIEW: (
            Ending("agreed", "I agree with what was decided"),
            Ending("not-agreed", "I do not agree", needs_words=True),
        ),
        WorkKind.BREACH: (
            Ending("reported", "It was reported through our own incident process", needs_words=True),
            Ending("no-report", "We looked at it, and no report is needed", needs_words=True),
        ),
        WorkKind.DELETION_REJECTED: (Ending("known", "I have read why, and know what to do instead"),),
        WorkKind.FOLLOW_UP: (Ending("settled", "It is settled", needs_words=True),),
        WorkKind.CHART_COPY: (
            Ending("filed", "I have filed it in the chart"),
            Ending("gone", "I have looked: it is not in the chart, and the file is nowhere any more"),
        ),
    }
)
"""No entry: what is done is done elsewhere, and the item ends with it."""


def ending(kind: WorkKind, code: str) -> Ending | None:
    """The ending of that code, if this kind has it."""
    return next((each for each in ENDINGS.get(kind, ()) if each.code == code), None)
