"""Small items to decide about. Synthetic."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from fhir_plugin.disclose.decide import judge_for
from mappings.model.disclosure import (
    Asked,
    Authority,
    Competence,
    ConsentToRelease,
    ItemFacts,
    Requester,
    Verdict,
)
from mappings.model.labels import ACT_CODE, CONFIDENTIALITY, OBSERVATION_VALUE

Json = dict[str, Any]
TODAY = dt.date(2026, 11, 22)
GROWN_UP = dt.date(1980, 5, 1)
SEVENTEEN = dt.date(2009, 5, 1)
CHILD = dt.date(2014, 5, 1)

_SYSTEMS = dict.fromkeys(("U", "L", "M", "N", "R", "V", "S", "T", "r"), CONFIDENTIALITY)
_SYSTEMS |= dict.fromkeys(("CLINAST", "PATRPT", "REDACTED"), OBSERVATION_VALUE)


def coding(code: str) -> Json:
    return {"system": _SYSTEMS.get(code, ACT_CODE), "code": code}


def photograph(*codes: str, **more: Any) -> Json:
    """A Media of a thing, with these labels."""
    media: Json = {"resourceType": "Media", "id": "m1", "status": "completed", "content": {"contentType": "image/jpeg"}}
    if codes:
        media["meta"] = {"security": [coding(code) for code in codes]}
    return {**media, **more}


def text_entry(*codes: str, **more: Any) -> Json:
    entry: Json = {"resourceType": "Observation", "id": "o1", "status": "final"}
    if codes:
        entry["meta"] = {"security": [coding(code) for code in codes]}
    return {**entry, **more}


def asking(
    requester: Requester,
    *,
    consent: ConsentToRelease = ConsentToRelease.GENERAL,
    authority: Authority = Authority.SEEN,
    born: dt.date | None = None,
    competence: Competence = Competence.UNKNOWN,
    agrees: bool | None = None,
    concern: bool = False,
) -> Asked:
    return Asked(requester, TODAY, consent, authority, born, competence, agrees, concern)


def verdict_on(asked: Asked, resource: Json, item: ItemFacts | None = None) -> Verdict:
    return judge_for(asked, known=lambda _key: item or ItemFacts())(resource)


def word(verdict: Verdict) -> str:
    return type(verdict).__name__.lower()


def sign(verdict: Verdict) -> str:
    """`.` released, `?` a person looks, `X` redacted, `#` withheld."""
    return {"release": ".", "review": "?", "redact": "X", "withhold": "#"}[word(verdict)]


def words(asked: Asked, label_sets: Iterable[tuple[str, ...]]) -> str:
    judge = judge_for(asked)
    return "".join(sign(judge(photograph(*each))) for each in label_sets)
