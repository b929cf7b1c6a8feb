"""Hearing of what other processes committed, also while the line to the database was down (L11)."""

from __future__ import annotations

import contextlib
import logging

import psycopg
import pytest

from core.wiring import open_ledger
from tests.support.builders import some_settings
from tests.support.cut_connections import severable
from tests.support.sample_org import furnish, open_sample_ledger
from tests.support.waiting import eventually

SOON = 20.0


async def test_what_was_committed_while_nobody_listened_is_looked_for_once_somebody_listens_again(
    postgresql_url: str,
) -> None:
    """L11: everybody looks again when the line is back, not before: what comes in between would be missed for good."""
    with open_sample_ledger(postgresql_url) as (writing, clock), severable(postgresql_url) as line:
        org = await furnish(writing, clock)
        with contextlib.closing(open_ledger(some_settings(line.url), clock=clock)) as listening:
            listening.watch()
            await eventually(lambda: _listeners(postgresql_url))
            heard = listening.changes.subscribe()
            line.connecting_takes = 1.0
            _hang_up(postgresql_url)
            assert await heard.wait(SOON), "the line is down"
            await org.grant(org.al)

            assert await heard.wait(SOON)


async def test_a_database_that_goes_away_as_somebody_begins_to_listen_leaves_no_trace_in_the_log(
    postgresql_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """L10: the lost connection is thrown away; given back to the pool its reset would fail, with a traceback."""
    caplog.set_level(logging.WARNING)
    with (
        open_sample_ledger(postgresql_url),
        severable(postgresql_url) as line,
        contextlib.closing(open_ledger(some_settings(line.url))) as listening,
    ):
        line.hang_up_on = b"LISTEN"
        listening.watch()
        await eventually(lambda: _listeners(postgresql_url))

    assert line.cuts == 1
    assert [record.name for record in caplog.records if record.name.startswith("sqlalchemy")] == []
    assert all(record.exc_info is None for record in caplog.records)


def _listeners(url: str) -> list[int]:
    query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute(query)]


def _hang_up(url: str) -> None:
    listeners = _listeners(url)
    with psycopg.connect(url) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS pid", (listeners,))
