"""The line to PostgreSQL is cut: for good, or when a batch is committed and nobody hears what came of it (L7)."""

from __future__ import annotations

import pytest

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.services.common.recipients import Recipient
from core.services.common.results import CommandResult
from core.services.common.views import GiftView
from core.services.gifts import gifts
from core.services.wallet import balances
from core.services.wallet.verify import verify
from tests.support.cut_connections import severable
from tests.support.sample_org import SampleOrg, furnish, open_sample_ledger

AT_ONCE = 0.0
AFTER_THE_NEXT_TRY_HAS_BEGUN = 0.6  # seconds; the journal comes again after a twentieth of one


@pytest.mark.parametrize("late", [AT_ONCE, AFTER_THE_NEXT_TRY_HAS_BEGUN])
async def test_a_commit_nobody_heard_of_takes_effect_once_and_the_next_one_goes_on(
    postgresql_url: str, late: float
) -> None:
    """L7, L8: the keys tell what took effect, and the chain of seals goes on behind the batch that came after all."""
    with severable(postgresql_url) as line, open_sample_ledger(line.url) as (ledger, clock):
        org = await furnish(ledger, clock)
        await org.grant(org.al)
        line.cut(late=late)
        first = await _give(org, "cut")
        after = await _give(org, "after")
        again = await _give(org, "cut")

        assert line.cuts == 1
        assert (first.replayed, after.replayed) == (False, False)
        assert again.replayed
        assert again.item[0].id == first.item[0].id
        assert (await balances.balance(ledger, actor=org.al.actor)).available == Credits.of(980)
        assert (await verify(ledger)).clean


async def test_whoever_needs_an_id_hears_that_the_database_is_away(postgresql_url: str) -> None:
    """The first id of a process is given by the database; without it that is ``overloaded``, and no defect of ours."""
    with severable(postgresql_url) as line, open_sample_ledger(line.url) as (ledger, _):
        line.close()

        with pytest.raises(Refused) as refused:
            ledger.new_id()
    assert refused.value.code is Code.OVERLOADED


async def _give(org: SampleOrg, key: str) -> CommandResult[tuple[GiftView, ...]]:
    return await gifts.give(
        org.ledger, actor=org.al.actor, key=key, to=[Recipient(member=org.bo.id)], amount=Credits.of(10)
    )
