"""Rating: exact, rounded up once, and equal to what `decimal` makes of it."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ledger.credits import Credits
from core.metering.ratecards import RateCard, Rates
from core.metering.usage import MAX_TOKENS, Usage, rate


def card(**rates: str) -> RateCard:
    prices = {"input": "50", "cached_input": "5", "output": "250", **rates}
    known = Rates(**{kind: Credits.parse(price) for kind, price in prices.items()})
    return RateCard(version="test", rates={"sol": known}, fallback=Rates(*[Credits.of(1000)] * 5))


def by_decimal(tokens: list[int], prices: list[str]) -> Decimal:
    """Return credits, rounded up once to a micro-credit, by nothing but `decimal`."""
    with localcontext(prec=60):
        exact = sum((n * Decimal(price) / 1_000_000 for n, price in zip(tokens, prices, strict=True)), Decimal(0))
        return exact.quantize(Decimal("0.000001"), rounding=ROUND_CEILING)


def test_every_kind_has_its_own_rate() -> None:
    usage = Usage("sol", 1_000_000, 2_000_000, 3_000_000, 4_000_000, 5_000_000)
    rating = rate(usage, card(cache_write="93.75", cache_write_1h="150"))

    assert rating.amount == Credits.parse("1935")  # 50 + 2*5 + 3*250 + 4*93.75 + 5*150
    assert (rating.card, rating.is_fallback) == ("test", False)


def test_a_request_of_a_real_session() -> None:
    """71,168 cached of 72,762 tokens: charging the cache as input would cost 6 times as much."""
    opus = card(input="125", cached_input="12.5", output="625")
    usage = Usage("sol", input_tokens=1_594, cached_tokens=71_168, output_tokens=296)

    assert str(rate(usage, opus).amount) == "1.27385"


def test_the_sum_is_rounded_up_once_and_not_each_kind() -> None:
    """S3: three thirds of a micro-credit are one micro-credit, not three."""
    third = card(input="0.3", cached_input="0.3", output="0.4")

    assert rate(Usage("sol", 1, 1, 1), third).amount == Credits(1)
    assert rate(Usage("sol", 2, 1, 1), third).amount == Credits(2)


def test_a_single_token_of_the_smallest_rate_costs_a_micro_credit() -> None:
    assert rate(Usage("sol", 1), card(input="0.000001")).amount == Credits(1)


def test_no_tokens_cost_nothing() -> None:
    assert rate(Usage("sol"), card()).amount == Credits(0)


def test_an_unknown_model_is_rated_at_the_fallback_and_flagged() -> None:
    """S3: never zero."""
    rating = rate(Usage("nobody-knows-it", 1), card())

    assert rating.is_fallback
    assert rating.amount == Credits(1000)


def test_what_no_amount_can_hold_is_refused() -> None:
    with pytest.raises(OverflowError):
        rate(Usage("sol", MAX_TOKENS), card(input="9999999999"))


@pytest.mark.parametrize("kind", list(Usage("sol").counts()))
@pytest.mark.parametrize("tokens", [-1, MAX_TOKENS + 1])
def test_counts_out_of_range_are_refused(kind: str, tokens: int) -> None:
    with pytest.raises(ValueError, match=kind):
        Usage("sol", **{kind: tokens})


@pytest.mark.parametrize("model", ["", "x" * 201, "so\x00l", "so\nl", "\ud800"])
def test_a_model_needs_a_printable_name(model: str) -> None:
    with pytest.raises(ValueError, match="model"):
        Usage(model)


counts = st.integers(0, MAX_TOKENS)
prices = st.decimals(0, 100_000, places=6, allow_nan=False, allow_infinity=False).map(lambda d: f"{d:f}")


@given(tokens=st.lists(counts, min_size=5, max_size=5), rates=st.lists(prices, min_size=5, max_size=5))
def test_rating_equals_a_sum_made_with_decimal(tokens: list[int], rates: list[str]) -> None:
    """S3, for every count of tokens and every card."""
    kinds = ("input", "cached_input", "output", "cache_write", "cache_write_1h")
    rating = rate(Usage("sol", *tokens), card(**dict(zip(kinds, rates, strict=True))))

    assert Decimal(str(rating.amount)) == by_decimal(tokens, rates)


@given(first=st.lists(counts, min_size=5, max_size=5), second=st.lists(counts, min_size=5, max_size=5))
def test_two_events_cost_at_most_one_micro_credit_more_than_both_in_one(first: list[int], second: list[int]) -> None:
    """S3: rounding once per event never takes more than a micro-credit per event."""
    rates = card(cached_input="1.875", output="113")
    halves = [tokens // 2 for tokens in first], [tokens // 2 for tokens in second]
    apart = sum(rate(Usage("sol", *tokens), rates).amount.micros for tokens in halves)
    together = rate(Usage("sol", *[a + b for a, b in zip(*halves, strict=True)]), rates).amount.micros

    assert 0 <= apart - together <= 1
