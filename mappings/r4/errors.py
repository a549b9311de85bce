"""Everything a mapping can say no to.

::

    MappingError
    |-- NotMappable     our own value has no honest form in R4: a fault of the caller
    `-- NotReadable     the resource is not the type, not ours or not in force: `code` says which

Messages name resource types, elements and codes, never values.
"""

from __future__ import annotations


class MappingError(ValueError):
    """The root. `code` is stable and machine readable."""

    code = "mapping"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class NotMappable(MappingError):
    """Our own value has no honest form in R4, e.g. an instant without an offset."""

    code = "not-mappable"


class NotReadable(MappingError):
    """The resource cannot be read as what was asked for.

    `code`: wrong-type, no-id, not-ours, not-in-force, entered-in-error.
    """

    code = "not-readable"
