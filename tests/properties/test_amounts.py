"""Properties of Credits: exact to programs, never flattering to people."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from core.ledger.credits import MICROS_PER_CREDIT, Credits, total
from tests.support.strategies import INT64_MAX, amounts

readable = st.integers(0, 10**16 - 1).map(Credits)
any_text = st.one_of(
    st.text(max_size=12),
    st.text(alphabet="0123456789.,-+eE_ ", max_size=14),
    st.from_regex(r"\d{1,6}([.,]\d{1,7})?", fullmatch=True),
)


@given(readable)
def test_an_amount_is_read_back_as_it_was_written(amount: Credits) -> None:
    assert Credits.parse(str(amount)) == amount


@given(amounts)
def test_the_written_form_is_exact_and_has_no_exponent_and_no_idle_zeros(amount: Credits) -> None:
    text = str(amount)

    assert Decimal(text) * MICROS_PER_CREDIT == amount.micros
    assert text == f"{Decimal(text):f}"
    assert "." not in text or text[-1] not in "0."


@given(any_text)
@example("١")
@example("1\n")
def test_what_is_read_is_what_decimal_reads_and_plain_ascii(text: str) -> None:
    """G7: whatever passes means exactly its digits; everything else is a ValueError and nothing worse."""
    try:
        amount = Credits.parse(text)
    except ValueError:
        return

    assert text.isascii()
    assert set(text) <= set("0123456789.")
    assert Decimal(text) * MICROS_PER_CREDIT == amount.micros


@given(any_text)
@example("0,5")
@example("1,000")
@example("10,000,000,000")
def test_what_people_type_is_read_without_a_guess(text: str) -> None:
    """G7: a comma only ever groups thousands, and nothing finer than what is shown is taken."""
    try:
        amount = Credits.parse_typed(text)
    except ValueError:
        return

    assert amount.micros % (MICROS_PER_CREDIT // 100) == 0
    assert Decimal(text.replace(",", "")) * MICROS_PER_CREDIT == amount.micros
    if "," in text:
        assert text.partition(".")[0] == f"{amount.micros // MICROS_PER_CREDIT:,}"


@given(st.integers(0, 10**10 - 1), st.text(alphabet="0123456789", min_size=7, max_size=12))
def test_an_over_precise_amount_is_refused_even_when_its_last_digits_are_zero(whole: int, decimals: str) -> None:
    """G7: seven decimals are no amount."""
    with pytest.raises(ValueError, match="at most 6 decimals"):
        Credits.parse(f"{whole}.{decimals}")


@given(readable)
def test_what_people_see_is_never_more_than_there_is(amount: Credits) -> None:
    shown = amount.shown()
    if shown == "<0.01":
        assert 0 < amount.micros < MICROS_PER_CREDIT // 100
        return

    value = Decimal(shown.replace(",", "")) * MICROS_PER_CREDIT
    assert 0 <= amount.micros - value < MICROS_PER_CREDIT // 100


@given(amounts)
def test_something_never_looks_like_nothing(amount: Credits) -> None:
    assert (amount.shown() == "0") == (not amount)
    assert (-amount).shown().lstrip("-") == amount.shown().lstrip("-")


@given(st.integers(0, 10**12 - 1).map(lambda hundredths: Credits(hundredths * 10_000)))
def test_what_people_see_can_be_typed_back(amount: Credits) -> None:
    assert Credits.parse_typed(amount.shown()) == amount


@given(amounts, amounts)
def test_adding_and_subtracting_are_exact_or_overflow(one: Credits, other: Credits) -> None:
    assume(abs(one.micros + other.micros) <= INT64_MAX)

    assert (one + other).micros == one.micros + other.micros
    assert one + other - other == one
    assert total([one, other]) == other + one
    assert (one < other) == (one.micros < other.micros)
    assert (one >= other) == (not one < other)
