"""A page that needs nothing but itself: its style inside, no script, nothing that it could load or send."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources

from fhir_plugin.disclose.package.reading import Fact
from fhir_plugin.disclose.package.reading.letters import showable


def text(words: str) -> str:
    """Words for HTML, in content and in quoted attributes alike."""
    return html.escape(showable(words))


def page(title: str, body: Iterable[str]) -> Iterator[bytes]:
    """The whole page in pieces. Even a fault in it could run nothing: its own policy forbids it."""
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{_style_hash()}'; base-uri 'none'; form-action 'none'"
    )
    yield (
        '<!doctype html>\n<html lang="en-GB">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="robots" content="noindex">\n'
        f"<title>{text(title)}</title>\n<style>{_style()}</style>\n</head>\n<body>\n<main>\n"
    ).encode()
    for piece in body:
        yield piece.encode()
    yield b"</main>\n</body>\n</html>\n"


def facts(said: Iterable[Fact]) -> str:
    """A list of labels and what they say."""
    rows = "".join(f'<div><dt dir="auto">{text(each.label)}</dt><dd{_value(each)}</dd></div>\n' for each in said)
    return f"<dl>\n{rows}</dl>\n" if rows else ""


def _value(fact: Fact) -> str:
    return f' dir="auto">{text(fact.value)}' if isinstance(fact.value, str) else f' class="more">{facts(fact.value)}'


@cache
def _style() -> str:
    return resources.files("fhir_plugin.disclose.package").joinpath("page.css").read_text("utf-8")


@cache
def _style_hash() -> str:
    return base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
