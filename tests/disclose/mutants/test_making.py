"""Each change that the mutation test knows can be made, and changes something."""

from __future__ import annotations

import ast

from tests.disclose.mutants.making import changed, mutants

SOURCE = '''
"""Left alone: 1."""
LIMIT = 3

def found(values: list[int], *, deep: bool = True) -> int | None:
    """Left alone, too."""
    for value in values:
        if value < LIMIT or (not deep and value in (1, 2)):
            continue
        return value + 1 if value is not None else None
    while values:
        values = values[1:]
    raise ValueError(f"none of {len(values) + 1}")
'''


def test_every_kind_of_change_is_made_and_is_another_program() -> None:
    made = [(each.kind, ast.unparse(changed(SOURCE, each))) for each in mutants(SOURCE)]
    assert {kind for kind, _text in made} == set("compare connect not sign flag number return leave never".split())  # noqa: SIM905
    texts = {text for _kind, text in made}
    assert len(texts) == len(made) and ast.unparse(ast.parse(SOURCE)) not in texts
    for text in texts:
        compile(text, "changed", "exec")


def test_words_for_people_are_left_alone() -> None:
    assert all("Left alone: 1" in ast.unparse(changed(SOURCE, each)) for each in mutants(SOURCE))
    assert not [each for each in mutants(SOURCE) if each.line == SOURCE[: SOURCE.index("raise")].count("\n") + 1]
