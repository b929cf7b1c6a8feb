"""The towns that are measured: one big organization and a thousand small ones, everybody with lots to give from.

People and accounts are written as plain rows; the lots are real grants through the journal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import orjson
from sqlalchemy import text

from core.clock import Clock, system_clock
from core.ledger.accounts import AccountKind, account_id, escrow_of, owner_of, pool_of, wallet_of
from core.ledger.commands import Command
from core.ledger.credits import Credits
from core.ledger.lots import GiftOrder, Source
from core.policy.limits import Policy
from core.services.common.ledger_service import LedgerService
from core.services.gifts.gift_commands import Give
from core.services.grants.grant_commands import Grant
from core.store import tables as t
from core.store.drivers.driver import Driver, Row
from core.store.engine import is_sqlite, writing
from core.store.timestamps import to_micros
from core.wiring import open_driver, open_ledger
from tests.support.builders import some_settings

LOTS: Final = 3  # of each member: one lapses in a year, one in two, one never
LOT_AMOUNT: Final = Credits.of(1_000_000)
GIFT: Final = Credits.parse("1.25")
MESSAGE: Final = "thanks for the review"
NO_LIMITS: Final = Policy(credits_per_gift=None, credits_per_day=None, gifts_per_day=None, gifts_per_pair_and_day=None)
_WAITING: Final = 1_000_000  # commands that may wait: the benchmark hands in more than a house would take
_STEP: Final = 7_919  # prime, so that senders and recipients pass in no order of their ids


@dataclass(slots=True)
class Town:
    """Organizations with their members, by number; the first organization is the big one."""

    members: dict[int, tuple[int, ...]]
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 10**12)))

    @property
    def big(self) -> int:
        return next(iter(self.members))

    def gifts(self, count: int, *, sender: int | None = None) -> list[Command]:
        """Return gifts within the big organization, from everybody in turn or all from one."""
        people = self.members[self.big]
        return [self._gift(self.big, people, next(self.numbers), sender) for _ in range(count)]

    def gifts_everywhere(self, count: int) -> list[Command]:
        """Return gifts in the small organizations, one after another."""
        small = list(self.members)[1:]
        found: list[Command] = []
        for _ in range(count):
            number = next(self.numbers)
            org = small[number % len(small)]
            found.append(self._gift(org, self.members[org], number, None))
        return found

    def _gift(self, org: int, people: Sequence[int], number: int, sender: int | None) -> Command:
        giver = number * _STEP % len(people) if sender is None else sender
        receiver = (giver + 1 + number % (len(people) - 1)) % len(people)
        return Give(
            org_id=org,
            actor_id=people[giver],
            key=f"bench-{number}",
            recipients=(wallet_of(people[receiver]),),
            amount=GIFT,
            message=MESSAGE,
            prefer=GiftOrder.SOONEST,
        )


def a_town(*, people: int, organizations: int, people_each: int) -> Town:
    """Return a town to build; ids are below those that writers give."""
    ids = iter(range(1, 10**9))
    sizes = [people] + [people_each] * organizations
    return Town({next(ids): tuple(next(ids) for _ in range(size)) for size in sizes})


def build(town: Town, url: str) -> None:
    """Write a town into a migrated database and close it again."""
    ledger = open_town(url)
    try:
        _write_people(open_driver(ledger.engine), town, to_micros(ledger.clock()))
        for future in [ledger.journal.submit(grant) for grant in _grants(town, ledger.clock)]:
            future.result()
        if not is_sqlite(ledger.engine):  # which is told how tables grow
            with writing(ledger.engine) as connection:
                connection.execute(text("ANALYZE"))  # as the server does by itself within a minute
    finally:
        ledger.close()


def open_town(url: str, *, clock: Clock = system_clock, queue_size: int = _WAITING) -> LedgerService:
    """Open a built town as the house does, with its own settings but for the length of the queue."""
    return open_ledger(some_settings(url, queue_size=queue_size), clock=clock)


def _write_people(driver: Driver, town: Town, now: int) -> None:
    policy = orjson.dumps(NO_LIMITS.body()).decode()
    driver.begin()
    driver.insert(t.OrganizationRow, [(org, f"Organisation {org}", None, now) for org in town.members])
    driver.insert(t.PolicyRow, [(org, 1, policy, now) for org in town.members])
    everybody = [(org, member) for org, members in town.members.items() for member in members]
    driver.insert(t.MemberRow, [_member_row(org, member, now) for org, member in everybody])
    accounts = [pool_of(org) for org in town.members]
    rows: list[Row] = [(owner_of(pool), pool, int(AccountKind.POOL)) for pool in accounts]
    for org, member in everybody:
        wallet = wallet_of(member)
        rows += [(org, wallet, int(AccountKind.WALLET)), (org, escrow_of(wallet), int(AccountKind.ESCROW))]
    rows += [(org, account_id(org, AccountKind.ESCROW), int(AccountKind.ESCROW)) for org in town.members]
    driver.insert(t.AccountRow, rows)
    driver.commit()
    driver.close()


def _member_row(org: int, member: int, now: int) -> Row:
    slack = (f"T{org}", f"U{member}")  # so that they are told of their gifts
    return (org, member, f"Member {member}", None, "person", "member", "UTC", *slack, now, now, None, None, None)


def _grants(town: Town, clock: Clock) -> Iterator[Grant]:
    now = clock()
    expiries = [now + timedelta(days=365), now + timedelta(days=730), None]
    for org, members in town.members.items():
        for member in members:
            for number in range(LOTS):
                yield Grant(
                    org_id=org,
                    actor_id=members[0],
                    key=f"lot {number} of {member}",
                    account=wallet_of(member),
                    amount=LOT_AMOUNT,
                    source=Source.PURCHASE,
                    expires_at=expiries[number],
                    giftable=True,
                    priority=100,
                    reason=None,
                )
