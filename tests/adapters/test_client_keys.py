"""The keys by which EHRs know us: published before they sign, one current key however many rotate at once."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from fhir_plugin.adapters.client_keys import ALGORITHMS, DatabaseClientKeys
from fhir_plugin.adapters.key_lives import KeyState
from fhir_plugin.adapters.keys import KeyUse, MasterKeys
from fhir_plugin.adapters.tables import client_keys
from fhir_plugin.errors import Refused, Tampered
from smart_launch import ClientKey, Issuer, client_assertion
from tests.adapters.processes import in_children
from tests.conftest import OwnStores, open_stores


@pytest.fixture(params=["own", pytest.param("own_on_postgresql", marks=pytest.mark.needs("postgresql"))])
def stores(request: pytest.FixtureRequest) -> OwnStores:
    found: OwnStores = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def keys(stores: OwnStores) -> DatabaseClientKeys:
    return _keys(stores)


def _keys(stores: OwnStores) -> DatabaseClientKeys:
    return DatabaseClientKeys(stores.database, stores.masters, stores.clock)


def _issuer(**values: object) -> Issuer:
    known = {"name": "trust-a", "iss": "https://ehr.example/fhir", "client_id": "photographs"}
    return Issuer(**{**known, "auth_method": "private_key_jwt", **values})  # type: ignore[arg-type]


def _published(keys: DatabaseClientKeys, algorithm: str = "ES384") -> list[str]:
    return [key["kid"] for key in keys.public_keys() if key["alg"] == algorithm]


def _state(stores: OwnStores, kid: str) -> str:
    with stores.database.connection() as connection:
        return str(connection.execute(sa.select(client_keys.c.state).where(client_keys.c.kid == kid)).scalar_one())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_ehr_verifies_what_the_current_key_signs_with_what_is_published(
    stores: OwnStores, keys: DatabaseClientKeys, algorithm: str
) -> None:
    issuer = _issuer(key_algorithm=algorithm)
    key = keys.key_for(issuer)
    assert key is not None and key.algorithm == algorithm
    assertion = client_assertion(issuer, key, audience="https://ehr.example/token", now=stores.clock.now())
    published = KeySet.import_key_set({"keys": keys.public_keys()})
    read = jwt.decode(assertion, published, algorithms=[algorithm])
    assert (read.header["kid"], read.claims["sub"]) == (key.kid, "photographs")


def test_both_algorithms_are_published_with_their_next_keys_and_nothing_private(keys: DatabaseClientKeys) -> None:
    published = keys.public_keys()
    assert sorted(key["alg"] for key in published) == ["ES384", "ES384", "RS384", "RS384"]
    assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & {name for key in published for name in key}
    assert {key["use"] for key in published} == {"sig"}
    assert keys.public_keys() == published


def test_the_next_key_signs_only_after_a_day_in_the_jwks(stores: OwnStores, keys: DatabaseClientKeys) -> None:
    before = keys.current("ES384").kid
    stores.clock.advance(hours=24, seconds=-1)
    with pytest.raises(Refused) as refused:
        keys.rotate("ES384")
    assert refused.value.code == "key-too-new"
    assert "2" in refused.value.message and keys.current("ES384").kid == before
    stores.clock.advance(seconds=1)
    published = _published(keys)
    after = keys.rotate("ES384")
    assert after in published and after != before
    assert keys.current("ES384").kid == after
    assert set(_published(keys)) > {before, after} and len(_published(keys)) == 3


def test_at_once_does_not_wait(keys: DatabaseClientKeys) -> None:
    before = keys.current("ES384").kid
    assert keys.rotate("ES384", at_once=True) == keys.current("ES384").kid != before


def test_one_algorithm_rotates_without_the_other(keys: DatabaseClientKeys) -> None:
    other = keys.current("RS384").kid
    keys.rotate("ES384", at_once=True)
    assert keys.current("RS384").kid == other
    assert other in _published(keys, "RS384") and len(_published(keys, "RS384")) == 2


def test_a_retired_key_leaves_the_jwks_after_thirty_days(stores: OwnStores, keys: DatabaseClientKeys) -> None:
    before = keys.current("ES384").kid
    keys.rotate("ES384", at_once=True)
    stores.clock.advance(days=30, seconds=-1)
    assert before in _published(keys)
    stores.clock.advance(seconds=1)
    assert before not in _published(keys) and len(_published(keys)) == 2


def test_what_can_sign_no_more_has_no_private_part(stores: OwnStores, keys: DatabaseClientKeys) -> None:
    before = keys.current("ES384").kid
    assert keys.by_kid(before) is not None
    keys.rotate("ES384", at_once=True)
    assert keys.by_kid(before) is None
    with stores.database.connection() as connection:
        row = connection.execute(sa.select(client_keys).where(client_keys.c.kid == before)).one()
    sealed = stores.masters.open(KeyUse.CLIENT, row.private_key, bound_to=[row.kid, row.state, row.public_jwk, "ES384"])
    assert sealed == b""


@pytest.mark.parametrize("which", ["current", "next", "retired"])
def test_a_revoked_key_is_gone_at_once_and_there_is_always_a_pair(
    stores: OwnStores, keys: DatabaseClientKeys, which: str
) -> None:
    if which == "retired":
        keys.rotate("ES384", at_once=True)
    published = {key.state.value: key.kid for key in keys.by_algorithm()["ES384"]}
    assert keys.revoke(published[which]) == "ES384"
    assert published[which] not in _published(keys) and keys.by_kid(published[which]) is None
    assert _state(stores, published[which]) == "revoked"
    states = [key.state.value for key in keys.by_algorithm()["ES384"]]
    assert states.count("current") == states.count("next") == 1
    keys.revoke(published[which])
    assert keys.current("ES384").kid != published[which]


def test_a_key_that_is_not_ours_cannot_be_revoked(keys: DatabaseClientKeys) -> None:
    keys.current("ES384")
    with pytest.raises(Refused) as refused:
        keys.revoke("nobody")
    assert refused.value.code == "key-unknown"


def test_a_key_kept_as_a_file_stays(stores: OwnStores) -> None:
    fixed = ClientKey.generate("2025-11", "RS384")
    keys = DatabaseClientKeys(stores.database, stores.masters, stores.clock, fixed={"2025-11": fixed})
    assert keys.key_for(_issuer(key_id="2025-11")) is fixed
    keys.rotate("RS384", at_once=True)
    assert keys.key_for(_issuer(key_id="2025-11")) is keys.by_kid("2025-11") is fixed
    assert "2025-11" in _published(keys, "RS384")
    assert keys.key_for(_issuer(key_id="elsewhere")) is None


def test_who_authenticates_otherwise_gets_no_key(stores: OwnStores, keys: DatabaseClientKeys) -> None:
    assert keys.key_for(_issuer(auth_method="none")) is None
    assert keys.key_for(_issuer(auth_method="client_secret_basic", client_secret="s" * 20)) is None
    with stores.database.connection() as connection:
        assert connection.execute(sa.select(client_keys.c.kid)).all() == []


@pytest.mark.parametrize("change", [{"state": "current"}, {"algorithm": "ES384"}, {"kid": "renamed"}])
def test_a_row_that_was_changed_by_hand_is_not_ours(
    stores: OwnStores, keys: DatabaseClientKeys, change: dict[str, str]
) -> None:
    keys.current("ES384")
    keys.current("RS384")
    column = client_keys.c.algorithm if "algorithm" in change else client_keys.c.state
    was = {"state": "next", "algorithm": "RS384", "kid": "current"}[next(iter(change))]
    stores.clock.advance(hours=24)
    with stores.database.writing() as connection:
        rows = connection.execute(sa.select(client_keys.c.kid).where(column == was)).scalars().all()
        connection.execute(
            sa.update(client_keys).where(client_keys.c.kid == rows[0]).values(**change, changed=stores.clock.now())
        )
    with pytest.raises(Tampered):
        _keys(stores).public_keys()


def test_a_key_that_somebody_put_into_the_table_is_not_published(stores: OwnStores, keys: DatabaseClientKeys) -> None:
    keys.current("ES384")
    stranger = ECKey.generate_key("P-384")
    public = {**stranger.as_dict(private=False), "kid": stranger.thumbprint(), "alg": "ES384", "use": "sig"}
    with stores.database.writing() as connection:
        own_row = connection.execute(sa.select(client_keys).limit(1)).one()
        connection.execute(
            sa.insert(client_keys).values(
                kid=stranger.thumbprint(),
                algorithm="ES384",
                state=KeyState.NEXT.value,
                public_jwk=json.dumps(public),
                private_key=own_row.private_key,
                created=stores.clock.now(),
                changed=stores.clock.now(),
            )
        )
    with pytest.raises(Tampered):
        keys.public_keys()


def test_the_seal_of_a_signing_key_does_not_open_a_client_key(stores: OwnStores) -> None:
    sealed = stores.masters.seal(KeyUse.SIGNING, b"x", bound_to=["a"])
    with pytest.raises(Tampered):
        stores.masters.open(KeyUse.CLIENT, sealed, bound_to=["a"])


def test_nothing_private_is_in_the_database_or_in_a_repr(own: OwnStores) -> None:
    keys = _keys(own)
    key = keys.current("ES384")
    number = str(key.private.as_dict(private=True)["d"])
    shown = f"{keys!r} {key!r} {keys.by_algorithm()!r} {keys.public_keys()!r}"
    stored = b"".join(path.read_bytes() for path in own.state.glob("plugin.db*"))
    assert number not in shown and number.encode() not in stored
    assert b"PRIVATE KEY" not in stored and "PRIVATE KEY" not in shown


def test_rotating_the_master_key_keeps_the_client_keys(own: OwnStores) -> None:
    path: Path = own.state / "master.key"
    keys = _keys(own)
    keys.rotate("ES384", at_once=True)
    published, current = keys.public_keys(), keys.current("ES384")
    rotated = DatabaseClientKeys(own.database, MasterKeys.add_to_file(path), own.clock)
    assert (rotated.rotate_master(), rotated.rotate_master()) == (5, 0)
    only_new = DatabaseClientKeys(own.database, MasterKeys.forget_old(path), own.clock)
    assert only_new.public_keys() == published
    assert only_new.current("ES384").as_pem() == current.as_pem()


# ------------------------------------------------------------------------------------- several at once


def _url_of(stores: OwnStores, request: pytest.FixtureRequest) -> str:
    name = "sqlite_url" if stores.database.is_sqlite else "postgresql_url"
    return str(request.getfixturevalue(name))


def test_a_rotation_elsewhere_is_seen_without_a_restart(
    stores: OwnStores, keys: DatabaseClientKeys, request: pytest.FixtureRequest
) -> None:
    before = keys.current("ES384").kid
    elsewhere = open_stores(_url_of(stores, request), stores.state, stores.clock)
    in_children(lambda: _keys(elsewhere).rotate("ES384", at_once=True))
    elsewhere.database.dispose()
    assert keys.current("ES384").kid != before


def test_threads_that_ask_while_keys_rotate_get_one_that_was_current(stores: OwnStores) -> None:
    keys, issuer = _keys(stores), _issuer(key_algorithm="ES384")
    current = [keys.current("ES384").kid]
    got: list[ClientKey] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            key = keys.key_for(issuer)
            assert key is not None
            got.append(key)

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        try:
            current += [keys.rotate("ES384", at_once=True) for _ in range(5)]
        finally:
            done.set()
        for each in asking:
            each.result()
    assert {key.kid for key in got} <= set(current)
    assert all(key.kid == key.private.thumbprint() for key in got)
    last = keys.key_for(issuer)
    assert last is not None and last.kid == current[-1]


def test_workers_that_start_together_make_one_pair(stores: OwnStores, keys: DatabaseClientKeys) -> None:
    in_children(*(partial(keys.current, "ES384") for _ in range(4)))
    assert len(_published(keys)) == 2


def test_of_processes_that_rotate_at_once_exactly_one_does(
    stores: OwnStores, keys: DatabaseClientKeys, tmp_path: Path
) -> None:
    keys.current("ES384")
    (then,) = [key.kid for key in keys.by_algorithm()["ES384"] if key.state == KeyState.NEXT]
    stores.clock.advance(hours=24)

    def rotate(who: int) -> None:
        try:
            (tmp_path / f"rotated-{who}").write_text(keys.rotate("ES384"))
        except Refused as refused:
            (tmp_path / f"refused-{who}").write_text(refused.code)

    in_children(*(partial(rotate, who) for who in range(4)))
    assert [path.read_text() for path in tmp_path.glob("rotated-*")] == [then]
    assert {path.read_text() for path in tmp_path.glob("refused-*")} == {"key-too-new"}
    states = sorted(key.state.value for key in keys.by_algorithm()["ES384"])
    assert states == ["current", "next", "retired"]
    assert keys.current("ES384").kid == then


def test_processes_that_rotate_without_waiting_leave_one_current_key(
    stores: OwnStores, keys: DatabaseClientKeys
) -> None:
    keys.current("ES384")
    in_children(*(partial(keys.rotate, "ES384", at_once=True) for _ in range(4)))
    states = [key.state.value for key in keys.by_algorithm()["ES384"]]
    assert sorted(states) == ["current", "next", "retired", "retired", "retired", "retired"]
