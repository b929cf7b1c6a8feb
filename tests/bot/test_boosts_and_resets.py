"""/credits boost and /credits reset: what there is, applying for a campaign, and using what is banked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from core.ledger.ids import Prefix, shown_id
from core.metering.boosts import Factor
from core.services.allowances import resets
from core.services.boosts import boosts, campaigns
from core.services.boosts.boosts import BoostTarget
from core.services.boosts.campaigns import CampaignTerms
from core.services.boosts.forms import FormQuestion, QuestionKind
from tests.support.slack_world import AL, BO, SlackWorld, said_text, slack_world

CREDITS = "/credits"
DAY = timedelta(days=1)
WHY = FormQuestion("why", "What <for>?", QuestionKind.TEXT, True)


@pytest.fixture
async def world(sqlite_url: str) -> AsyncIterator[SlackWorld]:
    async with slack_world(sqlite_url) as world:
        yield world


async def opens(world: SlackWorld, name: str, **terms: Any) -> None:
    """Open a campaign for one person, from tomorrow on."""
    now = world.clock()
    whole = CampaignTerms(name, Factor.parse("10"), 1, now + DAY, now + DAY, now + 31 * DAY, **terms)
    await campaigns.open_campaign(world.ledger, actor=world.admin, key=name, terms=whole)


async def member_of(world: SlackWorld, user_id: str) -> str:
    return shown_id(Prefix.MEMBER, (await world.actor(user_id)).member_id)


async def says(world: SlackWorld, user_id: str, text: str) -> str:
    return said_text(await world.types(user_id, CREDITS, text))


async def test_the_boost_that_runs_and_the_campaigns_are_shown_with_what_can_be_done(world: SlackWorld) -> None:
    nothing = await says(world, AL, "boost")
    await opens(world, "Autumn <3")
    al, factor = BoostTarget(member=await member_of(world, AL)), Factor.parse("1.5")
    await boosts.grant(world.ledger, actor=world.admin, key="k", to=al, factor=factor, days=2)
    shown = await says(world, AL, "boost")

    assert "No boost is running for you." in nothing
    assert "no campaign" in nothing
    assert "*1.5× boost* until <!date^" in shown
    assert "“Autumn &lt;3”: 10× from <!date^" in shown
    assert "`/credits boost apply Autumn &lt;3` until" in shown


async def test_a_campaign_is_applied_for_and_left_and_the_next_moves_up(world: SlackWorld) -> None:
    await opens(world, "Autumn")
    first, second = await says(world, AL, "boost apply autumn"), await says(world, BO, "Boost Apply Autumn")
    twice = await says(world, AL, "boost apply Autumn")
    left = await says(world, AL, "boost withdraw Autumn")
    moved_up = await says(world, BO, "boost")

    assert "“Autumn”: you are in." in first
    assert "you are on the waitlist, place 1" in second
    assert "You have applied already" in twice
    assert "you have taken your application back" in left
    assert "; you are in" in moved_up


async def test_the_words_behind_the_name_answer_the_one_question(world: SlackWorld) -> None:
    await opens(world, "Autumn", form=(WHY,))
    await opens(world, "Autumn leaves", form=(WHY, FormQuestion("size", "How many?", QuestionKind.NUMBER, True)))
    without = await says(world, AL, "boost apply Autumn")
    too_many = await says(world, AL, "boost apply Autumn leaves 5")
    done = await says(world, AL, "boost apply Autumn a port of the payload parser")
    mine = (await campaigns.campaigns(world.ledger, actor=await world.actor(AL))).items[-1].mine

    assert "“Autumn” asks: What &lt;for&gt;?" in without
    assert "apply with `teamcredits boost apply`" in too_many
    assert "you are in" in done
    assert mine is not None
    assert mine.answers == {"why": "a port of the payload parser"}


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("boost apply Spring", "Say which campaign: “Autumn”."),
        ("boost apply Autumnal", "Say which campaign"),
        ("boost apply", "Say which campaign"),
        ("boost me", "After `boost` comes nothing, `apply` or `withdraw`."),
        ("boost withdraw Autumn", "You have not applied"),
        ("reset", "There is no reset banked; an admin can give one."),
    ],
)
async def test_a_slip_is_answered_with_what_would_have_worked(world: SlackWorld, text: str, hint: str) -> None:
    await opens(world, "Autumn")

    assert hint in await says(world, AL, text)


async def test_a_banked_reset_is_used_first_to_expire_first_and_kept_while_nothing_was_used(world: SlackWorld) -> None:
    al = await member_of(world, AL)
    await world.gives_a_plan(AL, weekly=50)
    for key, days in (("later", 9), ("sooner", 2)):
        at = world.clock() + days * DAY
        await resets.order(world.ledger, actor=world.admin, key=key, subject=al, banked=True, expires_at=at, reason="x")
    too_early = await says(world, AL, "reset")
    await world.uses(AL, "a day's work", 30)
    used = await says(world, AL, "reset")
    again = await says(world, AL, "reset")
    left = (await world.balance(AL)).resets_banked

    assert "nothing to reset" in too_early
    assert "*4,050 cr* to spend" in used
    assert "Resets still banked: 1." in used
    assert "nothing to reset" in again
    assert (left.count, left.expires_at) == (1, world.clock() + 9 * DAY)
