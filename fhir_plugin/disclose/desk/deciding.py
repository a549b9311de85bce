"""Everything about one request as it is decided now: each item with its verdict, and what would go out.

Nothing here writes. For the same request, day and record it says the same, so that a signature can be about it and
the package be made from it later.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fhir_plugin.disclose.decide import Rules, Together, judge_for
from fhir_plugin.disclose.decide.facts import Fact, Said, read
from fhir_plugin.disclose.decide.rules import Moved
from fhir_plugin.disclose.decide.verdict import all_private_sites, circumstances_of, grounds
from fhir_plugin.disclose.desk.chart_copies import TITLE, Copies, copies_in, with_images_facts, with_images_labels
from fhir_plugin.disclose.desk.gathered import Gathered, binaries_in
from fhir_plugin.disclose.desk.in_force import unless_unreadable, with_labels_in_force
from fhir_plugin.disclose.desk.known import facts_known
from fhir_plugin.disclose.desk.parts import DeskParts
from fhir_plugin.disclose.desk.standing import without_the_forbidden
from fhir_plugin.disclose.desk.titles import day_of, title_of, words_of
from fhir_plugin.disclose.desk.verdicts import Verdicts, shown_by, verdicts
from fhir_plugin.disclose.kept_back import KeptBack
from fhir_plugin.disclose.prove import Needles
from fhir_plugin.disclose.redact import Finding, RedactedRecord, Redaction, redact_stream
from fhir_plugin.disclose.redact.report import counts as count
from mappings.model.disclosure import (
    Asked,
    Judge,
    Reason,
    Redact,
    Release,
    Requester,
    Review,
    Reviewer,
    Verdict,
    Withhold,
    openness,
)
from mappings.model.disclosure_request import Decided, DeskItem, DisclosureRequest, ItemKey
from mappings.model.labels import ACT_CODE, Label
from mappings.terminology.labels import plain_label

SENSITIVE: Final = frozenset(
    {
        Fact.RESTRICTED,
        Fact.VERY_RESTRICTED,
        Fact.SENSITIVE,
        Fact.VIOLENCE,
        Fact.TABOO,
        Fact.COMPARTMENT,
        Fact.UNKNOWN_LABEL,
        Fact.UNREADABLE_LABEL,
        Fact.LABELS_ELSEWHERE,
        Fact.LOOKS_PRIVATE,
        Fact.CONFIDED,
        Fact.HIDDEN,
        Fact.IN_ERROR,
    }
)
"""Facts about an item that nobody reads who only passes."""
PATIENTS_SIDE: Final = (Requester.PATIENT, Requester.PATIENTS_SOLICITOR)
"""The patient asks, themselves or by somebody who stands in their place."""
READ_TO_CLEAR: Final = frozenset({"free-text-names-withheld", "free-text-may-speak-of-withheld", "human-narrative"})
"""Rules of the redactor under which somebody who has read the words may let them out."""


@dataclass(frozen=True)
class Decision:
    """`items` in the order of the record, hidden ones among them; `facts` what the rules say of each.

    `needles`: by what everything that stays can be named. `seconds`: why a second person has to sign; nothing when
    nobody has to. `digest`: of everything decided.
    """

    items: tuple[DeskItem, ...] = field(repr=False)
    facts: Mapping[ItemKey, frozenset[Fact]]
    asked: Asked
    gathered: Gathered = field(repr=False)
    record: RedactedRecord = field(repr=False)
    needles: Needles = field(repr=False)
    seconds: tuple[Reason, ...]
    digest: str

    def item(self, key: ItemKey) -> DeskItem | None:
        return next((each for each in self.items if each.key == key), None)

    @property
    def undecided(self) -> tuple[DeskItem, ...]:
        return tuple(each for each in self.items if each.asks is not None)

    @property
    def released(self) -> frozenset[ItemKey]:
        """What goes out, Binaries included."""
        at = {f"record:{number}": key for number, key in enumerate(self.gathered.keys, start=1)}
        return frozenset(
            at[each.within] for each in self.record.findings if each.within in at and each.word == "release"
        )


def decide(
    parts: DeskParts, request: DisclosureRequest, read_then: Gathered, *, on: dt.date, sent_before: Mapping[str, int]
) -> Decision:
    """`on`: the day whose age counts. `sent_before`: how many earlier packages held each image."""
    labels = parts.labels.of_patient(request.fhir_base, request.patient)
    gathered, unreadable = with_labels_in_force(read_then, labels)
    asked = request.asked(on, concern=parts.concern(request))
    rules = parts.rules
    shown = shown_by(gathered)
    known = facts_known(parts, request, gathered, shown)
    around = Together(gathered.resources)
    private = parts.policy.intimate_sites
    policy = unless_unreadable(
        judge_for(asked, rules=rules, around=around, known=known, private_sites=private), unreadable
    )
    sites = all_private_sites(rules, private)
    copies = copies_in(parts, request, gathered)
    said = {key: read(resource) for key, resource in gathered.by_key.items()}
    facts = {
        key: frozenset(fact for fact, _ in grounds(asked, each, rules, around, known(key), sites))
        | ({Fact.UNREADABLE_LABEL} if key in unreadable else set())
        for key, each in said.items()
    }
    facts, said = with_images_facts(facts, copies), with_images_labels(said, copies)
    request = without_the_forbidden(request, asked, facts, rules)
    found = verdicts(request, gathered, policy, shown, copies)
    record, needles = _redacted(gathered, found.judge(policy), request)
    at = {f"record:{number}": key for number, key in enumerate(gathered.keys, start=1)}
    black = {gathered.pictures[each].digest for each in _binaries(gathered, request.black_outs)}
    top = {at[each.within]: each for each in record.findings if each.within in at}
    items = tuple(
        _item(
            request,
            key,
            resource,
            said[key],
            facts[key],
            found,
            top[key],
            sent_before=sent_before.get(key, 0),
            copy=key in copies,
            black=key in request.black_outs
            or any(gathered.pictures[each].digest in black for each in _binaries(gathered, (key,))),
        )
        for key, resource in gathered.by_key.items()
        if key in top and not (key in shown and key not in request.overrides)
    )
    circumstances = {key: circumstances_of(asked, known(key)) for key in facts}
    seconds = _seconds(rules, asked, items, facts, circumstances)
    digest = _digest(request, gathered, items, rules, asked, copies)
    return Decision(items, facts, asked, gathered, record, needles, seconds, digest)


def _binaries(gathered: Gathered, keys: Iterable[ItemKey]) -> Iterator[str]:
    """The pictures that these items show from Binaries."""
    for key in keys:
        for each in (key, *binaries_in(gathered.by_key.get(key, {}))):
            if each in gathered.pictures:
                yield each


def _redacted(gathered: Gathered, judge: Judge, request: DisclosureRequest) -> tuple[RedactedRecord, Needles]:
    redaction = Redaction(judge, request.mode, cleared=request.read_words)
    kept_back = KeptBack()
    findings: list[Finding] = []
    parts = tuple(gathered.parts())
    written = tuple(redact_stream(redaction, lambda: parts, findings.extend, kept_back.add))
    kept_back.beside(parts)
    return RedactedRecord(written, tuple(findings), count(findings)), kept_back.needles(redaction.common)


def counts(items: Sequence[DeskItem]) -> dict[str, int]:
    """How many of each verdict."""
    found = Counter(_WORD[type(each.decided)] for each in items)
    return {word: found[word] for word in ("release", "redact", "withhold", "review")}


_WORD: Final[Mapping[type[Verdict], str]] = {
    Release: "release",
    Redact: "redact",
    Withhold: "withhold",
    Review: "review",
}


def _item(
    request: DisclosureRequest,
    key: ItemKey,
    resource: Mapping[str, Any],
    said: Said,
    facts: frozenset[Fact],
    found: Verdicts,
    finding: Finding,
    *,
    sent_before: int,
    copy: bool,
    black: bool,
) -> DeskItem:
    proposed, held = found.proposed[key], found.held[key]
    override = request.overrides.get(key)
    decided = finding.verdict
    if isinstance(decided, Review) and override is not None and isinstance(held, Redact | Withhold):
        decided = held  # what the redactor would ask about stays out anyhow
    image = Fact.IMAGE in facts
    sensitive = bool(facts & SENSITIVE) or (image and not said.labels)
    return DeskItem(
        key=key,
        type=str(resource["resourceType"]),
        title=TITLE if copy else title_of(resource, image=image, sensitive=sensitive),
        words="" if sensitive else words_of(resource),
        when=day_of(resource),
        proposed=proposed,
        decided=decided,
        is_image=image,
        sensitive=sensitive,
        category=_category(said.labels) if sensitive else "",
        hidden=Fact.HIDDEN in facts
        or Fact.IN_ERROR in facts
        or Reviewer.PRIVACY_OFFICER in (_asks(proposed), _asks(decided)),
        asks=_asks(decided),
        override=override,
        opinion=request.opinions.get(key),
        consequence=decided.reason if decided.reason != held.reason and openness(decided) < openness(held) else None,
        cuts=sum(number for _kind, number in finding.cuts),
        sent_before=sent_before,
        blacked_out=black,
    )


def _asks(verdict: Verdict) -> Reviewer | None:
    return verdict.by if isinstance(verdict, Review) else None


def _category(labels: frozenset[Label]) -> str:
    """Why it is restricted, in people's words: the most telling label, or that there is none."""
    telling = sorted(label for label in labels if label.system == ACT_CODE)
    return plain_label(telling[0]) if telling else ("sensitive" if labels else "not labelled")


def _seconds(
    rules: Rules,
    asked: Asked,
    items: Sequence[DeskItem],
    facts: Mapping[ItemKey, frozenset[Fact]],
    circumstances: Mapping[ItemKey, Mapping[str, str]],
) -> tuple[Reason, ...]:
    reasons: dict[str, Reason] = {}
    for item in items:
        out = isinstance(item.decided, Release)
        moved = _moved(item, own=asked.requester in PATIENTS_SIDE)
        for each in rules.seconds:
            if each.reason.rule not in reasons and each.fits(
                asked.requester, facts[item.key], moved, circumstances[item.key], out=out
            ):
                reasons[each.reason.rule] = each.reason
    return tuple(reasons.values())


def _moved(item: DeskItem, *, own: bool) -> Moved:
    """`own`: the patient asks. From them something is kept back, too, where nobody but one person proposed it."""
    if item.override is None:
        return Moved.AS_PROPOSED
    if item.override.decided is Decided.RELEASE:
        return Moved.LET_OUT if isinstance(item.proposed, Redact | Withhold) else Moved.AS_PROPOSED
    kept_back = isinstance(item.proposed, Release) or (own and isinstance(item.proposed, Review))
    return Moved.KEPT_BACK if kept_back else Moved.AS_PROPOSED


def _digest(
    request: DisclosureRequest,
    gathered: Gathered,
    items: Sequence[DeskItem],
    rules: Rules,
    asked: Asked,
    copies: Copies,
) -> str:
    said = {
        "request": request.id,
        "requester": request.requester,
        "recipient": request.recipient,
        "relationship": request.relationship,
        "identity": request.identity_checked,
        "purpose": request.purpose,
        "consent": request.consent,
        "authority": request.authority,
        "competence": request.competence,
        "agrees": request.agrees,
        "age": asked.age,
        "concern": asked.concern,
        "mode": request.mode,
        "watermark": request.watermark,
        "rules": rules.version,
        "record": gathered.digest,
        "labels": hashlib.sha256(b"\n".join(gathered.lines)).hexdigest(),
        "not_read": sorted(request.not_read.items()),
        "accepted": request.accepted_unread,
        "read": sorted(request.read_words),
        "black_outs": sorted(request.black_outs.items()),
        "opinions": sorted((key, each.opinion, each.by) for key, each in request.opinions.items()),
        "copies": sorted((key, sorted(images)) for key, images in copies.items()),
        "items": [[each.key, _WORD[type(each.decided)], each.decided.reason.rule, each.cuts] for each in items],
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
