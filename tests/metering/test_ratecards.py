"""Rate cards: what is read, what is refused, and which card is in force when."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from core.ledger.credits import ZERO, Credits
from core.metering.ratecards import RateCards, read_rate_cards


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


def on(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00+00:00")


def test_a_rate_is_in_force_from_the_first_instant_of_its_day_until_the_next_row() -> None:
    """S3: gpt-5.6-sol went from 125 to 100 credits within ten days."""
    published = cards(row("sol", "2026-08-11", input="125"), row("sol", "2026-08-21", input="100"))
    second = datetime(2026, 8, 21, tzinfo=UTC)

    assert published.at(second - timedelta(microseconds=1)).rates["sol"].input == Credits.of(125)
    assert published.at(second).rates["sol"].input == Credits.of(100)


def test_the_day_of_an_instant_is_that_of_utc() -> None:
    published = cards(row("sol", "2026-08-11"))
    evening_in_new_york = datetime(2026, 8, 10, 21, 0, tzinfo=timezone(timedelta(hours=-4)))

    assert "sol" in published.at(evening_in_new_york).rates


def test_rows_may_stand_in_any_order() -> None:
    rows = [row("sol", "2026-08-11", input="125"), row("sol", "2026-08-21", input="100")]

    assert cards(*rows).at(on("2026-09-01")) == cards(*reversed(rows)).at(on("2026-09-01"))


def test_an_unknown_model_gets_the_stated_fallback_and_is_flagged() -> None:
    """S3: never zero."""
    card = cards(row("sol")).at(on("2026-02-01"))

    assert card.rates_for("nobody-knows-it") == (card.fallback, True)
    assert card.rates_for("sol") == (card.rates["sol"], False)


def test_a_model_whose_row_is_of_the_future_is_unknown_until_then() -> None:
    published = cards(row("sol", "2026-08-11"))

    assert published.at(on("2026-08-10")).rates_for("sol")[1]
    assert not published.at(on("2026-08-11")).rates_for("sol")[1]


def test_nobody_can_ask_for_the_fallback_by_its_name_unflagged() -> None:
    assert cards().at(on("2026-02-01")).rates_for("*")[1]


def test_the_version_changes_with_a_rate_in_force_and_with_nothing_else() -> None:
    """S3: the version kept with an event names exactly the rates it was rated by."""
    day = on("2026-02-01")
    version = cards(row("sol")).at(day).version

    assert version.startswith("2026-01-01-")
    assert cards(row("sol"), row("luna", "2026-03-01")).at(day).version == version
    assert cards(row("sol", source="the same, told by another page")).at(day).version == version
    assert cards(row("sol", output="250.000001")).at(day).version != version
    assert cards(row("sol"), row("luna")).at(day).version != version


def test_before_the_first_card_there_is_none() -> None:
    with pytest.raises(ValueError, match="no rate card is in force on 2025-12-31: the first one is from 2026-01-01"):
        cards().at(on("2025-12-31"))


def test_cache_writes_that_are_not_charged_cost_nothing() -> None:
    rates = cards(row("sol", cache_write=None, cache_write_1h="150")).at(on("2026-02-01")).rates["sol"]

    assert rates.cache_write == ZERO
    assert rates.cache_write_1h == Credits.of(150)


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
    with pytest.raises(ValueError, match="two rows for 'sol' from 2026-01-01"):
        cards(row("sol"), row("sol", input="60"))


@pytest.mark.parametrize("rows", [[], [row("sol")], [row("*", "2026-01-02"), row("sol", "2026-01-01")]])
def test_cards_without_a_fallback_from_the_first_day_on_are_refused(rows: list[dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match=r"fallback|1 to"):
        read_rate_cards(json.dumps({"rows": rows}))


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"rows": {}}', '{"rows": [1]}', '{"rows": [null]}'])
def test_what_is_no_file_of_rate_cards_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (json's own words for broken JSON)
        read_rate_cards(text)
