"""Forms that several resources share: reasons, people who are asked for, attachments."""

from __future__ import annotations

from typing import Any, Final

from mappings.r4 import elements
from mappings.r5.aside import NEVER, Kind, concept_or_reference, many, one
from mappings.r5.shape import Json, Rule, Says, Shape, only5, told
from mappings.terminology import systems


def reasons(*, repeats: bool) -> Rule:
    """R4 reasonCode and reasonReference; R5 reason."""
    kind = many if repeats else one

    def up(part: Json) -> Json:
        concepts, references = part.get("reasonCode"), part.get("reasonReference")
        found = [{"concept": each} for each in _several(concepts)]
        found += [{"reference": each} for each in _several(references)]
        return {"reason": found} if found else {}

    def down(part: Json) -> Json:
        given = list(elements.objects_of(part.get("reason")))
        concepts = [each["concept"] for each in given if "concept" in each]
        references = [each["reference"] for each in given if "reference" in each]
        said: Json = {}
        if concepts:
            said["reasonCode"] = concepts if repeats else concepts[0]
        if references:
            said["reasonReference"] = references if repeats else references[0]
        return said

    return Rule(
        {"reasonCode": kind("CodeableConcept"), "reasonReference": kind("Reference")},
        {"reason": concept_or_reference(repeats=True)},
        up,
        down,
    )


def in_concept(concept: Any) -> Json:
    """R5 CodeableReference of a concept."""
    return {"concept": concept}


def out_of_concept(value: Any) -> Any:
    """The concept of a CodeableReference; None where it has none."""
    return elements.object_of(value).get("concept")


def always(name: str, value: Any, kind: Kind) -> Rule:
    """What R5 requires and R4 does not know: `value` where nothing else was said."""

    def down(_part: Json) -> Json:
        return {}

    def up(_part: Json) -> Json:
        return {name: value}

    return Rule({}, {name: kind}, up, down)


def patient_of(four: str, find: Says) -> Rule:
    """R5's own `patient`, found in an R4 element that stays as it is."""

    def up(part: Json) -> Json:
        return {**part, **find(part)}

    def down(part: Json) -> Json:
        return {four: part[four]} if four in part else {}

    return Rule({four: NEVER}, {four: NEVER, "patient": one("Reference")}, up, down)


ATTACHMENTS: Final = frozenset({"attachment", "photo", "valueAttachment", "contentAttachment", "sourceAttachment"})
"""Names under which attachments stand, in every resource."""


def _size_up(size: Any) -> Any:
    """R5 integer64 is text in JSON."""
    return str(size) if isinstance(size, int) and not isinstance(size, bool) else size


def _size_down(size: Any) -> Any:
    return int(size) if isinstance(size, str) and size.isascii() and size.isdecimal() and len(size) < 19 else size


def _same(value: Any) -> Any:
    return value


_SIZE: Final = Rule(
    {"size": NEVER},
    {"size": NEVER},
    lambda part: {name: _size_up(value) for name, value in part.items()},
    lambda part: {name: _size_down(value) for name, value in part.items()},
)

ATTACHMENT: Final = Shape(
    "Attachment",
    (
        _SIZE,
        told(systems.R5_ATTACHMENT_HEIGHT, "valuePositiveInt", "height", one("positiveInt"), _same, _same),
        told(systems.R5_ATTACHMENT_WIDTH, "valuePositiveInt", "width", one("positiveInt"), _same, _same),
        only5("frames", one("positiveInt")),
        told(systems.R5_ATTACHMENT_DURATION, "valueDecimal", "duration", one("decimal"), _same, _same),
        only5("pages", one("positiveInt")),
    ),
)


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
