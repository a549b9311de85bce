"""Whether a Task says what we told it: R4 lets anybody change one in any way, and a server keeps it in its own form."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from mappings.r4 import elements
from mappings.r4.deletion_task import typed
from mappings.r4.elements import Json
from mappings.terminology import systems

_NOT_TOLD: Final = frozenset({"id", "meta", "text", "lastModified"})
"""What a server writes by itself, and when we told it."""
_SEAL: Final = "seal"
_SEALED: Final = re.compile(r"(\d{1,9})\.([0-9a-f]{64})", re.ASCII)


def told(task: Json) -> dict[str, str]:
    """What a Task says, as a digest for each of its elements: to be kept, and compared with what is read back.

    In a form that servers do not change: references relative, instants in UTC, without displays. `id`, `meta`, the
    narrative, the time of the last change and the seal are left out.
    """
    return {
        name: hashlib.sha256(json.dumps(_settled(value), sort_keys=True).encode()).hexdigest()[:16]
        for name, value in _without_seal(task).items()
        if name not in _NOT_TOLD
    }


def differences(expected: Mapping[str, str], task: Json) -> tuple[str, ...]:
    """The elements in which a Task is not as it was `told`, sorted; one that we never wrote is among them."""
    found = told(task)
    return tuple(sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name)))


def sealed(task: Json, revision: int, keyed: Callable[[bytes], str]) -> Json:
    """The Task with one input more: of which revision of our case it is, and a keyed digest of all that it says.

    So that what is read back shows by itself whether we wrote it, whatever a crash has kept us from writing down.
    `keyed`: `Vault.keyed_digest`.
    """
    bare = _without_seal(task)
    seal = typed(_SEAL, {"valueString": f"{revision}.{_digest(bare, revision, keyed)}"})
    return {**bare, "input": [*bare.get("input", []), seal]}


def sealed_revision(task: Json, keyed: Callable[[bytes], str]) -> int | None:
    """The revision of our case that it was told with; None for a Task that does not say exactly what we wrote."""
    seals = [elements.text_of(each.get("valueString")) for each in _inputs_of(task) if _is_seal(each)]
    found = _SEALED.fullmatch(seals[0]) if len(seals) == 1 else None
    if found is None:
        return None
    revision = int(found[1])
    return revision if hmac.compare_digest(_digest(task, revision, keyed), found[2]) else None


def _inputs_of(task: Json) -> list[Any]:
    given = task.get("input")
    return given if isinstance(given, list) else []


def _is_seal(given: Any) -> bool:
    return isinstance(given, dict) and elements.code_in(given.get("type"), systems.DELETION_TASK) == _SEAL


def _without_seal(task: Json) -> Json:
    if not any(_is_seal(each) for each in _inputs_of(task)):
        return task
    return {**task, "input": [each for each in _inputs_of(task) if not _is_seal(each)]}


def _digest(task: Json, revision: int, keyed: Callable[[bytes], str]) -> str:
    said = json.dumps([revision, told(task)], sort_keys=True, separators=(",", ":"))
    return keyed(b"deletion task\n" + said.encode())


def _settled(value: Any) -> Any:
    if isinstance(value, list):
        return [_settled(each) for each in value]
    if isinstance(value, str):
        moment = elements.parse_instant(value)
        return value if moment is None else moment.astimezone(dt.UTC).isoformat(timespec="seconds")
    if not isinstance(value, dict):
        return value
    kept = {name: _settled(each) for name, each in value.items() if name != "display"}
    literal = elements.reference_of(value)
    if literal is not None:
        kept["reference"] = literal
        kept.pop("type", None)
    return kept
