"""What one batch read the next one takes for granted, as long as nobody else has written (L7)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from core.ledger.accounts import wallet_of
from core.ledger.batch_cache import BatchCache
from core.ledger.commands import ReadSet
from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.metering.allowances import UsageWindow
from core.services.allowances import plans
from core.services.common.recipients import Recipient
from core.services.gifts import gifts
from core.services.sharing import requests
from core.services.wallet import balances
from core.services.wallet.verify import verify
from core.store.drivers.driver import Driver
from core.store.engine import open_engine, reading, writing
from core.store.journal import batch, load
from core.store.journal.read_set import BatchReadSet
from core.wiring import open_driver
from tests.support.readers import PATIENCE, curious, give, give_all, limit, org, until_calm, write
from tests.support.sample_org import SampleOrg, open_sample_ledger

__all__ = ["org"]


async def test_a_batch_asks_nothing_that_the_one_before_it_read(org: SampleOrg) -> None:
    with curious(org) as listening:
        for _ in range(PATIENCE):
            await until_calm(org, listening)
            listening.asked.clear()
            await give(org, f"quiet {len(listening.disturbances)}")
            if not listening.disturbances[-1]:
                break

    assert listening.disturbances[-1] is False
    assert listening.asked == []


def test_what_is_known_of_others_costs_a_batch_nothing() -> None:
    """Neither time nor looking: nobody else's key is even hashed."""
    known = BatchCache(
        accounts={(1, wallet_of(2))}, policies={1: None}, members={2: None}, positions={wallet_of(2): {}}
    )
    known.given = {_Hashed((1, number)): {} for number in range(2, 1_002)}
    known.seats = {_Hashed((1, number)): () for number in range(2, 1_002)}
    wanted = BatchReadSet()
    wanted.add(1, ReadSet(members=(2,), positions=(wallet_of(2),), given_by=(2,), seats_of=(2,)))
    _Hashed.times = 0

    assert load.is_known(wanted, known)
    assert _Hashed.times == 0


class _Hashed(tuple[int, int]):
    """A key that counts how often any of its kind is hashed."""

    __slots__ = ()

    times = 0

    def __hash__(self) -> int:
        _Hashed.times += 1
        return super().__hash__()


async def test_who_is_frozen_by_another_connection_is_frozen_for_the_next_batch(org: SampleOrg) -> None:
    with curious(org) as listening:
        await until_calm(org, listening)
        write(org, "UPDATE member SET frozen_at = 1 WHERE member_id = :al", al=org.al.actor.member_id)

        with pytest.raises(Refused) as refused:
            await give(org, "from a frozen one")

    assert refused.value.code is Code.ACCOUNT_FROZEN
    assert listening.disturbances[-1] is True


async def test_a_policy_set_by_another_connection_holds_for_the_next_batch(org: SampleOrg) -> None:
    with curious(org) as listening:
        await until_calm(org, listening)
        limit(org, credits_per_gift="2")

        with pytest.raises(Refused) as refused:
            await give(org, "too much", 3)

    assert refused.value.code is Code.POLICY_REFUSED


async def test_what_another_server_spends_is_gone_for_this_one(org: SampleOrg, database_url: str) -> None:
    """L2: positions that are known are as they are in the books, whoever wrote them last."""
    with open_sample_ledger(database_url) as (other, _), curious(org) as listening:
        for turn in range(4):
            await until_calm(org, listening)
            left = (await balances.balance(org.ledger, actor=org.al.actor)).available
            elsewhere = Credits.of(100)
            await gifts.give(
                other,
                actor=org.al.actor,
                key=f"elsewhere {turn}",
                to=[Recipient(member=org.bo.id)],
                amount=elsewhere,
            )
            with pytest.raises(Refused) as refused:
                await give_all(org, f"all {turn}", left)
            assert refused.value.code is Code.INSUFFICIENT_GIFTABLE

    assert (await verify(org.ledger)).clean


async def test_a_clock_that_was_set_back_asks_for_what_may_live_again(org: SampleOrg) -> None:
    """A window that was over when it was looked for is not over then."""
    with curious(org) as listening:
        await until_calm(org, listening)
        listening.asked.clear()
        org.clock.advance(-timedelta(hours=1))
        await give(org, "earlier")

    assert any("position" in query for query in listening.asked)


async def test_a_withdrawn_request_makes_room_for_another(org: SampleOrg) -> None:
    """It is looked up by who has it open, which changes; only what never changes is known by its place."""
    for number in range(12):
        asked = await requests.ask(
            org.ledger,
            actor=org.bo.actor,
            key=f"ask {number}",
            amount=Credits.of(3),
            reason="the release",
            to=[org.al.id],
        )
        withdrawn = await requests.withdraw(org.ledger, actor=org.bo.actor, request_id=asked.item.id)
        assert not withdrawn.replayed


@pytest.mark.parametrize("meanwhile", ["", "DELETE FROM note WHERE body = 'nobody'"], ids=["known", "read anew"])
async def test_which_of_two_open_windows_counts_does_not_depend_on_what_is_known(
    org: SampleOrg, meanwhile: str
) -> None:
    """A clock that was set back opened one beside the other; the earlier one counts."""
    plan = await plans.create_plan(org.ledger, actor=org.ada.actor, name="Team", five_hours=Credits.of(10))
    await plans.give_plan(org.ledger, actor=org.ada.actor, subject=org.al.id, plan_id=plan.id)
    org.clock.advance(timedelta(hours=1))
    await org.use(org.al, 1, event="before")
    await org.use(org.al, 2, event="later")
    org.clock.advance(-timedelta(minutes=20))
    await org.use(org.al, 1, event="earlier")
    org.clock.advance(timedelta(minutes=25))
    if meanwhile:
        write(org, meanwhile)
    await org.use(org.al, 5, event="in both")

    with reading(org.ledger.engine) as connection:
        query = text("SELECT used FROM usage_window WHERE member_id = :al ORDER BY opens_at")
        used = connection.execute(query, {"al": org.al.actor.member_id}).scalars().all()
    assert used == [6_000_000, 3_000_000]


async def test_windows_that_are_over_are_not_kept(org: SampleOrg) -> None:
    plan = await plans.create_plan(org.ledger, actor=org.ada.actor, name="Team", five_hours=Credits.of(10))
    await plans.give_plan(org.ledger, actor=org.ada.actor, subject=org.al.id, plan_id=plan.id)
    for number in range(6):
        await org.use(org.al, 1, event=f"{number}")
        org.clock.advance(timedelta(hours=7))

    writer = org.ledger.journal._writer
    assert writer is not None
    known = writer.known.records.get((UsageWindow, "member_id"), {})
    assert max(map(len, known.values()), default=0) <= 2


async def test_nothing_is_known_after_a_batch_that_failed(org: SampleOrg) -> None:
    """What it would have written is not so, though its book says it is."""
    with curious(org) as listening:
        await until_calm(org, listening)

        def commit() -> None:
            org.ledger.journal._driver.rollback()
            raise ZeroDivisionError

        listening.commit = commit  # type: ignore[attr-defined]
        with pytest.raises(Refused) as refused:
            await give(org, "never", 500)
        assert refused.value.code is Code.INTERNAL_ERROR
        del listening.commit  # type: ignore[attr-defined]
        await give_all(org, "all", (await balances.balance(org.ledger, actor=org.al.actor)).available)

    assert (await balances.balance(org.ledger, actor=org.al.actor)).available == Credits.of(0)
    assert (await verify(org.ledger)).clean


async def test_what_is_known_is_forgotten_before_it_fills_the_memory(
    org: SampleOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "MAX_CACHED", 1)
    for number in range(3):
        await give(org, str(number))

    writer = org.ledger.journal._writer
    assert writer is not None
    assert len(writer.known) == 0
    assert writer.known.lots


async def test_positions_that_hold_nothing_are_not_kept(org: SampleOrg) -> None:
    with curious(org) as listening:
        await until_calm(org, listening)
        wallet = wallet_of(org.al.actor.member_id)
        writer = org.ledger.journal._writer
        assert writer is not None
        assert writer.known.positions[wallet]
        await give_all(org, "all", (await balances.balance(org.ledger, actor=org.al.actor)).available)

    assert not writer.known.positions.get(wallet)


def test_a_driver_tells_whether_somebody_else_wrote(engine: Engine) -> None:
    driver = open_driver(engine)
    assert _asked(driver) is True  # nobody knows what was before
    assert any(not _asked(driver) for _ in range(PATIENCE))  # other tests write to the same cluster

    with writing(engine) as connection:
        connection.execute(text("DELETE FROM policy"))
        connection.execute(text("INSERT INTO policy VALUES (1, 1, '{}', 0)"))

    assert _asked(driver) is True
    assert any(not _asked(driver) for _ in range(PATIENCE))
    driver.close()


def test_somebody_under_way_who_commits_later_is_told_as_well(postgresql_url: str) -> None:
    """Their number is lower than ours, and what they write is seen only afterwards."""
    engine = open_engine(postgresql_url)
    driver = open_driver(engine)
    with writing(engine) as connection:
        connection.execute(text("INSERT INTO policy VALUES (1, 1, '{}', 0)"))
        assert [_asked(driver) for _ in range(PATIENCE)] == [True] * PATIENCE

    assert _asked(driver) is True
    assert any(not _asked(driver) for _ in range(PATIENCE))
    driver.close()
    engine.dispose()


def test_somebody_who_came_after_us_and_was_quicker_is_told_as_well(postgresql_url: str) -> None:
    """Their number is higher than ours; what they wrote was locked by nobody yet."""
    engine = open_engine(postgresql_url)
    driver = open_driver(engine)
    assert any(not _asked(driver) for _ in range(PATIENCE))
    driver.begin()
    driver.claim([(1, 2, "a", b"", 3, 1)])()
    with writing(engine) as connection:
        connection.execute(text("INSERT INTO policy VALUES (1, 1, '{}', 0)"))

    assert driver.externally_modified()() is True
    driver.rollback()
    driver.close()
    engine.dispose()


def _asked(driver: Driver) -> bool:
    """Ask in a transaction that writes nothing else."""
    driver.begin()
    answer = driver.externally_modified()()
    driver.commit()
    return answer
