"""The one evaluator: what it shows is what can be spent, and what it says would change the answer does (S1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from core.ledger.batch import BatchState
from core.ledger.credits import MAX_TRANSFER, ZERO, Credits
from core.ledger.errors import Code, Refused
from core.ledger.records import Record
from core.metering.allowances import UsageWindow, window_at
from core.metering.caps import Period, Span, period_of
from core.metering.evaluate import (
    FundingSource,
    Limit,
    Payment,
    PaymentDraw,
    SpendingSnapshot,
    blocking_window,
    missing_lots,
    pay,
    spendable,
    trace,
)
from core.metering.spending import SpendingProfile
from core.metering.usage import Rating, Usage
from core.services.usage.charge_commands import Charge
from core.services.usage.explanations import Explanation, explain
from core.services.usage.hold_commands import Authorize
from core.services.usage.payments import spending_profile
from tests.support.lots import ADA, ADAS, DAY, INSTANT, NOW, a_lot, a_position
from tests.support.spending import (
    NEW_POOL,
    NEW_TEAM,
    OLD_POOL,
    OLD_TEAM,
    ORG,
    a_book,
    a_boost,
    a_cap,
    a_plan,
    a_seat,
    a_spender,
    a_window,
)

HOUR = timedelta(hours=1)
FAR = NOW + 400 * DAY


# Whatever is set for somebody, whatever they hold.

few = st.integers(0, 60).map(Credits)
limits = st.one_of(st.none(), few.map(str))
whens = st.sampled_from([NOW - DAY, NOW, NOW + INSTANT, NOW + 3 * HOUR, NOW + 2 * DAY, NOW + 9 * DAY, NOW + 40 * DAY])
expiries = st.one_of(st.none(), whens)
lots = st.builds(
    lambda amount, expires_at, priority: a_position(str(amount), a_lot(expires_at=expires_at, priority=priority)),
    few,
    expiries,
    st.sampled_from([50, 100]),
)
holdings = st.fixed_dictionaries({account: st.lists(lots, max_size=3) for account in (ADAS, OLD_POOL, NEW_POOL)})
caps = st.builds(
    lambda amount, subject, pool, period, from_at: a_cap(
        amount, subject_id=subject, pool_id=pool, period=period, from_at=from_at
    ),
    limits,
    st.sampled_from([ADA, OLD_TEAM, NEW_TEAM, ORG]),
    st.sampled_from([None, None, OLD_TEAM, NEW_TEAM]),
    st.sampled_from(Period),
    whens,
)
boosts = st.builds(
    lambda factor, subject, starts_at, lasts: a_boost(
        factor, subject_id=subject, starts_at=starts_at, ends_at=starts_at + lasts
    ),
    st.sampled_from(["1.5", "2", "10"]),
    st.sampled_from([ADA, OLD_TEAM, ORG]),
    whens,
    st.sampled_from([INSTANT, HOUR, 5 * DAY]),
)
plans = st.builds(a_plan, limits, limits, limits)
anchors = st.sampled_from([NOW, NOW - 3 * DAY, NOW - 6 * DAY, NOW - 80 * DAY])


@st.composite
def terms(draw: st.DrawFn) -> list[Record]:
    """A plan that may be absent, caps, boosts, and windows in which something was used already."""
    anchor = draw(anchors)
    records: list[Record] = [*draw(st.lists(caps, max_size=3)), *draw(st.lists(boosts, max_size=2))]
    if draw(st.booleans()):
        records += [draw(plans), a_seat(anchor_at=anchor)]
    spans: dict[str, Span] = {
        "5h": Span(NOW - 2 * HOUR, NOW + 3 * HOUR),
        "weekly": Span(*_ends(window_at("weekly", [], anchor, NOW))),
        "monthly": Span(*_ends(window_at("monthly", [], anchor, NOW))),
        **{f"cap:{period.value}": period_of(period, NOW) for period in Period},
        f"pool:{OLD_TEAM}:day": period_of(Period.DAY, NOW),
    }
    for meter in draw(st.lists(st.sampled_from(sorted(spans)), unique=True, max_size=4)):
        used = draw(few)
        records.append(a_window(meter, str(used), opens_at=spans[meter].opens_at, closes_at=spans[meter].closes_at))
    return records


def _ends(window: UsageWindow | Span) -> Span:
    return Span(window.opens_at, window.closes_at)


def seen(batch: BatchState) -> SpendingSnapshot:
    """Return what counts for Ada now, as it is by now in the book."""
    return spending_profile(batch, ORG, ADA).at(batch.now)


def rated(amount: Credits) -> tuple[Usage, Rating]:
    return Usage("opus", amount.micros), Rating(amount, "a card", is_fallback=False)


def authorized(batch: BatchState, key: int, amount: Credits) -> bool:
    """Authorize an amount, and return whether that was possible."""
    command = Authorize(ORG, ADA, str(key), ADA, *rated(amount), HOUR)
    batch.begin(ORG, ADA, [10_000 + key])
    try:
        command.decide(batch)
    except Refused as refused:
        batch.rollback()
        if refused.code is not Code.INSUFFICIENT_CREDITS:
            raise
        return False
    return True


def charge(batch: BatchState, key: int, amount: Credits) -> None:
    batch.begin(ORG, 0, [20_000 + key])
    Charge(ORG, ADA, "test", str(key), "ada", *rated(amount)).decide(batch)


@given(held=holdings, records=terms(), sizes=st.lists(st.integers(0, 60), max_size=12), mixed=st.booleans())
def test_what_is_shown_as_spendable_is_exactly_what_a_series_of_payments_can_spend(
    held: dict[int, list[object]], records: list[Record], sizes: list[int], *, mixed: bool
) -> None:
    """S1, by the very commands: each is accepted up to what is shown and refused beyond; each takes what it costs."""
    batch = a_book(held, records)  # type: ignore[arg-type]
    shown = left = spendable(seen(batch))
    note(f"{shown} can be spent")

    for key, size in enumerate(sizes):
        amount = Credits(size)
        if mixed and key % 2:
            charge(batch, key, amount)
            left -= min(amount, left)
        elif authorized(batch, key, amount):
            left -= amount
        else:
            assert amount > left
        assert spendable(seen(batch)) == left
    assert not authorized(batch, 100, left + Credits(1))
    assert authorized(batch, 101, left)
    assert spendable(seen(batch)) == ZERO
    assert not authorized(batch, 102, Credits(1))


@given(held=holdings, records=terms(), sizes=st.lists(st.integers(1, 200), min_size=1, max_size=8))
def test_what_a_series_of_charges_takes_is_what_was_shown_and_the_rest_is_owed(
    held: dict[int, list[object]], records: list[Record], sizes: list[int]
) -> None:
    """S2: and no order or size of charges gets more out of it."""
    batch = a_book(held, records)  # type: ignore[arg-type]
    shown = spendable(seen(batch))
    for key, size in enumerate(sizes):
        charge(batch, key, Credits(size))
    used = sum(sizes)
    owed = sum(debt.amount.micros for _, debt in batch.effects.debts)

    assert used - owed == min(used, shown.micros)


def explained(spender: SpendingProfile, amount: Credits) -> Explanation:
    facts = spender.at(NOW)
    return explain(spender, facts, pay(facts, amount), amount, NOW)


@given(held=holdings, records=terms(), more=st.integers(1, 40))
def test_waiting_until_the_instant_named_is_enough_and_no_instant_before_is(
    held: dict[int, list[object]], records: list[Record], more: int
) -> None:
    """S1: ``wait_until`` really changes the answer; where it is not given, nothing that comes by itself does."""
    spender = a_spender(held, records)  # type: ignore[arg-type]
    amount = spendable(spender.at(NOW)) + Credits(more)
    until = explained(spender, amount).wait_until
    moments = list(spender.changes(NOW))
    note(f"{amount}: wait until {until}; it changes at {moments}")

    before = [moment for moment in moments if until is None or moment < until]
    for moment in [*before, *([FAR] if until is None else [until - INSTANT])]:
        assert pay(spender.at(moment), amount).short
    assert until is None or not pay(spender.at(until), amount).short


@given(held=holdings, records=terms(), more=st.integers(1, 40))
def test_so_many_credits_more_are_enough_and_one_micro_credit_less_is_not(
    held: dict[int, list[object]], records: list[Record], more: int
) -> None:
    """S1: ``ask_for`` really changes the answer; where it is not given, no gift and no grant does."""
    spender = a_spender(held, records)  # type: ignore[arg-type]
    amount = spendable(spender.at(NOW)) + Credits(more)
    asked = explained(spender, amount).ask_for

    if asked is None:
        assert pay(_with(spender, MAX_TRANSFER).at(NOW), amount).short
    else:
        assert not pay(_with(spender, asked).at(NOW), amount).short
        assert pay(_with(spender, asked - Credits(1)).at(NOW), amount).short


@given(held=holdings, records=terms(), more=st.integers(1, 40))
def test_caps_block_where_no_credits_would_help_and_raising_those_that_do_is_enough_with_credits(
    held: dict[int, list[object]], records: list[Record], more: int
) -> None:
    """S1: the caps that the trace marks are all that stand in the way of somebody given enough, and each does."""
    facts = a_spender(held, records).at(NOW)  # type: ignore[arg-type]
    amount = spendable(facts) + Credits(more)
    marked = {step.limit for step in trace(facts, pay(facts, amount)) if step.blocks and step.limit.startswith("cap:")}
    rich = replace(facts, sources=(replace(facts.sources[0], holds=MAX_TRANSFER), *facts.sources[1:]))

    raised = [replace(cap, limit=None) if cap.meter in marked else cap for cap in rich.caps]
    assert not pay(replace(rich, caps=tuple(raised)), amount).short
    for kept in marked:
        others = tuple(each if each.meter == kept else replace(each, limit=None) for each in rich.caps)
        assert pay(replace(rich, caps=others), amount).short


def _with(spender: SpendingProfile, received: Credits) -> SpendingProfile:
    """The same person after somebody gave them something."""
    mine = [*spender.positions[ADAS], *([a_position(str(received))] if received else [])]
    return replace(spender, positions={**spender.positions, ADAS: mine})


# The payment, by example.


def a_limit(meter: str, limit: str | None, used: str = "0", *, closes_in: timedelta = DAY) -> Limit:
    return Limit(
        meter, None if limit is None else Credits.parse(limit), Credits.parse(used), NOW - DAY, NOW + closes_in
    )


def test_the_allowance_pays_first_then_the_wallet_then_each_pool() -> None:
    sources = (
        FundingSource(ADAS, Credits.of(3)),
        FundingSource(OLD_POOL, Credits.of(5)),
        FundingSource(NEW_POOL, Credits.of(7)),
    )
    facts = SpendingSnapshot((a_limit("5h", "10", "8"), a_limit("weekly", "9", "6")), (), sources)

    assert spendable(facts) == Credits.of(17)
    assert pay(facts, Credits.of(9)) == Payment(
        Credits.of(2), (PaymentDraw(ADAS, Credits.of(3)), PaymentDraw(OLD_POOL, Credits.of(4))), ZERO
    )


def test_of_nested_windows_the_least_is_left_and_a_full_one_leaves_nothing() -> None:
    """S6."""
    source = (FundingSource(ADAS, Credits.of(3)),)
    full = SpendingSnapshot((a_limit("5h", "10"), a_limit("weekly", "50", "60")), (), source)

    assert pay(full, Credits.of(4)) == Payment(ZERO, (PaymentDraw(ADAS, Credits.of(3)),), Credits.of(1))


@pytest.mark.parametrize("code", [Code.ACCOUNT_FROZEN, Code.NOT_ALLOWED])
def test_whoever_is_blocked_spends_nothing_of_anything(code: Code) -> None:
    facts = SpendingSnapshot((a_limit("5h", "10"),), (), (FundingSource(ADAS, Credits.of(3)),), blocked=code)

    assert spendable(facts) == ZERO
    assert pay(facts, Credits.of(1)) == Payment(ZERO, (), Credits.of(1))
    assert trace(facts, pay(facts, Credits.of(1)))[0][:3] == (code.value, ZERO, True)


def test_nothing_is_always_payable() -> None:
    assert pay(SpendingSnapshot((), (), ()), ZERO) == Payment(ZERO, (), ZERO)


# The trace.


def test_the_trace_names_every_limit_and_which_of_them_blocked() -> None:
    """S1."""
    sources = (
        FundingSource(ADAS, Credits.of(3)),
        FundingSource(OLD_POOL, Credits.of(50), (a_limit(f"pool:{OLD_TEAM}:week", "4", "1"),)),
    )
    facts = SpendingSnapshot(
        (a_limit("5h", "10", "8", closes_in=HOUR), a_limit("weekly", "90")), (a_limit("cap:day", "100"),), sources
    )
    steps = trace(facts, pay(facts, Credits.of(9)))

    assert [(step.limit, str(step.headroom), step.blocks) for step in steps] == [
        ("5h", "2", True),
        ("weekly", "90", False),
        ("cap:day", "100", False),
        (str(ADAS), "3", True),
        (f"pool:{OLD_TEAM}:week", "3", True),
        (str(OLD_POOL), "50", False),
    ]
    assert steps[0].until == NOW + HOUR
    assert not any(step.blocks for step in trace(facts, pay(facts, Credits.of(8))))


def test_a_window_that_nobody_has_opened_names_no_end() -> None:
    facts = a_spender(records=[a_plan("5"), a_seat()]).at(NOW)

    assert trace(facts, pay(facts, Credits.of(9)))[0].until is None


def test_the_window_that_blocks_first_has_the_least_left_and_of_equals_ends_last() -> None:
    soon, late = a_limit("5h", "10", "5", closes_in=HOUR), a_limit("weekly", "20", "15", closes_in=DAY)

    assert blocking_window([soon, late, a_limit("monthly", "90"), a_limit("cap:day", None)]) == late
    assert blocking_window([]) is None


# The sentence.


def test_the_answer_says_how_much_to_ask_for_and_how_long_to_wait() -> None:
    opened = a_window("5h", "5", opens_at=NOW - HOUR, closes_at=NOW + 4 * HOUR)
    why = explained(a_spender(records=[a_plan("5"), a_seat(), opened]), Credits.parse("1.234567"))

    assert why.sentence == (
        "This needs 1.23 cr and you can spend 0 cr. Ask for 1.24 cr more or wait until 2026-11-20 16:00 UTC."
    )
    assert (why.facts()["ask_for"], why.facts()["wait_until"]) == ("1.234567", "2026-11-20T16:00:00Z")


def test_where_a_cap_forbids_it_nobody_is_told_to_ask_for_more() -> None:
    why = explained(a_spender({ADAS: [a_position("5")]}, [a_cap("2")]), Credits.of(3))

    assert (why.ask_for, why.wait_until) == (None, None)
    assert why.sentence == (
        "This needs 3 cr and you can spend 2 cr. "
        "Your daily cap forbids it: more credits alone would not help. Ask an admin to raise it."
    )
    assert [step["limit"] for step in why.facts()["trace"] if step["blocks"]] == ["cap:day"]


def test_a_cap_above_what_is_there_still_forbids_what_is_above_the_cap() -> None:
    """S1: nobody could grant enough, so the cap blocks as well as the wallet, and raising it is part of the way out."""
    why = explained(a_spender({ADAS: [a_position("3")]}, [a_cap("5"), a_cap("6", period=Period.WEEK)]), Credits.of(10))

    assert [step.limit for step in why.steps if step.blocks][:3] == ["cap:day", "cap:week", str(ADAS)]
    assert (why.ask_for, why.wait_until) == (None, None)
    assert why.sentence == (
        "This needs 10 cr and you can spend 3 cr. Your daily cap and your weekly cap forbid it: "
        "more credits alone would not help. Ask an admin to raise them."
    )


def test_of_a_frozen_wallet_no_cap_is_what_blocks() -> None:
    facts = SpendingSnapshot(
        (), (a_limit("cap:day", "0"),), (FundingSource(ADAS, Credits.of(3)),), blocked=Code.ACCOUNT_FROZEN
    )

    assert [step.limit for step in trace(facts, pay(facts, Credits.of(1))) if step.blocks] == ["account_frozen"]


def test_a_cap_that_is_raised_tomorrow_is_worth_waiting_for() -> None:
    caps = [a_cap("2"), a_cap("9", from_at=NOW + DAY, created_at=NOW)]
    why = explained(a_spender({ADAS: [a_position("5")]}, caps), Credits.of(3))

    assert (why.ask_for, why.wait_until) == (None, NOW + DAY)
    assert why.sentence.endswith("would not help. Wait until 2026-11-21 12:00 UTC or ask an admin to raise it.")


def test_a_cap_that_leaves_exactly_what_is_needed_is_not_what_blocks() -> None:
    """S5: the wallet is too small, and more credits in it would help; the cap would allow them."""
    cap = Limit("cap:day", Credits.of(10), Credits.of(2), NOW, NOW + DAY)
    facts = SpendingSnapshot((), (cap,), (FundingSource(ADAS, Credits.of(5)),))
    payment = pay(facts, Credits.of(8))

    assert [step.limit for step in trace(facts, payment) if step.blocks] == [str(ADAS)]
    assert missing_lots(facts, payment) == Credits.of(3)
    assert missing_lots(facts, pay(facts, Credits(8_000_001))) is None


def test_a_cap_on_a_pool_that_leaves_exactly_what_the_pool_holds_is_not_what_blocks() -> None:
    cap = Limit("cap:pool", Credits.of(4), ZERO, NOW, NOW + DAY)
    facts = SpendingSnapshot((), (), (FundingSource(ADAS, ZERO), FundingSource(OLD_POOL, Credits.of(4), (cap,))))

    assert not any(step.blocks for step in trace(facts, pay(facts, Credits.of(9))) if step.limit == "cap:pool")
