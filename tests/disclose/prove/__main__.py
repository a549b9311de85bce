"""How fast the proof looks, beside a round trip of the same lines through orjson: `python -m tests.disclose.prove`.

The megabytes may be named. The export is that of `fhir-plugin bench redact`, without what is withheld from an insurer
and what names it. Processor time of this process alone, the best of three.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from fhir_plugin.bench_redact import draw_export
from fhir_plugin.disclose.prove import Clean, Needles, prove, what_to_look_for

_PIECE = 1 << 18


def main() -> int:
    megabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    with tempfile.TemporaryDirectory(prefix="prove-") as folder:
        export = Path(folder) / "export"
        draw_export(export, megabytes)
        files = sorted(export.iterdir())
        needles = _leave_out_what_stays(files)
        for chosen in (*([each] for each in files), files):
            _measure(chosen, needles)
    return 0


def _leave_out_what_stays(files: list[Path]) -> Needles:
    stays = [line for path in files if path.name == "Media.ndjson" for line in _lines(path) if b'"meta"' in line[:400]]
    withheld = [orjson.loads(line) for line in stays]
    ids = tuple(each["id"].encode() for each in withheld)
    for path in files:
        out = [line for line in _lines(path) if not any(each in line for each in ids)]
        path.write_bytes(b"".join(out))
    return what_to_look_for(withheld)


def _measure(files: list[Path], needles: Needles) -> None:
    size = sum(path.stat().st_size for path in files) / 1e6

    def proof() -> None:
        assert isinstance(prove([(path.name, _pieces(path)) for path in files], needles), Clean)

    def round_trip() -> None:
        for path in files:
            for line in _lines(path):
                orjson.dumps(orjson.loads(line))

    took, floor = (min(_seconds(each) for _ in range(3)) for each in (proof, round_trip))
    name = files[0].name if len(files) == 1 else "all"
    said = f"{name}: {size:.1f} MB, {len(needles.needles)} names and pieces; {size / took:.0f} MB/s"
    sys.stdout.write(f"{said}, orjson {size / floor:.0f} MB/s, ratio {floor / took:.2f}\n")


def _seconds(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        yield from stream


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            yield piece


if __name__ == "__main__":
    sys.exit(main())
