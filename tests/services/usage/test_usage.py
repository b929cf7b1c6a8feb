"""Charging usage through the journal, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import Connection, text

from core.ledger.accounts import pool_of
from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id
from core.ledger.lots import Source
from core.metering.ratecards import RateCard, Rates
from core.metering.usage import Usage
from core.services.common.results import CommandResult
from core.services.people.organizations import add_to_team, create_team
from core.services.usage.charges import charge
from core.services.wallet.balances import balance
from core.services.wallet.verify import verify
from tests.support.replays import ReplayOrg, open_house, settled_house

# A million uncached tokens cost one credit.
CARD = RateCard("2026-11-20-test", {"opus": Rates(*[Credits.of(1)] * 5)}, fallback=Rates(*[Credits.of(9)] * 5))


@pytest.fixture
async def sqlite_house(sqlite_url: str) -> AsyncIterator[ReplayOrg]:
    """The same as ``house``, for what does not depend on the kind of database."""
    with open_house(sqlite_url) as ledger:
        yield await settled_house(ledger)


@pytest.fixture
async def org(database_url: str) -> AsyncIterator[ReplayOrg]:
    """Ada, Bo and Cleo, without funds."""
    with open_house(database_url) as ledger:
        yield await settled_house(ledger)


async def charged(
    org: ReplayOrg, credits_used: int, *, member: int = 1, event_id: str = "1", **changes: Any
) -> CommandResult[Any]:
    """Charge Bo for an event that costs so many credits."""
    event = {"source": "test", "subject": "bo", "usage": Usage("opus", credits_used * 1_000_000), "card": CARD}
    payer = {"org_id": org.admin.org_id, "member_id": org.number(member)}
    return await charge(org.ledger, event_id=event_id, **payer, **(event | changes))


async def refusal(org: ReplayOrg, credits_used: int, **changes: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await charged(org, credits_used, **changes)
    return refused.value


async def owed(org: ReplayOrg) -> int:
    """Return what is still owed for usage that nothing covered, in whole credits."""
    query = "SELECT coalesce(sum(amount - repaid), 0) FROM obligation"

    def read(connection: Connection) -> int:
        return int(connection.execute(text(query)).scalar_one()) // 1_000_000

    return await org.ledger.read(read)


async def consumed(org: ReplayOrg) -> tuple[int, int]:
    """Return how many events are kept, and what all charges took, in whole credits."""

    def query(connection: Connection) -> tuple[int, int]:
        events = connection.execute(text("SELECT count(*) FROM usage_event")).scalar_one()
        taken = connection.execute(text("SELECT coalesce(sum(amount), 0) FROM entry WHERE account_id % 8 = 4"))
        return events, int(taken.scalar_one()) // 1_000_000

    return await org.ledger.read(query)


async def test_an_event_is_charged_to_the_wallet_and_kept_with_its_card(org: ReplayOrg) -> None:
    """S3: the card's version is kept with the event."""
    await org.fund_member("a", "100", 1)
    answer = await charged(org, 30)

    def stored(connection: Connection) -> tuple[Any, ...]:
        query = "SELECT member_id, source, event_id, model, input_tokens, card, is_fallback, amount FROM usage_event"
        return tuple(connection.execute(text(query)).one())

    assert (answer.item.amount, answer.replayed) == (Credits.of(30), False)
    assert await org.ledger.read(stored) == (
        org.number(1), "test", "1", "opus", 30_000_000, "2026-11-20-test", False, 30_000_000,
    )  # fmt: skip
    assert await consumed(org) == (1, 30)


async def test_a_teams_pool_pays_what_the_wallet_cannot(org: ReplayOrg) -> None:
    team = await create_team(org.ledger, actor=org.admin, name="Core")
    await add_to_team(org.ledger, actor=org.admin, team_id=team.id, member_id=org.members[1])
    await org.fund_member("a", "10", 1)
    await org.fund("b", "10", account=pool_of(parse_id(Prefix.TEAM, team.id)))
    await charged(org, 15)
    await charged(org, 3, event_id="2", member=2)

    assert (await consumed(org), await owed(org)) == ((2, 15), 3)
    await charged(org, 6, event_id="3")
    assert (await consumed(org), await owed(org)) == ((3, 20), 4)


async def test_what_the_balance_shows_as_spendable_can_be_spent_to_the_last_and_the_rest_is_owed(
    org: ReplayOrg,
) -> None:
    team = await create_team(org.ledger, actor=org.admin, name="Core")
    await add_to_team(org.ledger, actor=org.admin, team_id=team.id, member_id=org.members[1])
    await org.fund("a", "10", account=pool_of(parse_id(Prefix.TEAM, team.id)))
    await org.fund_member("b", "7", 1)
    shown = await balance(org.ledger, actor=org.admin, member_id=org.members[1])

    await charged(org, 18)

    assert str(shown.spendable) == "17"
    assert (await consumed(org), await owed(org)) == ((1, 17), 1)
    after = await balance(org.ledger, actor=org.admin, member_id=org.members[1])
    assert (str(after.spendable), str(after.pool)) == ("0", "0")


async def test_the_same_event_again_changes_nothing_by_whatever_card_and_member(org: ReplayOrg) -> None:
    """S4: a duplicate; S3: the past is never re-priced."""
    await org.fund_member("a", "100", 1)
    await charged(org, 30)
    dearer = RateCard("2027-01-01-test", {}, fallback=CARD.fallback)

    assert (await charged(org, 30)).replayed
    assert (await charged(org, 30, card=dearer)).replayed
    assert (await charged(org, 30, member=2)).replayed
    assert await consumed(org) == (1, 30)


async def test_other_content_under_the_same_source_and_id_is_a_conflict(org: ReplayOrg) -> None:
    """S4."""
    await org.fund_member("a", "100", 1)
    await charged(org, 30)

    assert (await refusal(org, 31)).code is Code.IDEMPOTENCY_CONFLICT
    assert not (await charged(org, 31, source="another")).replayed
    assert await consumed(org) == (2, 61)


async def test_what_nothing_covered_is_repaid_by_the_next_grant_and_never_by_a_promo(org: ReplayOrg) -> None:
    """S2: an event is never refused for lack of funds; its overage is an obligation, the oldest first."""
    await charged(org, 30)
    await charged(org, 5, event_id="2")
    await org.fund_member("promo", "100", 1, source=Source.PROMO)
    assert await owed(org) == 35

    await org.fund_member("a", "31", 1)
    assert (await consumed(org), await owed(org)) == ((2, 31), 4)
    await org.fund_member("b", "10", 1)
    assert (await consumed(org), await owed(org)) == ((2, 35), 0)
    shown = await balance(org.ledger, actor=org.admin, member_id=org.members[1])
    assert str(shown.available) == "106"
    assert (await charged(org, 30)).replayed
    assert (await verify(org.ledger)).clean


async def test_one_event_brought_many_times_at_once_is_charged_once(org: ReplayOrg) -> None:
    """S4, L7: twins in one batch and in several."""
    await org.fund_member("a", "100", 1)
    answers = await asyncio.gather(*[charged(org, 30) for _ in range(64)])

    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 63
    assert await consumed(org) == (1, 30)


async def test_many_charges_at_once_never_spend_more_than_there_is(org: ReplayOrg) -> None:
    """L2, L7: exactly what the funds allow is taken, and the rest is owed."""
    await org.fund_member("a", "60", 1)
    await org.fund_member("b", "40", 1)
    await asyncio.gather(*[charged(org, 7, event_id=str(number)) for number in range(64)])

    assert (await consumed(org), await owed(org)) == ((64, 100), 64 * 7 - 100)
    assert (await verify(org.ledger)).clean


async def test_an_unknown_model_is_charged_at_the_fallback_and_flagged(sqlite_house: ReplayOrg) -> None:
    """S3: never zero."""
    await sqlite_house.fund_member("a", "9", 1)
    answer = await charged(sqlite_house, 0, usage=Usage("of-next-year", 1_000_000))

    assert (answer.item.amount, answer.item.is_fallback) == (Credits.of(9), True)


@pytest.mark.parametrize("field", ["source", "event_id", "subject"])
@pytest.mark.parametrize("words", ["", "x" * 1_001, "a\x00b", "\ud800"], ids=["empty", "long", "NUL", "surrogate"])
async def test_text_that_cannot_be_kept_is_refused_at_the_door(sqlite_house: ReplayOrg, field: str, words: str) -> None:
    """L7: text is checked at the door."""
    refused = await refusal(sqlite_house, 1, **{field: words})

    assert refused.code is Code.INVALID_REQUEST
    assert await consumed(sqlite_house) == (0, 0)


async def test_more_tokens_than_any_amount_can_pay_for_are_refused(sqlite_house: ReplayOrg) -> None:
    dear = RateCard("dear", {}, fallback=Rates(*[Credits.parse("9999999999")] * 5))

    assert (await refusal(sqlite_house, 1_000, card=dear)).code is Code.INVALID_REQUEST
    assert (await refusal(sqlite_house, 1, usage=Usage("x", 1_000_000), card=dear)).code is Code.INVALID_REQUEST
