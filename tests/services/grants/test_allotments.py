"""Monthly allotments (S9): each run granted once, on its day, whoever looks and however late."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.services.common.recipients import Recipient
from core.services.gifts import gifts, settlement
from core.services.grants import allotments, expiry
from core.services.grants.allotments import AllotmentView
from core.services.people import members
from core.services.wallet import balances
from core.services.wallet.verify import verify
from tests.support.sample_org import Person, SampleOrg, furnish, open_sample_ledger


@pytest.fixture
async def org(database_url: str) -> Any:
    with open_sample_ledger(database_url) as (ledger, clock):
        yield await furnish(ledger, clock)


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


async def _begin(org: SampleOrg, *, key: str = "b", **changes: Any) -> AllotmentView:
    """Begin 100 cr for Bo on the first of each month; it is 20 November."""
    given: dict[str, Any] = {"to": Recipient(member=org.bo.id), "amount": Credits.of(100), "day": 1} | changes
    return (await allotments.begin(org.ledger, actor=org.ada.actor, key=key, **given)).item


async def _run(org: SampleOrg, at: str) -> int:
    org.clock.now = day(at)
    swept = await allotments.run_due(org.ledger)
    assert not swept.left
    await expiry.expire_due(org.ledger)
    return swept.done


async def _lots(org: SampleOrg, person: Person) -> list[tuple[str, str | None]]:
    """Return what a person holds: (amount, day on which it lapses)."""
    found = (await balances.balance(org.ledger, actor=person.actor)).lots
    return [(str(lot.amount), f"{lot.expires_at:%m-%d}" if lot.expires_at else None) for lot in found]


async def _get(org: SampleOrg, allotment: AllotmentView) -> AllotmentView:
    return await allotments.get(org.ledger, actor=org.ada.actor, allotment_id=allotment.id)


async def test_each_month_brings_a_lot_that_lapses_at_the_next_run(org: SampleOrg) -> None:
    begun = await _begin(org)
    early = await _run(org, "2026-11-30T23:59:59.999999")
    first = await _run(org, "2026-12-01")
    again = await allotments.run_due(org.ledger)
    december = await _lots(org, org.bo)
    second = await _run(org, "2027-01-01T00:00:01")
    now = await _get(org, begun)

    assert (begun.next_at, begun.granted) == (day("2026-12-01"), Credits.of(0))
    assert (early, first, again.done, second) == (0, 1, 0, 1)
    assert december == [("100", "01-01")]
    assert await _lots(org, org.bo) == [("100", "02-01")]
    assert (now.next_at, now.granted) == (day("2027-02-01"), Credits.of(200))
    assert (await verify(org.ledger)).clean


async def test_the_last_day_of_a_month_stands_for_one_it_does_not_have(org: SampleOrg) -> None:
    begun = await _begin(org, day=31)
    days = []
    for moment in ("2026-11-30", "2026-12-31", "2027-01-31", "2027-02-28", "2027-03-31"):
        assert await _run(org, moment) == 1
        days.append((await _get(org, begun)).next_at)

    assert [str(moment)[5:10] for moment in days] == ["12-31", "01-31", "02-28", "03-31", "04-30"]


async def test_after_a_standstill_every_run_that_still_helps_is_granted_once(org: SampleOrg) -> None:
    """Lots of three months: of five runs missed the last three are granted, each with its own expiry."""
    begun = await _begin(org, lasts_months=3)
    caught_up = await _run(org, "2027-04-20")

    assert caught_up == 3
    assert await _lots(org, org.bo) == [("100", "05-01"), ("100", "06-01"), ("100", "07-01")]
    assert (await _get(org, begun)).granted == Credits.of(300)
    assert await _run(org, "2027-04-21") == 0
    assert (await verify(org.ledger)).clean


async def test_several_schedulers_grant_a_run_once(org: SampleOrg) -> None:
    for number in range(5):
        await _begin(org, key=f"b{number}", amount=Credits.of(1 + number), lasts_months=2)
    org.clock.now = day("2027-01-02")
    swept = await asyncio.gather(*(allotments.run_due(org.ledger) for _ in range(4)))

    assert sum(each.done for each in swept) == 10
    assert (await balances.balance(org.ledger, actor=org.bo.actor)).available == Credits.of(30)
    assert (await verify(org.ledger)).clean


async def test_a_pool_gets_its_allotment_too(org: SampleOrg) -> None:
    await _begin(org, to=Recipient(pool=org.team))
    await _run(org, "2026-12-01")

    assert (await balances.balance(org.ledger, actor=org.bo.actor)).pool == Credits.of(100)


async def test_an_allotment_repays_what_is_owed(org: SampleOrg) -> None:
    """G6: it is no promo. Bo gave on what was clawed back from him."""
    await org.grant(org.al, "60")
    clawed_back = await _settled_gift(org, org.al, org.bo)
    await _settled_gift(org, org.bo, org.ada)
    await gifts.reverse(org.ledger, actor=org.ada.actor, gift_id=clawed_back, reason="a stolen laptop")
    await _begin(org)
    await _run(org, "2026-12-01")

    assert await _lots(org, org.bo) == [("40", "01-01")]
    assert (await balances.balance(org.ledger, actor=org.al.actor)).available == Credits.of(60)


async def _settled_gift(org: SampleOrg, giver: Person, to: Person) -> str:
    recipients = [Recipient(member=to.id)]
    answer = await gifts.give(org.ledger, actor=giver.actor, key=f"for {to.id}", to=recipients, amount=Credits.of(60))
    org.clock.advance(timedelta(hours=24))
    await settlement.settle_due(org.ledger)
    return str(answer.item[0].id)


async def test_a_change_counts_from_the_next_run_on_and_what_was_due_is_granted_as_it_was(org: SampleOrg) -> None:
    begun = await _begin(org)
    org.clock.now = day("2026-12-03")  # the run of the first was due, and nobody swept
    changed = await allotments.change(
        org.ledger,
        actor=org.ada.actor,
        key="c",
        allotment_id=begun.id,
        amount=Credits.of(70),
        lasts_months=2,
        giftable=False,
    )
    before = await _lots(org, org.bo)
    await _run(org, "2027-01-01")
    (lot,) = (await balances.balance(org.ledger, actor=org.bo.actor)).lots

    assert (changed.item.amount, changed.item.granted) == (Credits.of(70), Credits.of(100))
    assert before == [("100", "01-01")]
    assert (str(lot.amount), str(lot.expires_at)[:10], lot.giftable) == ("70", "2027-03-01", False)


async def test_an_end_grants_what_was_due_and_nothing_after(org: SampleOrg) -> None:
    begun = await _begin(org)
    org.clock.now = day("2026-12-03")
    ended = await allotments.end(org.ledger, actor=org.ada.actor, allotment_id=begun.id)
    again = await allotments.end(org.ledger, actor=org.ada.actor, allotment_id=begun.id)

    assert (ended.item.next_at, ended.item.ended_at) == (None, day("2026-12-03"))
    assert again.replayed
    assert await _run(org, "2027-01-01") == 0
    assert (await _get(org, begun)).granted == Credits.of(100)
    with pytest.raises(Refused) as refused:
        await allotments.change(org.ledger, actor=org.ada.actor, key="c", allotment_id=begun.id, amount=Credits.of(1))
    assert refused.value.code is Code.NOT_ALLOWED
    assert "ended" in refused.value.detail


async def test_that_of_somebody_who_has_left_ends(org: SampleOrg) -> None:
    begun = await _begin(org)
    await members.deactivate(org.ledger, actor=org.ada.actor, member_id=org.bo.id)
    await _run(org, "2026-12-01")
    ended = await _get(org, begun)

    assert (ended.ended_at, ended.granted) == (day("2026-12-01"), Credits.of(0))
    assert (await verify(org.ledger)).clean


async def test_the_same_key_begins_one_and_other_content_is_a_conflict(org: SampleOrg) -> None:
    first, again = await _begin(org), await _begin(org)
    with pytest.raises(Refused) as refused:
        await _begin(org, day=2)

    assert first == again
    assert refused.value.code is Code.IDEMPOTENCY_CONFLICT


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": Credits.of(0)}, "amount"),
        ({"day": 0}, "day"),
        ({"day": 32}, "day"),
        ({"lasts_months": 0}, "lasts_months"),
        ({"lasts_months": 25}, "lasts_months"),
        ({"starts_at": datetime(2026, 11, 19, tzinfo=UTC)}, "starts_at"),
        ({"starts_at": datetime(2099, 1, 1, tzinfo=UTC)}, "starts_at"),
    ],
)
async def test_what_cannot_be_is_refused_by_its_field(org: SampleOrg, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        await _begin(org, **changes)

    assert (refused.value.code, refused.value.fields["field"]) == (Code.INVALID_REQUEST, field)


async def test_one_that_starts_on_its_day_is_due_at_once(org: SampleOrg) -> None:
    await _begin(org, day=20, starts_at=day("2026-11-20"))

    assert (await allotments.run_due(org.ledger)).done == 1
    assert await _lots(org, org.bo) == [("100", "12-20")]


async def test_who_may_see_which(org: SampleOrg) -> None:
    """An admin all, others their own and those of their teams' pools."""
    bos, teams = await _begin(org), await _begin(org, key="p", to=Recipient(pool=org.team))
    adas = await _begin(org, key="a", to=Recipient(member=org.ada.id))

    async def seen(person: Person) -> list[str]:
        first = await allotments.list_allotments(org.ledger, actor=person.actor, limit=2)
        cursor = first.next_cursor
        rest = await allotments.list_allotments(org.ledger, actor=person.actor, cursor=cursor) if cursor else None
        return [each.id for each in (*first.items, *(rest.items if rest else ()))]

    assert await seen(org.ada) == [bos.id, teams.id, adas.id]
    assert await seen(org.bo) == [bos.id, teams.id]
    assert await seen(org.al) == [teams.id]
    assert await seen(org.stranger) == []
    with pytest.raises(Refused) as refused:
        await allotments.get(org.ledger, actor=org.bo.actor, allotment_id=adas.id)
    assert refused.value.code is Code.NOT_FOUND


async def test_only_an_admin_begins_and_ends(org: SampleOrg) -> None:
    begun = await _begin(org)
    for person, code in ((org.al, Code.NOT_ALLOWED), (org.stranger, Code.NOT_FOUND)):
        with pytest.raises(Refused) as refused:
            await allotments.end(org.ledger, actor=person.actor, allotment_id=begun.id)
        assert refused.value.code is code
    with pytest.raises(Refused) as refused:
        await allotments.begin(
            org.ledger,
            actor=org.al.actor,
            key="k",
            to=Recipient(member=org.al.id),
            amount=Credits.of(1),
            day=1,
        )
    assert refused.value.code is Code.NOT_ALLOWED
