"""Rate cards: which rates are in force when, and what an organization's own loads change."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from typing import Any

import pytest

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.metering.ratecards import RateCards, RateRow
from core.metering.ratefile import read_rate_cards, read_rate_rows


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


def loaded(number: int, *rows: dict[str, Any]) -> list[RateRow]:
    """The rows of an organization's load of that number."""
    return [replace(each, load=number) for each in read_rate_rows({"rows": list(rows)})]


def test_a_later_load_corrects_an_earlier_one_and_adds_to_it() -> None:
    first = loaded(1, row("sol", "2026-08-11", input="125"), row("luna", "2026-08-11", input="5"))
    second = loaded(2, row("sol", "2026-08-11", input="120"), row("sol", "2026-08-21", input="100"))
    published = cards().with_loads([*second, *first])

    assert published.at(on("2026-08-15")).rates["sol"].input == Credits.of(120)
    assert published.at(on("2026-08-21")).rates["sol"].input == Credits.of(100)
    assert published.at(on("2026-08-21")).rates["luna"].input == Credits.of(5)


def test_from_its_own_first_row_on_only_an_organizations_rows_count_for_a_model() -> None:
    """A row that ships later in the year must not undo a price that the organization has set."""
    shipped = cards(row("sol", "2026-02-01", input="60"), row("sol", "2026-09-01", input="50"))
    published = shipped.with_loads(loaded(1, row("sol", "2026-03-01", input="40")))

    assert published.at(on("2026-02-15")).rates["sol"].input == Credits.of(60)
    assert published.at(on("2026-12-01")).rates["sol"].input == Credits.of(40)


def test_the_fallback_is_still_there_after_a_load_without_one() -> None:
    """S3: an unknown model is never free."""
    published = cards().with_loads(loaded(1, row("sol", "2026-03-01")))

    assert published.at(on("2026-04-01")).rates_for("nobody-knows-it") == (cards().at(on("2026-04-01")).fallback, True)


def test_a_load_from_before_the_fallback_needs_one_of_its_own() -> None:
    with pytest.raises(ValueError, match="must be in force from the first day on, which is 2025-12-31"):
        cards().with_loads(loaded(1, row("sol", "2025-12-31")))

    assert cards().with_loads(loaded(1, row("sol", "2025-12-31"), row("*", "2025-12-31"))).at(on("2025-12-31"))


def test_the_same_facts_have_the_same_version_whoever_loaded_them() -> None:
    shipped, own = cards(row("sol")), cards().with_loads(loaded(3, row("sol")))

    assert shipped.at(on("2026-02-01")).version == own.at(on("2026-02-01")).version


def test_a_tier_is_part_of_the_version() -> None:
    day = on("2026-02-01")
    fast, faster = (cards(row("sol", tiers={"fast": each})).at(day).version for each in ("2", "2.5"))

    assert len({cards(row("sol")).at(day).version, fast, faster}) == 3


def test_an_unknown_tier_is_refused_naming_those_there_are() -> None:
    rates = cards(row("sol", tiers={"fast": "2"})).at(on("2026-02-01")).rates["sol"]
    with pytest.raises(Refused, match="no tier 'turbo' for this model; it knows: standard, fast") as refused:
        rates.multiplier("turbo")

    assert (refused.value.code, refused.value.fields["field"]) == (Code.INVALID_REQUEST, "tier")
    assert (rates.multiplier(None), rates.multiplier("standard")) == (1, 1)
    assert rates.multiplier("fast") == Fraction(2)


def test_a_row_that_states_no_tiers_has_those_of_the_fallback() -> None:
    rows = [row("*", tiers={"fast": "2"}), row("sol"), row("luna", tiers={}), row("terra", tiers={"flex": "0.5"})]
    card = read_rate_cards(json.dumps({"rows": rows})).at(on("2026-02-01"))

    assert card.rates["sol"].multiplier("fast") == card.fallback.multiplier("fast") == Fraction(2)
    for model in ("luna", "terra"):
        with pytest.raises(Refused, match="no tier 'fast'"):
            card.rates[model].multiplier("fast")


def test_stating_no_tiers_and_having_none_are_two_versions() -> None:
    day = on("2026-02-01")

    assert cards(row("sol")).at(day).version != cards(row("sol", tiers={})).at(day).version
