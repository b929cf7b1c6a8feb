"""Anything in any order, side by side: what is charged, given back, taken back and reset always adds up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import pytest
from sqlalchemy import text

from core.ledger.accounts import AccountKind, account_id
from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, shown_id
from core.ledger.lots import Source
from core.metering.caps import Period
from core.metering.usage import Rating, Usage
from core.services.allowances import caps, plans, resets
from core.services.common.recipients import Recipient
from core.services.grants import grants, refunds, voids
from core.services.grants.expiry import expire_due
from core.services.usage.charge_commands import Charge
from core.services.usage.hold_commands import Authorize, Capture
from core.services.wallet.verify import verify
from tests.support.sample_org import SampleOrg

ROUNDS: Final = 12
AT_ONCE: Final = 12
EXPECTED: Final = {
    Code.INSUFFICIENT_REMAINING,
    Code.INSUFFICIENT_CREDITS,
    Code.NOTHING_TO_RESET,
    Code.RESET_NOT_BANKED,  # a banked reset that has expired, or was used
    Code.OVERLOADED,  # too many at one charge
}


class Life:
    """People who spend, and an admin who corrects; what they do is chosen by the seed."""

    def __init__(self, org: SampleOrg, seed: int) -> None:
        self.org, self.chance = org, random.Random(seed)
        self.charges: list[str] = []
        self.lots: list[str] = []
        self.keys = 0

    async def round(self) -> None:
        """Do some things at once; only what a caller may cause is refused."""
        acts: tuple[Callable[[], Awaitable[object]], ...] = (
            self._grant,
            self._charge,
            self._charge,
            self._capture,
            self._refund,
            self._refund,
            self._void,
            self._reset,
            self._use_reset,
        )
        outcomes = await asyncio.gather(*(self.chance.choice(acts)() for _ in range(AT_ONCE)), return_exceptions=True)
        wrong = [each for each in outcomes if isinstance(each, BaseException) and not _expected(each)]
        assert not wrong, wrong
        self.org.clock.advance(timedelta(minutes=self.chance.choice((0, 1, 90, 2_000))))
        await expire_due(self.org.ledger)

    async def give_all_back(self) -> None:
        """Refund what is left of every charge."""
        for charge in self.charges:
            found = await refunds.charge(self.org.ledger, actor=self.org.ada.actor, transfer_id=charge)
            if found.left:
                await self._refund_of(charge, None)

    async def _grant(self) -> None:
        to = self.chance.choice(
            (Recipient(member=self.org.bo.id), Recipient(member=self.org.al.id), Recipient(pool=self.org.team))
        )
        hours = self.chance.choice((None, None, 2, 30))
        answer = await grants.grant(
            self.org.ledger,
            actor=self.org.ada.actor,
            key=self._key(),
            to=to,
            amount=self._amount(60),
            source=self.chance.choice((Source.PURCHASE, Source.PROMO)),
            expires_at=None if hours is None else self.org.clock() + timedelta(hours=hours),
        )
        self.lots.append(answer.item.lot_id)

    async def _charge(self) -> None:
        actor = self._spender()
        charge = Charge(actor[0], actor[1], "gateway", self._key(), "x", Usage("opus", 1), self._rating())
        self.charges.append(shown_id(Prefix.TRANSFER, (await self.org.ledger.execute(charge)).first_id))

    async def _capture(self) -> None:
        org_id, member = self._spender()
        ttl, usage = timedelta(minutes=self.chance.choice((1, 200))), Usage("opus", 1)
        opened = await self.org.ledger.execute(
            Authorize(org_id, member, self._key(), member, usage, self._rating(), ttl)
        )
        if self.chance.random() < 0.5:
            await resets.run_orders(self.org.ledger)
        capture = Capture(org_id, member, opened.first_id, usage, self._rating(), for_anybody=False)
        self.charges.append(shown_id(Prefix.TRANSFER, (await self.org.ledger.execute(capture)).first_id))

    async def _refund(self) -> None:
        if self.charges:
            wanted = None if self.chance.random() < 0.3 else self._amount(20)
            await self._refund_of(self.chance.choice(self.charges), wanted)

    async def _refund_of(self, charge: str, amount: Credits | None) -> None:
        await refunds.refund(
            self.org.ledger,
            actor=self.org.ada.actor,
            key=self._key(),
            transfer_id=charge,
            reason="at random",
            amount=amount,
        )

    async def _void(self) -> None:
        if self.lots:
            await voids.void(
                self.org.ledger,
                actor=self.org.ada.actor,
                key=self._key(),
                lot_id=self.chance.choice(self.lots),
                reason="at random",
                amount=self._amount(10),
            )

    async def _reset(self) -> None:
        subject = self.chance.choice((self.org.bo.id, self.org.al.id, self.org.id))
        await resets.order(
            self.org.ledger,
            actor=self.org.ada.actor,
            key=self._key(),
            subject=subject,
            banked=self.chance.random() < 0.5,
        )
        await resets.run_orders(self.org.ledger)

    async def _use_reset(self) -> None:
        found = (await resets.list_resets(self.org.ledger, actor=self.org.bo.actor)).items
        if found:
            number = self.chance.choice(found).id
            await resets.use(self.org.ledger, actor=self.org.bo.actor, reset_id=number)

    def _spender(self) -> tuple[int, int]:
        actor = self.chance.choice((self.org.al, self.org.bo)).actor
        return actor.org_id, actor.member_id

    def _rating(self) -> Rating:
        return Rating(self._amount(45), "card", is_fallback=False)

    def _amount(self, most: int) -> Credits:
        return Credits(self.chance.randint(1, most * 1_000_000))

    def _key(self) -> str:
        self.keys += 1
        return f"key {self.keys}"


@pytest.mark.parametrize("seed", range(4))
async def test_books_and_windows_add_up_and_all_that_was_charged_can_be_given_back(org: SampleOrg, seed: int) -> None:
    """After every charge is given back, nothing is consumed, nothing is owed for usage, and the proof is clean."""
    plan = await plans.create_plan(
        org.ledger, actor=org.ada.actor, name="P", five_hours=Credits.of(20), weekly=Credits.of(60)
    )
    await plans.give_plan(org.ledger, actor=org.ada.actor, subject=org.id, plan_id=plan.id)
    await caps.set_cap(org.ledger, actor=org.ada.actor, subject=org.bo.id, period=Period.DAY, amount=Credits.of(70))
    life = Life(org, seed)
    for _ in range(ROUNDS):
        await life.round()
    on_the_way = await verify(org.ledger)
    await life.give_all_back()
    at_the_end = await verify(org.ledger)

    assert (on_the_way.findings, at_the_end.findings) == ([], [])
    assert len(life.charges) > ROUNDS
    consumed = account_id(org.bo.actor.org_id, AccountKind.CONSUMED)
    assert await _number(org, f"SELECT coalesce(sum(amount), 0) FROM entry WHERE account_id = {consumed}") == 0
    owed = "SELECT coalesce(sum(amount - repaid - coalesce(cancelled, 0)), 0) FROM obligation"
    assert await _number(org, owed) == 0


async def _number(org: SampleOrg, query: str) -> int:
    return int(await org.ledger.read(lambda connection: connection.execute(text(query)).scalar_one()))


def _expected(error: BaseException) -> bool:
    return isinstance(error, Refused) and error.code in EXPECTED
