"""Two real servers on one database: each due gift is settled once; and one that was down catches up."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from core.ledger.credits import Credits
from core.ledger.lots import Source
from core.services.common.ledger_service import LedgerService
from core.services.common.recipients import Recipient
from core.services.gifts import gifts
from core.services.grants import grants
from core.services.people import members, organizations, tokens
from core.store.engine import open_engine, reading
from core.wiring import open_ledger
from tests.support.builders import some_settings
from tests.support.clock import START, ClockFile, SettableClock
from tests.support.terminal import SECRET, NearTerminal, Terminal

GIFTS = 60
SERVERS = 2
PATIENCE = 60.0
NO_LIMITS = dict.fromkeys(("credits_per_gift", "credits_per_day", "gifts_per_day", "gifts_per_pair_and_day"))


async def _promise(ledger: LedgerService) -> None:
    """Make many gifts that settle at the same instant."""
    _, _, token = await organizations.create_organization(ledger, name="Acme", admin_name="Ada", policy=NO_LIMITS)
    admin = await tokens.authenticate(ledger, token)
    bo = await members.add_member(ledger, actor=admin, name="Bo")
    me = (await members.find_members(ledger, actor=admin, query="Ada")).items[0]
    to = Recipient(member=me.id)
    await grants.grant(ledger, actor=admin, key="g", to=to, amount=Credits.of(GIFTS), source=Source.PURCHASE)
    for number in range(GIFTS):
        recipient = [Recipient(member=bo.id)]
        await gifts.give(ledger, actor=admin, key=f"gift {number}", to=recipient, amount=Credits.of(1))


@pytest.fixture
async def promised(database_url: str) -> str:
    """A database in which many gifts wait for their instant."""
    ledger = open_ledger(some_settings(database_url, secret_key=SECRET), clock=SettableClock())
    try:
        await _promise(ledger)
    finally:
        ledger.close()
    return database_url


def kinds(database_url: str) -> Counter[str]:
    """Count the transfers of each kind."""
    engine = open_engine(database_url)
    with reading(engine) as connection:
        found = connection.execute(text("SELECT kind, count(*) FROM transfer GROUP BY kind")).all()
    engine.dispose()
    return Counter(dict(map(tuple, found)))


def wait_until_settled(database_url: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while kinds(database_url)["gift_settle"] < GIFTS:
        assert time.monotonic() < deadline, kinds(database_url)
        time.sleep(0.1)


def test_two_servers_settle_each_gift_once(monkeypatch: pytest.MonkeyPatch, promised: str, tmp_path: Path) -> None:
    """G2: the sweeps of both find the same gifts; the books take each once."""
    clock = ClockFile(tmp_path / "clock")
    terminal = NearTerminal(monkeypatch, tmp_path, promised, clock_file=str(clock.path))
    with ExitStack() as stack:
        servers = [terminal.serves() for _ in range(SERVERS)]
        for server in servers:
            stack.callback(lambda each=server: each.process.poll() is None and each.kill())
        clock.advance(timedelta(hours=24))
        wait_until_settled(promised)
        time.sleep(1.5)  # and nothing more at the next tick
        swept = [_settled_by(server.url) for server in servers]
        codes = [server.stop() for server in servers]

    assert codes == [0] * SERVERS
    assert kinds(promised) == {"grant": 1, "gift_reserve": GIFTS, "gift_settle": GIFTS}
    assert sum(swept) == GIFTS
    assert terminal.json("verify")["clean"]


def test_a_server_that_was_down_catches_up_when_it_starts(promised: str, tmp_path: Path) -> None:
    clock = ClockFile(tmp_path / "clock", START + timedelta(days=9))
    terminal = Terminal(tmp_path, promised, clock_file=str(clock.path))
    server = terminal.serves()
    try:
        wait_until_settled(promised)
    finally:
        server.kill()

    assert kinds(promised)["gift_settle"] == GIFTS


def _settled_by(url: str) -> float:
    """Return how many gifts a server says that it settled."""
    for line in httpx.get(f"{url}/metrics").text.splitlines():
        if line.startswith('teamcredits_swept_total{sweep="settlement_sweep"}'):
            return float(line.split()[1])
    return 0.0
