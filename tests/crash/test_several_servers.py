"""Several servers on one PostgreSQL are one ledger, whichever of them is asked (L7, L11)."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.support.clients import BASE, Clients, door
from tests.support.crash_checks import check
from tests.support.databases import opened
from tests.support.population import HandClock, Population, create_population
from tests.support.record import Record
from tests.support.sample_org import bearer
from tests.support.servers import Server
from tests.support.terminal import Terminal
from tests.support.waiting import eventually

SERVERS = 4
PEOPLE = 4
ANSWERS = 120
PATIENCE_SECONDS = 60
HEARD_SECONDS = 10.0  # a busy machine; a quiet one takes a tenth of one


@pytest.fixture
def clock(tmp_path: Path) -> HandClock:
    return HandClock(tmp_path / "clock")


@pytest.fixture
def population(postgresql_url: str, clock: HandClock) -> Population:
    return create_population(postgresql_url, PEOPLE, clock=clock.read)


@pytest.fixture
def servers(postgresql_url: str, tmp_path: Path, clock: HandClock, population: Population) -> Iterator[list[Server]]:
    """Four servers, started at once."""

    def started(number: int) -> Server:
        folder = tmp_path / str(number)
        folder.mkdir()
        return Server(folder, postgresql_url, clock_file=str(clock.path))

    with ThreadPoolExecutor(SERVERS) as starters:
        found = list(starters.map(started, range(SERVERS)))
    yield found
    for server in found:
        server.kill()


async def test_four_servers_are_one_ledger_also_when_one_of_them_is_killed(
    servers: list[Server],
    population: Population,
    clock: HandClock,
    postgresql_url: str,
    tmp_path: Path,
    dice: random.Random,
) -> None:
    """L6, L7, L10, L11, G2: crossing gifts, the same gift through each, statuses, and several schedulers."""
    record = Record(tmp_path / "record")
    clients = Clients(population, [server.url for server in servers], record, dice)
    working = asyncio.create_task(clients.run())
    await _answers(record, working)
    assert not clients.failures
    servers.pop().kill()  # the others do not wait for what it had locked
    await _answers(record, working)
    clients.stop()
    await working
    check(postgresql_url, record)

    async with contextlib.AsyncExitStack() as stack:
        doors = [await stack.enter_async_context(door(server.url)) for server in servers]
        await _the_same_gift_through_each_is_one(doors, population)
        await _a_status_hears_of_what_another_server_did(doors, population)
    clock.advance(timedelta(hours=3))
    await eventually(lambda: not _count(postgresql_url, "gift WHERE state = 'pending'"))
    settled = _count(postgresql_url, "gift WHERE state = 'settled'")

    assert settled == _count(postgresql_url, "transfer WHERE kind = 'gift_settle'") > 0
    assert [server.stop() for server in servers] == [0] * len(servers)
    assert not [line for server in servers for line in server.log().splitlines() if "ERROR" in line]
    assert Terminal(tmp_path, postgresql_url).json("verify")["clean"]


async def _answers(record: Record, working: asyncio.Task[None]) -> None:
    enough = len(record.answers) + ANSWERS
    await eventually(lambda: len(record.answers) >= enough or working.done(), seconds=PATIENCE_SECONDS)


async def _the_same_gift_through_each_is_one(doors: list[httpx.AsyncClient], population: Population) -> None:
    giver, receiver, *_ = population.people
    answers = await asyncio.gather(*(_give(door, population, giver, receiver, "through each") for door in doors * 3))

    assert len({answer.json()["id"] for answer in answers}) == 1
    assert [answer.headers.get("Idempotency-Replayed") for answer in answers].count(None) == 1


async def _a_status_hears_of_what_another_server_did(doors: list[httpx.AsyncClient], population: Population) -> None:
    giver, receiver, *_ = population.people
    headers = bearer(population.tokens[receiver])
    async with doors[0].stream("GET", "/v1/status/stream", headers=headers) as stream:
        lines = (line async for line in stream.aiter_lines() if line.startswith("id:"))
        seen = await anext(lines)
        await _give(doors[1], population, giver, receiver, "to be heard of")

        assert await asyncio.wait_for(anext(lines), HEARD_SECONDS) != seen


async def _give(door: httpx.AsyncClient, population: Population, giver: str, receiver: str, key: str) -> httpx.Response:
    gift = {"to": {"member": receiver}, "amount": "0.000001"}
    headers = bearer(population.tokens[giver]) | {"Idempotency-Key": key}
    answer = await door.post(f"{BASE}/transfer", json=gift, headers=headers)
    assert answer.status_code == 202, answer.text
    return answer


def _count(url: str, rows: str) -> Any:
    with opened(url) as engine, engine.connect() as connection:
        return connection.execute(text(f"SELECT count(*) FROM {rows}")).scalar_one()
