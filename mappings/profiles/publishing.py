"""What everything that we publish says about itself: where its name begins, its version, who stands behind it."""

from __future__ import annotations

from typing import Any, Final

NAME: Final = "fhir-plugin.profiles"
"""Of the package."""
VERSION: Final = "1.0.0"
"""Of the package and of everything in it that has no version of its own."""
CANONICAL: Final = "urn:fhir-plugin"
"""Tied to no host that could lapse or change hands; see `mappings.terminology.systems`."""
DATE: Final = "2026-11-23"
"""When what is published last changed its meaning. Fixed: the same sources give the same package."""
PUBLISHER: Final = "The fhir-plugin project"
FHIR_VERSION: Final = "4.0.1"


def canonical(kind: str, name: str) -> str:
    """The canonical URL of something of ours: `urn:fhir-plugin:profile:photograph`."""
    return f"{CANONICAL}:{kind}:{name}"


def published(title: str, description: str) -> dict[str, Any]:
    """What stands in each of our conformance resources."""
    words = "".join(character if character.isalnum() else " " for character in title)
    return {
        "version": VERSION,
        "name": "".join(word[0].upper() + word[1:] for word in words.split()),
        "title": title,
        "status": "active",
        "experimental": False,
        "date": DATE,
        "publisher": PUBLISHER,
        "description": description,
    }
