"""`meta.security` as `$meta-add` and `$meta-delete` change it: a set of system and code (R4 resource, Meta)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]


def with_labels(meta: object, *, add: Sequence[Json] = (), remove: Sequence[Json] = ()) -> Json:
    """`meta` with labels added that it has not, and without those to remove; all else of it as it is."""
    given = meta if isinstance(meta, dict) else {}
    security = given.get("security")
    there = [each for each in security if isinstance(each, dict)] if isinstance(security, list) else []
    gone = {_key(each) for each in remove}
    known = {_key(each) for each in there}
    labels = [each for each in (*there, *(each for each in add if _key(each) not in known)) if _key(each) not in gone]
    return (
        {**given, "security": labels} if labels else {name: each for name, each in given.items() if name != "security"}
    )


def _key(coding: Json) -> tuple[object, object]:
    return (coding.get("system"), coding.get("code"))
