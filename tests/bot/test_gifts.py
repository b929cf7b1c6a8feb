"""A gift from Slack: the command, both direct messages, the buttons, the settlement. On both databases."""

from __future__ import annotations

import asyncio

import pytest

from core.ledger.credits import ZERO, Credits
from core.services.gifts import gifts
from tests.support.slack_server import says
from tests.support.slack_world import AL, BO, CY, DEE, TOKEN, SlackWorld, said_text, slack_world

GIVE = "/gift-credits"


async def gift_id_of(world: SlackWorld, user_id: str = AL) -> str:
    page = await gifts.gifts(world.ledger, actor=await world.actor(user_id))
    assert page.items[0].id is not None
    return page.items[0].id


def buttons(world: SlackWorld) -> list[str]:
    """Return the direct messages of Al and Bo that still have a button."""
    return [call.text for user in (AL, BO) for call in world.slack.inbox(user) if '"button"' in call.text]


async def test_a_gift_is_answered_told_to_both_and_renewed_when_it_settles(database_url: str) -> None:
    async with slack_world(database_url) as world:
        answer = await world.types(AL, GIVE, f"<@{BO}|bo> 500 thanks for the payload fix")

        assert "500 cr" in answer["text"]
        assert f"<@{BO}>" in answer["text"]
        assert "thanks for the payload fix" in answer["text"]
        assert (await world.balance(AL)).held_gifts == Credits.of(500)
        assert (await world.balance(BO)).incoming == Credits.of(500)

        await world.slack.until(lambda: len(world.slack.made("chat.postMessage")) == 2)
        [sent], [incoming] = world.slack.inbox(AL), world.slack.inbox(BO)
        assert "gift_cancel" in sent.text
        assert "gift_decline" in incoming.text
        assert "thanks for the payload fix" in incoming.text
        assert {call.token for call in world.slack.calls} == {TOKEN}

        await world.a_day_later()
        await world.slack.until(lambda: len(world.slack.inbox(BO)) == 2 and not buttons(world))
        assert "4,500 cr now" in world.slack.inbox(BO)[1].text
        assert (await world.balance(BO)).available == Credits.of(4500)


async def test_several_people_get_the_amount_each_all_or_none(database_url: str) -> None:
    async with slack_world(database_url) as world:
        answer = await world.types(AL, GIVE, f"<@{BO}> <@{CY}> 100")
        refused = await world.types(AL, GIVE, f"<@{BO}> <@{AL}> 100")

        assert "100 cr each" in answer["text"]
        assert "yourself" in refused["text"]
        assert (await world.balance(AL)).held_gifts == Credits.of(200)


async def test_a_redelivered_command_gets_the_same_answer_and_gives_once(database_url: str) -> None:
    async with slack_world(database_url) as world:
        first = await world.types(AL, GIVE, f"<@{BO}> 500", trigger_id="7.7.7")
        again = await world.types(AL, GIVE, f"<@{BO}> 500", trigger_id="7.7.7")
        at_once = await asyncio.gather(*(world.types(AL, GIVE, f"<@{CY}> 5", trigger_id="8.8.8") for _ in range(5)))

        assert first == again
        assert all(answer == at_once[0] for answer in at_once)
        assert (await world.balance(AL)).held_gifts == Credits.of(505)


async def test_one_trigger_with_other_content_is_refused(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as world:
        await world.types(AL, GIVE, f"<@{BO}> 500", trigger_id="7.7.7")
        other = await world.types(AL, GIVE, f"<@{BO}> 400", trigger_id="7.7.7")

        assert "the first one counts" in other["text"]
        assert (await world.balance(AL)).held_gifts == Credits.of(500)


async def test_cancel_gives_back_and_renews_the_messages_of_both(database_url: str) -> None:
    async with slack_world(database_url) as world:
        await world.types(AL, GIVE, f"<@{BO}> 500")
        gift_id = await gift_id_of(world)
        await world.slack.until(lambda: len(world.slack.made("chat.postMessage")) == 2)

        assert (await world.presses(AL, "gift_cancel", gift_id)).status_code == 200
        await world.slack.until(lambda: not buttons(world) and world.slack.made("response_url"))

        assert (await world.balance(AL)).held_gifts == ZERO
        assert "You took back" in world.slack.inbox(AL)[0].text
        assert "took back the gift" in world.slack.inbox(BO)[0].text
        assert world.slack.made("response_url", replace_original=True)
        assert len(world.slack.made("chat.postMessage")) == 2


async def test_a_double_click_acts_once_and_a_late_one_is_shown_what_became_of_the_gift(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as world:
        await world.types(AL, GIVE, f"<@{BO}> 500")
        gift_id = await gift_id_of(world)

        await asyncio.gather(*(world.presses(AL, "gift_cancel", gift_id) for _ in range(3)))
        await world.presses(BO, "gift_decline", gift_id)
        await world.slack.until(lambda: len(world.slack.made("response_url")) == 4)

        late = world.slack.made("response_url")[-1]
        assert late.arguments["replace_original"] is True
        assert "Too late" in late.text
        assert "button" not in late.text
        assert (await world.balance(AL)).available == Credits.of(4000)


async def test_cancel_and_decline_at_once_have_one_winner(database_url: str) -> None:
    async with slack_world(database_url) as world:
        await world.types(AL, GIVE, f"<@{BO}> 500")
        gift_id = await gift_id_of(world)
        await asyncio.gather(world.presses(AL, "gift_cancel", gift_id), world.presses(BO, "gift_decline", gift_id))
        await world.slack.until(lambda: len(world.slack.made("response_url")) == 2)

        lates = [call for call in world.slack.made("response_url") if "Too late" in call.text]
        assert len(lates) == 1
        assert (await world.balance(AL)).available == Credits.of(4000)


@pytest.mark.parametrize(("who", "action"), [(CY, "gift_cancel"), (BO, "gift_cancel"), (AL, "gift_decline")])
async def test_who_may_press_is_decided_at_the_click(sqlite_url: str, who: str, action: str) -> None:
    async with slack_world(sqlite_url) as world:
        await world.types(AL, GIVE, f"<@{BO}> 500")
        await world.presses(who, action, await gift_id_of(world))
        await world.slack.until(lambda: world.slack.made("response_url"))

        [answer] = world.slack.made("response_url")
        assert answer.arguments["replace_original"] is False
        assert (await world.balance(AL)).held_gifts == Credits.of(500)


@pytest.mark.parametrize("value", ["gift_9", "gift_0", "lot_1", "nonsense", "gift_" + "z" * 300])
async def test_a_button_that_names_nothing_of_ours_changes_nothing(sqlite_url: str, value: str) -> None:
    async with slack_world(sqlite_url) as world:
        await world.presses(AL, "gift_cancel", value)
        await world.slack.until(lambda: world.slack.made("response_url"))

        assert "not found" in world.slack.made("response_url")[0].text


async def test_the_pending_list_stops_gifts_and_shows_what_is_left(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as world:
        await world.types(AL, GIVE, f"<@{BO}> 100")
        await world.types(BO, GIVE, f"<@{AL}> 7")
        listed = said_text(await world.types(AL, "/credits", "pending"))
        assert "list_cancel" in listed
        assert "list_decline" in listed

        mine = [
            gift
            for gift in (await gifts.gifts(world.ledger, actor=await world.actor(AL))).items
            if gift.sender.name == "Al"
        ]
        await world.presses(AL, "list_cancel", str(mine[0].id))
        await world.slack.until(lambda: world.slack.made("response_url"))
        answer = world.slack.made("response_url")[0]
        assert answer.arguments["replace_original"] is True
        assert "You took back" in answer.text
        assert "list_decline" in answer.text
        assert "list_cancel" not in answer.text


async def test_when_the_response_url_has_lapsed_the_answer_comes_by_message(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as world:
        await world.types(AL, GIVE, f"<@{BO}> 500")
        await world.slack.until(lambda: len(world.slack.made("chat.postMessage")) == 2)
        await world.presses(CY, "gift_cancel", await gift_id_of(world), response_url="http://169.254.169.254/latest")
        await world.slack.until(lambda: world.slack.inbox(CY))

        assert not world.slack.made("response_url")


async def test_people_we_have_not_met_are_looked_up_once(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as world:
        await world.types(AL, GIVE, f"<@{DEE}> 10")
        await world.types(AL, GIVE, f"<@{DEE}> 10")

        assert len(world.slack.made("users.info", user=DEE)) == 1
        assert (await world.balance(DEE)).incoming == Credits.of(20)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"is_bot": True}, "Bots don't have a wallet"),
        ({"deleted": True}, "has left"),
        ({"is_stranger": True}, "not connected"),
        ({"team_id": "T0OTHER"}, "not connected"),
    ],
)
async def test_bots_leavers_and_strangers_receive_nothing(
    sqlite_url: str, facts: dict[str, object], words: str
) -> None:
    async with slack_world(sqlite_url) as world:
        world.slack.add_user(DEE, "Dee", **facts)
        answer = await world.types(AL, GIVE, f"<@{DEE}> 10")

        assert words in answer["text"]
        assert (await world.balance(AL)).held_gifts == ZERO


async def test_slacks_own_bot_and_nobody_at_all_receive_nothing(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as world:
        world.slack.add_user("USLACKBOT", "Slackbot")

        assert "Bots don't have a wallet" in (await world.types(AL, GIVE, "<@USLACKBOT> 10"))["text"]
        assert "I can't find" in (await world.types(AL, GIVE, "<@U0NOBODY> 10"))["text"]


@pytest.mark.parametrize(
    "fact", [{"is_restricted": True}, {"is_ultra_restricted": True}, {"is_email_confirmed": False}]
)
async def test_guests_and_people_without_a_confirmed_address_receive_but_do_not_give(
    sqlite_url: str, fact: dict[str, object]
) -> None:
    async with slack_world(sqlite_url) as world:
        world.slack.add_user(DEE, "Dee", **fact)
        received = await world.types(AL, GIVE, f"<@{DEE}> 10")
        gave = await world.types(DEE, GIVE, f"<@{AL}> 1")

        assert "10 cr" in received["text"]
        assert "full Slack members" in gave["text"]


async def test_more_than_there_is_to_give_is_refused_with_what_there_is(sqlite_url: str) -> None:
    async with slack_world(sqlite_url, policy={"credits_per_gift": None, "credits_per_day": None}) as world:
        answer = await world.types(AL, GIVE, f"<@{BO}> 4,000.01")

        assert "4,000 cr" in answer["text"]


async def test_a_slow_directory_gets_a_promise_in_time_and_the_gift_by_message(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as world:
        world.slack.script("users.info", says({"ok": False, "error": "ratelimited"}, after=3.0))
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer = await world.types(AL, GIVE, f"<@{DEE}> 10", trigger_id="5.5.5")
        again = await world.types(AL, GIVE, f"<@{DEE}> 10", trigger_id="5.5.5")

        assert loop.time() - began < 4.5
        assert "in a direct message" in answer["text"]
        assert "in a direct message" in again["text"] or "10 cr" in again["text"]
        await world.slack.until(lambda: [call for call in world.slack.inbox(AL) if "on their way" in call.text])
        assert (await world.balance(AL)).held_gifts == Credits.of(10)


async def test_a_workspace_that_is_not_ours_gets_nothing(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as world:
        answer = await world.types(AL, GIVE, f"<@{BO}> 10", team_id="T0OTHER")

        assert "not connected" in answer["text"]
        assert (await world.balance(AL)).held_gifts == ZERO


@pytest.mark.parametrize("trigger_id", ["x" * 300, "é", "a\nb"])
async def test_a_trigger_that_can_be_no_key_gives_nothing(sqlite_url: str, trigger_id: str) -> None:
    async with slack_world(sqlite_url) as world:
        assert "idempotency key" in (await world.types(AL, GIVE, f"<@{BO}> 10", trigger_id=trigger_id))["text"]


async def test_control_characters_in_a_reason_are_gone_before_it_is_kept(database_url: str) -> None:
    async with slack_world(database_url) as world:
        answer = await world.types(AL, GIVE, f"<@{BO}> 10 a\0b\u2028c\x1b[0m \U0001f600")

        assert "a b c [0m \U0001f600" in answer["text"]


async def test_words_by_message_are_sent_again_when_slack_is_busy(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as world:
        world.slack.script("chat.postMessage", says({"ok": False}, status=503, Retry_After="1"))
        await world.presses(CY, "gift_cancel", "gift_1", response_url="")
        await world.slack.until(lambda: world.slack.inbox(CY))

        assert len(world.slack.made("chat.postMessage")) == 2
