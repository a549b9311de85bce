"""What was decided about one capture and on what grounds: kept with what it led to (G-R339 to G-R351, X26).

A record and not a rule: the policy engine makes the ruling, this says afterwards what it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mappings.model.identifiers import ImageId, Reference


@dataclass(frozen=True)
class Ground:
    """Why. `code` is stable, `text` is for people, `source` the guidance (G-R... or X...)."""

    code: str
    text: str
    source: str = ""


@dataclass(frozen=True)
class DecidedImage:
    """What became of one image: `verdict` is "store", "describe" or "discard", with its grounds."""

    image_id: ImageId
    verdict: str
    grounds: tuple[Ground, ...] = ()


@dataclass(frozen=True)
class Answered:
    """One answer as it was given: the id of its question, and the value in the form's own word or the person's words.

    `image_id`: the image that it is about; None for an answer about the whole capture.
    """

    question: str
    value: str = field(repr=False)
    image_id: ImageId | None = None


@dataclass(frozen=True)
class DecisionRecord:
    """One decision as it stood when it was carried out.

    `pack`: id and version of the policy pack that was in force. `warnings`: what was said and passed. `flags`: what
    made it other than the fast path. `second_person`: who agreed as the second person; None where nobody had to, or,
    with `urgent`, where it went on without and is reviewed within 24 hours.
    """

    pack: str
    images: tuple[DecidedImage, ...] = ()
    answers: tuple[Answered, ...] = ()
    warnings: tuple[Ground, ...] = ()
    flags: tuple[str, ...] = ()
    second_person: Reference | None = None
    urgent: bool = False
    urgent_reason: str = field(default="", repr=False)
