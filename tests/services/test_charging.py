"""The charge of one usage event, decided on a book: whose lots pay, in which order, and when it refuses."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any

import pytest

from core.ledger.accounts import AccountKind, account_id, pool_of
from core.ledger.book import Book
from core.ledger.credits import MAX_TRANSFER, Credits
from core.ledger.errors import Code, Refused
from core.ledger.lots import Source
from core.ledger.members import Member, TeamSeat
from core.ledger.positions import MAX_SLICES, Position
from core.metering.usage import Rating, Usage
from core.services.commands.charging import Charge
from tests.support.lots import ADA, ADAS, DAY, INSTANT, NOW, a_lot, a_position

ORG = 1
OLD_TEAM, NEW_TEAM = pool_of(21), pool_of(22)
CONSUMED = account_id(ORG, AccountKind.CONSUMED)


def a_charge(amount: str = "10", **changes: Any) -> Charge:
    """Return the charge of a request of Ada's."""
    charge = Charge(
        org_id=ORG,
        member_id=ADA,
        source="sha256:ab",
        event_id="trace_1/0/7",
        subject="trace_1",
        usage=Usage("opus", 600, 400, 50),
        rating=Rating(Credits.parse(amount), "2026-09-29-ab", is_fallback=False),
    )
    return replace(charge, **changes)


def a_book(
    positions: dict[int, list[Position]], *, frozen: datetime | None = None, left: datetime | None = None
) -> Book:
    """Return a book in which Ada sits in two teams; named accounts hold positions, all three are locked."""
    ids = count(1_000)
    book = Book(NOW, lambda: next(ids))
    book.members[ADA] = Member(ADA, ORG, "Ada", "person", "member", NOW, NOW, frozen, left)
    book.seats[ADA] = (TeamSeat(22, is_lead=True), TeamSeat(21, is_lead=False))
    for account in (ADAS, OLD_TEAM, NEW_TEAM):
        book.locked.add((ORG, account))
        book.positions[account] = {each.lot.lot_id: each for each in positions.get(account, [])}
    return book


def decided(book: Book, charge: Charge) -> list[tuple[int, int, str]]:
    """Decide the charge and return what was taken: (account, lot, amount), in order."""
    book.begin(charge.org_id, charge.actor_id, [500])
    charge.decide(book)
    posting = book.effects.postings[-1]
    assert sum(entry.amount.micros for entry in posting.entries) == 0
    assert {entry.account_id for entry in posting.entries[1::2]} <= {CONSUMED}
    return [(entry.account_id, entry.lot_id, str(-entry.amount)) for entry in posting.entries[::2]]


def refusal(book: Book, charge: Charge) -> Refused:
    book.begin(charge.org_id, charge.actor_id, [500])
    with pytest.raises(Refused) as refused:
        charge.decide(book)
    assert book.effects.postings == []
    assert book.effects.usage == []
    return refused.value


def test_a_charge_draws_the_wallet_in_spending_order() -> None:
    """L4: priority, then what lapses first, then promo before paid."""
    paid, promo = a_lot(1), a_lot(2, source=Source.PROMO)
    soon, first = a_lot(3, expires_at=NOW + DAY), a_lot(4, priority=1)
    book = a_book({ADAS: [a_position("5", lot) for lot in (paid, promo, soon, first)]})

    assert decided(book, a_charge("16")) == [(ADAS, 4, "5"), (ADAS, 3, "5"), (ADAS, 2, "5"), (ADAS, 1, "1")]


def test_the_pools_pay_after_the_wallet_the_oldest_team_first() -> None:
    """The wallet goes first although the pools' lots would lapse sooner."""
    wallet, old, new = a_lot(1), a_lot(2, expires_at=NOW + DAY), a_lot(3, expires_at=NOW + INSTANT)
    book = a_book({ADAS: [a_position("4", wallet)], OLD_TEAM: [a_position("4", old)], NEW_TEAM: [a_position("4", new)]})

    assert decided(book, a_charge("10")) == [(ADAS, 1, "4"), (OLD_TEAM, 2, "4"), (NEW_TEAM, 3, "2")]


def test_a_pool_pays_alone_when_the_wallet_is_empty() -> None:
    book = a_book({NEW_TEAM: [a_position("10", a_lot(3))]})

    assert decided(book, a_charge("10")) == [(NEW_TEAM, 3, "10")]


def test_what_has_expired_pays_nothing_although_no_job_has_run() -> None:
    """L5: unusable from the instant on."""
    lapsed = a_position("10", a_lot(1, expires_at=NOW))
    last_instant = a_position("10", a_lot(2, expires_at=NOW + INSTANT))

    assert refusal(a_book({ADAS: [lapsed], OLD_TEAM: [lapsed]}), a_charge()).fields["spendable"] == "0"
    assert decided(a_book({ADAS: [lapsed, last_instant]}), a_charge()) == [(ADAS, 2, "10")]


def test_a_charge_beyond_the_funds_is_refused_and_takes_nothing() -> None:
    book = a_book({ADAS: [a_position("4")], OLD_TEAM: [a_position("5.999999")]})
    refused = refusal(book, a_charge("10"))

    assert refused.code is Code.INSUFFICIENT_CREDITS
    assert refused.fields == {"needed": "10", "spendable": "9.999999"}


def test_the_last_micro_credit_can_be_spent() -> None:
    book = a_book({ADAS: [a_position("4", a_lot(1))], OLD_TEAM: [a_position("6", a_lot(2))]})

    assert decided(book, a_charge("10")) == [(ADAS, 1, "4"), (OLD_TEAM, 2, "6")]
    assert refusal_after(book, "0.000001").code is Code.INSUFFICIENT_CREDITS


def refusal_after(book: Book, amount: str) -> Refused:
    """Return the refusal of a second charge in the same batch."""
    second = a_charge(amount, event_id="trace_1/0/8")
    book.begin(second.org_id, second.actor_id, [501])
    with pytest.raises(Refused) as refused:
        second.decide(book)
    return refused.value


def test_a_request_that_costs_nothing_is_recorded_and_moves_nothing() -> None:
    book = a_book({})

    assert decided(book, a_charge("0")) == []
    assert len(book.effects.usage) == 1


def test_the_event_is_kept_with_its_tokens_and_the_card_that_rated_it() -> None:
    """S3: the card's version is kept with the event."""
    book = a_book({ADAS: [a_position("10")]})
    decided(book, a_charge("10"))

    facts = (ADA, "sha256:ab", "trace_1/0/7", "opus", 600, 400, 50, 0, 0, "2026-09-29-ab", False, 10_000_000, None)
    assert book.effects.usage == [(ORG, 500, facts)]


def test_a_frozen_wallet_pays_nothing() -> None:
    refused = refusal(a_book({ADAS: [a_position()]}, frozen=NOW), a_charge())

    assert refused.code is Code.ACCOUNT_FROZEN


@pytest.mark.parametrize("charge", [a_charge(member_id=99), a_charge(org_id=2)])
def test_an_unknown_member_and_another_organisations_pay_nothing(charge: Charge) -> None:
    assert refusal(a_book({ADAS: [a_position()]}), charge).code is Code.UNKNOWN_MEMBER


def test_somebody_who_has_left_pays_nothing() -> None:
    assert refusal(a_book({ADAS: [a_position()]}, left=NOW), a_charge()).code is Code.UNKNOWN_MEMBER


def test_a_request_past_the_largest_transfer_is_refused() -> None:
    dear = a_charge(rating=Rating(MAX_TRANSFER + Credits(1), "x", is_fallback=True))

    assert refusal(a_book({}), dear).code is Code.INVALID_REQUEST


def test_a_charge_of_too_many_lots_is_refused_with_the_largest_possible_amount() -> None:
    """L7: at most 256 slices a transfer, wallet and pools together."""
    crumbs = [a_position("1") for _ in range(MAX_SLICES)]
    book = a_book({ADAS: crumbs[:200], OLD_TEAM: crumbs[200:], NEW_TEAM: [a_position("1")]})
    refused = refusal(book, a_charge("257"))

    assert (refused.code, refused.fields["largest"]) == (Code.TOO_MANY_LOTS, "256")
    assert len(decided(book, a_charge("256"))) == MAX_SLICES


def test_the_largest_possible_amount_of_wallet_and_pool_works() -> None:
    """L7: also when the pool alone would need too many, after what the wallet gives."""
    book = a_book({ADAS: [a_position("1") for _ in range(200)], OLD_TEAM: [a_position("10") for _ in range(300)]})
    refused = refusal(book, a_charge("3200"))

    assert (refused.code, refused.fields["largest"]) == (Code.TOO_MANY_LOTS, "760")
    assert len(decided(book, a_charge("760"))) == MAX_SLICES


def test_the_key_is_that_of_the_event_whoever_brings_it() -> None:
    """S4: a usage event is (source, id)."""
    charge = a_charge()

    assert (charge.actor_id, charge.key) == (0, "usage:sha256:ab:trace_1/0/7")
    assert charge.key == a_charge("99", member_id=99, usage=Usage("haiku")).key


@pytest.mark.parametrize("event_id", ["x" * 250, "Zoë/0/1", "a\nb", "a:b"])
def test_an_event_id_that_is_no_key_is_hashed(event_id: str) -> None:
    """L6: keys have 1 to 255 printable ASCII characters."""
    key = a_charge(event_id=event_id).key

    assert key.startswith("usage-digest:")
    assert len(key) <= 255
    assert key.isascii()
    assert key != a_charge(event_id=event_id + "x").key


def test_a_colon_never_makes_two_events_one() -> None:
    assert a_charge(source="a:b", event_id="c").key != a_charge(source="a", event_id="b:c").key


def test_the_content_is_what_the_event_says() -> None:
    """S4: same content again is a duplicate, other content a conflict; S3: the price is no content."""
    digest = a_charge().digest

    assert a_charge("99", member_id=99).digest == digest
    assert a_charge(usage=Usage("opus", 600, 400, 51)).digest != digest
    assert a_charge(usage=Usage("opus", 599, 401, 50)).digest != digest
    assert a_charge(usage=Usage("haiku", 600, 400, 50)).digest != digest
    assert a_charge(subject="trace_2").digest != digest
