"""/credits why, and the direct messages about thresholds and overage."""

from __future__ import annotations

import pytest

from core.services.allowances.messages import limit_sentence
from tests.support.slack_world import AL, BO, MODEL, said_text, slack_world

CREDITS = "/credits"


async def test_why_tells_what_there_is_and_every_limit(database_url: str) -> None:
    async with slack_world(database_url) as world:
        await world.gives_a_plan(AL, five_hours=20, weekly=100)
        text = said_text(await world.types(AL, CREDITS, "why"))

        assert "You can spend 4,020 cr now: 20 cr of your allowance, then 4,000 cr" in text
        assert "5-hour allowance: 20 cr left" in text
        assert "weekly allowance: 100 cr left, until <!date^" in text


async def test_why_with_an_amount_or_a_model_says_yes_or_no_and_what_blocks(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as world:
        no = said_text(await world.types(AL, CREDITS, "why 5,000"))
        yes = said_text(await world.types(AL, CREDITS, f"why {MODEL} 12,000"))

        assert "*No.* This needs 5,000 cr and you can spend 4,000 cr. Ask for 1,000 cr more." in no
        assert ":no_entry: wallet: 4,000 cr left" in no
        assert "*Yes.* This needs 1.5 cr" in yes


@pytest.mark.parametrize("asked", ["why lots", "why gpt-6 many", "why a b c", "why -5", "why <!channel> 5x"])
async def test_a_question_that_is_none_shows_the_form_that_works(sqlite_url: str, asked: str) -> None:
    async with slack_world(sqlite_url) as world:
        text = said_text(await world.types(AL, CREDITS, asked))

        assert "Try: /credits why" in text
        assert "<!channel>" not in text


async def test_a_threshold_and_overage_are_told_by_direct_message_once(database_url: str) -> None:
    async with slack_world(database_url) as world:
        await world.gives_a_plan(BO, weekly=100)
        await world.uses(BO, "a", 80)
        await world.uses(BO, "b", 1)
        await world.slack.until(lambda: world.slack.inbox(BO))
        await world.uses(BO, "c", 4_100)
        await world.slack.until(lambda: len(world.slack.inbox(BO)) >= 3)
        texts = [call.text for call in world.slack.inbox(BO)]

        assert "You have used 75 % of your weekly allowance: 80 of 100 cr until <!date^" in texts[0]
        assert any("Your weekly allowance of 100 cr is used up until <!date^" in text for text in texts[1:])
        assert any("81 cr of your usage wasn't covered" in text for text in texts[1:])
        assert len(texts) == 3


@pytest.mark.parametrize(
    ("meter", "label"),
    [
        ("5h", "5-hour allowance"),
        ("monthly", "monthly allowance"),
        ("cap:day", "daily cap"),
        ("pool:77:month", "monthly cap on the team's pool"),
    ],
)
def test_every_meter_has_words_for_its_thresholds(meter: str, label: str) -> None:
    body = {"meter": meter, "percent": 90, "limit": "100", "used": "90.5", "resets_at": "2026-11-23T00:00:00Z"}

    assert limit_sentence("threshold", body) == (
        f"You have used 90 % of your {label}: 90.5 of 100 cr until 23 Nov, 00:00 UTC."
    )
    assert limit_sentence("threshold", body | {"percent": 100}).startswith(f"Your {label} of 100 cr is used up")
