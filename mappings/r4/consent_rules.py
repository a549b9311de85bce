"""The decisions of a consent as the rules of a Consent, and back (R4 Consent.provision, shapes B3).

Only what holds now is a rule: given is a permit, refused a deny, withdrawn a deny that says since when. What was said
before lies beside them in an extension, for a reader that overlooks `period` would take an old permit for a present
one; what was not asked is in another, as a rule must say permit or deny. Reading is strict: silence is not asked,
contradiction is refused, and nothing is given by a rule that says when it ends.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

from mappings.model.consent import ConsentAnswer, ConsentForm, ConsentScope, Grantor, PhotoConsent, ScopeDecision
from mappings.model.identifiers import ImageId, Reference
from mappings.r4 import elements
from mappings.r4.elements import Json
from mappings.terminology import systems
from mappings.terminology.consent import SCOPE_TERMS
from mappings.terminology.photographs import CONSENT_FORM_WORDS, CONSENT_SCOPE_WORDS

VIDEO: Final = ("video", "Video")


def to_rules(consent: PhotoConsent, about: Sequence[Json]) -> list[Json]:
    """One nested provision for each scope that was asked, `about` the images (`image_at`, `image_named`).

    Raises `NotMappable` for a moment without an offset.
    """
    decisions = (consent.decision(scope) for scope in ConsentScope)
    return [_rule(decision, about) for decision in decisions if decision is not None]


def image_at(reference: Reference) -> Json:
    """One image whose place in the record is known (R4 Consent.provision.data)."""
    return {"meaning": "instance", "reference": elements.reference(reference)}


def image_named(resource_type: str, image_id: ImageId) -> Json:
    """One image that has no place in the record yet, by our identifier: a rule without would be about everything."""
    return {
        "meaning": "instance",
        "reference": {"type": resource_type, "identifier": {"system": systems.IMAGE, "value": image_id}},
    }


def images_about(consent: Json) -> list[Json]:
    """What the rules of a Consent are about, each once, as it stands."""
    found: list[Json] = []
    for rule in rules_of(consent):
        found += [data for data in elements.objects_of(rule.get("data")) if data not in found]
    return found


def to_extensions(consent: PhotoConsent) -> list[Json]:
    """What was not asked, and what was said before."""
    found: list[Json] = []
    for scope in ConsentScope:
        about = [decision for decision in consent.decisions if decision.scope is scope]
        if not about:
            found.append({"url": systems.NOT_ASKED_EXTENSION, "valueCoding": scope_coding(scope)})
        found.extend(_earlier(decision) for decision in about[:-1])
    return found


def scope_coding(scope: ConsentScope) -> Json:
    return elements.coding(systems.CONSENT_DECISION, scope.value, CONSENT_SCOPE_WORDS[scope])


def form_extension(form: ConsentForm) -> Json:
    """How it was given: the whole consent, or one rule of it."""
    coding = elements.coding(systems.CONSENT_FORM, form.value, CONSENT_FORM_WORDS[form])
    return {"url": systems.CONSENT_FORM_EXTENSION, "valueCoding": coding}


def form_in(holder: Json) -> ConsentForm | None:
    """The first that can be read."""
    for extension in elements.extensions_of(holder, systems.CONSENT_FORM_EXTENSION):
        code = elements.text_of(elements.object_of(extension.get("valueCoding")).get("code"))
        if code in set(ConsentForm):
            return ConsentForm(code)
    return None


def read_decisions(consent: Json, recorded_at: dt.datetime) -> tuple[ScopeDecision, ...]:
    """Every scope's decision and what was said before. `recorded_at` stands in for a moment that cannot be read.

    History without a present rule is dropped: nobody may take the last word of it for what holds now.
    """
    found: list[ScopeDecision] = []
    for scope in ConsentScope:
        current = _current(consent, scope, recorded_at)
        if current is not None:
            found += [*_history(consent, scope), current]
    return tuple(found)


def rules_of(consent: Json) -> list[Json]:
    """The nested rules, as they stand."""
    return [
        rule
        for root in elements.objects_of(consent.get("provision"))
        for rule in elements.objects_of(root.get("provision"))
    ]


# ------------------------------------------------------------------------------------------------ writing


def _rule(decision: ScopeDecision, about: Sequence[Json]) -> Json:
    terms = SCOPE_TERMS[decision.scope]
    rule: Json = {}
    extensions: list[Json] = []
    if decision.answer is ConsentAnswer.WITHDRAWN:
        extensions.append({"url": systems.WITHDRAWN_EXTENSION, "valueDateTime": _moment(decision)})
    if decision.by is not None or decision.right is not None:
        extensions.append({"url": systems.DECIDED_BY_EXTENSION, "extension": _who(decision)})
    if decision.form is not None:
        extensions.append(form_extension(decision.form))
    if extensions:
        rule["extension"] = extensions
    rule["type"] = "permit" if decision.answer is ConsentAnswer.GIVEN else "deny"
    rule["period"] = {"start": _moment(decision)}
    rule["action"] = [
        {"coding": [elements.coding(systems.CONSENT_ACTION, *terms.action), scope_coding(decision.scope)]}
    ]
    rule["purpose"] = [elements.coding(*terms.purpose)]
    if terms.video_only:
        rule["code"] = [elements.concept(systems.MEDIA_TYPE, *VIDEO)]
    elif about:
        rule["data"] = list(about)
    return rule


def _earlier(decision: ScopeDecision) -> Json:
    parts: list[Json] = [
        {"url": "scope", "valueCode": decision.scope.value},
        {"url": "answer", "valueCode": decision.answer.value},
        {"url": "at", "valueDateTime": _moment(decision)},
        *_who(decision),
    ]
    if decision.form is not None:
        parts.append({"url": "form", "valueCode": decision.form.value})
    return {"url": systems.EARLIER_DECISION_EXTENSION, "extension": parts}


def _who(decision: ScopeDecision) -> list[Json]:
    parts: list[Json] = []
    if decision.by is not None:
        parts.append({"url": "by", "valueReference": elements.reference(decision.by)})
    if decision.right is not None:
        parts.append({"url": "right", "valueCode": decision.right.value})
    return parts


def _moment(decision: ScopeDecision) -> str:
    if decision.at is None:
        raise ValueError("a decision has a moment")
    return elements.instant(decision.at)


# ------------------------------------------------------------------------------------------------ reading


def _current(consent: Json, scope: ConsentScope, recorded_at: dt.datetime) -> ScopeDecision | None:
    rules = [rule for rule in rules_of(consent) if _is_about(rule, scope)]
    kinds = {elements.text_of(rule.get("type")) for rule in rules}
    open_ended = not any("period" in root for root in elements.objects_of(consent.get("provision")))
    answer = None
    if "deny" in kinds:
        taken_back = all(any(elements.extensions_of(rule, systems.WITHDRAWN_EXTENSION)) for rule in rules)
        answer = ConsentAnswer.WITHDRAWN if taken_back and kinds == {"deny"} else ConsentAnswer.REFUSED
    elif kinds == {"permit"} and not _said_not_asked(consent, scope) and all(map(_holds_now, rules)) and open_ended:
        answer = ConsentAnswer.GIVEN
    if answer is None:
        return None
    at = elements.parse_instant(elements.object_of(rules[0].get("period")).get("start")) or recorded_at
    by, right = None, None
    for extension in elements.extensions_of(rules[0], systems.DECIDED_BY_EXTENSION):
        by, right = _who_in(extension)
    return ScopeDecision(scope, answer, at, by, right, form_in(rules[0]))


def _is_about(rule: Json, scope: ConsentScope) -> bool:
    return any(
        each.get("system") == systems.CONSENT_DECISION and each.get("code") == scope.value
        for each in elements.codings_of(rule.get("action"))
    )


def _holds_now(permit: Json) -> bool:
    """A permit of ours has a beginning and no end, and was not withdrawn; one without a period is of an older kind."""
    if any(elements.extensions_of(permit, systems.WITHDRAWN_EXTENSION)):
        return False
    if "period" not in permit:
        return True
    period = elements.object_of(permit["period"])
    return set(period) == {"start"} and elements.parse_instant(period["start"]) is not None


def _said_not_asked(consent: Json, scope: ConsentScope) -> bool:
    return any(
        elements.object_of(extension.get("valueCoding")).get("code") == scope.value
        for extension in elements.extensions_of(consent, systems.NOT_ASKED_EXTENSION)
    )


def _history(consent: Json, scope: ConsentScope) -> list[ScopeDecision]:
    found = []
    for extension in elements.extensions_of(consent, systems.EARLIER_DECISION_EXTENSION):
        parts = {elements.text_of(part.get("url")): part for part in elements.objects_of(extension.get("extension"))}
        answer = elements.text_of(parts.get("answer", {}).get("valueCode"))
        at = elements.parse_instant(parts.get("at", {}).get("valueDateTime"))
        about = elements.text_of(parts.get("scope", {}).get("valueCode"))
        known = {each.value for each in ConsentAnswer} - {ConsentAnswer.NOT_ASKED.value}
        if about == scope.value and answer in known and at is not None:
            how = elements.text_of(parts.get("form", {}).get("valueCode"))
            form = ConsentForm(how) if how in set(ConsentForm) else None
            found.append(ScopeDecision(scope, ConsentAnswer(answer), at, *_who_in(extension), form))
    return found


def _who_in(extension: Json) -> tuple[Reference | None, Grantor | None]:
    by, right = None, None
    for part in elements.objects_of(extension.get("extension")):
        if part.get("url") == "by":
            by = elements.reference_of(part.get("valueReference"))
        elif part.get("url") == "right":
            code = elements.text_of(part.get("valueCode"))
            right = Grantor(code) if code in set(Grantor) else None
    return by, right
