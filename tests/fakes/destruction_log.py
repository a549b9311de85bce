"""A log of destructions in memory. It does not take part in transactions, as the file does not."""

from __future__ import annotations

from fhir_plugin.ports import Destroyed


class FakeDestructionLog:
    def __init__(self) -> None:
        self._entries: list[Destroyed] = []

    def append(self, destroyed: Destroyed) -> None:
        if destroyed not in self._entries:
            self._entries.append(destroyed)

    def entries(self) -> list[Destroyed]:
        return list(self._entries)
