"""How amounts, times and durations read (the display rule of `Credits`)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp import formatting

NOW = datetime(2026, 11, 20, 13, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("0", "0"), ("0.001", "<0.01"), ("0.01", "0.01"), ("0.5", "0.5"), ("1.999999", "1.99"), ("1000", "1,000"),
     ("4210.10", "4,210.1"), ("9999999999.999999", "9,999,999,999.99")],
)  # fmt: skip
def test_credits_are_rounded_toward_zero(amount: str, shown: str) -> None:
    assert formatting.credits(Decimal(amount)) == shown


@given(micros=st.integers(min_value=10_000, max_value=10**19))
def test_what_is_shown_is_never_more_than_there_is(micros: int) -> None:
    amount = Decimal(micros).scaleb(-6)
    shown = Decimal(formatting.credits(amount).replace(",", ""))

    assert shown <= amount < shown + Decimal("0.01")


@given(micros=st.integers(min_value=0, max_value=10**19))
def test_the_wire_form_is_exact_and_plain(micros: int) -> None:
    text = formatting.exact(Decimal(micros).scaleb(-6))

    assert Decimal(text).scaleb(6) == micros
    assert "E" not in text
    assert not ("." in text and text.endswith("0"))


@pytest.mark.parametrize(
    ("span", "short", "spoken"),
    [
        (timedelta(days=12, hours=23), "12 d", "12 days"),
        (timedelta(days=1), "1 d", "1 day"),
        (timedelta(hours=23, minutes=59), "23 h", "23 hours"),
        (timedelta(minutes=40), "40 min", "40 minutes"),
        (timedelta(seconds=3), "1 min", "1 minute"),
    ],
)
def test_a_duration_is_its_largest_unit(span: timedelta, short: str, spoken: str) -> None:
    assert formatting.duration(span) == short
    assert formatting.spoken_duration(span) == spoken


def test_a_moment_names_as_much_of_the_day_as_is_needed() -> None:
    assert formatting.moment(NOW + timedelta(minutes=58), now=NOW, zone=UTC) == "14:00"
    assert formatting.moment(NOW + timedelta(days=3), now=NOW, zone=UTC) == "Mon 13:02"
    assert formatting.moment(NOW + timedelta(days=13), now=NOW, zone=UTC) == "3 Dec"


def test_foreign_text_is_one_line_without_control_characters() -> None:
    assert formatting.plain("a\x1b[31m\n\tb\u202e c") == "a [31m b c"
    assert len(formatting.plain("x" * 1000)) == 300
