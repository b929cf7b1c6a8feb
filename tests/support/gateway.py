"""A gateway that sends somebody's requests to a model, at prices of its own, and what it may ask of the books."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from typing import Any, cast

import pytest
from sqlalchemy import text

from core.ledger.accounts import AccountKind, account_id, wallet_of
from core.ledger.credits import Credits
from core.ledger.errors import Refused
from core.ledger.ids import Prefix, parse_id
from core.ledger.lots import Source
from core.metering.caps import Period
from core.metering.holds import Hold, HoldState
from core.metering.usage import Rating, Usage
from core.services.allowances import caps, plans
from core.services.grants.grant_commands import Grant
from core.services.people import freezes
from core.services.usage.charge_commands import Charge
from core.services.usage.hold_commands import Authorize, Capture, Release
from core.services.wallet import balances
from core.services.wallet.verify import verify
from tests.support.sample_org import Person, SampleOrg, furnish, open_sample_ledger

HOUR = timedelta(hours=1)

_keys = count(1)


@dataclass(frozen=True, slots=True)
class Gateway:
    """Whoever sends Bo's requests to a model, at prices of its own."""

    org: SampleOrg

    @property
    def org_id(self) -> int:
        return self.org.ada.actor.org_id

    @property
    def bo(self) -> int:
        return number_of(self.org.bo)

    async def authorize(self, amount: str, *, key: str | None = None, lasts: timedelta = HOUR) -> Hold:
        key = key or f"request {next(_keys)}"
        command = Authorize(self.org_id, self.bo, key, self.bo, *used(amount), lasts)
        return cast("Hold", (await self.org.ledger.execute(command)).result)

    async def capture(self, hold: Hold, amount: str, *, by: Person | None = None) -> Hold:
        actor = number_of(by or self.org.bo)
        command = Capture(self.org_id, actor, hold.hold_id, *used(amount), for_anybody=by is self.org.ada)
        return cast("Hold", (await self.org.ledger.execute(command)).result)

    async def release(self, hold: Hold, *, by: Person | None = None) -> None:
        command = Release(self.org_id, number_of(by or self.org.bo), hold.hold_id, for_anybody=by is self.org.ada)
        await self.org.ledger.execute(command)

    async def charge(self, amount: str) -> None:
        await self.org.ledger.execute(Charge(self.org_id, self.bo, "tool", str(next(_keys)), "bo", *used(amount)))

    async def grant(self, amount: str, *, to: int | None = None, lasts: timedelta | None = None) -> int:
        """Give Bo, or an account, a bought lot, and return its id."""
        account, expires_at = to or wallet_of(self.bo), None if lasts is None else self.org.clock() + lasts
        lot = (Source.PURCHASE, expires_at, True, 100)
        admin = number_of(self.org.ada)
        command = Grant(self.org_id, admin, f"grant {next(_keys)}", account, Credits.parse(amount), *lot, reason=None)
        return (await self.org.ledger.execute(command)).first_id

    async def plan(self, **windows: str) -> None:
        """Give Bo a plan, from now on."""
        limits = {name: Credits.parse(amount) for name, amount in windows.items()}
        made = await plans.create_plan(self.org.ledger, actor=self.org.ada.actor, name="Pro", **limits)
        await plans.give_plan(self.org.ledger, actor=self.org.ada.actor, subject=self.org.bo.id, plan_id=made.id)

    async def cap(self, amount: str, period: Period = Period.DAY, *, pool: str | None = None) -> None:
        """Set a cap on what Bo takes."""
        limit = Credits.parse(amount)
        await caps.set_cap(
            self.org.ledger,
            actor=self.org.ada.actor,
            subject=self.org.bo.id,
            period=period,
            amount=limit,
            pool=pool,
        )

    async def freeze(self) -> None:
        await freezes.freeze(self.org.ledger, actor=self.org.ada.actor, member_id=self.org.bo.id, reason="lost laptop")

    async def hold(self, hold: Hold) -> Hold:
        """Return the hold as it is stored."""
        view = await self.rows(f"SELECT state, charged, overage, is_late FROM hold WHERE hold_id = {hold.hold_id}")
        state, charged, overage, is_late = view[0]
        return replace(
            hold,
            state=HoldState(state),
            charged=Credits(charged),
            overage=Credits(overage),
            is_late=bool(is_late),
        )

    async def shown(self) -> dict[str, str]:
        """Return what Bo is shown."""
        shown = await balances.balance(self.org.ledger, actor=self.org.bo.actor)
        names = ("spendable", "available", "pool", "held_usage")
        return {name: str(getattr(shown, name)) for name in names}

    async def windows(self) -> dict[str, str]:
        """Return how much of each of Bo's windows was ever used, by meter."""
        rows = await self.rows("SELECT meter, sum(used) FROM usage_window GROUP BY meter")
        return {meter.replace(str(self.team), "team"): str(Credits(int(used))) for meter, used in rows}

    @property
    def team(self) -> int:
        return parse_id(Prefix.TEAM, self.org.team)

    async def sums(self, account: int) -> str:
        """Return what the entries of an account sum to."""
        rows = await self.rows(f"SELECT coalesce(sum(amount), 0) FROM entry WHERE account_id = {account}")
        return str(Credits(int(rows[0][0])))

    async def consumed(self) -> str:
        return await self.sums(account_id(self.org_id, AccountKind.CONSUMED))

    async def lapsed(self) -> str:
        return await self.sums(account_id(self.org_id, AccountKind.BREAKAGE))

    async def owed(self) -> str:
        rows = await self.rows("SELECT coalesce(sum(amount - repaid), 0) FROM obligation")
        return str(Credits(int(rows[0][0])))

    async def told(self, kind: str) -> list[Any]:
        rows = await self.rows(f"SELECT body FROM outbox WHERE kind = '{kind}' ORDER BY created_at, notice_id")
        return [row[0] for row in rows]

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        return await self.org.ledger.read(lambda c: [tuple(row) for row in c.execute(text(query))])


def number_of(person: Person) -> int:
    return parse_id(Prefix.MEMBER, person.id)


def used(amount: str) -> tuple[Usage, Rating]:
    """Usage that costs so much."""
    cost = Credits.parse(amount)
    whole, micros = divmod(cost.micros, 1_000_000)
    return Usage("opus", input_tokens=whole, output_tokens=micros), Rating(cost, "a card", is_fallback=False)


async def refusal(doing: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await doing
    return refused.value


@pytest.fixture
async def bo(database_url: str) -> AsyncIterator[Gateway]:
    """Bo's gateway in a house without funds. Whatever was done, the books are right in the end."""
    with open_sample_ledger(database_url) as (ledger, clock):
        org = await furnish(ledger, clock)
        yield Gateway(org)
        report = await verify(ledger)
    assert report.findings == []


@pytest.fixture
async def sqlite_bo(sqlite_url: str) -> AsyncIterator[Gateway]:
    """The same, for what does not depend on the kind of database."""
    with open_sample_ledger(sqlite_url) as (ledger, clock):
        org = await furnish(ledger, clock)
        yield Gateway(org)
        report = await verify(ledger)
    assert report.findings == []
