"""The components of the NHS design system, drawn by its own macros.

The macros rely on undefined values turning into nothing; a page of ours must not (a patient's name could
vanish). So they render in an environment of their own, and ours stays strict.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import ChainableUndefined, Environment, PackageLoader
from markupsafe import Markup

_MACROS = {
    "back_link": ("back-link", "backLink"),
    "button": ("button", "button"),
    "checkboxes": ("checkboxes", "checkboxes"),
    "date_input": ("date-input", "dateInput"),
    "details": ("details", "details"),
    "error_summary": ("error-summary", "errorSummary"),
    "input": ("input", "input"),
    "inset_text": ("inset-text", "insetText"),
    "radios": ("radios", "radios"),
    "skip_link": ("skip-link", "skipLink"),
    "summary_list": ("summary-list", "summaryList"),
    "tag": ("tag", "tag"),
    "textarea": ("textarea", "textarea"),
    "warning_callout": ("warning-callout", "warningCallout"),
}


@cache
def _macro(name: str) -> Any:
    folder, macro = _MACROS[name]
    environment = Environment(
        loader=PackageLoader("nhsuk_frontend_jinja"),
        autoescape=True,
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return getattr(environment.get_template(f"nhsuk/components/{folder}/macro.jinja").module, macro)


def nhs(component: str, parameters: Mapping[str, Any]) -> Markup:
    """HTML of one component: `nhs("radios", {...})`, with the parameters that the design system documents."""
    return Markup(_macro(component)(dict(parameters)))  # noqa: S704 - the macro escapes
