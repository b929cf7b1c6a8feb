"""What each database's driver makes sure of by itself."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from core.ledger.accounts import wallet_of
from core.store.drivers.driver import Driver, MissingPositionError, Rows
from core.store.drivers.sqlite import MANY
from core.store.engine import reading
from core.wiring import open_driver

ADAS = wallet_of(2)


def test_a_delta_to_a_position_that_is_not_there_keeps_the_whole_batch_out(engine: Engine) -> None:
    """L2: the cached positions and the entries cannot drift apart unseen."""
    driver = open_driver(engine)
    driver.begin()
    driver.upsert_add([(1, ADAS, 7, 500, None)])

    with pytest.raises(MissingPositionError):
        _take_and_commit(driver, [(-5, 1, ADAS, 7), (-5, 1, ADAS, 8)])
    driver.rollback()
    driver.close()

    with reading(engine) as connection:
        assert connection.execute(text("SELECT * FROM position")).all() == []


def test_rows_are_found_alike_whether_few_or_many_are_looked_up(engine: Engine) -> None:
    """Many go to SQLite as a list of plain parameters, more as one JSON array."""
    driver = open_driver(engine)
    driver.begin()
    driver.upsert_add([(1, ADAS, lot, lot * 10, None) for lot in range(1, MANY + 2)])
    query = """SELECT p.lot_id, p.remaining FROM {wanted} w CROSS JOIN position p
               WHERE p.org_id = w.a AND p.account_id = w.b AND p.lot_id = w.c ORDER BY p.lot_id"""

    for many in (1, 2, 3, 5, 6, 7, 8, 9, MANY, MANY + 1):
        wanted = [(1, ADAS, lot) for lot in range(1, many + 1)]
        assert driver.select(query, wanted) == [(lot, lot * 10) for lot in range(1, many + 1)]
    driver.rollback()
    driver.close()


def _take_and_commit(driver: Driver, rows: Rows) -> None:
    """SQLite says it at once, PostgreSQL at the commit."""
    driver.add(rows)
    driver.commit()
