"""What the app wrote on a walkthrough, as it was written: into the EHR, and into the companion store beside it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fhir_plugin.adapters.composite import CompositeRecord
from fhir_plugin.cli import _drawn_photograph
from fhir_plugin.demo import start_demo
from fhir_plugin.ports import EntryOutcome, Stored, TransactionEntry
from fhir_plugin.walkthrough import walk
from mappings.profiles.which import profile_of

Json = dict[str, Any]


def written_by(folder: Path, like: str) -> list[tuple[str, Json]]:
    """Every resource of a profile of ours that a whole walkthrough wrote (filed, disclosed, destroyed) against a server
    like this, with the profile; of what was written twice in the same way, the first."""
    found: dict[str, tuple[str, Json]] = {}

    def note(resource: Json) -> None:
        kept = copy.deepcopy(resource)
        kept.setdefault("id", f"written-{len(found)}")
        profile = profile_of(kept)
        if profile is not None:
            found.setdefault(repr({**kept, "id": ""}), (profile, kept))

    create, put, transact = CompositeRecord.create, CompositeRecord.put, CompositeRecord.transact

    def creating(record: CompositeRecord, resource: Json, *, if_none_exist: str | None = None) -> Stored:
        note(resource)
        return create(record, resource, if_none_exist=if_none_exist)

    def putting(record: CompositeRecord, resource: Json, *, version: str | None = None) -> Stored:
        note(resource)
        return put(record, resource, version=version)

    def transacting(record: CompositeRecord, entries: Sequence[TransactionEntry]) -> list[EntryOutcome]:
        for entry in entries:
            if entry.resource is not None:
                note(entry.resource)
        return transact(record, entries)

    (folder / "packages").mkdir()
    with pytest.MonkeyPatch.context() as patch, start_demo(folder / "demo", like=like) as demo:
        patch.setattr(CompositeRecord, "create", creating)
        patch.setattr(CompositeRecord, "put", putting)
        patch.setattr(CompositeRecord, "transact", transacting)
        walk(demo, _drawn_photograph(), "image/jpeg", packages=folder / "packages")
    return list(found.values())
