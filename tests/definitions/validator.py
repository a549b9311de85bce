"""Whether a resource keeps the official R4 definitions: `issues(resource)`, empty when it does.

Two checkers with different eyes. pyrofile-validator walks the StructureDefinitions with FHIRPath invariants and the
contexts of extensions, but looks neither inside datatypes for what is missing nor at the system of a code; `walk` does
that. Both read `r4.json.xz` (see NOTICE and trim.py) and the extensions that this project publishes; both are built
once per process.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from pyrofile_validator.config import ValidatorConfig
from pyrofile_validator.core.engine import Validator

from tests.definitions.source import definitions, questionnaires
from tests.definitions.walk import walk

Json = dict[str, Any]

_NOT_FAULTS: Final = frozenset(
    {
        # The resource stands alone here: what it refers to is checked where the whole set is at hand.
        "reference.unresolved",
        "reference.external.unresolved",
        # A modifier *element* (status, scope) is reported under this name; it is there because R4 requires it.
        "modifierExtension.present",
        # dom-6 is a recommendation to add a narrative; ours would repeat content under the labels for no reader.
        "invariant.dom-6",
        # Codes without their system: `walk` looks at both.
        "terminology.extensible",
        "profile.element.binding.extensible",
        "terminology.required",
        "profile.element.binding.required",
        # `walk` counts exactly. pyrofile 0.3.0 misses `value[x]` in nested backbone elements (Task.input,
        # AuditEvent.entity.detail, Parameters.parameter), counts across repetitions of a parent
        # (Consent.provision.actor.role) and does not know choices inside datatypes (Annotation.authorReference).
        "cardinality.min",
        "cardinality.max",
        "profile.element.cardinality.min",
        "profile.element.cardinality.max",
        "datatype.unknown-field",
    }
)


def issues(resource: Json) -> list[str]:
    """What is wrong with one resource, a line each: code, path and reason; empty when nothing is."""
    found = [f"{one.code} {one.path}: {one.message}" for one in _structural_issues(resource)]
    return found + list(walk(resource))


def _structural_issues(resource: Json) -> Iterator[Any]:
    with contextlib.redirect_stdout(io.StringIO()):  # fhirpathpy prints what trace() sees
        report = _validator().validate_resource(resource)
    for issue in report.issues:
        if issue.code not in _NOT_FAULTS and not issue.code.startswith("invariant.unsupported"):
            yield issue


@cache
def _validator() -> Validator:
    folder = Path(tempfile.mkdtemp(prefix="r4-definitions-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for number, definition in enumerate(definitions()):
        (folder / f"{number:04}.json").write_text(json.dumps(definition), encoding="utf-8")
    config = {"fhirVersion": "R4", "terminology": {"mode": "local"}, "localPackagePaths": [str(folder)]}
    return Validator(
        ValidatorConfig.load_dict(config),
        external_reference_resolver=questionnaires().get,
        max_external_references=100_000,
    )
