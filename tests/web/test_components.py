"""Every component that a page names is there: a page that names another is a broken page."""

from __future__ import annotations

import re
from importlib import resources

from fhir_plugin.web.components import nhs

NAMED = re.compile(r"\bnhs\(\s*\"([a-z_]+)\"")


def test_every_component_that_a_template_names_exists() -> None:
    folder = resources.files("fhir_plugin.web") / "templates"
    found: set[str] = set()
    waiting = [folder]
    while waiting:
        for each in waiting.pop().iterdir():
            if each.is_dir():
                waiting.append(each)
            elif each.name.endswith(".html"):
                found |= set(NAMED.findall(each.read_text("utf-8")))
    assert {"input", "radios", "textarea"} <= found
    for name in found:
        assert nhs(name, {"items": [], "name": "x", "id": "x"}) is not None
