"""docs/write-back.md says of the ladder and of every family of servers what the code says."""

from __future__ import annotations

from tests.shape.write_back_document import DOCUMENT, TABLES, written

TEXT = DOCUMENT.read_text("utf-8")


def test_the_tables_are_those_of_the_code() -> None:
    assert written(TEXT) == TEXT, "run: python -m tests.shape.write_back_document"


def test_every_table_has_its_place() -> None:
    for name, table in TABLES.items():
        assert TEXT.count(f"<!-- {name} -->") == TEXT.count(f"<!-- end of {name} -->") == 1
        assert table() in TEXT and "| `" in table()
