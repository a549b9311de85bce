"""What an item is called on the desk: from its own fields, and no more of them than somebody may see who only passes.

What is sensitive is named by its type and day alone; everything else by what it says it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mappings.r4 import elements
from mappings.terminology.resource_words import plain_type

MOST: Final = 120
"""Characters of what an item says it is."""
_DAYS: Final = (
    "createdDateTime",
    "effectiveDateTime",
    "performedDateTime",
    "occurrenceDateTime",
    "onsetDateTime",
    "authoredOn",
    "authored",
    "dateTime",
    "sent",
    "date",
    "recordedDate",
    "assertedDate",
    "start",
    "issued",
    "recorded",
    "created",
)
_PERIODS: Final = ("createdPeriod", "effectivePeriod", "performedPeriod", "occurredPeriod", "period")
_WHAT: Final = (
    "code",
    "type",
    "medicationCodeableConcept",
    "vaccineCode",
    "serviceType",
    "class",
    "category",
    "scope",
    "relationship",
    "reasonCode",
)
_WORDS: Final = ("title", "description")
_DAY: Final = re.compile(r"\d{4}(?:-\d\d(?:-\d\d)?)?")


def day_of(resource: Mapping[str, Any]) -> str:
    """The day, month or year that it is about, as far as it says; else an empty text."""
    for name in _DAYS:
        found = _DAY.match(str(resource.get(name) or ""))
        if found:
            return found.group()
    for name in _PERIODS:
        period = resource.get(name)
        found = _DAY.match(str(period.get("start") or "")) if isinstance(period, dict) else None
        if found:
            return found.group()
    if resource.get("resourceType") == "Patient":
        return ""  # when it was last saved says nothing about somebody
    meta = resource.get("meta")
    found = _DAY.match(str(meta.get("lastUpdated") or "")) if isinstance(meta, dict) else None
    return found.group() if found else ""


def is_moving(resource: Mapping[str, Any]) -> bool:
    """Whether it shows a video."""
    return any(each.startswith("video/") for each in _types(resource))


def title_of(resource: Mapping[str, Any], *, image: bool, sensitive: bool) -> str:
    """The type, with the place on the body where it shows a picture and is not sensitive."""
    type_ = str(resource["resourceType"])
    title = plain_type(type_)
    if image:
        title = "Video" if is_moving(resource) else "Picture"
        site = "" if sensitive else _first_words(resource.get("bodySite"))
        title = f"{title}: {site}" if site else title
    return title


def words_of(resource: Mapping[str, Any]) -> str:
    """What it says it is, in its own first words."""
    if resource.get("resourceType") == "Patient":
        return ""
    for name in _WHAT:
        words = _first_words(resource.get(name))
        if words:
            return words[:MOST]
    for name in _WORDS:
        words = elements.text_of(resource.get(name)).strip()
        if words:
            return words[:MOST]
    return ""


def text_of(resource: Mapping[str, Any]) -> str:
    """Its narrative without markup."""
    text = resource.get("text")
    div = elements.text_of(text.get("div")) if isinstance(text, dict) else ""
    plain = re.sub(r"<[^>]*>", " ", re.sub(r"</(?:p|div|li|tr|h\d)>|<br\s*/?>", "\n", div))
    for entity, sign in (
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", '"'),
        ("&#39;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ):
        plain = plain.replace(entity, sign)
    return "\n".join(line for line in (" ".join(each.split()) for each in plain.splitlines()) if line)


def _first_words(value: Any) -> str:
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, str):
            continue  # a bare code is no words
        if isinstance(each, dict):
            text = elements.text_of(each.get("text")).strip()
            if text:
                return text
            codings = each.get("coding")
            for coding in codings if isinstance(codings, list) else [each]:
                shown = elements.text_of(coding.get("display")).strip() if isinstance(coding, dict) else ""
                if shown:
                    return shown
    return ""


def _types(resource: Mapping[str, Any]) -> Iterator[str]:
    content = resource.get("content")
    for each in content if isinstance(content, list) else [content]:
        attachment = each.get("attachment", each) if isinstance(each, dict) else None
        if isinstance(attachment, dict):
            yield str(attachment.get("contentType") or "").lower()
