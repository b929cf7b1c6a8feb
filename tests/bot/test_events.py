"""What Slack tells without being asked: people who come, change and go; the Home tab; farewells."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from core.ledger.credits import ZERO
from core.ledger.errors import Refused
from core.services.people import members
from tests.support.slack_server import TEAM, refuses
from tests.support.slack_world import AL, BO, DEE, slack_world


async def test_whoever_joins_or_changes_is_a_member_at_once(database_url: str) -> None:
    async with slack_world(database_url) as world:
        for _ in range(2):  # a redelivery
            assert (
                await world.hears({"type": "team_join", "user": world.slack.users[DEE]}, event_id="Ev1")
            ).status_code == 200
        renamed: dict[str, Any] = world.slack.users[DEE] | {"profile": {"display_name": "Dee\u0000 Dee"}}
        await world.hears({"type": "user_change", "user": renamed})

        dee = await members.slack_member(world.ledger, team_id=TEAM, user_id=DEE)
        assert dee is not None
        assert dee.name == "Dee Dee"
        assert not world.slack.made("users.info")


async def test_whoever_is_made_a_guest_can_no_longer_give(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as world:
        await world.hears({"type": "user_change", "user": world.slack.users[AL] | {"is_restricted": True}})

        assert "full Slack members" in (await world.types(AL, "/gift-credits", f"<@{BO}> 5"))["text"]


async def test_whoever_leaves_slack_leaves_the_house_and_their_gifts_go_back(database_url: str) -> None:
    async with slack_world(database_url) as world:
        await world.types(AL, "/gift-credits", f"<@{BO}> 5")
        await world.types(BO, "/gift-credits", f"<@{AL}> 7")
        for _ in range(2):
            assert (
                await world.hears({"type": "user_change", "user": world.slack.users[BO] | {"deleted": True}})
            ).status_code == 200

        assert (await world.balance(AL)).held_gifts == ZERO
        assert (await world.balance(AL)).incoming == ZERO
        assert "has left" in (await world.types(AL, "/gift-credits", f"<@{BO}> 5"))["text"]
        assert "membership has ended" in (await world.types(BO, "/credits"))["text"]
        with pytest.raises(Refused):
            await world.actor(BO)


@pytest.mark.parametrize("facts", [{"deleted": True}, {"is_stranger": True}])
async def test_leavers_and_strangers_we_never_met_stay_out(sqlite_url: str, facts: dict[str, bool]) -> None:
    async with slack_world(sqlite_url) as world:
        assert (await world.hears({"type": "user_change", "user": world.slack.users[DEE] | facts})).status_code == 200

        assert await members.slack_member(world.ledger, team_id=TEAM, user_id=DEE) is None


@pytest.mark.parametrize("user", [None, "U1", {}, {"id": 7}, {"id": "U0X", "profile": [], "name": 7, "tz": {}}])
async def test_an_event_without_a_usable_person_is_acknowledged(sqlite_url: str, user: Any) -> None:
    async with slack_world(sqlite_url) as world:
        assert (await world.hears({"type": "user_change", "user": user})).status_code == 200


async def test_the_home_tab_shows_the_balance(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as world:
        await world.hears({"type": "app_home_opened", "user": AL, "tab": "messages"})
        await world.hears({"type": "app_home_opened", "user": AL, "tab": "home"})
        await world.hears({"type": "app_home_opened", "user": "U0NOBODY", "tab": "home"})
        await world.slack.until(lambda: len(world.slack.made("views.publish")) == 2)

        pages = {call.arguments["user_id"]: call.text for call in world.slack.made("views.publish")}
        assert "4,000 cr" in pages[AL]
        assert "I can't find" in pages["U0NOBODY"]


async def test_after_a_farewell_messages_wait_until_the_app_is_back(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as world:
        world.slack.script("auth.test", *[refuses("account_inactive")] * 2)
        await world.hears({"type": "tokens_revoked", "tokens": {"oauth": ["U0X"], "bot": []}})
        await world.hears({"type": "app_uninstalled"})
        await world.types(AL, "/gift-credits", f"<@{BO}> 5")
        await asyncio.sleep(0.2)

        assert not world.slack.messages
        await world.slack.until(lambda: len(world.slack.messages) == 2)
        assert len(world.slack.made("auth.test")) == 3
