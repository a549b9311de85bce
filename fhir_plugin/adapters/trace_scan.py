"""Reads files for `traces`, in a process of its own: files in, those with a needle in them out.

Of its own, because SQLite's locks belong to a process: whoever opens a database's file beside SQLite and closes it
again takes them away from everybody in that process. Needles come by standard input, never as arguments.
"""

from __future__ import annotations

import base64
import errno
import json
import sys
from pathlib import Path
from typing import Any, Final

from fhir_plugin.delete.matching import Forms

PIECE: Final = 1 << 20
"""Bytes that are looked at together."""
OVERLAP: Final = 4096
"""Bytes of a piece that are looked at again with the next one: room for a needle's base64 in lines."""
NOT_READABLE: Final = 3
VANISHED: Final = frozenset({errno.ENOENT, errno.ESTALE, errno.ENOTDIR})


def main() -> None:
    """Standard input: `{"files": [...], "needles": [base64, ...]}`. Standard output: the numbers of those files.

    Ends with `NOT_READABLE` where one of them cannot be read; one that has gone meanwhile holds nothing.
    """
    asked: dict[str, Any] = json.load(sys.stdin)
    forms = Forms([base64.b64decode(each) for each in asked["needles"]])
    found = []
    for number, path in enumerate(asked["files"]):
        try:
            if stands_in(path, forms):
                found.append(number)
        except OSError as error:
            if error.errno not in VANISHED:
                sys.exit(NOT_READABLE)
    json.dump(found, sys.stdout)


def stands_in(path: str, forms: Forms) -> bool:
    """Piece by piece, each with the end of the one before, so that no file has to fit into memory."""
    with Path(path).open("rb", buffering=0) as file:
        rest = b""
        while piece := file.read(PIECE):
            if forms.stand_in(rest + piece):
                return True
            rest = (rest + piece)[-OVERLAP:]
    return False


if __name__ == "__main__":
    main()
