"""Where everything is known, a batch goes ahead before it is certain that its keys are its own (L6, L7)."""

from __future__ import annotations

import pytest

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.services.wallet import balances
from core.services.wallet.verify import verify
from tests.store.test_journal import Unreliable
from tests.support.readers import curious, give, give_all, org, until_calm
from tests.support.sample_org import SampleOrg

__all__ = ["org"]


async def test_a_gift_among_known_people_goes_ahead(org: SampleOrg) -> None:
    """PostgreSQL is sent all of it at once, with the commit; SQLite is not asked for the key first."""
    with curious(org) as listening:
        await until_calm(org, listening)
        await give(org, "ahead")
        assert listening.went_ahead[-1] or listening.disturbances[-1]

    assert (await verify(org.ledger)).clean


@pytest.mark.parametrize("amount", [1, 2, 1_000_000], ids=["the same", "another", "refused by now"])
async def test_a_key_that_was_used_is_known_for_it_when_the_batch_went_ahead(org: SampleOrg, amount: int) -> None:
    """L6: it is replayed with the first answer, without a second effect, or refused where the content is another."""
    with curious(org) as listening:
        await until_calm(org, listening)
        first = await give(org, "twice")
        await until_calm(org, listening)
        before = (await balances.balance(org.ledger, actor=org.al.actor)).available
        if amount == 1:
            again = await give(org, "twice")
            assert (again.replayed, again.item[0].id) == (True, first.item[0].id)
        else:
            with pytest.raises(Refused) as refused:
                await give(org, "twice", amount)
            assert refused.value.code is Code.IDEMPOTENCY_CONFLICT

    assert (await balances.balance(org.ledger, actor=org.al.actor)).available == before
    assert (await verify(org.ledger)).clean


async def test_a_replay_of_what_would_be_refused_by_now_when_the_batch_went_ahead(org: SampleOrg) -> None:
    """L6: what took effect once is answered as it was, though there would not be enough for it any more."""
    with curious(org) as listening:
        await until_calm(org, listening)
        rest = (await balances.balance(org.ledger, actor=org.al.actor)).available
        first = await give_all(org, "all", rest)
        again = await give_all(org, "all", rest)
        assert (first.replayed, again.replayed) == (False, True)
        assert again.item[0].id == first.item[0].id

    assert (await verify(org.ledger)).clean


async def test_a_refused_command_binds_no_key_when_the_batch_went_ahead(org: SampleOrg) -> None:
    """L6."""
    with curious(org) as listening:
        await until_calm(org, listening)
        with pytest.raises(Refused):
            await give(org, "too much", 1_000_000)
        await give(org, "too much", 1)

    assert (await verify(org.ledger)).clean


@pytest.mark.parametrize("call", ["begin_optimistic", "insert", "commit"])
@pytest.mark.parametrize("after", [False, True], ids=["before it took effect", "after it took effect"])
async def test_a_connection_lost_ahead_loses_and_doubles_nothing(org: SampleOrg, call: str, after: bool) -> None:
    """L6, L7: a commit that did take effect is new to its caller."""
    with curious(org) as listening:
        await until_calm(org, listening)
        before = (await balances.balance(org.ledger, actor=org.al.actor)).available
        journal = org.ledger.journal
        journal._driver = Unreliable(listening, {call: (after, 1)})  # type: ignore[arg-type,assignment]
        answer = await give(org, "a", 10)
        listening.close()
        reopened = journal._driver
    journal._driver = reopened

    assert not answer.replayed
    assert before - (await balances.balance(org.ledger, actor=org.al.actor)).available == Credits.of(10)
    assert (await verify(org.ledger)).clean
