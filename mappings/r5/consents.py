"""Consent: R4 beside R5, which is another resource under the same name (R5 consent.html).

R4's rules each say permit or deny. R5 says once what holds (`decision`) and gives the exceptions, without a type of
their own. So an R5 Consent of ours denies, and its provisions are what is permitted: a reader that knows nothing of us
never takes a refusal for a permission. The rules as they were, refusals among them, are set aside whole wherever the
permits alone do not give them back.
"""

from __future__ import annotations

from typing import Any, Final

from mappings.r4 import elements
from mappings.r5.aside import NEVER, Kind, many, many_parts, one, parts
from mappings.r5.shape import Json, Rule, Shape, codes, inner, listed, mapped, only4, only5, renamed
from mappings.terminology import systems

UNSAID: Final[Json] = {"extension": [{"url": systems.DATA_ABSENT_EXTENSION, "valueCode": "unknown"}]}
"""R4 wants a scope of every Consent, R5 has none: of somebody else's nobody knows it."""
RESOURCE_TYPES: Final = "http://hl7.org/fhir/resource-types"
_OPPOSITE: Final = {"permit": "deny", "deny": "permit"}

_RULE4: Final[dict[str, Kind]] = {
    "type": one("code"),
    "period": one("Period"),
    "actor": many_parts(role=one("CodeableConcept"), reference=one("Reference")),
    "action": many("CodeableConcept"),
    "securityLabel": many("Coding"),
    "purpose": many("Coding"),
    "class": many("Coding"),
    "code": many("CodeableConcept"),
    "dataPeriod": one("Period"),
    "data": many_parts(meaning=one("code"), reference=one("Reference")),
}
_RULE5: Final[dict[str, Kind]] = {
    **{name: kind for name, kind in _RULE4.items() if name not in ("type", "class")},
    "documentType": many("Coding"),
    "resourceType": many("Coding"),
    "expression": one("Expression"),
}


def _nested(rule: dict[str, Kind]) -> dict[str, Kind]:
    """With the exceptions of a rule, and theirs: nobody writes deeper ones."""
    return {**rule, "provision": many_parts(**rule, provision=many_parts(**rule))}


def _classes_up(part: Json) -> Json:
    codings = list(elements.objects_of(part.get("class")))
    said = {
        "resourceType": [each for each in codings if each.get("system") == RESOURCE_TYPES],
        "documentType": [each for each in codings if each.get("system") != RESOURCE_TYPES],
    }
    return {name: found for name, found in said.items() if found}


def _classes_down(part: Json) -> Json:
    codings = [*elements.objects_of(part.get("documentType")), *elements.objects_of(part.get("resourceType"))]
    return {"class": codings} if codings else {}


_CLASSES: Final = Rule(
    {"class": many("Coding")},
    {"documentType": many("Coding"), "resourceType": many("Coding")},
    _classes_up,
    _classes_down,
)


def _deeper_up(part: Json) -> Json:
    return {name: [_PROVISION.up(rule) for rule in elements.objects_of(rules)] for name, rules in part.items()}


def _deeper_down(part: Json) -> Json:
    return {name: [_PROVISION.down(rule) for rule in elements.objects_of(rules)] for name, rules in part.items()}


_PROVISION: Final = Shape(
    "Consent.provision",
    (
        _CLASSES,
        only4("type", one("code")),
        only5("expression", one("Expression")),
        Rule({"provision": NEVER}, {"provision": NEVER}, _deeper_up, _deeper_down),
    ),
)
_VERIFICATION: Final = Shape(
    "Consent.verification",
    (
        listed("verificationDate", "verificationDate", "dateTime"),
        only5("verificationType", one("CodeableConcept")),
        only5("verifiedBy", one("Reference")),
    ),
)


def _rules_up(part: Json) -> Json:
    """`decision` and the exceptions to it; everything else of R4's root is set aside with the whole."""
    root = elements.object_of(part.get("provision"))
    rules = list(elements.objects_of(root.get("provision")))
    base = root.get("type")
    if base is None and any("type" in rule for rule in rules):
        base = "deny"
    said: Json = {} if base is None else {"decision": base}
    kind = _OPPOSITE.get(base) if isinstance(base, str) else None
    exceptions = [rule for rule in rules if rule.get("type") == kind]
    if exceptions:
        said["provision"] = [
            _PROVISION.up({name: inner for name, inner in rule.items() if name != "type"}) for rule in exceptions
        ]
    return said


def _rules_down(part: Json) -> Json:
    base = part.get("decision")
    kind = _OPPOSITE.get(base) if isinstance(base, str) else None
    rules = [_PROVISION.down(rule) for rule in elements.objects_of(part.get("provision"))]
    if kind is not None:
        rules = [{"type": kind, **rule} for rule in rules]
    root: Json = {"type": base} if base is not None and not (base == "deny" and rules) else {}
    if rules:
        root["provision"] = rules
    return {"provision": root} if root else {}


def _policy_up(policies: Any) -> Any:
    addresses = [each["uri"] for each in elements.objects_of(policies) if "uri" in each]
    return {"url": addresses[0]} if addresses else None


def _policy_down(basis: Any) -> Any:
    url = elements.object_of(basis).get("url")
    return None if url is None else [{"uri": url}]


def _day(moment: Any) -> Any:
    return moment[:10] if isinstance(moment, str) else moment


CONSENT: Final = Shape(
    "Consent",
    (
        codes("status", {"proposed": "draft", "rejected": "inactive"}, {"not-done": "rejected", "unknown": "inactive"}),
        Rule({"scope": one("CodeableConcept")}, {}, lambda _part: {}, lambda _part: {"scope": UNSAID}),
        renamed("patient", "subject", one("Reference")),
        mapped("dateTime", "date", one("dateTime"), one("date"), _day, lambda date: date),
        only5("period", one("Period")),
        renamed("performer", "grantor", many("Reference")),
        only5("grantee", many("Reference")),
        renamed("organization", "manager", many("Reference")),
        only5("controller", many("Reference")),
        listed("sourceAttachment", "sourceAttachment", "Attachment"),
        listed("sourceReference", "sourceReference", "Reference"),
        mapped(
            "policy",
            "policyBasis",
            many_parts(authority=one("uri"), uri=one("uri")),
            parts(reference=one("Reference"), url=one("url")),
            _policy_up,
            _policy_down,
        ),
        only5("policyText", many("Reference")),
        listed("policyRule", "regulatoryBasis", "CodeableConcept"),
        inner("verification", _VERIFICATION),
        Rule(
            {"provision": parts(**_nested(_RULE4))},
            {"decision": one("code"), "provision": many_parts(**_nested(_RULE5))},
            _rules_up,
            _rules_down,
        ),
    ),
)
