"""The charge of one usage event, decided on a book: whose lots pay, in which order, and what is owed in the end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.ledger.accounts import AccountKind, account_id
from core.ledger.batch import BatchState
from core.ledger.credits import MAX_TRANSFER, ZERO, Credits
from core.ledger.errors import Code, Refused
from core.ledger.lots import Source
from core.ledger.members import Debt
from core.ledger.positions import MAX_SLICES
from core.metering.usage import Rating, Usage
from core.services.usage.charge_commands import Charge
from tests.support.lots import ADA, ADAS, DAY, INSTANT, NOW, a_lot, a_position
from tests.support.spending import NEW_POOL, OLD_POOL, ORG, a_book, a_cap, a_plan, a_seat

CONSUMED = account_id(ORG, AccountKind.CONSUMED)
MAX_KEY = 255


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


def decided(batch: BatchState, charge: Charge) -> list[tuple[int, int, str]]:
    """Decide the charge and return what was taken: (account, lot, amount), in order."""
    batch.begin(charge.org_id, charge.actor_id, [500])
    charge.decide(batch)
    posting = batch.effects.postings[-1]
    assert sum(entry.amount.micros for entry in posting.entries) == 0
    assert {entry.account_id for entry in posting.entries[1::2]} <= {CONSUMED}
    return [(entry.account_id, entry.lot_id, str(-entry.amount)) for entry in posting.entries[::2]]


def owed(batch: BatchState) -> list[str]:
    """Return what was left owing, in the order of the charges."""
    for org, debt in batch.effects.debts:
        assert (org, debt.debtor_account, debt.creditor_account, debt.repaid) == (ORG, ADAS, CONSUMED, ZERO)
    return [str(debt.amount) for _, debt in batch.effects.debts]


def refusal(batch: BatchState, charge: Charge) -> Refused:
    batch.begin(charge.org_id, charge.actor_id, [500])
    with pytest.raises(Refused) as refused:
        charge.decide(batch)
    assert batch.effects.postings == []
    assert batch.effects.usage == []
    return refused.value


def test_a_charge_draws_the_wallet_in_spending_order() -> None:
    """L4: priority, then what lapses first, then promo before paid."""
    paid, promo = a_lot(1), a_lot(2, source=Source.PROMO)
    soon, first = a_lot(3, expires_at=NOW + DAY), a_lot(4, priority=1)
    batch = a_book({ADAS: [a_position("5", lot) for lot in (paid, promo, soon, first)]})

    assert decided(batch, a_charge("16")) == [(ADAS, 4, "5"), (ADAS, 3, "5"), (ADAS, 2, "5"), (ADAS, 1, "1")]


def test_the_pools_pay_after_the_wallet_the_oldest_team_first() -> None:
    """The wallet goes first although the pools' lots would lapse sooner."""
    wallet, old, new = a_lot(1), a_lot(2, expires_at=NOW + DAY), a_lot(3, expires_at=NOW + INSTANT)
    batch = a_book(
        {ADAS: [a_position("4", wallet)], OLD_POOL: [a_position("4", old)], NEW_POOL: [a_position("4", new)]}
    )

    assert decided(batch, a_charge("10")) == [(ADAS, 1, "4"), (OLD_POOL, 2, "4"), (NEW_POOL, 3, "2")]


def test_a_pool_pays_alone_when_the_wallet_is_empty() -> None:
    batch = a_book({NEW_POOL: [a_position("10", a_lot(3))]})

    assert decided(batch, a_charge("10")) == [(NEW_POOL, 3, "10")]


def test_what_has_expired_pays_nothing_although_no_job_has_run() -> None:
    """L5: unusable from the instant on."""
    lapsed = a_position("10", a_lot(1, expires_at=NOW))
    last_instant = a_position("10", a_lot(2, expires_at=NOW + INSTANT))

    assert decided(a_book({ADAS: [lapsed], OLD_POOL: [lapsed]}), a_charge()) == []
    assert decided(a_book({ADAS: [lapsed, last_instant]}), a_charge()) == [(ADAS, 2, "10")]


def test_what_nothing_covers_is_owed_and_told() -> None:
    """S2: it has happened already, so it is never refused for lack of funds."""
    batch = a_book({ADAS: [a_position("4", a_lot(1))], OLD_POOL: [a_position("5.999999", a_lot(2))]})

    assert decided(batch, a_charge("10")) == [(ADAS, 1, "4"), (OLD_POOL, 2, "5.999999")]
    assert [debt for _, debt in batch.effects.debts] == [Debt(500, ADAS, CONSUMED, Credits(1), ZERO)]
    assert [(each.kind, each.body, each.for_editor) for each in batch.effects.notices] == [
        ("overage", {"amount": "0.000001"}, True)
    ]


def test_the_last_micro_credit_can_be_spent() -> None:
    batch = a_book({ADAS: [a_position("4", a_lot(1))], OLD_POOL: [a_position("6", a_lot(2))]})

    assert decided(batch, a_charge("10")) == [(ADAS, 1, "4"), (OLD_POOL, 2, "6")]
    assert owed(batch) == []
    assert decided(batch, a_charge("0.000001", event_id="trace_1/0/8")) == []
    assert owed(batch) == ["0.000001"]


def test_what_a_plan_includes_pays_first_and_moves_nothing() -> None:
    """S6: single-entry, in every window of the plan."""
    batch = a_book({ADAS: [a_position("10", a_lot(1))]}, [a_plan("6", "7"), a_seat()])

    assert decided(batch, a_charge("10")) == [(ADAS, 1, "4")]
    assert [(each.meter, str(each.amount)) for each in batch.effects.windows] == [("5h", "6"), ("weekly", "6")]
    assert batch.effects.usage[0][2][-3:] == (6_000_000, None, None)


def test_a_cap_makes_the_rest_owed_although_there_are_funds() -> None:
    """S5: caps count what comes from lots and pools."""
    batch = a_book({ADAS: [a_position("10", a_lot(1))]}, [a_cap("3")])

    assert decided(batch, a_charge("10")) == [(ADAS, 1, "3")]
    assert [(each.meter, str(each.amount)) for each in batch.effects.windows] == [
        ("cap:day", "3"),
        ("overage:day", "7"),
    ]
    assert owed(batch) == ["7"]


def test_a_request_that_costs_nothing_is_recorded_and_moves_nothing() -> None:
    batch = a_book({})

    assert decided(batch, a_charge("0")) == []
    assert len(batch.effects.usage) == 1


def test_the_event_is_kept_with_its_tokens_and_the_card_that_rated_it() -> None:
    """S3: the card's version is kept with the event."""
    batch = a_book({ADAS: [a_position("10")]})
    decided(batch, a_charge("10"))

    facts = (ADA, "sha256:ab", "trace_1/0/7", "opus", 600, 400, 50, 0, 0, "2026-09-29-ab", False, 10_000_000)
    assert batch.effects.usage == [(ORG, 500, (*facts, None, None, None, None))]


@pytest.mark.parametrize("state", ["frozen", "left"])
def test_what_somebody_frozen_or_gone_has_used_is_owed_and_takes_nothing(state: str) -> None:
    """S2, G8: nothing of such a wallet can be spent, nor of a plan; but the usage has happened."""
    batch = a_book({ADAS: [a_position()], OLD_POOL: [a_position()]}, [a_plan("100"), a_seat()], **{state: NOW})

    assert decided(batch, a_charge("10")) == []
    assert [window.meter for window in batch.effects.windows] == ["overage:day"]
    assert owed(batch) == ["10"]


@pytest.mark.parametrize("charge", [a_charge(member_id=99), a_charge(org_id=2)])
def test_an_unknown_member_and_another_organizations_pay_nothing(charge: Charge) -> None:
    assert refusal(a_book({ADAS: [a_position()]}), charge).code is Code.UNKNOWN_MEMBER


def test_a_request_past_the_largest_transfer_is_refused() -> None:
    dear = a_charge(rating=Rating(MAX_TRANSFER + Credits(1), "x", is_fallback=True))

    assert refusal(a_book({}), dear).code is Code.INVALID_REQUEST


def test_what_would_need_too_many_lots_is_owed() -> None:
    """L7: at most 256 slices a transfer, wallet and pools together; S2: never refused."""
    crumbs = [a_position("1") for _ in range(MAX_SLICES)]
    batch = a_book({ADAS: crumbs[:200], OLD_POOL: crumbs[200:], NEW_POOL: [a_position("1")]})

    assert len(decided(batch, a_charge("257"))) == MAX_SLICES
    assert owed(batch) == ["1"]


def test_as_much_as_fits_is_taken_of_wallet_and_pool() -> None:
    """L7: also when the pool alone would need too many, after what the wallet gives."""
    batch = a_book({ADAS: [a_position("1") for _ in range(200)], OLD_POOL: [a_position("10") for _ in range(300)]})

    assert len(decided(batch, a_charge("3200"))) == MAX_SLICES
    assert owed(batch) == [str(3200 - 760)]


def test_nobody_reports_what_looks_like_a_capture() -> None:
    """S4: an event is (source, id), and captures name theirs by their holds."""
    refused = refusal(a_book({}), a_charge(source="capture", event_id="hold_1"))

    assert (refused.code, refused.fields["field"]) == (Code.INVALID_REQUEST, "source")


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
    assert len(key) <= MAX_KEY
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
