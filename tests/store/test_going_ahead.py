"""Where everything is known, a batch goes ahead before it is certain that its keys are its own (L6, L7)."""

from __future__ import annotations

import pytest

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.services import balances
from core.services.verify import verify
from tests.store.test_journal import Unreliable
from tests.support.curious import curious, give, give_all, house, until_calm
from tests.support.house import House

__all__ = ["house"]


async def test_a_gift_among_known_people_goes_ahead(house: House) -> None:
    """PostgreSQL is sent all of it at once, with the commit; SQLite is not asked for the key first."""
    with curious(house) as listening:
        await until_calm(house, listening)
        await give(house, "ahead")
        assert listening.went_ahead[-1] or listening.disturbances[-1]

    assert (await verify(house.ledger)).clean


@pytest.mark.parametrize("amount", [1, 2, 1_000_000], ids=["the same", "another", "refused by now"])
async def test_a_key_that_was_used_is_known_for_it_when_the_batch_went_ahead(house: House, amount: int) -> None:
    """L6: it is replayed with the first answer, without a second effect, or refused where the content is another."""
    with curious(house) as listening:
        await until_calm(house, listening)
        first = await give(house, "twice")
        await until_calm(house, listening)
        before = (await balances.balance(house.ledger, actor=house.al.actor)).available
        if amount == 1:
            again = await give(house, "twice")
            assert (again.replayed, again.item[0].id) == (True, first.item[0].id)
        else:
            with pytest.raises(Refused) as refused:
                await give(house, "twice", amount)
            assert refused.value.code is Code.IDEMPOTENCY_CONFLICT

    assert (await balances.balance(house.ledger, actor=house.al.actor)).available == before
    assert (await verify(house.ledger)).clean


async def test_a_replay_of_what_would_be_refused_by_now_when_the_batch_went_ahead(house: House) -> None:
    """L6: what took effect once is answered as it was, though there would not be enough for it any more."""
    with curious(house) as listening:
        await until_calm(house, listening)
        rest = (await balances.balance(house.ledger, actor=house.al.actor)).available
        first = await give_all(house, "all", rest)
        again = await give_all(house, "all", rest)
        assert (first.replayed, again.replayed) == (False, True)
        assert again.item[0].id == first.item[0].id

    assert (await verify(house.ledger)).clean


async def test_a_refused_command_binds_no_key_when_the_batch_went_ahead(house: House) -> None:
    """L6."""
    with curious(house) as listening:
        await until_calm(house, listening)
        with pytest.raises(Refused):
            await give(house, "too much", 1_000_000)
        await give(house, "too much", 1)

    assert (await verify(house.ledger)).clean


@pytest.mark.parametrize("call", ["go_ahead", "insert", "commit"])
@pytest.mark.parametrize("after", [False, True], ids=["before it took effect", "after it took effect"])
async def test_a_connection_lost_ahead_loses_and_doubles_nothing(house: House, call: str, after: bool) -> None:
    """L6, L7: a commit that did take effect is new to its caller."""
    with curious(house) as listening:
        await until_calm(house, listening)
        before = (await balances.balance(house.ledger, actor=house.al.actor)).available
        journal = house.ledger.journal
        journal._driver = Unreliable(listening, {call: (after, 1)})  # type: ignore[arg-type,assignment]
        answer = await give(house, "a", 10)
        listening.close()
        reopened = journal._driver
    journal._driver = reopened

    assert not answer.replayed
    assert before - (await balances.balance(house.ledger, actor=house.al.actor)).available == Credits.of(10)
    assert (await verify(house.ledger)).clean
