"""The same thread against a Slack Web API that nobody here wrote, with strict scopes (npm ``emulate``)."""

from __future__ import annotations

import httpx

from bot.frontend import build
from core.api.app import create_app
from core.ledger.credits import Credits
from core.ledger.lots import Source
from core.services.common.recipients import Recipient
from core.services.gifts import gifts
from core.services.grants import grants
from core.services.people import members, organizations, tokens
from core.wiring import open_ledger
from tests.support import slack_requests
from tests.support.builders import some_settings
from tests.support.clock import SettableClock
from tests.support.slack_emulator import TOKEN, slack_emulator
from tests.support.slack_requests import SECRET, signed
from tests.support.slack_world import FORM
from tests.support.waiting import eventually


async def test_a_signed_command_becomes_messages_that_change_with_the_gift(sqlite_url: str) -> None:
    async with slack_emulator() as slack:
        settings = some_settings(
            sqlite_url, slack_signing_secret=SECRET, slack_bot_token=TOKEN, slack_api_url=slack.url
        )
        ledger = open_ledger(settings, clock=SettableClock())
        frontend = build(ledger, settings, seconds_between_messages=0.01)
        assert frontend is not None
        _, _, token = await organizations.create_organization(ledger, name="Team", admin_name="Ada")
        admin = await tokens.authenticate(ledger, token)
        al = await members.add_member(
            ledger, actor=admin, name="Al", verified=True, slack=(slack.team_id, slack.people["al"])
        )
        await grants.grant(
            ledger, actor=admin, key="start", to=Recipient(member=al.id), amount=Credits.of(900), source=Source.PURCHASE
        )
        app = create_app(ledger, settings, frontends=[frontend])
        await frontend.start()
        try:
            text = f"<@{slack.people['bo']}|bo> 500 thanks for the payload fix"  # Bo was never met before
            body = slack_requests.command(slack.people["al"], "/gift-credits", text, team_id=slack.team_id)
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://house") as http:
                content, headers = signed(body, FORM)
                answers = [await http.post("/slack/events", content=content, headers=headers) for _ in range(2)]

            assert answers[0].json() == answers[1].json()
            assert "500 cr" in answers[0].json()["text"]

            async def told() -> bool:
                return bool(await slack.messages_to("bo")) and len(await slack.messages_to("al")) == 2

            await eventually(told)
            [incoming] = await slack.messages_to("bo")
            assert "is giving you *500 cr*" in incoming["text"]
            assert "gift_decline" in str(incoming["blocks"])

            actor = await members.slack_actor(ledger, team_id=slack.team_id, user_id=slack.people["al"])
            assert actor is not None
            [gift] = (await gifts.gifts(ledger, actor=actor)).items
            await gifts.cancel(ledger, actor=actor, gift_id=str(gift.id))

            async def renewed() -> bool:
                [now] = await slack.messages_to("bo")
                return "took back" in now["text"] and "button" not in str(now["blocks"])

            await eventually(renewed)
        finally:
            await frontend.stop()
            ledger.close()
