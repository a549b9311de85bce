"""Policy packs on disk and in our own database: the files that the settings name, and what was in force, kept whole."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
import structlog

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.tables import packs_in_force
from fhir_plugin.policy.contents import PolicyPack, UnusablePack
from fhir_plugin.policy.in_force import KeptPack, choose, put_together
from fhir_plugin.policy.layers import Layer, read_layer
from fhir_plugin.policy.pack import shipped_layers
from fhir_plugin.ports import AuditEntry, AuditTrail, Clock

log = structlog.get_logger(__name__)

CHANGED = "policy.changed"
"""What the audit chain calls it when another pack, or another version, comes into force."""
MOST_BYTES = 2**18
"""No pack is larger than this."""


def read_layer_file(path: Path) -> Layer:
    """An organisation's own file. Raises `UnusablePack`, also when it is not there."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        text = content.decode("utf-8")
    except OSError as error:
        raise UnusablePack(f"the policy file {path.name} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UnusablePack(f"the policy file {path.name} is not UTF-8 text") from error
    if len(content) > MOST_BYTES:
        raise UnusablePack(f"the policy file {path.name} is larger than {MOST_BYTES // 1024} KiB")
    return read_layer(text)


def configured_layers(names: str, own_file: Path | None) -> list[Layer]:
    """What the settings name: `base+overlay`, with the organisation's own file. Raises `UnusablePack`."""
    return put_together(shipped_layers(names), read_layer_file(own_file) if own_file else None)


class DatabasePacks:
    """Every pack that was ever in force here, by id and version: a decision's pack can be read years later."""

    def __init__(self, database: Database, clock: Clock, audit: AuditTrail | None = None) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit

    def in_force(self, names: str, own_file: Path | None) -> PolicyPack:
        """The pack in force from now on; kept, if it is new. Raises `UnusablePack` where there is none at all."""
        with self._database.transaction():
            self._database.lock("policy packs")
            before = self.last()
            chosen = choose(lambda: configured_layers(names, own_file), before, self.kept)
            if chosen.keep is not None:
                self._keep(chosen.pack, chosen.keep, before)
        today = self._clock.now().date()
        for notice in chosen.pack.notices(today):
            log.warning("policy-notice", pack=chosen.pack.reference, notice=notice)
        return chosen.pack

    def exist(self) -> bool:
        """Whether this database has a place for them: an older one that was not brought up to date has none."""
        with self._database.connection() as connection:
            return sa.inspect(connection).has_table(packs_in_force.name)

    def last(self) -> KeptPack | None:
        """What was in force last; None before the first start."""
        return self._first(sa.select(packs_in_force).order_by(packs_in_force.c.since.desc()).limit(1))

    def kept(self, reference: str) -> KeptPack | None:
        """The pack that a decision names; None for one that never was in force here."""
        return self._first(sa.select(packs_in_force).where(packs_in_force.c.name == reference))

    def history(self) -> Sequence[KeptPack]:
        """Every pack that was in force, the latest first."""
        with self._database.connection() as connection:
            rows = connection.execute(sa.select(packs_in_force).order_by(packs_in_force.c.since.desc())).all()
        return [_kept(row) for row in rows]

    def _first(self, query: sa.Select[tuple[object, ...]]) -> KeptPack | None:
        with self._database.connection() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _kept(row)

    def _keep(self, pack: PolicyPack, texts: tuple[str, ...], before: KeptPack | None) -> None:
        now = self._clock.now()
        if before is not None and now <= before.since:  # a clock that was put back must not bring the older one back
            now = before.since + dt.timedelta(microseconds=1)
        with self._database.writing() as connection:
            connection.execute(sa.delete(packs_in_force).where(packs_in_force.c.name == pack.reference))
            connection.execute(
                sa.insert(packs_in_force).values(
                    name=pack.reference, version=pack.version, source=json.dumps(texts), since=now
                )
            )
        if self._audit is not None and before is not None and before.reference != pack.reference:
            changed = AuditEntry(
                CHANGED, "system", subject=pack.reference, policy=pack.reference, detail={"before": before.reference}
            )
            self._audit.append(changed)
        if before is not None:  # the first of an installation changes nothing for anybody
            log.info("policy-in-force", pack=pack.reference, before=before.reference)


def _kept(row: sa.Row[tuple[object, ...]]) -> KeptPack:
    try:
        texts = json.loads(row.source)
    except ValueError:
        texts = []
    whole = isinstance(texts, list) and texts and all(isinstance(each, str) for each in texts)
    return KeptPack(row.name, tuple(texts) if whole else ("",), row.since)
