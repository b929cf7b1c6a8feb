"""The journal writer on both databases: group commit, keys, refusals, defects and lost connections (L6, L7)."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from core.ledger.batch import BatchState
from core.ledger.commands import ReadSet
from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.transfers import TransferKind
from core.services.common.digests import digest_of
from core.services.common.ledger_service import LedgerService
from core.services.common.recipients import Recipient
from core.services.gifts import gifts, settlement
from core.services.gifts.settlement_commands import Settle
from core.services.wallet import balances
from core.services.wallet.verify import verify
from core.store.drivers.driver import Driver
from core.store.tables import PolicyRow
from tests.support.sample_org import SampleOrg, furnish, open_sample_ledger
from tests.support.waiting import eventually


@pytest.fixture
async def org(database_url: str) -> Any:
    with open_sample_ledger(database_url) as (ledger, clock):
        yield await furnish(ledger, clock)


async def _give(org: SampleOrg, key: str, amount: int = 10, *, message: str | None = None) -> Any:
    return await gifts.give(
        org.ledger,
        actor=org.al.actor,
        key=key,
        to=[Recipient(member=org.bo.id)],
        amount=Credits.of(amount),
        message=message,
    )


@dataclass(frozen=True, slots=True)
class Broken:
    """A command with a defect: its decision raises, or writes what the database must refuse."""

    org_id: int
    key: str
    raises: bool
    actor_id: int = 0
    count: int = 1

    @property
    def needs(self) -> ReadSet:
        return ReadSet()

    @property
    def digest(self) -> bytes:
        return digest_of("broken", self.key)

    def decide(self, batch: BatchState) -> None:
        if self.raises:
            raise ZeroDivisionError
        number = batch.next_id()
        batch.post(TransferKind.FREEZE, transfer_id=number)
        batch.post(TransferKind.FREEZE, transfer_id=number)  # the same primary key twice


class Unreliable:
    """A driver that fails at a chosen call, before or after the call took effect."""

    def __init__(self, driver: Driver, plan: dict[str, tuple[bool, int]]) -> None:
        self._driver, self._plan = driver, plan

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._driver, name)
        if name not in self._plan:
            return method

        def call(*arguments: Any) -> Any:
            after, left = self._plan[name]
            if left == 0:
                return method(*arguments)
            self._plan[name] = (after, left - 1)
            if after:
                method(*arguments)
            raise ConnectionResetError("the connection is gone")

        return call

    def lost(self, error: BaseException) -> bool:
        return isinstance(error, ConnectionResetError) or self._driver.lost(error)


@contextmanager
def failing(ledger: LedgerService, call: str, *, after: bool, times: int = 1) -> Iterator[None]:
    """Let a call of the journal's connection fail, as when the network does."""
    journal = ledger.journal
    plan = {call: (after, times)}
    opened = journal._open_driver
    journal._open_driver = lambda: Unreliable(opened(), plan)  # type: ignore[assignment,return-value]
    driver, journal._driver = journal._driver, None
    yield
    journal._open_driver = opened
    if driver is not None:
        driver.close()


async def test_the_same_key_and_content_answers_with_the_same_gift(org: SampleOrg) -> None:
    """L6: a replay has the first answer's id and no second effect."""
    await org.grant(org.al)
    first = await _give(org, "a")
    again = await _give(org, "a")

    assert not first.replayed
    assert again.replayed
    assert again.item[0].id == first.item[0].id
    assert (await balances.balance(org.ledger, actor=org.al.actor)).available == Credits.of(990)


async def test_the_same_key_with_other_content_is_a_conflict(org: SampleOrg) -> None:
    """L6: a key is bound to the content it first came with."""
    await org.grant(org.al)
    await _give(org, "a", 10)

    with pytest.raises(Refused) as refused:
        await _give(org, "a", 11)

    assert refused.value.code is Code.IDEMPOTENCY_CONFLICT


async def test_a_refused_command_binds_no_key(org: SampleOrg) -> None:
    """L6: what was refused is decided afresh under the same key."""
    with pytest.raises(Refused) as refused:
        await _give(org, "a")
    await org.grant(org.al)
    later = await _give(org, "a")

    assert refused.value.code is Code.INSUFFICIENT_GIFTABLE
    assert not later.replayed


async def test_fifty_twins_at_once_have_one_effect(org: SampleOrg) -> None:
    """L6: a double click, fifty times over."""
    await org.grant(org.al)
    answers = await asyncio.gather(*(_give(org, "twin") for _ in range(50)))

    assert len({answer.item[0].id for answer in answers}) == 1
    assert sum(not answer.replayed for answer in answers) == 1
    assert (await balances.balance(org.ledger, actor=org.al.actor)).held_gifts == Credits.of(10)


async def test_gifts_at_one_instant_cannot_slip_under_a_limit_together(org: SampleOrg) -> None:
    """Two a day per pair hold inside one batch too, and refusals leave their neighbours alone."""
    await org.grant(org.al)
    outcomes = await asyncio.gather(*(_give(org, f"k{n}") for n in range(10)), return_exceptions=True)

    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert len(refused) == 8
    assert {each.code for each in refused} == {Code.POLICY_REFUSED}
    assert (await verify(org.ledger)).clean


async def test_credits_cannot_be_spent_twice_by_racing_gifts(org: SampleOrg) -> None:
    """L2: a hundred gifts of 10 against 25."""
    await org.grant(org.al, "25")
    await _without_limits(org)
    outcomes = await asyncio.gather(*(_give(org, f"k{n}") for n in range(100)), return_exceptions=True)

    assert sum(not isinstance(outcome, Refused) for outcome in outcomes) == 2
    assert (await balances.balance(org.ledger, actor=org.al.actor)).available == Credits.of(5)


async def test_a_defect_harms_only_its_own_command(org: SampleOrg) -> None:
    """L7: a decision that raises, and rows that the database refuses, get internal_error; neighbours are booked."""
    await org.grant(org.al)
    own_org = org.al.actor.org_id
    broken = [Broken(own_org, f"raise{n}", raises=True) for n in range(3)]
    broken += [Broken(own_org, f"clash{n}", raises=False) for n in range(3)]
    outcomes = await asyncio.gather(
        _give(org, "a"), *(org.ledger.execute(each) for each in broken), _give(org, "b"), return_exceptions=True
    )

    codes = [outcome.code for outcome in outcomes if isinstance(outcome, Refused)]
    assert codes == [Code.INTERNAL_ERROR] * 6
    assert (await balances.balance(org.ledger, actor=org.al.actor)).held_gifts == Credits.of(20)
    assert (await verify(org.ledger)).clean


@pytest.mark.parametrize("after", [False, True], ids=["before it took effect", "after it took effect"])
@pytest.mark.parametrize("call", ["begin", "claim", "lock", "insert", "commit"])
async def test_a_lost_connection_loses_and_doubles_nothing(org: SampleOrg, call: str, after: bool) -> None:
    """L7, L10: the batch is run again, and its keys tell what took effect."""
    await org.grant(org.al)
    with failing(org.ledger, call, after=after):
        answer = await _give(org, "a", 10)
    more = await _give(org, "b", 10)

    assert not answer.replayed
    assert not more.replayed
    assert (await balances.balance(org.ledger, actor=org.al.actor)).held_gifts == Credits.of(20)
    assert (await verify(org.ledger)).clean


async def test_a_connection_lost_at_commit_tells_one_caller_that_a_command_was_new(org: SampleOrg) -> None:
    """L6: twins in the lost batch, and an older key sent again in it, are replays all the same."""
    await org.grant(org.al)
    await _give(org, "old", 10)
    with failing(org.ledger, "commit", after=True), _stalled(org.ledger.journal):
        asked = [asyncio.ensure_future(_give(org, key, 10)) for key in ("old", "new", "old", "new")]
        await asyncio.sleep(0.1)
    answers = await asyncio.gather(*asked)

    assert [answer.replayed for answer in answers] == [True, False, True, True]
    assert (await balances.balance(org.ledger, actor=org.al.actor)).held_gifts == Credits.of(20)


async def test_a_caller_who_hangs_up_before_a_refusal_leaves_no_error_in_the_log(
    org: SampleOrg, caplog: pytest.LogCaptureFixture
) -> None:
    with _stalled(org.ledger.journal):
        asked = asyncio.ensure_future(_give(org, "more than there is"))
        await asyncio.sleep(0.1)
        asked.cancel()
        await asyncio.wait([asked])
    await org.grant(org.al)
    gc.collect()

    assert asked.cancelled()
    assert caplog.records == []


async def test_a_full_queue_answers_overloaded_at_once(org: SampleOrg) -> None:
    """L7: backpressure; what was accepted is still answered."""
    await org.grant(org.al)
    await _without_limits(org)
    journal = org.ledger.journal
    journal._queue.size = 5
    with _stalled(journal) as held:
        first = asyncio.ensure_future(_give(org, "in the writer's hands"))
        await eventually(held.is_set)
        waiting = [asyncio.ensure_future(_give(org, f"k{number}")) for number in range(20)]
        await eventually(lambda: sum(task.done() for task in waiting) >= 15)
        refused = [task.exception() for task in waiting if task.done()]
    await asyncio.wait([first, *waiting])

    assert len(refused) == 15
    assert {error.code for error in refused if isinstance(error, Refused)} == {Code.OVERLOADED}
    assert sum(task.exception() is None for task in waiting) == 5


async def test_of_commands_handed_in_together_a_full_queue_takes_those_it_has_room_for(org: SampleOrg) -> None:
    """L7: each has its own answer, in order."""
    own_org = org.ada.actor.org_id
    org.ledger.journal._queue.size = 3

    answers = await org.ledger.execute_all([Settle(own_org, number) for number in range(1, 6)])
    from_a_thread = org.ledger.journal.submit_all([Settle(own_org, number) for number in range(1, 6)]).result()

    assert [answer.code for answer in answers if isinstance(answer, Refused)] == [Code.NOT_FOUND] * 3 + [
        Code.OVERLOADED
    ] * 2
    assert list(map(str, from_a_thread)) == list(map(str, answers))
    assert await org.ledger.execute_all([]) == []


async def test_an_unreachable_database_answers_clearly_and_recovers(org: SampleOrg) -> None:
    """L7: retries are bounded; when the cause is gone the house goes on."""
    await org.grant(org.al)
    with failing(org.ledger, "begin", after=False, times=6), pytest.raises(Refused) as refused:
        await _give(org, "a")
    answer = await _give(org, "a")

    assert refused.value.code is Code.OVERLOADED
    assert not answer.replayed


async def test_two_processes_settle_each_gift_once(org: SampleOrg, database_url: str) -> None:
    """G2: several schedulers at once are harmless."""
    await org.grant(org.al)
    await _give(org, "a")
    await _give(org, "b")
    org.clock.advance(timedelta(hours=25))
    with open_sample_ledger(database_url) as (second, clock):
        clock.advance(timedelta(hours=25))
        swept = await asyncio.gather(*(settlement.settle_due(each) for each in (org.ledger, second) * 4))

    assert sum(each.done for each in swept) == 2
    assert (await balances.balance(org.ledger, actor=org.bo.actor)).available == Credits.of(20)
    assert (await verify(org.ledger)).clean


async def test_a_message_is_erasable_and_the_books_keep_its_hash(org: SampleOrg) -> None:
    """L1: free text lives in its own row; without it verify is still clean."""
    await org.grant(org.al)
    await _give(org, "a", message="thanks for the payload fix")
    await org.ledger.write(lambda connection: connection.exec_driver_sql("DELETE FROM note"))

    assert (await verify(org.ledger)).clean


async def test_another_process_s_commit_is_heard_by_those_it_concerns(org: SampleOrg, database_url: str) -> None:
    """L11: NOTIFY on PostgreSQL, the data version on SQLite; only those concerned are woken."""
    await org.grant(org.al)
    mine = org.ledger.changes.subscribe(org.bo.actor.member_id)
    strangers = org.ledger.changes.subscribe(org.stranger.actor.member_id)
    org.ledger.watch()
    assert await mine.wait(timeout=10), "who begins to watch looks at everything once"
    assert await strangers.wait(timeout=10)
    with open_sample_ledger(database_url) as (second, _clock):
        await _give(replace(org, ledger=second), "a")
        heard = await mine.wait(timeout=2)
    told = await strangers.wait(timeout=0.2)

    assert heard
    assert not told


async def _without_limits(org: SampleOrg) -> None:
    body = dict.fromkeys(("credits_per_gift", "credits_per_day", "gifts_per_day", "gifts_per_pair_and_day"))
    await org.ledger.write(lambda connection: connection.execute(update(PolicyRow).values(body=body)))


@contextmanager
def _stalled(journal: Any) -> Iterator[threading.Event]:
    """Hold the writer between two batches; the event tells that it has one in its hands."""
    release, held, run = threading.Event(), threading.Event(), journal._run_once

    def stalled(commands: Any) -> Any:
        held.set()
        release.wait()
        return run(commands)

    is_at_hand, journal._is_at_hand = journal._is_at_hand, False
    journal._run_once = stalled
    try:
        yield held
    finally:
        release.set()
        journal._run_once, journal._is_at_hand = run, is_at_hand
