"""A file of rate cards: what is read, and what is refused with which words."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest

from core.ledger.credits import ZERO, Credits
from core.metering.ratecards import RateCards, Tier
from core.metering.ratefile import MAX_ROWS, read_rate_cards, read_rate_rows


def row(model: str, effective_from: str = "2026-01-01", **changes: Any) -> dict[str, Any]:
    return {
        "model": model,
        "effective_from": effective_from,
        "input": "50",
        "cached_input": "5",
        "output": "250",
        **changes,
    }


def cards(*rows: dict[str, Any]) -> RateCards:
    return read_rate_cards(json.dumps({"rows": [row("*"), *rows]}))


def test_cache_writes_that_are_not_charged_cost_nothing() -> None:
    (read,) = read_rate_rows({"rows": [row("sol", cache_write=None, cache_write_1h="150")]})

    assert (read.rates.cache_write, read.rates.cache_write_1h) == (ZERO, Credits.of(150))


def test_unit_note_provider_and_source_are_for_people() -> None:
    document = {"unit": "credits per 1,000,000 tokens; 25 credits = 1 USD", "note": "as published"}
    (read,) = read_rate_rows({**document, "rows": [row("sol", provider="openai", source="the page")]})

    assert (read.provider, read.source) == ("openai", "the page")


def test_tiers_are_exact_multipliers_by_name() -> None:
    (read,) = read_rate_rows({"rows": [row("sol", tiers={"flex": "0.333333", "fast": "2.5"})]})

    assert read.rates.tiers == (Tier("fast", Fraction(5, 2)), Tier("flex", Fraction(333_333, 1_000_000)))


@pytest.mark.parametrize(
    ("tiers", "said"),
    [
        ({"fast": 2}, "multiplier"),
        ({"fast": "2.0000001"}, "multiplier"),
        ({"fast": "1e3"}, "multiplier"),
        ({"fast": "-1"}, "multiplier"),
        ({"fast": "٢"}, "multiplier"),
        ({"fast": "0"}, "never free"),
        ({"standard": "1"}, "as they stand"),
        ({"Fast": "2"}, "name"),
        ({"": "2"}, "name"),
        ({f"t{n}": "2" for n in range(21)}, "at most 20"),
        (["fast"], "object"),
        ("2", "object"),
    ],
)
def test_tiers_that_mean_nothing_exact_are_refused(tiers: object, said: str) -> None:
    with pytest.raises(ValueError, match=rf"row 2 \('sol'\): .*{said}"):
        cards(row("sol", tiers=tiers))


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"rows": [row("sol")], "rate": "x"}, "there is no field 'rate'"),
        ({"rows": [row("sol")], "unit": "USD per token"}, "must begin with"),
        ({"rows": [row("sol")], "unit": 25}, "must begin with"),
        ({"rows": [row("sol")], "note": 1}, "note"),
        ({"rows": []}, "1 to 10,000 rows"),
        ({"rows": [row("sol")] * (MAX_ROWS + 1)}, "1 to 10,000 rows"),
        ({"rows": [row("sol", provider=1)]}, "provider"),
        ({"rows": [row("sol", source="a\nb")]}, "source"),
        ({"rows": [row("s\0l")]}, "printable"),
        ({"rows": [row("s" * 201)]}, "200 printable"),
        ({"rows": [row("sol", effective_from="1969-12-31")]}, "effective_from"),
    ],
)
def test_what_a_file_says_beyond_its_rates_is_checked_too(document: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_rate_rows(document)


@pytest.mark.parametrize(
    "amount",
    ["1.8750001", "1e3", "-1", "", "0x10", "1,000", " 1", "٥٠", "NaN", 2.5, 50, None, True],
)
def test_a_rate_that_is_not_an_exact_decimal_string_is_refused(amount: object) -> None:
    """S3: a card that does not fit exactly is no card; a JSON number has been through a float."""
    with pytest.raises(ValueError, match=r"row 2 \('sol'\): input"):
        cards(row("sol", input=amount))


@pytest.mark.parametrize("field", ["input", "output"])
def test_a_model_that_costs_nothing_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match="never free"):
        cards(row("sol", **{field: "0"}))


@pytest.mark.parametrize("day", ["2026-13-01", "20260101", "2026-W01-1", "today", "", None, 20260101])
def test_a_day_is_written_one_way(day: object) -> None:
    with pytest.raises(ValueError, match="effective_from"):
        cards(row("sol", effective_from=day))


@pytest.mark.parametrize("field", ["model", "effective_from", "input", "cached_input", "output"])
def test_a_missing_field_is_named(field: str) -> None:
    lacking = row("sol")
    del lacking[field]

    with pytest.raises(ValueError, match=field):
        cards(lacking)


def test_a_misspelt_field_is_named() -> None:
    """A typing slip in an optional field must not turn a price into "not charged"."""
    with pytest.raises(ValueError, match="there is no field 'cache_writes'"):
        cards(row("sol", cache_writes="5"))


def test_two_rows_for_one_model_and_day_are_refused() -> None:
    with pytest.raises(ValueError, match=r"row 3 \('sol'\): row 2 is for the same model and day"):
        cards(row("sol"), row("sol", input="60"))


@pytest.mark.parametrize("rows", [[], [row("sol")], [row("*", "2026-01-02"), row("sol", "2026-01-01")]])
def test_cards_without_a_fallback_from_the_first_day_on_are_refused(rows: list[dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match=r"fallback|1 to"):
        read_rate_cards(json.dumps({"rows": rows}))


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"rows": {}}', '{"rows": [1]}', '{"rows": [null]}'])
def test_what_is_no_file_of_rate_cards_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (json's own words for broken JSON)
        read_rate_cards(text)
