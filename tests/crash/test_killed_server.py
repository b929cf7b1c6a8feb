"""``teamcredits serve`` is killed at random points under load, and held against its clients' own record."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from tests.support.clients import Clients
from tests.support.crash_checks import await_disconnected, check
from tests.support.population import HandClock, create_population
from tests.support.record import Record
from tests.support.servers import Server, running_server
from tests.support.terminal import Terminal
from tests.support.waiting import eventually

PEOPLE = 6
MOST_ANSWERS = 120  # before a kill
START_SECONDS = 2.5  # in which a start may be killed
PATIENCE_SECONDS = 60  # a busy machine; a quiet one needs one
SHARE = 0.25  # of all rounds, on each database


def test_a_killed_server_has_lost_nothing_it_acknowledged_and_done_nothing_twice(
    database_url: str, tmp_path: Path, dice: random.Random, share: Callable[[float], range]
) -> None:
    """L6, L10: every acknowledged request has its one effect; of every other one, its retry tells whether it has."""
    clock = HandClock(tmp_path / "clock")
    population = create_population(database_url, PEOPLE, clock=clock.read)
    record = Record(tmp_path / "record")
    with running_server(tmp_path, database_url, clock_file=str(clock.path)) as server:
        clients = Clients(population, [server.url], record, dice)
        unanswered = undone = 0
        for _ in share(SHARE):
            asyncio.run(_work_until_killed(clients, record, server, dice))
            await_disconnected(database_url)
            _start_again(server, dice)
            clients.took_effect = check(database_url, Record.read(tmp_path / "record"))
            unanswered += len(clients.took_effect)
            undone += list(clients.took_effect.values()).count(False)
            clock.advance(timedelta(hours=1))  # gifts of two rounds ago settle while clients work and it is killed
        asyncio.run(_answer_the_rest(clients, record))
        print(f"{len(record.asks)} requests; {unanswered} were unanswered at a kill, {undone} of them not done")

        assert not check(database_url, Record.read(tmp_path / "record"))
        assert not clients.took_effect, "every retry has told"
        assert unanswered
        assert server.stop() == 0
        assert Terminal(tmp_path, database_url).json("verify")["clean"]
        assert "Traceback" not in server.log()


async def _work_until_killed(clients: Clients, record: Record, server: Server, dice: random.Random) -> None:
    enough = len(record.answers) + dice.randrange(1, MOST_ANSWERS)
    working = asyncio.create_task(clients.run())
    await eventually(lambda: len(record.answers) >= enough or working.done(), seconds=PATIENCE_SECONDS)
    await asyncio.sleep(dice.uniform(0, 0.03))
    if dice.random() < 0.1:  # it is asked to stop, and killed while it does
        server.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(dice.uniform(0, 0.2))
    server.kill()
    clients.stop()
    await working


def _start_again(server: Server, dice: random.Random) -> None:
    if dice.random() < 0.1:  # it is killed while it starts
        server.launch()
        time.sleep(dice.uniform(0, START_SECONDS))
        server.kill()
    server.start()


async def _answer_the_rest(clients: Clients, record: Record) -> None:
    working = asyncio.create_task(clients.run())
    await eventually(lambda: not clients.took_effect or working.done(), seconds=PATIENCE_SECONDS)
    clients.stop()
    await working
