"""Credits: whole micro-credits that are read strictly and never shown as more than they are."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal
from typing import Any

import pytest

from core.ledger.credits import MAX_TRANSFER, ZERO, Credits, total

NEVER_AN_AMOUNT = [
    "",
    " ",
    "500 ",
    " 500",
    "500\n",
    "\t500",
    "5 00",
    "500\u00a0",
    "500\x00",
    "\x00",
    "-5",
    "+5",
    "−5",
    "--5",
    "1e9",
    "1E9",
    "0x10",
    "1_000",
    "٥٠٠",
    "५००",
    "５００",
    "²",
    "½",
    "inf",
    "nan",
    "NaN",
    ".5",
    "5.",
    ".",
    "1.2.3",
    "500.0000001",
    "12345678901",
    "five",
    "$5",
    "500cr",
    "1.000,5",
]


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("0", 0),
        ("0.000001", 1),
        ("0.5", 500_000),
        ("00.50", 500_000),
        ("500", 500_000_000),
        ("4210", 4_210_000_000),
        ("9999999999.999999", 9_999_999_999_999_999),
    ],
)
def test_programs_write_amounts_with_at_most_six_decimals(text: str, micros: int) -> None:
    assert Credits.parse(text) == Credits(micros)


@pytest.mark.parametrize("text", [*NEVER_AN_AMOUNT, "1,000"])
def test_what_is_no_exact_amount_is_not_guessed(text: str) -> None:
    """G7: over-precise and malformed amounts are refused, never rounded or repaired."""
    with pytest.raises(ValueError, match="an amount is written like"):
        Credits.parse(text)


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("500", "500"),
        ("12.5", "12.5"),
        ("0.01", "0.01"),
        ("1,000", "1000"),
        ("12,345", "12345"),
        ("1,234,567.89", "1234567.89"),
        ("9,999,999,999", "9999999999"),
    ],
)
def test_people_may_group_thousands_and_type_two_decimals(text: str, exact: str) -> None:
    assert Credits.parse_typed(text) == Credits.parse(exact)


@pytest.mark.parametrize(
    "text",
    [
        *NEVER_AN_AMOUNT,
        "0.001",
        "1,00",
        "1,0000",
        "10,00,000",
        "1000,000",
        ",500",
        "500,",
        "1,,000",
        "0,500",
        "001,000",
        "1,000,",
        "1.5,000",
        "10,000,000,000",
        "999,999,999,999",
    ],
)
def test_what_people_cannot_have_meant_is_refused_with_an_example(text: str) -> None:
    """G7: ``0,500`` means a half to some, ``10,00,000`` a million to others; nobody is credited by a guess."""
    with pytest.raises(ValueError, match=r"an amount looks like 500, 1,000 or 12\.5"):
        Credits.parse_typed(text)


@pytest.mark.parametrize(
    ("micros", "exact", "shown"),
    [
        (0, "0", "0"),
        (1, "0.000001", "<0.01"),
        (9_999, "0.009999", "<0.01"),
        (10_000, "0.01", "0.01"),
        (19_999, "0.019999", "0.01"),
        (500_000, "0.5", "0.5"),
        (999_999, "0.999999", "0.99"),
        (1_000_000, "1", "1"),
        (1_005_000, "1.005", "1"),
        (4_210_000_000, "4210", "4,210"),
        (1_234_567_891_234, "1234567.891234", "1,234,567.89"),
        (-1, "-0.000001", "-<0.01"),
        (-10_000, "-0.01", "-0.01"),
        (-1_999_999, "-1.999999", "-1.99"),
        (-4_210_500_000, "-4210.5", "-4,210.5"),
        (2**63 - 1, "9223372036854.775807", "9,223,372,036,854.77"),
    ],
)
def test_an_amount_is_exact_to_programs_and_rounded_toward_zero_for_people(micros: int, exact: str, shown: str) -> None:
    amount = Credits(micros)

    assert str(amount) == exact
    assert amount.shown() == shown
    assert repr(amount) == f"Credits({exact} cr)"


def test_amounts_add_subtract_and_compare_exactly() -> None:
    tenth = Credits.parse("0.1")

    assert total([tenth] * 10) == Credits.of(1)
    assert tenth + tenth - Credits.parse("0.2") == ZERO
    assert -tenth == ZERO - tenth
    assert -tenth < ZERO < tenth
    assert tenth <= Credits(100_000) >= tenth
    assert max(tenth, ZERO) > min(tenth, ZERO)
    assert total([]) == ZERO
    assert not ZERO
    assert tenth
    assert {tenth, Credits(100_000)} == {tenth}


@pytest.mark.parametrize("micros", [1.5, 1.0, True, Decimal(5), "5", None])
def test_an_amount_is_made_of_an_int_and_of_nothing_else(micros: Any) -> None:
    """A float would lose credits; a Decimal is what a database answers to SUM."""
    with pytest.raises(TypeError, match="micro-credits are whole"):
        Credits(micros)


def test_an_amount_is_not_a_number_of_anything() -> None:
    some: Any = Credits(5)

    assert some != 5
    with pytest.raises((TypeError, AttributeError)):
        some + 5
    with pytest.raises(TypeError):
        some / 2
    with pytest.raises(TypeError):
        some * 1.5


@pytest.mark.parametrize("micros", [2**63, -(2**63), 10**30])
def test_an_amount_that_cannot_be_stored_cannot_be_made(micros: int) -> None:
    with pytest.raises(OverflowError, match="do not fit in 64 bits"):
        Credits(micros)


def test_a_sum_past_the_range_fails_instead_of_wrapping() -> None:
    largest = Credits(2**63 - 1)

    with pytest.raises(OverflowError):
        largest + Credits(1)
    with pytest.raises(OverflowError):
        -largest - Credits(1)


def test_an_amount_never_changes() -> None:
    some: Any = Credits(5)

    with pytest.raises(AttributeError, match="never changes"):
        some.micros = 6
    with pytest.raises(AttributeError):
        some.other = 6


def test_an_amount_survives_copying_and_pickling() -> None:
    some = Credits.parse("0.000001")

    assert pickle.loads(pickle.dumps(some)) == some  # noqa: S301  (our own bytes)
    assert copy.deepcopy(some) == some


def test_one_transfer_moves_at_most_a_thousand_million_credits() -> None:
    assert str(MAX_TRANSFER) == "1000000000"
