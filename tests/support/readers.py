"""A house whose batches are listened to: what they ask, and whether they know that nobody else wrote."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from core.ledger.credits import Credits
from core.services.common.recipients import Recipient
from core.services.gifts import gifts
from core.store.drivers.driver import Driver, ExternallyModifiedError
from core.store.engine import writing
from tests.support.sample_org import SampleOrg, furnish, open_sample_ledger

PATIENCE = 200  # gifts until one is alone in a cluster that other tests write to as well


@pytest.fixture
async def org(database_url: str) -> AsyncIterator[SampleOrg]:
    with open_sample_ledger(database_url) as (ledger, clock):
        org = await furnish(ledger, clock)
        await org.grant(org.al)
        limit(org)
        yield org


async def give(org: SampleOrg, key: str, amount: int = 1) -> Any:
    return await gifts.give(
        org.ledger, actor=org.al.actor, key=key, to=[Recipient(member=org.bo.id)], amount=Credits.of(amount)
    )


async def give_all(org: SampleOrg, key: str, amount: Credits) -> Any:
    return await gifts.give(org.ledger, actor=org.al.actor, key=key, to=[Recipient(member=org.bo.id)], amount=amount)


def write(sample: SampleOrg, statement: str, **values: Any) -> None:
    with writing(sample.ledger.engine) as connection:
        connection.execute(text(statement), values)


def limit(org: SampleOrg, **limits: str | int) -> None:
    """Set a policy without limits but these."""
    names = ("credits_per_gift", "credits_per_day", "gifts_per_day", "gifts_per_pair_and_day")
    body = orjson.dumps(dict.fromkeys(names) | limits).decode()
    write(org, "UPDATE policy SET body = :body WHERE org_id = :org", body=body, org=org.al.actor.org_id)


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

    def externally_modified(self) -> Any:
        answer = self._driver.externally_modified()

        def fetch() -> bool:
            self.went_ahead.append(False)
            self.disturbances.append(answer())
            return self.disturbances[-1]

        return fetch

    def begin_optimistic(self, rows: Any, accounts: Any) -> bool:
        is_ahead = self._driver.begin_optimistic(rows, accounts)
        if is_ahead:
            self.went_ahead.append(True)
        return is_ahead

    def commit(self) -> None:
        try:
            self._driver.commit()
        except ExternallyModifiedError:
            self.disturbances.append(True)
            raise
        if self.went_ahead[-1]:
            self.disturbances.append(False)


@contextmanager
def curious(org: SampleOrg) -> Iterator[Curious]:
    journal = org.ledger.journal
    driver = journal._driver
    assert driver is not None
    listening = Curious(driver)
    journal._driver = listening  # type: ignore[assignment]
    yield listening
    journal._driver = driver


async def until_calm(org: SampleOrg, listening: Curious) -> None:
    """Give until the last two batches had nobody beside them, so that the next one knows what they read."""
    for number in range(PATIENCE):
        await give(org, f"calm {len(listening.disturbances)} {number}")
        if listening.disturbances[-2:] == [False, False]:
            return
    raise AssertionError("others never stopped writing")
