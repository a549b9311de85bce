"""What a server may do while it says that all is well: seen at real servers, told by `tests.fakes.record`."""

from __future__ import annotations

from enum import StrEnum


class Lie(StrEnum):
    """What a server may do while it says that all is well."""

    STORES_NOTHING = "says 201 and stores nothing"
    CORRUPTS_BYTES = "stores other bytes than it was sent"
    DROPS_LABELS = "drops meta.security"
    KEEPS_LABELS = "says that it took a label away, or added one, and did not"
    TRANSACTION_AS_BATCH = "runs a transaction as a batch, says 200 and keeps what succeeded"
    DELETES_NOTHING = "says that it deleted and did not"
    IGNORES_VERSION = "overwrites whatever If-Match says"
    FINDS_EVERYTHING = "ignores the search parameters and returns everything"
    FINDS_NOTHING = "finds nothing, whatever is there"
    NEW_IDS = "chooses another id than the one in the URL"
    FORGETS_VERSIONS = "gives the current version whatever version is asked"
    DOUBLES = "writes a create twice"
    TAKES_ANY_TYPE = "accepts resources of types that do not exist"
    INVENTS = "gives something for an id that never was, wherever it is"
