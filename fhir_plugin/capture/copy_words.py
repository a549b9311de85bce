"""What a copy of an image says in a chart that takes no images: whose, what, when, by whose word, and where it is."""

from __future__ import annotations

import datetime as dt
import textwrap
from collections.abc import Mapping
from typing import Any, Final

from fhir_plugin.capture.draft import Draft, DraftImage
from fhir_plugin.capture.filing import FilingOrder, OrderedImage, read_captured
from fhir_plugin.capture.receipt import agreed, giver_words
from fhir_plugin.ports import SheetWords
from mappings.model.images import CleanImage
from mappings.model.kept import KeptImage
from mappings.model.labels import Label, is_restricted
from mappings.terminology.body_sites import site_with_code
from mappings.terminology.labels import plain_label
from mappings.terminology.photographs import ARRIVAL_WORDS, MADE_WORDS, PHOTOGRAPHER_WORDS

TEXT_WIDTH: Final = 78
"""Letters in a line of a note: charts show notes in a fixed pitch, or wrap them themselves."""
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def sheet_words(
    order: FilingOrder, image: OrderedImage, clean: CleanImage, *, organisation: str, shows_picture: bool
) -> SheetWords:
    """The words for one image of an order. `organisation`: whose app keeps the whole image, as people name it."""
    what = _what(clean.is_video)
    site = site_words(image)
    where = f"the clinical photographs app of {organisation}"
    return SheetWords(
        title=f"Clinical {what}: {site}",
        organisation=organisation,
        banner=_banner_of(image.labels),
        rows=tuple((label, value) for label, value in _rows(order, image, clean, site) if value),
        closing=(_where_it_is(image, where, what, shows_picture), _how_to_treat(what)),
        alt=f"{'Still of a video' if clean.is_video else 'Photograph'}: {site}",
        made=order.recorded_at,
        smaller=f"The picture on this page is smaller than the {what} that is kept; nothing of it was cut off.",
    )


UNLABELLED: Final = "SENSITIVE until somebody has labelled it: for those who need it for this patient's care."
"""Of a picture whose labels nobody has fixed."""


def filed_words(
    line: Mapping[str, Any],
    result: Mapping[str, Any],
    kept: KeptImage,
    *,
    organisation: str,
    closing: str,
    is_video: bool,
) -> SheetWords:
    """The words for one image that was filed, from its receipt and our register."""
    labels = tuple(Label(system, code) for system, code in line["labels"])
    born = f", born {_day(kept.birth_date)}" if kept.birth_date and kept.patient_name else ""
    rows = [
        ("Patient", kept.patient_name + born),
        ("Shows", line["site"]),
        ("Taken", _taken(read_captured(line["taken"]))),
        ("Consent", "; ".join(f"{scope}: {answer}" for scope, answer in result.get("agreed", ()))),
        ("Given by", result.get("giver", "")),
        ("Labels", _labels_unless_above(labels)),
        ("Filed by", f"{kept.owner_name or kept.owner or ''}, {_moment(kept.filed)}"),
        ("Note", result.get("note_text", "")),
        ("Identifier", line["image_id"]),
    ]
    return SheetWords(
        title=f"Clinical {_what(is_video)}: {line['site']}",
        organisation=organisation,
        banner=_banner_of(labels),
        rows=tuple(row for row in rows if row[1]),
        closing=(closing, _how_to_treat(_what(is_video))),
        alt=f"{_what(is_video).capitalize()}: {line['site']}",
        made=kept.filed,
    )


def unfiled_words(draft: Draft, image: DraftImage, *, made: dt.datetime, organisation: str) -> SheetWords:
    """The words for one picture of a capture that is not filed: what was written about it, as it was written."""
    own = draft.answers.per_image.get(image.image_id, {})
    chosen = site_with_code(own.get("site", ""))
    where = ", ".join(filter(None, (chosen.display if chosen else "", own.get("laterality", ""))))
    rows = [
        ("Patient", f"Patient/{draft.patient}"),
        ("Shows", where),
        ("Received", _moment(image.received_at or draft.created)),
        ("Purpose", own.get("purpose", "") or draft.answers.said("purpose")),
        ("Findings", draft.answers.said("findings")),
        ("Advice", draft.answers.said("advice")),
        ("By", str(draft.user)),
        ("Identifier", image.image_id),
    ]
    return SheetWords(
        title=f"Clinical {_what(image.is_video)}, not filed",
        organisation=organisation,
        banner=(),
        rows=tuple(row for row in rows if row[1]),
        closing=(),
        alt=f"Photograph: {where or 'nobody has said of what'}",
        made=made,
    )


def plain_text(words: SheetWords) -> str:
    """The same as a note."""
    lines = [words.title.upper()]
    for line in words.banner:
        lines += textwrap.wrap(line, TEXT_WIDTH)
    lines.append("")
    for label, value in words.rows:
        lines += textwrap.wrap(f"{label}: {' '.join(value.split())}", TEXT_WIDTH, subsequent_indent="  ")
    for paragraph in words.closing:
        lines += ["", *textwrap.wrap(paragraph, TEXT_WIDTH)]
    return "\n".join(lines) + "\n"


def _banner_of(labels: tuple[Label, ...]) -> tuple[str, ...]:
    if not is_restricted(list(labels)):
        return ()
    said = [plain_label(label) for label in labels]
    return ("SENSITIVE: for those who need it for this patient's care.", f"Labels: {'; '.join(said)}.")


def _labels_unless_above(labels: tuple[Label, ...]) -> str:
    """Those of a restricted image stand in the banner."""
    return "" if is_restricted(list(labels)) else "; ".join(plain_label(each) for each in labels)


def _rows(order: FilingOrder, image: OrderedImage, clean: CleanImage, site: str) -> list[tuple[str, str]]:
    made = MADE_WORDS[image.made]
    born = _day(order.birth_date) if order.birth_date else ""
    return [
        ("Patient", order.patient_name + (f", born {born}" if born and order.patient_name else "")),
        ("Shows", f"{made}: {site}"),
        ("Taken", _taken(image.captured)),
        ("Taken by", PHOTOGRAPHER_WORDS[order.photographer]),
        ("Arrived", ARRIVAL_WORDS[order.arrival]),
        ("Purpose", image.purpose or order.purpose),
        ("Consent", "; ".join(f"{scope}: {answer}" for scope, answer in agreed(order.consent))),
        ("Given by", giver_words(order.consent) if order.consent.decisions else ""),
        ("Labels", _labels_unless_above(image.labels)),
        ("Filed by", f"{order.user_display or order.user}, {_moment(order.recorded_at)}"),
        ("Size", f"{clean.width} by {clean.height} pixels, {len(clean.content):,} bytes"),
        ("Identifier", image.image_id),
    ]


def _where_it_is(image: OrderedImage, where: str, what: str, shows_picture: bool) -> str:
    first = (
        f"This is a copy for reading. The whole {what}"
        if shows_picture
        else f"The {what} itself is not in this chart. It"
    )
    return (
        f"{first} is kept in {where}, with its consent, labels and history. To see it, open that app from this "
        f"patient's chart and look for the identifier {image.image_id}."
    )


def _how_to_treat(what: str) -> str:
    return (
        f"Before this is shown or given to anybody outside the team, look in that app: what was agreed about the "
        f"{what} may have changed since."
    )


def _what(is_video: bool) -> str:
    return "video" if is_video else "photograph"


def site_words(image: OrderedImage) -> str:
    """Where on the body, as a person says it."""
    return image.site.display + (f", {image.laterality.value}" if image.laterality else "")


def _taken(captured: dt.datetime | dt.date | None) -> str:
    if captured is None:
        return "not known"
    return _moment(captured) if isinstance(captured, dt.datetime) else _day(captured)


def _moment(at: dt.datetime) -> str:
    utc = at.astimezone(dt.UTC)
    return f"{_day(utc.date())}, {utc:%H:%M} UTC"


def _day(day: dt.date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
