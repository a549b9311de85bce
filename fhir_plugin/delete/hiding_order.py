"""One act of hiding or restoring, as it was ordered: sealed until the record says it too."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from mappings.model.hiding import HidingReason, HidingState
from mappings.model.identifiers import Reference, VaultId
from mappings.r4.hiding_provenance import HidingAct

Json = dict[str, Any]

KIND: Final = "hiding"
_DECIMAL: Final = "$decimal"
"""No name of a FHIR element: marks a number whose digits stay as they were written."""


@dataclass(frozen=True)
class HidingOrder:
    """`provenance`: the id of the Provenance, where the record takes ours. `before`: the state to which a restoring
    that the server refuses goes back."""

    act: HidingAct
    target: Reference
    patient: Reference
    reason: HidingReason
    at: dt.datetime
    by: Reference
    by_name: str = field(repr=False)
    provenance: str
    policy: str
    before: HidingState | None = None

    @property
    def restores(self) -> bool:
        return self.act is HidingAct.RESTORE


@dataclass(frozen=True)
class KeptFile:
    """The bytes of one Binary as they were. `shared`: another image shows it too, so it stays as it is."""

    binary: Reference
    vault_id: VaultId
    content_type: str
    digest: str
    shared: bool = False


@dataclass(frozen=True)
class KeptResource:
    """The resource as it was, and the Binaries that it shows; in the vault's compartment `hidden`."""

    resource: Json = field(repr=False)
    files: tuple[KeptFile, ...] = ()


def order_to_bytes(order: HidingOrder) -> bytes:
    """For the vault."""
    value: Json = {
        "act": order.act.value,
        "target": order.target,
        "patient": order.patient,
        "reason": order.reason.value,
        "at": order.at.isoformat(),
        "by": order.by,
        "by_name": order.by_name,
        "provenance": order.provenance,
        "policy": order.policy,
        "before": order.before.value if order.before is not None else None,
    }
    return json.dumps(value).encode()


def order_from_bytes(content: bytes) -> HidingOrder:
    """What `order_to_bytes` wrote."""
    value = json.loads(content)
    return HidingOrder(
        act=HidingAct(value["act"]),
        target=Reference(value["target"]),
        patient=Reference(value["patient"]),
        reason=HidingReason(value["reason"]),
        at=dt.datetime.fromisoformat(value["at"]),
        by=Reference(value["by"]),
        by_name=value["by_name"],
        provenance=value["provenance"],
        policy=value["policy"],
        before=HidingState(value["before"]) if value["before"] else None,
    )


def kept_to_bytes(kept: KeptResource) -> bytes:
    """For the vault. Every digit of a number is kept: what is put back is what was there."""
    files = [[each.binary, each.vault_id, each.content_type, each.digest, each.shared] for each in kept.files]
    value = {"resource": kept.resource, "files": files}
    return json.dumps(value, default=_marked, ensure_ascii=False).encode()


def kept_from_bytes(content: bytes) -> KeptResource:
    """What `kept_to_bytes` wrote."""
    value = json.loads(content, object_hook=_unmarked)
    files = (
        KeptFile(Reference(binary), VaultId(vault_id), content_type, digest, shared)
        for binary, vault_id, content_type, digest, shared in value["files"]
    )
    return KeptResource(value["resource"], tuple(files))


def _marked(number: object) -> Json:
    if not isinstance(number, Decimal):
        raise TypeError(f"{type(number).__name__} is no JSON")
    return {_DECIMAL: str(number)}


def _unmarked(value: Json) -> object:
    return Decimal(value[_DECIMAL]) if set(value) == {_DECIMAL} else value
