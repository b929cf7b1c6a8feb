"""A house with funds, and files of requests shaped like those of real coding sessions."""

from __future__ import annotations

import asyncio
import io
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from sqlalchemy import Connection, text

from core.cli.replay import replay_file
from core.ledger.accounts import wallet_of
from core.ledger.credits import Credits
from core.ledger.ids import Prefix, parse_id
from core.ledger.lots import Source
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService
from core.services.grants.grant_commands import Grant
from core.services.people.members import add_member
from core.services.people.organizations import create_organization, operator
from core.services.usage.replay_tally import Tally
from core.services.wallet.verify import Discrepancy, verify
from core.wiring import open_ledger
from tests.support.builders import some_settings
from tests.support.clock import SettableClock

AT = datetime(2026, 11, 20, tzinfo=UTC)
HEADER = "session,agent,seq,t,model,input_tokens,cached_tokens,output_tokens,api_time,think_time,stop,stream"
Row = tuple[str, str, int, str, int, int, int]  # session, agent, seq, model, input, cached and output tokens

# Credits per million tokens, as they were published: input, cached input, output.
PRICES = {
    "claude-opus-4-5-20251101": ("125", "12.5", "625"),
    "claude-haiku-4-5-20251001": ("25", "2.5", "125"),
    "gpt-5.4-mini": ("18.75", "1.875", "113"),
}


@dataclass(frozen=True, slots=True)
class ReplayOrg:
    """An open ledger with one organization; its admin comes first among the members."""

    ledger: LedgerService
    clock: SettableClock
    admin: Actor
    members: tuple[str, ...]

    def number(self, member: int) -> int:
        """Return the inside id of one of the members."""
        return parse_id(Prefix.MEMBER, self.members[member])

    async def fund(self, key: str, amount: str, *, account: int, source: Source = Source.PURCHASE) -> None:
        """Grant a lot that never expires, bought if nothing else is said, to a wallet or pool."""
        credits_granted = Credits.parse(amount)
        org_id, actor_id = self.admin.org_id, self.admin.member_id
        lot = (source, None, source is Source.PURCHASE, 100)
        await self.ledger.execute(Grant(org_id, actor_id, key, account, credits_granted, *lot, reason=None))

    async def fund_member(self, key: str, amount: str, member: int, *, source: Source = Source.PURCHASE) -> None:
        await self.fund(key, amount, account=wallet_of(self.number(member)), source=source)


@dataclass(slots=True)
class Terminal:
    """Somebody who runs ``teamcredits replay`` on a house."""

    org: ReplayOrg
    folder: Path
    printed: str = ""

    def replay(self, rows: list[Any], **options: Any) -> Tally:
        path = write_requests(self.folder / "requests.csv", rows)
        return self.replay_path(path, **options)

    def replay_path(self, path: Path, **options: Any) -> Tally:
        console = Console(file=io.StringIO(), width=80)
        try:
            return replay_file(self.org.ledger, path, console=console, **{"at": AT, **options})
        finally:
            self.printed = console.file.getvalue()  # type: ignore[attr-defined]

    def fund_all(self, amount: str) -> None:
        async def fund() -> None:
            for member in range(len(self.org.members)):
                await self.org.fund_member(f"fund-{member}", amount, member)

        asyncio.run(fund())

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        def read(connection: Connection) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in connection.execute(text(query))]

        return asyncio.run(self.org.ledger.read(read))

    def findings(self) -> list[Discrepancy]:
        """Return what ``teamcredits verify`` finds."""
        return asyncio.run(verify(self.org.ledger)).findings

    def books(self) -> list[tuple[Any, ...]]:
        """Return everything that a charge could change."""
        tables = ("transfer", "entry", "position", "usage_event", "command", "seal")
        return [row for table in tables for row in sorted(self.rows(f"SELECT * FROM {table}"), key=repr)]


@contextmanager
def open_house(database_url: str, **settings: object) -> Iterator[LedgerService]:
    """Open the ledger of a migrated database, by a clock that stands still."""
    ledger = open_ledger(some_settings(database_url, **settings), clock=SettableClock())
    try:
        yield ledger
    finally:
        ledger.close()


async def settled_house(ledger: LedgerService, names: Sequence[str] = ("Ada", "Bo", "Cleo")) -> ReplayOrg:
    """Begin an organization with members and no funds."""
    _, first, _ = await create_organization(ledger, name="Acme", admin_name=names[0])
    admin = await operator(ledger)
    others = [await add_member(ledger, actor=admin, name=name) for name in names[1:]]
    assert isinstance(ledger.clock, SettableClock)
    return ReplayOrg(ledger, ledger.clock, admin, tuple(member.id for member in (first, *others)))


def some_requests(sessions: int = 6, *, requests_each: int = 8, seed: int = 7) -> list[Row]:
    """Return requests whose prompts grow and are mostly cached, sessions interleaved, a sub-agent among them."""
    chance = random.Random(seed)
    rows: list[Row] = []
    for seq in range(requests_each):
        for session in range(sessions):
            prompt = chance.randrange(1_000, 200_000)
            cached = chance.randrange(prompt + 1) if seq else 0
            agent = "0.1" if chance.random() < 0.1 else "0"
            model = chance.choice(list(PRICES))
            rows.append((f"trace_{session:04}", agent, seq, model, prompt, cached, chance.randrange(3_000)))
    return rows


def write_requests(path: Path, rows: Sequence[Row]) -> Path:
    """Write a file of requests, with the columns that nobody reads."""
    lines = [f"{s},{a},{q},0.0,{m},{i},{c},{o},1.0,0.5,tool_use,0" for s, a, q, m, i, c, o in rows]
    path.write_text("\n".join([HEADER, *lines, ""]))
    return path


def decimal_cost(row: Row) -> Decimal:
    """Return what a request costs in credits, by `decimal` alone."""
    *_, model, whole, cached, output = row
    kinds = zip((whole - cached, cached, output), map(Decimal, PRICES[model]), strict=True)
    exact = sum((tokens * price / 1_000_000 for tokens, price in kinds), Decimal(0))
    return exact.quantize(Decimal("0.000001"), rounding=ROUND_CEILING)
