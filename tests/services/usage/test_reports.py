"""Reported usage on both databases: once each, whoever asks how often, and patiently."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from core.ledger.credits import Credits
from core.ledger.errors import Code
from core.ledger.lots import Source
from core.services.common.recipients import Recipient
from core.services.grants import grants
from core.services.people import members
from core.services.usage.reports import UsageReport, report_usage
from core.services.wallet.balances import balance, statement
from core.services.wallet.verify import verify
from core.wiring import open_ledger
from tests.support.builders import some_settings
from tests.support.sample_org import SampleOrg, either_org, org, write_down

__all__ = ["either_org", "org"]

USED = {"model": "gpt-6-luna", "input_tokens": 1_000_000}  # 2.5 credits


def event(number: int, subject: str, **changes: Any) -> dict[str, Any]:
    told = {"specversion": "1.0", "type": "com.teamcredits.usage", "source": "gateway", "id": str(number)}
    return {**told, "subject": subject, "data": USED, **changes}


async def report(org: SampleOrg, *documents: object) -> UsageReport:
    return await report_usage(org.ledger, actor=org.ada.actor, documents=documents)


async def spendable(org: SampleOrg) -> Credits:
    return (await balance(org.ledger, actor=org.bo.actor)).spendable


async def test_reports_at_once_charge_each_event_once(either_org: SampleOrg) -> None:
    org = either_org
    await org.grant(org.bo, "1000")
    told = [event(number % 200, org.bo.id) for number in range(210)]
    done = await asyncio.gather(*(report(org, *told) for _ in range(4)))

    assert sum(each.accepted for each in done) == 200
    assert sum(each.duplicates for each in done) == 4 * 210 - 200
    assert sum(each.credits.micros for each in done) == Credits.of(500).micros
    assert await spendable(org) == Credits.of(500)


async def test_people_are_found_by_e_mail_on_either_database(either_org: SampleOrg) -> None:
    org = either_org
    for name, email in (("Cy", "Cy@Acme.example"), ("Jörg", "JÖRG@acme.example")):
        await members.add_member(org.ledger, actor=org.ada.actor, name=name, email=email)
    named = ("cy@acme.EXAMPLE", "JÖRG@acme.example", "c_@acme.example", "%@acme.example")
    done = await report(org, *(event(number, subject) for number, subject in enumerate(named)))

    assert done.accepted == 2
    assert [(each.index, each.code) for each in done.rejected] == [(2, Code.UNKNOWN_MEMBER), (3, Code.UNKNOWN_MEMBER)]


async def test_of_two_addresses_that_differ_in_case_each_is_known_as_it_is_written(org: SampleOrg) -> None:
    """Whether they are named in one report or in two. Only rows from before addresses were one person's are so."""
    write_down(org, "Cy", "dev@acme.example")
    write_down(org, "Di", "Dev@acme.example")
    alone, both = event(1, "dev@acme.example"), [event(2, "dev@acme.example"), event(3, "Dev@acme.example")]

    assert (await report(org, alone)).accepted == 1
    assert (await report(org, *both)).accepted == 2
    assert "2 members" in (await report(org, event(4, "DEV@acme.example"))).rejected[0].detail


async def test_an_address_of_somebody_who_left_is_that_of_who_has_it_now(org: SampleOrg) -> None:
    ledger, ada = org.ledger, org.ada.actor
    before = await members.add_member(ledger, actor=ada, name="Cy", email="dev@acme.example")
    await members.deactivate(ledger, actor=ada, member_id=before.id)
    after = await members.add_member(ledger, actor=ada, name="Di", email="dev@acme.example")
    await grants.grant(
        org.ledger,
        actor=org.ada.actor,
        key="k",
        to=Recipient(member=after.id),
        amount=Credits.of(10),
        source=Source.PURCHASE,
    )
    done = await report(org, event(1, "dev@acme.example"))
    charged = await balance(org.ledger, actor=org.ada.actor, member_id=after.id)

    assert done.accepted == 1
    assert charged.spendable == Credits.parse("7.5")


async def test_a_bot_is_charged_nothing(org: SampleOrg) -> None:
    bot = await members.add_member(org.ledger, actor=org.ada.actor, name="Robo", kind="bot")
    done = await report(org, event(1, bot.id))

    assert "A bot has nothing to pay with" in done.rejected[0].detail


async def test_a_time_is_compared_whatever_its_zone(org: SampleOrg) -> None:
    """At noon UTC, when the books are opened."""
    times = ("2026-11-20T14:00:00+02:00", "2026-11-20t12:04:59.999999999z", "2026-11-20T12:00:00+02:00")
    done = await report(org, *(event(number, org.bo.id, time=at) for number, at in enumerate(times)))

    assert done.accepted == 2
    assert "before the books were opened" in done.rejected[0].detail


async def test_what_was_used_earlier_says_so_in_the_statement_with_the_card_of_that_time(either_org: SampleOrg) -> None:
    """S3: its own moment picks the card and is kept beside the moment it was booked at; ``verify`` covers it."""
    org, at = either_org, datetime(2026, 11, 20, 13, 2, tzinfo=UTC)
    org.clock.advance(timedelta(days=2))
    unknown = {"model": "nobody-9", "output_tokens": 1}
    await report(org, event(1, org.bo.id, time="2026-11-20T14:02:00+01:00"), event(2, org.bo.id, data=unknown))
    lines = (await statement(org.ledger, actor=org.bo.actor)).items
    told, untold = (
        next(each for each in lines if each.usage and each.usage.is_fallback == flag) for flag in (False, True)
    )

    assert told.usage is not None
    assert untold.usage is not None
    assert (told.at, told.usage.happened_at, untold.usage.happened_at) == (org.clock(), at, None)
    assert told.usage.card.startswith("2026-09-29-")
    assert (await verify(org.ledger)).clean


async def test_a_full_queue_is_waited_for(sqlite_url: str, org: SampleOrg) -> None:
    """Three commands may wait; of two hundred events none is lost."""
    narrow = open_ledger(some_settings(sqlite_url, queue_size=3), clock=org.clock)
    try:
        documents = [event(number, org.bo.id) for number in range(200)]
        done = await report_usage(narrow, actor=org.ada.actor, documents=documents)
    finally:
        narrow.close()

    assert (done.accepted, done.rejected) == (200, [])


async def test_nobody_sees_another_organizations_people(org: SampleOrg) -> None:
    await members.add_member(org.ledger, actor=org.stranger.actor, name="Zed", email="zed@other.example")
    done = await report(org, event(1, "zed@other.example"), event(2, org.stranger.id))

    assert [each.code for each in done.rejected] == [Code.UNKNOWN_MEMBER] * 2
