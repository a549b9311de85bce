"""Clean, or what was found. Only this may say that a package can be made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fhir_plugin.disclose.prove.looking import Find, Findings, Look
from fhir_plugin.disclose.prove.matching import Matcher
from fhir_plugin.disclose.prove.needles import Kind, Needles
from fhir_plugin.disclose.prove.pixels import PixelReader, Prints


@dataclass(frozen=True)
class Clean:
    """Every byte was looked at and nothing was found. `inside`: bytes that were unpacked and looked at, too."""

    parts: int
    bytes: int
    inside: int


@dataclass(frozen=True)
class Leaks:
    """What was found, or could not be looked into, and where. Never content."""

    finds: tuple[Find, ...]


class Proof:
    """A proof while its parts come in, as a package is written: `part(name)`, `feed`, `close`, at the end `verdict`."""

    def __init__(self, needles: Needles, *, pixels: PixelReader | None = None) -> None:
        self._findings = Findings(Matcher(needles.needles), Prints(needles.prints), pixels)
        self._open: list[Look] = []
        self._parts = 0

    def part(self, name: str) -> Look:
        """A new part; its name goes out, too, and is looked at."""
        self._parts += 1
        place = f"part {self._parts}"
        named = Look(self._findings, f"name of {place}")
        named.feed(name.encode("utf-8", "surrogatepass"))
        named.close()
        return Look(self._findings, place)

    def verdict(self) -> Clean | Leaks:
        """Only after every part was closed."""
        found = self._findings.finds.values()
        if found:
            return Leaks(tuple(sorted(found, key=lambda each: (each.kind is Kind.UNSEEN, each.place, each.of))))
        return Clean(self._parts, self._findings.looked_at, self._findings.inside)


def prove(
    parts: Iterable[tuple[str, Iterable[bytes]]], needles: Needles, *, pixels: PixelReader | None = None
) -> Clean | Leaks:
    """Look through every part, piece by piece. Memory does not grow with their size."""
    proof = Proof(needles, pixels=pixels)
    for name, pieces in parts:
        look = proof.part(name)
        for piece in pieces:
            look.feed(piece)
        look.close()
    return proof.verdict()
