"""The rate cards that come with the house say what was published."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from core.ledger.credits import Credits
from core.metering.ratecards import Rates
from core.services.usage.ratecards import published_rate_cards


def rates(*prices: str) -> Rates:
    return Rates(*[Credits.parse(price) for price in prices])


@pytest.mark.parametrize(
    ("model", "published"),
    [
        ("gpt-6-astra", rates("250", "25", "1250", "0", "0")),
        ("gpt-6-luna", rates("2.5", "0.25", "12.5", "0", "0")),
        ("gpt-5.4-mini", rates("18.75", "1.875", "113", "0", "0")),
        ("claude-opus-4-1-20250805", rates("375", "37.5", "1875", "468.75", "750")),
        ("claude-opus-4-6", rates("125", "12.5", "625", "156.25", "250")),
        ("claude-haiku-4-5-20251001", rates("25", "2.5", "125", "31.25", "50")),
    ],
)
def test_the_published_figures_are_shipped_as_they_stand(model: str, published: Rates) -> None:
    """S3: 113 was published as 113, although the price in dollars would make it 112.5."""
    card = published_rate_cards().at(datetime(2026, 11, 20, tzinfo=UTC))

    found, flagged = card.rates_for(model)

    assert (replace(found, tiers=None), flagged) == (published, False)


@pytest.mark.parametrize(("day", "price"), [(11, "125"), (20, "125"), (21, "100"), (31, "100")])
def test_a_price_that_was_lowered_is_lower_from_its_day_on_only(day: int, price: str) -> None:
    card = published_rate_cards().at(datetime(2026, 8, day, tzinfo=UTC))

    assert card.rates["gpt-5.6-sol"].input == Credits.parse(price)


def test_an_unknown_model_is_never_free_since_the_first_card() -> None:
    """S3: the stated fallback, flagged."""
    for day in (datetime(2025, 5, 14, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)):
        fallback, flagged = published_rate_cards().at(day).rates_for("a-model-of-next-year")

        assert flagged
        assert replace(fallback, tiers=None) == rates("125", "12.5", "750", "156.25", "250")


@pytest.mark.parametrize(
    ("model", "tier", "published"),
    [
        ("gpt-5.5", "fast", "2.5"),
        ("gpt-5.4", "fast", "2"),
        ("gpt-6-sol", "fast", "2"),
        ("claude-opus-4-6", "fast", "6"),
        ("claude-opus-4-6", "batch", "0.5"),
        ("a-model-of-next-year", "fast", "2"),
    ],
)
def test_the_published_tiers_are_shipped(model: str, tier: str, published: str) -> None:
    found, _ = published_rate_cards().at(datetime(2026, 11, 20, tzinfo=UTC)).rates_for(model)

    assert found.multiplier(tier) == Fraction(published)
