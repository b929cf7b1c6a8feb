"""PostgreSQL is killed, stopped and cut off under a living server: it says so, and goes on by itself."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from core.store.migrate import migrate
from tests.support.clients import CLIENTS, Clients
from tests.support.crash_checks import check
from tests.support.population import HandClock, create_population
from tests.support.postgres import PostgresServer, running_postgres
from tests.support.record import Record
from tests.support.servers import running_server
from tests.support.waiting import eventually

PEOPLE = 6
MOST_ANSWERS = 100  # before something happens
OUTAGE_SECONDS = 0.6  # on average; some are so long that the journal gives up waiting
LONGEST_OUTAGE_SECONDS = 4.0
PATIENCE_SECONDS = 60  # a busy machine; a quiet one needs two
SHARE = 0.5  # of all rounds
_OTHERS = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    """A server of the test's own, which it may kill; as durable as one in production."""
    with running_postgres(durable=True) as server:
        yield server


def test_a_server_whose_postgresql_is_killed_says_so_loses_nothing_and_recovers(
    postgres: PostgresServer, tmp_path: Path, dice: random.Random, share: Callable[[float], range]
) -> None:
    """L7, L10: callers hear ``overloaded`` and nothing worse, nothing acknowledged is lost, no restart is needed."""
    url, clock = postgres.url(), HandClock(tmp_path / "clock")
    migrate(url)
    population = create_population(url, PEOPLE, clock=clock.read)
    record = Record(tmp_path / "record")
    with running_server(tmp_path, url, clock_file=str(clock.path)) as server:
        clients = Clients(population, [server.url], record, dice)
        for _ in share(SHARE):
            asyncio.run(_work_through_an_outage(clients, record, postgres, dice))

            assert server.process.poll() is None
            took_effect = check(url, Record.read(tmp_path / "record"))
            # What a lost commit did is no replay to the first who is told: this server knows that nobody was.
            clients.took_effect = {number: False for number, done in took_effect.items() if not done}
            clock.advance(timedelta(hours=1))
        print(f"{len(record.asks)} requests; what kept answers away: {dict(clients.failures)}")

        assert set(clients.failures) <= {"503"}, "a server that lives answers"
        assert server.stop() == 0
        assert "Traceback" not in server.log()


async def _work_through_an_outage(
    clients: Clients, record: Record, postgres: PostgresServer, dice: random.Random
) -> None:
    enough = len(record.answers) + dice.randrange(1, MOST_ANSWERS)
    working = asyncio.create_task(clients.run())
    await eventually(lambda: len(record.answers) >= enough or working.done(), seconds=PATIENCE_SECONDS)
    await _break_off(postgres, dice)
    again = len(record.answers) + 3 * CLIENTS
    await eventually(lambda: len(record.answers) >= again or working.done(), seconds=PATIENCE_SECONDS)
    clients.stop()
    await working


async def _break_off(postgres: PostgresServer, dice: random.Random) -> None:
    """Let the database go away for a while, in one of the ways that databases go."""
    match dice.choice(["kill", "immediate", "fast", "backend", "connections"]):
        case "connections":
            with psycopg.connect(postgres.url(), autocommit=True) as connection:
                connection.execute(f"SELECT pg_terminate_backend(pid) FROM ({_OTHERS}) AS other")
        case "backend":  # then it ends all of its processes, and recovers by itself
            with psycopg.connect(postgres.url(), autocommit=True) as connection:
                others = [row[0] for row in connection.execute(_OTHERS)]
            os.kill(dice.choice(others), signal.SIGKILL)
        case how:
            if how == "kill":
                postgres.kill()
            else:
                postgres.stop(signal.SIGQUIT if how == "immediate" else signal.SIGINT)
            await asyncio.sleep(min(dice.expovariate(1 / OUTAGE_SECONDS), LONGEST_OUTAGE_SECONDS))
            postgres.start()  # of this thread: it would die with another one
