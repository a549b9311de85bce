"""Where the parts of one order go at one EHR: decided once, written down first, the same at every resume.

The rung of the write-back ladder (`capture.ladder`) says what the chart holds; from it follows what each step does. On
the rungs below `document-inline` the whole image stays beside the chart: nothing that the EHR holds points to it by a
literal reference, because there it would point nowhere, and servers that look would refuse it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fhir_plugin.capability import Capability
from fhir_plugin.capture.chart_copy import CopyTerms, words_type_at
from fhir_plugin.capture.draft import Draft
from fhir_plugin.capture.filing import FilingOrder
from fhir_plugin.capture.ladder import ALWAYS, TEXT, Ladder, Passed, Why, ladder, takes_notes
from fhir_plugin.ledger.intents import Evidence
from fhir_plugin.policy.pack import PolicyPack
from mappings.model.labels import is_restricted
from mappings.model.writeback import Rung


@dataclass(frozen=True)
class Asked:
    """What of an order decides where it goes. `largest`: bytes of its largest image, 0 where none is stored.

    `words_only`: policy wants no picture of a restricted image in a chart that takes no images; `all_restricted`: every
    image of the order is one. `reduce`: a copy may show a smaller picture. `encounter`: the order is about one.
    """

    largest: int = 0
    content_types: frozenset[str] = frozenset()
    words_only: bool = True
    all_restricted: bool = False
    reduce: bool = True
    encounter: bool = True


def asked_of(order: FilingOrder, draft: Draft, policy: PolicyPack) -> Asked:
    images = [draft.image(image.image_id) for image in order.images]
    return Asked(
        largest=max((each.clean_size for each in images), default=0),
        content_types=frozenset(each.content_type for each in images),
        words_only=policy.chart_copy_words_only,
        all_restricted=all(is_restricted(list(image.labels)) for image in order.images),
        reduce=policy.chart_copy_reduce,
        encounter=order.encounter is not None,
    )


@dataclass(frozen=True)
class Place:
    """Fixed by the first run of an order: every later one asks for the same."""

    image_type: str
    """Media, or DocumentReference where there is no Media."""
    ours: frozenset[str]
    """Types that are written under ids of ours."""
    together: frozenset[str]
    """Types that one transaction carries; empty where there is none."""
    inline: bool = False
    """No Binary here: the bytes go inside the image's resource."""
    at_once: bool = False
    """The image cannot be changed once written, so it is current from the start and undone if it does not verify."""
    rung: Rung = Rung.SEQUENCE
    beside: frozenset[str] = frozenset()
    """Types that the companion store keeps, whatever the EHR holds."""
    chart_type: str = ""
    """MIME type of the copy that the chart gets; empty where it gets none."""
    note_beside: bool = False
    """The companion store keeps the note, though the EHR may hold images of the same type."""
    words_type: str = TEXT
    """Of a copy that shows no picture."""
    reduce: bool = True
    """Policy, when *File* was pressed: a copy may show a smaller picture."""
    words_only: bool = True
    """Policy, when *File* was pressed: of restricted images the chart gets words alone."""
    passed: tuple[Passed, ...] = ()
    """The better rungs that this EHR does not allow, and why."""

    def copied(self, organisation: str) -> CopyTerms:
        """How the chart's copies are made; none are, where the chart holds the images themselves."""
        return CopyTerms(
            rung=self.rung,
            chart_type=self.chart_type,
            words_type=self.words_type,
            reduce=self.reduce,
            words_only=self.words_only,
            organisation=organisation,
        )


def chosen_for(capability: Capability, asked: Asked) -> Ladder:
    """The rung for what is asked: what is foretold before *File*, and what filing does."""
    return ladder(
        capability,
        largest=asked.largest,
        content_types=asked.content_types,
        words_only=asked.words_only and asked.all_restricted,
        reduce=asked.reduce,
        encounter=asked.encounter,
    )


def place_at(capability: Capability, asked: Asked) -> Place:
    """Where the parts of an order go at this server: by the best rung that it allows, what it takes under our ids, and
    what in one transaction.

    A transaction carries all that the EHR gets, and only if it takes our ids for every type.
    """
    chosen = chosen_for(capability, asked)
    types = {*ALWAYS, chosen.image_type}
    beside = chosen.beside
    if not asked.content_types:  # only words: nothing has to follow an image
        beside = frozenset(each for each in types if not capability.holds(each))
    there = types - beside
    ours = frozenset(beside | {each for each in there if capability.takes_our_id(each)})
    bundled = frozenset(there - {"Binary", "AuditEvent"})
    together = bundled if capability.may_transact and bundled <= ours else frozenset[str]()
    whole = chosen.rung.whole
    return Place(
        chosen.image_type,
        ours,
        together,
        inline=chosen.rung is Rung.DOCUMENT_INLINE,
        at_once=whole and not capability.may(chosen.image_type, "update"),
        rung=chosen.rung,
        beside=beside,
        chart_type=chosen.chart_type,
        note_beside=not takes_notes(capability, encounter=asked.encounter),
        words_type=words_type_at(capability, chosen.chart_type),
        reduce=asked.reduce,
        words_only=asked.words_only,
        passed=chosen.passed,
    )


def place_in(evidence: Evidence) -> Place:
    """The place that an earlier run wrote down, or that an earlier release did."""
    inline = evidence["inline"] == "yes"
    together = frozenset(evidence["together"].split())
    before = Rung.DOCUMENT_INLINE if inline else Rung.TRANSACTION if together else Rung.SEQUENCE
    passed = (each.split(":") for each in evidence.get("passed", "").split())
    return Place(
        evidence["image_type"],
        frozenset(evidence["ours"].split()),
        together,
        inline=inline,
        at_once=evidence["at_once"] == "yes",
        rung=Rung(evidence.get("rung", before)),
        beside=frozenset(evidence.get("beside", "").split()),
        chart_type=evidence.get("chart_type", ""),
        note_beside=evidence.get("note", "") == "beside",
        words_type=evidence.get("words_type", TEXT),
        reduce=evidence.get("reduce", "yes") == "yes",
        words_only=evidence.get("words_only", "yes") == "yes",
        passed=tuple(Passed(Rung(rung), Why(why)) for rung, why in passed),
    )


@dataclass
class PlaceStep:
    """Writes down where everything will go, before anything is written."""

    place: Place
    name: str = "place"

    def happened(self) -> Evidence | None:
        return None

    def do(self) -> Evidence:
        return {
            "image_type": self.place.image_type,
            "ours": " ".join(sorted(self.place.ours)),
            "together": " ".join(sorted(self.place.together)),
            "inline": "yes" if self.place.inline else "no",
            "at_once": "yes" if self.place.at_once else "no",
            "rung": self.place.rung.value,
            "beside": " ".join(sorted(self.place.beside)),
            "chart_type": self.place.chart_type,
            "note": "beside" if self.place.note_beside else "",
            "words_type": self.place.words_type,
            "reduce": "yes" if self.place.reduce else "no",
            "words_only": "yes" if self.place.words_only else "no",
            "passed": " ".join(f"{each.rung}:{each.why}" for each in self.place.passed),
        }

    def undo(self, evidence: Evidence) -> Sequence[str]:
        return ()
