"""What is known of one key of a policy pack, whatever it decides."""

from __future__ import annotations

from dataclasses import dataclass

from fhir_plugin.policy.values import Kind


@dataclass(frozen=True)
class Key:
    """`name` as in TOML; `field` of `PolicyPack` (with a dot: of one of its parts); `floor`: what no pack can relax.

    `reasoned`: a layer that says it must give a reason in `[reasons]`. `identity`: it names the pack, decides nothing.
    """

    name: str
    field: str
    kind: Kind
    says: str
    source: str
    floor: str = ""
    reasoned: bool = True
    identity: bool = False
