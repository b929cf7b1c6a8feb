"""Commands that wait together are decided as if each had come alone; found by the random ledger test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.ledger.accounts import wallet_of
from core.ledger.commands import Receipt
from core.ledger.credits import Credits
from core.ledger.errors import Refused
from core.ledger.lots import GiftOrder, Source
from core.ledger.transfers import TransferKind
from core.services.gifts.gift_commands import Give
from core.services.gifts.reversal_commands import Reverse
from core.services.gifts.settlement_commands import ResolveGift
from core.services.grants.grant_commands import Grant
from tests.support.fixtures import DAY, World
from tests.support.sample_org import open_sample_ledger
from tests.support.stored_world import StoredWorld

ADMIN = 1


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    """The people of the random test, in a ledger of either kind."""
    with open_sample_ledger(database_url) as (ledger, clock):
        yield StoredWorld(ledger, clock)


def done(world: World, *commands: ResolveGift | Give | Grant | Reverse) -> list[Receipt]:
    """Hand in commands together and return their receipts, none refused."""
    answers = world.execute(commands)
    assert not [answer for answer in answers if isinstance(answer, Refused)]
    return [answer for answer in answers if isinstance(answer, Receipt)]


def grant(world: World, name: str, whole: int, key: str, source: Source = Source.PURCHASE) -> Grant:
    account, amount = wallet_of(world.ids[name]), Credits.of(whole)
    return Grant(world.org_id, ADMIN, key, account, amount, source, None, giftable=True, priority=100, reason=None)


def give(world: World, sender: str, recipient: str, whole: int) -> Give:
    to = (wallet_of(world.ids[recipient]),)
    return Give(
        world.org_id, world.ids[sender], "a gift", to, Credits.of(whole), message=None, prefer=GiftOrder.SOONEST
    )


def reverse(world: World, gift_id: int) -> Reverse:
    return Reverse(world.org_id, ADMIN, gift_id, reason="A mistake.", is_admin=True)


def a_settled_gift_that_was_used_up(world: World) -> int:
    """Return Ada's gift of 100 cr to Bo, who has given it all on."""
    _, given = done(world, grant(world, "ada", 100, "for ada"), give(world, "ada", "bo", 100))
    world.clock.advance(DAY)
    world.settle_due()
    done(world, give(world, "bo", "di", 100))
    world.clock.advance(DAY)
    world.settle_due()
    return given.first_id


def test_a_lead_of_the_senders_team_rejects_a_gift_between_others(world: World) -> None:
    """G5: also when the recipient is in no team of theirs."""
    _, given = done(world, grant(world, "bo", 100, "for bo"), give(world, "bo", "di", 40))

    done(
        world, ResolveGift(world.org_id, world.ids["ada"], TransferKind.GIFT_REJECT, given.first_id, reason="Not now.")
    )

    assert world.gifts()[given.first_id][0] == "rejected"


def test_a_grant_that_comes_with_a_claw_back_already_repays_what_is_owed(world: World) -> None:
    """G6: the obligation is there for the very next command."""
    gift_id = a_settled_gift_that_was_used_up(world)

    done(world, reverse(world, gift_id), grant(world, "bo", 30, "after it"))

    assert world.debts() == {gift_id: Credits.of(70).micros}


def test_a_promo_repays_nothing_whatever_else_is_granted_with_it(world: World) -> None:
    """G6: only the purchase beside it does."""
    gift_id = a_settled_gift_that_was_used_up(world)
    done(world, reverse(world, gift_id))

    promo, bought = done(
        world, grant(world, "bo", 50, "promo", Source.PROMO), grant(world, "bo", 20, "bought", Source.PURCHASE)
    )

    assert world.debts() == {gift_id: Credits.of(80).micros}
    assert (
        world.holdings().items()
        >= {
            (wallet_of(world.ids["bo"]), promo.first_id): Credits.of(50).micros,
            (wallet_of(world.ids["ada"]), bought.first_id): Credits.of(20).micros,
        }.items()
    )
