"""The ambient transaction, its hooks, and the schema."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import stat
import threading
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.tables import Instant, installation_keys, metadata, vault_items
from fhir_plugin.errors import Unavailable
from tests.adapters.processes import in_children
from tests.conftest import OwnStores


def _insert(own: OwnStores, name: str) -> None:
    with own.database.writing() as connection:
        connection.execute(sa.insert(installation_keys).values(name=name, sealed=b"s", created=own.clock.now()))


def _names(database: Database) -> list[str]:
    with database.connection() as connection:
        return list(connection.execute(sa.select(installation_keys.c.name).order_by("name")).scalars())


# ------------------------------------------------------------------------------------------ transactions


def test_a_write_that_failed_and_was_passed_over_cannot_be_committed(own: OwnStores) -> None:
    database = own.database
    with pytest.raises(RuntimeError), database.transaction():
        _insert(own, "before")
        with contextlib.suppress(ValueError), database.writing():
            _insert(own, "half")
            raise ValueError
    assert _names(own.database) == []


def test_a_failed_write_within_an_inner_transaction_spares_the_outer_one(own: OwnStores) -> None:
    database = own.database
    with database.transaction():
        _insert(own, "outer")
        with contextlib.suppress(ValueError), database.transaction(), database.writing():
            _insert(own, "inner")
            raise ValueError
    assert _names(own.database) == ["outer"]


def test_an_inner_failure_undoes_only_the_inner_part_and_forgets_its_acts(own: OwnStores) -> None:
    said: list[str] = []
    database = own.database
    with database.transaction():
        _insert(own, "outer")
        database.after_commit(lambda: said.append("outer committed"))
        database.after_rollback(lambda: said.append("outer undone"))
        with pytest.raises(KeyError), database.transaction():
            _insert(own, "inner")
            database.after_commit(lambda: said.append("inner committed"))
            database.after_rollback(lambda: said.append("inner undone, second"))
            database.after_rollback(lambda: said.append("inner undone, first"))
            raise KeyError
        assert _names(database) == ["outer"]
    assert _names(database) == ["outer"]
    assert said == ["inner undone, first", "inner undone, second", "outer committed"]


def test_what_is_read_for_a_change_needs_a_transaction_to_hold_it(own: OwnStores) -> None:
    """PostgreSQL says so itself; SQLite, on which everybody develops, would not."""
    with pytest.raises(RuntimeError, match="transaction"), own.database.connection(for_change=True):
        pytest.fail("read, but not held")
    with own.database.transaction(), own.database.connection(for_change=True) as connection:
        assert connection.execute(sa.text("SELECT 1")).scalar_one() == 1


def test_an_act_runs_at_once_when_nothing_is_open(own: OwnStores) -> None:
    said: list[str] = []
    own.database.after_commit(lambda: said.append("at once"))
    own.database.after_rollback(lambda: said.append("never"))
    assert said == ["at once"]


def test_after_commit_finds_no_open_transaction(own: OwnStores) -> None:
    seen: list[bool] = []
    with own.database.transaction():
        assert own.database.in_transaction
        own.database.after_commit(lambda: seen.append(own.database.in_transaction))
    assert seen == [False]


def test_the_commit_hook_runs_just_before_and_just_after_each_real_commit(own: OwnStores) -> None:
    other = Database(f"sqlite:///{own.state}/plugin.db")
    seen: list[list[str]] = []
    own.database.on_commit.append(lambda: seen.append(_names(other)))
    with own.database.transaction(), own.database.transaction():
        _insert(own, "one")
    with pytest.raises(KeyError), own.database.transaction():
        raise KeyError
    assert seen == [[], ["one"]]
    other.dispose()


def test_a_hook_that_fails_before_the_commit_undoes_it(own: OwnStores) -> None:
    def refuse() -> None:
        raise KeyError

    own.database.on_commit.append(refuse)
    with pytest.raises(KeyError):
        _insert(own, "one")
    own.database.on_commit.clear()
    assert _names(own.database) == []


def test_a_short_connection_cannot_write(own: OwnStores) -> None:
    with (
        pytest.raises(sa.exc.DBAPIError, match="readonly"),
        own.database.connection() as connection,
    ):
        connection.execute(sa.delete(vault_items))
    _insert(own, "still writable afterwards")


@pytest.mark.needs("postgresql")
def test_a_short_connection_cannot_write_on_postgresql(own_on_postgresql: OwnStores) -> None:
    with (
        pytest.raises(sa.exc.DBAPIError, match="read-only"),
        own_on_postgresql.database.connection() as connection,
    ):
        connection.execute(sa.delete(vault_items))
    _insert(own_on_postgresql, "still writable afterwards")


def test_a_transaction_belongs_to_its_thread(own: OwnStores) -> None:
    seen: list[object] = []

    def look() -> None:
        seen.append(own.database.in_transaction)
        seen.append(_names(own.database))

    with own.database.transaction():
        _insert(own, "not yet")
        other = threading.Thread(target=look)
        other.start()
        other.join()
    assert seen == [False, []]


def test_a_forked_child_gets_connections_of_its_own(own: OwnStores) -> None:
    with own.database.transaction():
        _insert(own, "parent")
        in_children(partial(_child_sees_nothing_open, own))
    in_children(*(partial(_insert, own, f"child-{number}") for number in range(3)))
    assert _names(own.database) == ["child-0", "child-1", "child-2", "parent"]


def _child_sees_nothing_open(own: OwnStores) -> None:
    assert not own.database.in_transaction
    assert _names(own.database) == []


def test_locking_needs_a_transaction(own: OwnStores) -> None:
    with pytest.raises(RuntimeError):
        own.database.lock("x")


# ---------------------------------------------------------------------------------------------- settings


def test_sqlite_is_set_up_for_durability_and_forgetting(own: OwnStores) -> None:
    with own.database.connection() as connection:
        values = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "temp_store")
        }
    assert values == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
        "temp_store": 2,
    }


def test_only_we_may_read_the_database_files(own: OwnStores) -> None:
    for path in own.state.glob("plugin.db*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="durability"):
        Database(url)


def test_values_do_not_show_in_errors_or_reprs(own: OwnStores) -> None:
    _insert(own, "canary-name")
    with pytest.raises(sa.exc.IntegrityError) as raised:
        _insert(own, "canary-name")
    assert "canary-name" not in str(raised.value)
    assert "state" not in repr(own.database)


def test_a_database_that_cannot_be_used_is_unavailable() -> None:
    database = Database("postgresql://nobody:secret-word@127.0.0.1:1/plugin")
    with pytest.raises(Unavailable) as raised, database.transaction():
        pass
    assert raised.value.code == "database-unavailable"
    assert "secret-word" not in f"{raised.value!r} {raised.value.__cause__!r} {database!r}"


# ------------------------------------------------------------------------------------------------ schema


def test_the_migrations_make_the_tables_that_the_code_describes(own: OwnStores) -> None:
    _check_schema(own)


@pytest.mark.needs("postgresql")
def test_the_migrations_make_the_tables_that_the_code_describes_on_postgresql(
    own_on_postgresql: OwnStores,
) -> None:
    _check_schema(own_on_postgresql)


def _check_schema(own: OwnStores) -> None:
    own.database.upgrade()
    with own.database.connection() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_processes_that_start_together_upgrade_once(sqlite_url: str) -> None:
    in_children(*(lambda: Database(sqlite_url).upgrade() for _ in range(4)))
    database = Database(sqlite_url)
    assert _names(database) == []
    database.dispose()


def test_the_state_directory_is_ours_alone(sqlite_url: str, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Database(sqlite_url).dispose()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


# ----------------------------------------------------------------------------------------------- instants


def test_instants_come_back_in_utc_to_the_microsecond(own: OwnStores) -> None:
    paris = dt.timezone(dt.timedelta(hours=2))
    at = dt.datetime(2026, 7, 1, 0, 30, 0, 123456, tzinfo=paris)
    with own.database.writing() as connection:
        connection.execute(sa.insert(installation_keys).values(name="x", sealed=b"", created=at))
    with own.database.connection() as connection:
        read = connection.execute(sa.select(installation_keys.c.created)).scalar_one()
    assert read == at
    assert read.utcoffset() == dt.timedelta(0)


def test_a_naive_time_is_refused() -> None:
    dialect = sa.create_engine("sqlite://").dialect
    with pytest.raises(ValueError, match="time zone"):
        Instant().process_bind_param(dt.datetime(2026, 1, 1), dialect)  # noqa: DTZ001 - the bad case
