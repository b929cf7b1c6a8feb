"""Hearing of what other processes committed, also while the line to the database was down (L11)."""

from __future__ import annotations

import contextlib

import psycopg

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


def _listeners(url: str) -> list[int]:
    query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute(query)]


def _hang_up(url: str) -> None:
    listeners = _listeners(url)
    with psycopg.connect(url) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS pid", (listeners,))
