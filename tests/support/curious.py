"""A house whose batches are listened to: what they ask, and whether they know that nobody else wrote."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from core.ledger.credits import Credits
from core.services import gifts
from core.services.gifts import Recipient
from core.store.drivers.driver import DisturbedError, Driver
from core.store.engine import writing
from tests.support.house import House, furnish, open_house_ledger

PATIENCE = 200  # gifts until one is alone in a cluster that other tests write to as well


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    with open_house_ledger(database_url) as (ledger, clock):
        house = await furnish(ledger, clock)
        await house.grant(house.al)
        limit(house)
        yield house


async def give(house: House, key: str, amount: int = 1) -> Any:
    return await gifts.give(
        house.ledger, actor=house.al.actor, key=key, to=[Recipient(member=house.bo.id)], amount=Credits.of(amount)
    )


async def give_all(house: House, key: str, amount: Credits) -> Any:
    return await gifts.give(
        house.ledger, actor=house.al.actor, key=key, to=[Recipient(member=house.bo.id)], amount=amount
    )


def write(house: House, statement: str, **values: Any) -> None:
    with writing(house.ledger.engine) as connection:
        connection.execute(text(statement), values)


def limit(house: House, **limits: str | int) -> None:
    """Set a policy without limits but these."""
    names = ("credits_per_gift", "credits_per_day", "gifts_per_day", "gifts_per_pair_and_day")
    body = orjson.dumps(dict.fromkeys(names) | limits).decode()
    write(house, "UPDATE policy SET body = :body WHERE org_id = :org", body=body, org=house.al.actor.org_id)


class Curious:
    """A driver that remembers what was asked, and what became of asking whether somebody else wrote."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.asked: list[str] = []
        self.disturbances: list[bool] = []
        self.went_ahead: list[bool] = []  # whether each batch went ahead

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    def ask(self, query: str, wanted: Any) -> Any:
        self.asked.append(query)
        return self._driver.ask(query, wanted)

    def disturbed(self) -> Any:
        answer = self._driver.disturbed()

        def fetch() -> bool:
            self.went_ahead.append(False)
            self.disturbances.append(answer())
            return self.disturbances[-1]

        return fetch

    def go_ahead(self, rows: Any, accounts: Any) -> bool:
        is_ahead = self._driver.go_ahead(rows, accounts)
        if is_ahead:
            self.went_ahead.append(True)
        return is_ahead

    def commit(self) -> None:
        try:
            self._driver.commit()
        except DisturbedError:
            self.disturbances.append(True)
            raise
        if self.went_ahead[-1]:
            self.disturbances.append(False)


@contextmanager
def curious(house: House) -> Iterator[Curious]:
    journal = house.ledger.journal
    driver = journal._driver
    assert driver is not None
    listening = Curious(driver)
    journal._driver = listening  # type: ignore[assignment]
    yield listening
    journal._driver = driver


async def until_calm(house: House, listening: Curious) -> None:
    """Give until the last two batches had nobody beside them, so that the next one knows what they read."""
    for number in range(PATIENCE):
        await give(house, f"calm {len(listening.disturbances)} {number}")
        if listening.disturbances[-2:] == [False, False]:
            return
    raise AssertionError("others never stopped writing")
