"""The kinds of columns that our tables are made of, and the one collection of tables."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[dt.datetime]):
    """An aware UTC instant, to the microsecond. A naive time is refused."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[dt.datetime]:
        return dialect.type_descriptor(sa.DateTime(timezone=dialect.name != "sqlite"))

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant has a time zone")
        utc = value.astimezone(dt.UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: dt.datetime | None, _dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


def sealed(name: str, *, nullable: bool = False) -> sa.Column[bytes]:
    """What may speak about a person, as `keys` seals it."""
    return sa.Column(name, sa.LargeBinary, nullable=nullable)


def text(name: str, *, nullable: bool = False, index: bool = False) -> sa.Column[str]:
    """An id or a code."""
    return sa.Column(name, sa.Text, nullable=nullable, index=index)


def instant(name: str, *, nullable: bool = False, index: bool = False) -> sa.Column[dt.datetime]:
    """A time, see `Instant`."""
    return sa.Column(name, Instant, nullable=nullable, index=index)
