"""Rate cards of an organization: loading adds facts, every process sees them at its next look, the past stays."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import pytest

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.services.common.actors import Actor
from core.services.common.ttl_cache import FRESH_SECONDS
from core.services.usage import holds
from core.services.usage.ratecards import LoadView, card_at, load_rate_cards, rate_card
from core.wiring import open_ledger
from tests.support.builders import some_settings
from tests.support.sample_org import SampleOrg, either_org, org

__all__ = ["either_org", "org"]

DAY = datetime(2026, 11, 20, tzinfo=UTC)


def row(model: str = "sol", effective_from: str = "2026-01-01", **changes: Any) -> dict[str, Any]:
    rates = {"input": "50", "cached_input": "5", "output": "250"}
    return {"model": model, "effective_from": effective_from, **rates, **changes}


async def load(org: SampleOrg, *rows: dict[str, Any], dry_run: bool = False, actor: Actor | None = None) -> LoadView:
    document = {"rows": list(rows)}
    return await load_rate_cards(org.ledger, actor=actor or org.ada.actor, document=document, dry_run=dry_run)


async def price(org: SampleOrg, model: str = "sol", at: datetime = DAY) -> Credits:
    card = await card_at(org.ledger, org_id=org.ada.actor.org_id, at=at)
    return card.rates_for(model)[0].input


async def test_without_loads_the_published_rates_are_in_force(org: SampleOrg) -> None:
    card = await rate_card(org.ledger, actor=org.bo.actor)

    assert card.load == 0
    assert next(each.input for each in card.rows if each.model == "gpt-6-sol") == "50"
    assert next(each.cache_write for each in card.rows if each.model == "gpt-6-sol") is None
    assert next(each.tiers for each in card.rows if each.model == "gpt-5.5") == {
        "batch": "0.5",
        "fast": "2.5",
        "flex": "0.5",
    }


async def test_a_load_counts_at_once_and_a_later_one_corrects_it(either_org: SampleOrg) -> None:
    org = either_org
    first = await load(org, row(input="60"), row("luna", tiers={"fast": "2.5"}))
    second = await load(org, row(input="70"), row("luna", tiers={"fast": "2.5"}), row("terra"))

    assert (first.load, first.added, first.corrected, first.unchanged) == (1, 2, 0, 0)
    assert (second.load, second.added, second.corrected, second.unchanged) == (2, 1, 1, 1)
    assert await price(org) == Credits.of(70)
    assert (await rate_card(org.ledger, actor=org.bo.actor, at=DAY)).version == second.version


async def test_tiers_are_kept_as_they_were_stated(either_org: SampleOrg) -> None:
    """None at all is the fallback's, an empty set is none, and loading the same again changes nothing."""
    rows = [row("sol"), row("luna", tiers={}), row("terra", tiers={"fast": "2.5"})]
    await load(either_org, *rows)
    card = await rate_card(either_org.ledger, actor=either_org.bo.actor)

    assert {each.model: each.tiers.get("fast") for each in card.rows if each.model in {"sol", "luna", "terra"}} == {
        "sol": "2",
        "luna": None,
        "terra": "2.5",
    }
    assert (await load(either_org, *rows)).unchanged == 3


async def test_every_card_that_was_ever_in_force_can_be_told(org: SampleOrg) -> None:
    """S3: the version kept with an event names rates that can be found again."""
    first, second = await load(org, row(input="60")), await load(org, row(input="70"))
    versions = [(await rate_card(org.ledger, actor=org.bo.actor, load=each)).version for each in (1, 2)]

    assert versions == [first.version, second.version]
    with pytest.raises(Refused, match="no load 3; the last one is 2"):
        await rate_card(org.ledger, actor=org.bo.actor, load=3)


async def test_the_same_file_again_loads_nothing(org: SampleOrg) -> None:
    await load(org, row())
    again = await load(org, row())

    assert (again.load, again.added, again.corrected, again.unchanged) == (1, 0, 0, 1)


async def test_a_dry_run_says_what_a_load_would_do_and_does_nothing(org: SampleOrg) -> None:
    before = (await rate_card(org.ledger, actor=org.ada.actor)).version
    told = await load(org, row(), dry_run=True)

    assert (told.load, told.added, told.dry_run) == (1, 1, True)
    assert told.version != before == (await rate_card(org.ledger, actor=org.ada.actor)).version
    assert (await load(org, row())).version == told.version


async def test_another_process_shows_a_load_at_once_and_authorizes_by_it_within_a_second(
    database_url: str, either_org: SampleOrg
) -> None:
    """Both have the card before at hand."""
    assert await price(either_org, "gpt-6-sol") == Credits.of(50)
    other = open_ledger(some_settings(database_url), clock=either_org.clock)
    try:
        loaded = {"rows": [row("gpt-6-sol", input="40")]}
        await load_rate_cards(other, actor=either_org.ada.actor, document=loaded)
    finally:
        other.close()
    shown = await rate_card(either_org.ledger, actor=either_org.bo.actor)

    assert next(each.input for each in shown.rows if each.model == "gpt-6-sol") == "40"
    await asyncio.sleep(FRESH_SECONDS)
    assert await price(either_org, "gpt-6-sol") == Credits.of(40)


async def test_loads_at_once_come_one_after_the_other(either_org: SampleOrg) -> None:
    done = await asyncio.gather(*(load(either_org, row(f"model-{each}")) for each in range(8)))

    assert sorted(each.load for each in done) == list(range(1, 9))


async def test_an_organizations_rates_are_its_own(org: SampleOrg) -> None:
    await load(org, row("gpt-6-sol", input="1"))
    foreign = await card_at(org.ledger, org_id=org.stranger.actor.org_id, at=DAY)

    assert foreign.rates_for("gpt-6-sol")[0].input == Credits.of(50)


async def test_the_shipped_file_can_be_loaded_as_it_stands(org: SampleOrg) -> None:
    document = json.loads(files("core.metering").joinpath("ratecards.json").read_text(encoding="utf-8"))
    before = await rate_card(org.ledger, actor=org.ada.actor)
    done = await load_rate_cards(org.ledger, actor=org.ada.actor, document=document)

    assert done.added == len(document["rows"])
    assert done.version == before.version


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([row(), row("luna", input="-1")], r"Nothing was loaded: row 2 \('luna'\): input is '-1'"),
        ([row(), row()], r"row 2 \('sol'\): row 1 is for the same model and day"),
        ([row(effective_from="2020-01-01")], "fallback.*2020-01-01"),
        ([], "1 to 10,000 rows"),
    ],
)
async def test_a_wrong_row_is_named_and_nothing_is_loaded(
    org: SampleOrg, rows: list[dict[str, Any]], said: str
) -> None:
    with pytest.raises(Refused, match=said) as refused:
        await load(org, *rows)

    assert refused.value.code is Code.INVALID_REQUEST
    assert (await rate_card(org.ledger, actor=org.ada.actor)).load == 0


async def test_only_an_admin_loads(org: SampleOrg) -> None:
    with pytest.raises(Refused, match="Only an admin"):
        await load(org, row(), actor=org.bo.actor)


async def test_a_hold_is_charged_by_the_card_it_was_opened_with(either_org: SampleOrg) -> None:
    """S3: a correction that is loaded between authorization and capture re-prices nothing."""
    org = either_org
    await org.grant(org.ada, "100")
    await load(org, row(input="50"))
    org.clock.advance(timedelta(seconds=1))
    usage = holds.estimate("sol", input_tokens=1_000_000, cached_tokens=0, max_tokens=0, tier=None)
    held = await holds.authorize(org.ledger, actor=org.ada.actor, key="k", usage=usage)
    org.clock.advance(timedelta(seconds=1))
    await load(org, row(input="90"))
    counts = {"input_tokens": 1_000_000, "output_tokens": 0}
    done = await holds.capture(org.ledger, actor=org.ada.actor, hold_id=held.item.id, counts=counts)

    assert done.item.charged == Credits.of(50)
    assert await price(org) == Credits.of(90)


@pytest.mark.parametrize("loads", [1, 3])
async def test_also_when_a_load_and_a_hold_share_an_instant(either_org: SampleOrg, loads: int) -> None:
    """S3: a server knows of another's load up to a second late, so that times do not tell which card it was."""
    org = either_org
    await org.grant(org.ada, "100")
    await load(org, row(input="50"))
    usage = holds.estimate("sol", input_tokens=1_000_000, cached_tokens=0, max_tokens=0, tier=None)
    held = await holds.authorize(org.ledger, actor=org.ada.actor, key="k", usage=usage)
    for number in range(loads):
        await load(org, row(input=str(90 + number)))
    counts = {"input_tokens": 1_000_000, "output_tokens": 0}
    done = await holds.capture(org.ledger, actor=org.ada.actor, hold_id=held.item.id, counts=counts)

    assert done.item.charged == Credits.of(50)


async def test_a_hold_that_midnight_parts_from_its_card_is_charged_by_that(org: SampleOrg) -> None:
    """S3: the card is looked at before the hold is opened, and a new one may come into force in between."""
    midnight = datetime(2026, 12, 1, tzinfo=UTC)
    await org.grant(org.ada, "100")
    await load(org, row(input="50"), row(input="90", effective_from="2026-12-01"))
    before = await card_at(org.ledger, org_id=org.ada.actor.org_id, at=midnight - timedelta(seconds=1))
    found = await card_at(org.ledger, org_id=org.ada.actor.org_id, at=midnight, version=before.version)

    assert found == before
    assert await price(org, at=midnight) == Credits.of(90)


async def test_before_the_first_card_there_is_none(org: SampleOrg) -> None:
    with pytest.raises(Refused, match="No rate card is in force on 2025-05-13: the first one is from 2025-05-14 on"):
        await rate_card(org.ledger, actor=org.bo.actor, at=datetime(2025, 5, 14, tzinfo=UTC) - timedelta(seconds=1))
