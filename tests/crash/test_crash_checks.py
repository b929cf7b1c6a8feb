"""The comparison itself: a ledger and a record that disagree are told apart, whichever of the two is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from core.ledger.credits import Credits
from core.ledger.lots import Source
from core.services.common.ledger_service import LedgerService
from core.services.common.recipients import Recipient
from core.services.gifts import gifts
from core.services.grants import grants
from core.services.people import tokens
from core.store.engine import writing
from core.wiring import open_ledger
from tests.support.builders import some_settings
from tests.support.crash_checks import check
from tests.support.databases import opened
from tests.support.population import Population, create_population
from tests.support.record import Answer, Ask, Record


@pytest.fixture
def record(sqlite_url: str, tmp_path: Path) -> Record:
    """What the clients of a small ledger have on record: a grant, a gift that was cancelled, and one unanswered."""
    population = create_population(sqlite_url, 2)
    ledger = open_ledger(some_settings(sqlite_url))
    try:
        return asyncio.run(_act(ledger, population, Record(tmp_path / "record")))
    finally:
        ledger.close()


def test_a_ledger_that_did_what_was_answered_agrees(sqlite_url: str, record: Record) -> None:
    """An unanswered request may have taken effect or not; which of the two is told."""
    record.ask(Ask(4, "give", record.asks[1].actor, "never arrived", record.asks[1].member, 1))

    assert check(sqlite_url, record) == {3: True, 4: False}


@pytest.mark.parametrize(
    "falsify",
    [
        pytest.param(lambda record: record.asks.pop(3), id="done without having been asked for"),
        pytest.param(lambda r: r.asks.update({0: replace(r.asks[0], micros=1)}), id="done with another amount"),
        pytest.param(lambda r: r.answers.update({1: Answer(1, refused="nothing")}), id="done although refused"),
        pytest.param(lambda r: r.answers.update({1: replace(r.answers[1], id="gift_1")}), id="answered with another"),
        pytest.param(lambda r: (r.asks.pop(2), r.answers.pop(2)), id="cancelled by nobody"),
    ],
)
def test_a_record_that_says_otherwise_is_found(
    sqlite_url: str, record: Record, falsify: Callable[[Record], object]
) -> None:
    falsify(record)

    with pytest.raises(AssertionError):
        check(sqlite_url, record)


@pytest.mark.parametrize(
    "tamper",
    [
        pytest.param("DELETE FROM command WHERE key = 'key 1'", id="a key is lost"),
        pytest.param("DELETE FROM gift", id="gifts are lost"),
        pytest.param("UPDATE position SET remaining = remaining + 1", id="there is more than was given"),
        pytest.param("UPDATE outbox SET gift_id = 1, member_id = 1, kind = 'gift_sent'", id="somebody is told twice"),
    ],
)
def test_a_ledger_that_lost_or_doubled_something_is_found(sqlite_url: str, record: Record, tamper: str) -> None:
    with opened(sqlite_url) as engine, writing(engine) as connection:
        connection.execute(text(tamper))

    with pytest.raises(AssertionError):
        check(sqlite_url, record)


async def _act(ledger: LedgerService, population: Population, record: Record) -> Record:
    admin = await tokens.authenticate(ledger, population.tokens[population.admin])
    giver, receiver = population.people
    actor = await tokens.authenticate(ledger, population.tokens[giver])
    lot = await grants.grant(
        ledger,
        actor=admin,
        key="key 0",
        to=Recipient(member=giver),
        amount=Credits.of(5),
        source=Source.PURCHASE,
    )
    record.ask(Ask(0, "grant", population.admin, "key 0", giver, Credits.of(5).micros))
    record.answer(Answer(0, lot.item.lot_id))
    for number in (1, 3):
        ask = Ask(number, "give", giver, f"key {number}", receiver, Credits.of(number).micros)
        gift = await gifts.give(
            ledger, actor=actor, key=ask.key, to=[Recipient(member=receiver)], amount=Credits(ask.micros)
        )
        record.ask(ask)
        if number == 1:
            identity = str(gift.item[0].id)
            record.answer(Answer(1, identity))
    await gifts.cancel(ledger, actor=actor, gift_id=identity)
    record.ask(Ask(2, "cancel", giver, "", gift=identity))
    record.answer(Answer(2, identity))
    return record
