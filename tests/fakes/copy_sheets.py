"""Files for charts, in memory: the words, and the picture's bytes behind them."""

from __future__ import annotations

from fhir_plugin.ports import Sheet, SheetPicture, SheetWords


class FakeCopySheets:
    """A picture that does not fit becomes `SMALL` bytes, where that may be."""

    SMALL = b"a smaller picture"

    def made(
        self, words: SheetWords, content_type: str, *, picture: SheetPicture | None, most: int | None, reduce: bool
    ) -> Sheet | None:
        said = "\n".join([words.title, *words.banner, *(f"{row[0]}: {row[1]}" for row in words.rows), *words.closing])
        whole = said.encode() + (picture.content if picture is not None else b"")
        if most is None or len(whole) <= most:
            return Sheet(whole, content_type)
        smaller = f"{said}\n{words.smaller}\n".encode() + self.SMALL
        return Sheet(smaller, content_type, True) if reduce and picture is not None and len(smaller) <= most else None
