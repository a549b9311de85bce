"""Joins moving over: what is kept beside charts goes into them once their servers hold it."""

from __future__ import annotations

from collections.abc import MutableMapping

from fhir_plugin.capture.moving import KIND, MovingOver, Movings, PlacesOf
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.ledger.engine import PlanFor


def join_moving(parts: CaptureParts, places: PlacesOf, plans: MutableMapping[str, PlanFor]) -> MovingOver:
    """Over the same ports as filing; how it is carried out joins `plans`."""
    plans[KIND] = Movings(parts, places)
    return MovingOver(parts, places)
