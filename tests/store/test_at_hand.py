"""Few commands are carried out by the event loop they come from, where the database is at hand (L7)."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from core.ledger.batch import BatchState
from core.ledger.commands import ReadSet, Receipt
from core.ledger.credits import Credits
from core.services.common.digests import digest_of
from core.services.common.recipients import Recipient
from core.services.gifts import gifts
from core.services.wallet import balances
from core.services.wallet.verify import verify
from core.store.journal import journal as journal_module
from core.store.journal.journal import FEW
from tests.store.test_journal import Unreliable
from tests.support.sample_org import SampleOrg, furnish, open_sample_ledger
from tests.support.waiting import eventually

_NUMBERS = itertools.count()


@pytest.fixture(autouse=True)
def nothing_else_for_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is slow by chance, and the schema is not looked at."""
    monkeypatch.setattr(journal_module, "SLOW_SECONDS", 60)
    monkeypatch.setattr(journal_module, "SCHEMA_SECONDS", 60)


@pytest.fixture
async def org(sqlite_url: str) -> Any:
    async with _warm(sqlite_url) as org:
        yield org


@asynccontextmanager
async def _warm(url: str) -> AsyncIterator[SampleOrg]:
    """A house whose journal has written, so that nothing is left to be opened, and whose thread is at rest."""
    with open_sample_ledger(url) as (ledger, clock):
        org = await furnish(ledger, clock)
        await org.grant(org.al)
        await eventually(lambda: not ledger.journal._at_work.locked())
        yield org


@dataclass(frozen=True, slots=True)
class Noted:
    """A command that notes which thread decides it, and changes nothing."""

    org_id: int
    key: str
    threads: list[str] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None
    actor_id: int = 0
    count: int = 1

    @property
    def needs(self) -> ReadSet:
        return ReadSet()

    @property
    def digest(self) -> bytes:
        return digest_of("noted", self.key)

    def decide(self, batch: BatchState) -> None:  # noqa: ARG002
        self.threads.append(threading.current_thread().name)
        self.meanwhile()


def _noted(org: SampleOrg, key: str, meanwhile: Callable[[], None] = lambda: None) -> Noted:
    return Noted(org.ada.actor.org_id, key, meanwhile=meanwhile)


async def test_one_command_is_carried_out_by_its_own_event_loop(org: SampleOrg) -> None:
    assert await _carried_out_here(org)


async def test_many_commands_and_those_of_sweeps_are_the_threads(org: SampleOrg) -> None:
    many = [_noted(org, str(number)) for number in range(FEW + 1)]
    swept = _noted(org, "swept")

    await asyncio.gather(*map(org.ledger.execute, many))
    await org.ledger.execute(swept, in_background=True)

    assert {name for command in (*many, swept) for name in command.threads} == {"journal"}


async def test_a_database_elsewhere_is_waited_for_by_the_thread(postgresql_url: str) -> None:
    async with _warm(postgresql_url) as org:
        command = _noted(org, "a")
        await org.ledger.execute(command)

        assert command.threads == ["journal"]


async def test_the_loop_goes_on_while_another_process_writes(org: SampleOrg, sqlite_url: str) -> None:
    with _writing(sqlite_url):
        asked = asyncio.ensure_future(_give(org, "a"))
        longest = await _longest_round(0.3)
        assert not asked.done()

    assert (await asked).item
    assert longest < 0.2


async def test_the_loop_goes_on_while_the_log_is_taken_into_the_file(org: SampleOrg) -> None:
    """The checkpointer holds the guard for as long as that takes."""
    with org.ledger._guard:
        asked = asyncio.ensure_future(_give(org, "a"))
        longest = await _longest_round(0.3)
        assert not asked.done()

    assert (await asked).item
    assert longest < 0.2


async def test_after_a_slow_batch_the_thread_does_the_work_for_a_while(
    org: SampleOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow disk keeps callers waiting, and nobody else."""
    monkeypatch.setattr(journal_module, "SLOW_SECONDS", 0.3)
    monkeypatch.setattr(journal_module, "ELSEWHERE_SECONDS", 0.5)
    assert await _carried_out_here(org, lambda: time.sleep(0.4))
    after = _noted(org, "after")
    await org.ledger.execute(after)
    await asyncio.sleep(0.6)

    assert after.threads == ["journal"]
    assert await _carried_out_here(org)


@pytest.mark.parametrize("call", ["begin", "claim", "insert", "add", "commit"])
@pytest.mark.parametrize("after", [False, True], ids=["before it took effect", "after it took effect"])
async def test_a_connection_lost_on_the_loop_loses_and_doubles_nothing(org: SampleOrg, call: str, after: bool) -> None:
    """L6, L7: the thread opens another and tries again; a commit that did take effect is new to its caller."""
    journal = org.ledger.journal
    driver = journal._driver
    assert driver is not None
    journal._driver = Unreliable(driver, {call: (after, 1)})  # type: ignore[assignment]
    answer = await _give(org, "a")
    driver.close()
    more = await _give(org, "b")

    assert not answer.replayed
    assert not more.replayed
    assert (await balances.balance(org.ledger, actor=org.al.actor)).held_gifts == Credits.of(20)
    assert (await verify(org.ledger)).clean


async def test_a_defect_on_the_loop_is_answered_and_disturbs_nobody(org: SampleOrg) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    journal = org.ledger.journal
    settle, journal._settle = journal._settle, lambda *_: fail()  # type: ignore[assignment,method-assign]
    with pytest.raises(Exception, match="Something went wrong on our side"):
        await org.ledger.execute(_noted(org, "a"))
    journal._settle = settle  # type: ignore[method-assign]

    assert (await _give(org, "b")).item


async def test_commands_that_are_waiting_when_the_house_closes_are_carried_out(sqlite_url: str) -> None:
    async with _warm(sqlite_url) as org:
        asked = asyncio.ensure_future(_give(org, "a"))
        await asyncio.sleep(0)
        await asyncio.to_thread(org.ledger.journal.close)

        assert (await asked).item


async def test_a_house_that_closes_while_a_loop_is_at_work_answers_everybody(org: SampleOrg) -> None:
    closer = threading.Thread(target=org.ledger.journal.close)

    def close() -> None:
        if threading.current_thread() is threading.main_thread():
            closer.start()
            closer.join(0.5)

    async with asyncio.timeout(5):
        await org.ledger.execute(_noted(org, "a", close))
    closer.join()


async def test_what_a_lost_commit_did_is_new_though_a_loop_finds_it(org: SampleOrg) -> None:
    """L6: the thread, busy with another command, opens a connection; a loop is first to look at the queue again."""
    journal, queue = org.ledger.journal, org.ledger.journal._queue
    driver = journal._driver
    assert driver is not None
    journal._driver = Unreliable(driver, {"commit": (True, 1)})  # type: ignore[assignment]
    work, take, others = journal._carried_out_at_once, queue.take, []

    def take_late() -> Any:
        time.sleep(0.5)
        return take()

    def at_once(tickets: Any, here: Any) -> bool:
        if not others:
            others.append(journal.submit(_noted(org, "the thread's")))
            while len(queue):  # until the thread has taken it, and waits for its turn
                time.sleep(0.001)
            queue.take = take_late  # type: ignore[method-assign]
        return work(tickets, here)

    journal._carried_out_at_once = at_once  # type: ignore[method-assign]
    asked = asyncio.ensure_future(_give(org, "a"))
    await eventually(lambda: bool(others))
    await asyncio.wrap_future(others[0])
    await org.ledger.execute(_noted(org, "the loop's"))
    answer = await asyncio.wait_for(asked, 5)
    queue.take = take  # type: ignore[method-assign]
    driver.close()

    assert not answer.replayed


async def test_an_interrupt_in_the_middle_of_a_batch_leaves_the_books_as_they_are(org: SampleOrg) -> None:
    """L8: whoever comes next finds out where the chain of seals ends."""
    journal = org.ledger.journal
    driver = journal._driver
    assert driver is not None

    def interrupted() -> None:
        driver.__class__.commit(driver)
        raise SystemExit

    driver.commit = interrupted  # type: ignore[method-assign]
    asked = asyncio.ensure_future(_give(org, "a"))
    await asyncio.sleep(0)
    while journal._turn_of is None:
        await asyncio.sleep(0)
    journal._turn_of = None
    with pytest.raises(SystemExit):
        journal._take_turn(asyncio.get_running_loop())
    await _give(org, "b")

    assert not (await asked).replayed
    assert (await verify(org.ledger)).clean


async def test_two_event_loops_share_one_journal(org: SampleOrg) -> None:
    """Whoever comes second leaves it to the thread."""
    ends = threading.Event()

    def elsewhere() -> int:
        async def give() -> int:
            given = 0
            while not ends.is_set():
                await org.ledger.execute(_noted(org, f"elsewhere {given}"))
                given += 1
            return given

        return asyncio.run(give())

    other = asyncio.create_task(asyncio.to_thread(elsewhere))
    for number in range(200):
        await org.ledger.execute(_noted(org, f"here {number}"))
    ends.set()

    assert await other > 0


async def test_a_loop_that_has_ended_leaves_the_turn_to_others(org: SampleOrg) -> None:
    def elsewhere() -> None:
        async def ask() -> None:
            asyncio.get_running_loop().call_soon(asyncio.get_running_loop().stop)
            org.ledger.journal._takes_a_turn(asyncio.get_running_loop())

        loop = asyncio.new_event_loop()
        asked = loop.create_task(ask())
        loop.run_forever()
        assert asked.done()
        loop.close()

    await asyncio.to_thread(elsewhere)
    assert await _carried_out_here(org)


async def _carried_out_here(org: SampleOrg, meanwhile: Callable[[], None] = lambda: None) -> bool:
    """Return whether this event loop comes to carry out a command, when neither thread nor checkpointer is at work."""
    for _ in range(20):
        command = _noted(org, f"noted {next(_NUMBERS)}", meanwhile)
        assert isinstance(await org.ledger.execute(command), Receipt)
        if command.threads == [threading.current_thread().name]:
            return True
        await asyncio.sleep(0.02)
    return False


async def _give(org: SampleOrg, key: str) -> Any:
    return await gifts.give(
        org.ledger, actor=org.al.actor, key=key, to=[Recipient(member=org.bo.id)], amount=Credits.of(10)
    )


async def _longest_round(seconds: float) -> float:
    """Return how long the event loop was kept at most from coming round."""
    longest, end = 0.0, time.perf_counter() + seconds
    while (since := time.perf_counter()) < end:
        await asyncio.sleep(0.001)
        longest = max(longest, time.perf_counter() - since)
    return longest


@contextmanager
def _writing(url: str) -> Iterator[None]:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
