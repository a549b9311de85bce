"""A resource's own summary (XHTML written by anybody): what is on a short list of tags stays, everything else is text.

No attribute but the spans of table cells survives, so that nothing can load, link, run or place itself elsewhere.
"""

from __future__ import annotations

import html
import re
from abc import ABC, abstractmethod
from html.parser import HTMLParser
from typing import Final

from fhir_plugin.disclose.package.reading.letters import showable

_KEPT: Final = frozenset(
    [
        "p",
        "br",
        "b",
        "strong",
        "i",
        "em",
        "u",
        "ul",
        "ol",
        "li",
        "table",
        "thead",
        "tbody",
        "tfoot",
        "tr",
        "th",
        "td",
        "caption",
        "div",
        "span",
        "pre",
        "blockquote",
        "dl",
        "dt",
        "dd",
        "hr",
        "sub",
        "sup",
        "code",
        "small",
    ]
)
_AS: Final = {f"h{number}": "strong" for number in range(1, 7)} | {"tt": "code", "q": "span", "cite": "em", "var": "em"}
_VOID: Final = frozenset({"br", "hr"})
_GONE_WITH_CONTENT: Final = frozenset(
    {"script", "style", "template", "noscript", "iframe", "object", "svg", "math", "title", "head", "xml"}
)
_NEW_LINE: Final = frozenset(
    {"p", "br", "li", "tr", "div", "table", "ul", "ol", "dt", "dd", "hr", "pre", "blockquote", "caption"}
)
_SPAN: Final = re.compile(r"[1-9][0-9]?")
_DEEPEST: Final = 60


def safe_narrative(div: str) -> str:
    """HTML of allowed tags only, each closed. Empty for a summary without words."""
    parser = _Sifting()
    parser.feed(div)
    parser.close()
    out = parser.finished()
    return out if plain_narrative(div) else ""


def plain_narrative(div: str) -> str:
    """The same as plain text, lines where there were blocks, cells parted by a bar."""
    parser = _Telling()
    parser.feed(div)
    parser.close()
    lines = (" ".join(line.split()).strip("| ") for line in "".join(parser.said).split("\n"))
    return "\n".join(line for line in lines if line)


class _Leaving(HTMLParser, ABC):
    """Leaves out what has no words for a person, with everything in it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._out_of: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _GONE_WITH_CONTENT:
            self._out_of.append(tag)
        elif not self._out_of:
            self.opens(tag, dict(attrs))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self._out_of and tag not in _GONE_WITH_CONTENT:
            self.opens(tag, dict(attrs))
            if tag not in _VOID:
                self.closes(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._out_of:
            if tag == self._out_of[-1]:
                self._out_of.pop()
        else:
            self.closes(tag)

    def handle_data(self, data: str) -> None:
        if not self._out_of:
            self.says(data)

    @abstractmethod
    def opens(self, tag: str, attributes: dict[str, str | None]) -> None: ...

    @abstractmethod
    def closes(self, tag: str) -> None: ...

    @abstractmethod
    def says(self, text: str) -> None: ...


class _Sifting(_Leaving):
    def __init__(self) -> None:
        super().__init__()
        self._out: list[str] = []
        self._open: list[str] = []

    def finished(self) -> str:
        while self._open:
            self._out.append(f"</{self._open.pop()}>")
        return "".join(self._out)

    def opens(self, tag: str, attributes: dict[str, str | None]) -> None:
        if tag == "img":
            self.says(f"[picture: {attributes['alt']}]" if attributes.get("alt") else "[picture]")
            return
        tag = _AS.get(tag, tag)
        if tag not in _KEPT or len(self._open) >= _DEEPEST:
            return
        spans = "".join(
            f' {name}="{value}"'
            for name, value in attributes.items()
            if tag in ("td", "th") and name in ("colspan", "rowspan") and value and _SPAN.fullmatch(value)
        )
        self._out.append(f"<{tag}{spans}>")
        if tag not in _VOID:
            self._open.append(tag)

    def closes(self, tag: str) -> None:
        tag = _AS.get(tag, tag)
        if tag not in self._open:
            return
        while self._open:
            last = self._open.pop()
            self._out.append(f"</{last}>")
            if last == tag:
                return

    def says(self, text: str) -> None:
        self._out.append(html.escape(showable(text)))


class _Telling(_Leaving):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def opens(self, tag: str, attributes: dict[str, str | None]) -> None:
        if tag in _NEW_LINE or tag in _AS:
            self.said.append("\n")
        elif tag in ("td", "th"):
            self.said.append(" | ")
        elif tag == "img" and attributes.get("alt"):
            self.says(f"[picture: {attributes['alt']}]")

    def closes(self, tag: str) -> None:
        if tag in _NEW_LINE or tag in _AS:
            self.said.append("\n")

    def says(self, text: str) -> None:
        self.said.append(showable(text).replace("\n", " "))
