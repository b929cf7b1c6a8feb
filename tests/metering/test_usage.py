"""Rating: exact, rounded up once, and equal to what `decimal` makes of it."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ledger.credits import Credits
from core.ledger.errors import Refused
from core.metering.ratecards import RateCard, Rates, Tier
from core.metering.usage import MAX_TOKENS, Usage, rate


def card(*, tiers: dict[str, str] | None = None, **rates: str) -> RateCard:
    prices = {"input": "50", "cached_input": "5", "output": "250", **rates}
    known = Rates(
        **{kind: Credits.parse(price) for kind, price in prices.items()},
        tiers=tuple(Tier(name, Fraction(multiplier)) for name, multiplier in (tiers or {}).items()),
    )
    return RateCard(version="test", rates={"sol": known}, fallback=Rates(*[Credits.of(1000)] * 5))


def by_decimal(tokens: list[int], prices: list[str], multiplier: str = "1") -> Decimal:
    """Return credits, rounded up once to a micro-credit, by nothing but `decimal`."""
    with localcontext(prec=60):
        exact = sum(
            (n * Decimal(price) / 1_000_000 for n, price in zip(tokens, prices, strict=True)), Decimal(0)
        ) * Decimal(multiplier)
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


LARGEST = Decimal(2**63 - 1) / 1_000_000
counts = st.integers(0, MAX_TOKENS)
prices = st.decimals(0, 100_000, places=6, allow_nan=False, allow_infinity=False).map(lambda d: f"{d:f}")


@given(tokens=st.lists(counts, min_size=5, max_size=5), rates=st.lists(prices, min_size=5, max_size=5))
def test_rating_equals_a_sum_made_with_decimal(tokens: list[int], rates: list[str]) -> None:
    """S3, for every count of tokens and every card."""
    kinds = ("input", "cached_input", "output", "cache_write", "cache_write_1h")
    rating = rate(Usage("sol", *tokens), card(**dict(zip(kinds, rates, strict=True))))

    assert Decimal(str(rating.amount)) == by_decimal(tokens, rates)


@given(
    tokens=st.lists(counts, min_size=5, max_size=5),
    rates=st.lists(prices, min_size=5, max_size=5),
    multiplier=st.decimals("0.000001", 999, places=6).map(lambda d: f"{d:f}"),
)
def test_rating_a_tier_equals_a_product_made_with_decimal(tokens: list[int], rates: list[str], multiplier: str) -> None:
    """S3: the multiplier is exact and comes before the one rounding."""
    kinds = ("input", "cached_input", "output", "cache_write", "cache_write_1h")
    expected = by_decimal(tokens, rates, multiplier)
    priced = card(tiers={"fast": multiplier}, **dict(zip(kinds, rates, strict=True)))
    if expected > LARGEST:
        with pytest.raises(OverflowError):
            rate(Usage("sol", *tokens, tier="fast"), priced)
        return

    assert Decimal(str(rate(Usage("sol", *tokens, tier="fast"), priced).amount)) == expected


def test_a_tier_multiplies_before_the_amount_is_rounded() -> None:
    """S3: a third of a micro-credit in a tier of three is one micro-credit, not three."""
    priced = card(input="0.333333", tiers={"triple": "3"})

    assert rate(Usage("sol", 1, tier="triple"), priced).amount == Credits(1)


def test_a_tier_the_card_does_not_know_is_refused() -> None:
    with pytest.raises(Refused, match="it knows: standard, fast"):
        rate(Usage("sol", 1, tier="turbo"), card(tiers={"fast": "2"}))


def test_a_whole_prompt_is_divided_into_what_is_counted_apart() -> None:
    """As tools report it: of 100 tokens 60 came from a cache and 20 went into one."""
    usage = Usage.of_prompt(
        "sol", tier="fast", input_tokens=100, cached_tokens=60, cache_write_tokens=15, cache_write_1h_tokens=5
    )

    assert usage == Usage("sol", 20, 60, 0, 15, 5, tier="fast")


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"cached_tokens": 101}, r"cached_tokens \(101\) is more than input_tokens \(100\)"),
        ({"cached_tokens": 60, "cache_write_tokens": 41}, r"cached_tokens \(60\) \+ cache_write_tokens \(41\) is more"),
        ({"cache_write_1h_tokens": 101}, r"cache_write_1h_tokens \(101\) is more"),
        ({"cached_tokens": -1}, "cached_tokens must be between 0"),
        ({"output_tokens": 10**18}, "output_tokens must be between 0 and 1,000,000,000"),
    ],
)
def test_parts_that_are_more_than_the_whole_are_refused(parts: dict[str, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Usage.of_prompt("sol", input_tokens=100, **parts)


@given(first=st.lists(counts, min_size=5, max_size=5), second=st.lists(counts, min_size=5, max_size=5))
def test_two_events_cost_at_most_one_micro_credit_more_than_both_in_one(first: list[int], second: list[int]) -> None:
    """S3: rounding once per event never takes more than a micro-credit per event."""
    rates = card(cached_input="1.875", output="113")
    halves = [tokens // 2 for tokens in first], [tokens // 2 for tokens in second]
    apart = sum(rate(Usage("sol", *tokens), rates).amount.micros for tokens in halves)
    together = rate(Usage("sol", *[a + b for a, b in zip(*halves, strict=True)]), rates).amount.micros

    assert 0 <= apart - together <= 1
