"""A whole house with Slack for tests: a real ledger, the real front end in a real app, a small Slack outside."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import text

from bot.frontend import SlackFrontend, build
from core.api.app import create_app
from core.ledger.credits import Credits
from core.ledger.ids import Prefix, shown_id
from core.ledger.lots import Source
from core.metering.usage import Usage
from core.services.allowances import plans
from core.services.common.actors import Actor, Role
from core.services.common.ledger_service import LedgerService
from core.services.common.recipients import Recipient
from core.services.common.views import BalanceView
from core.services.gifts import settlement
from core.services.grants import grants
from core.services.people import members, organizations, tokens
from core.services.usage import charges, ratecards
from core.services.wallet import balances
from core.settings import Settings
from core.wiring import open_ledger
from tests.support import slack_requests
from tests.support.builders import some_settings
from tests.support.clock import SettableClock
from tests.support.slack_requests import SECRET, Headers, signed
from tests.support.slack_server import TEAM, SlackServer
from tests.support.waiting import eventually

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
TOKEN = "xoxb-a-token-for-tests"
MODEL, ONE_CREDIT = "claude-opus-4-5-20251101", 8_000  # tokens read for a credit
AL, BO, CY, DEE = "U0AL", "U0BO", "U0CY", "U0DEE"  # Dee is not met yet


@dataclass(slots=True)
class SlackWorld:
    """Al, Bo and Cy are here with 4,000 giftable credits each; the workspace is bound to their organization."""

    ledger: LedgerService
    clock: SettableClock
    slack: SlackServer
    frontend: SlackFrontend
    app: FastAPI
    http: httpx.AsyncClient
    admin: Actor

    async def post(self, body: bytes, headers: Headers) -> httpx.Response:
        return await self.http.post("/slack/events", content=body, headers=headers)

    async def types(self, user_id: str, command: str, text: str = "", **fields: str) -> dict[str, Any]:
        """Type a command and return the answer in the acknowledgement."""
        answer = await self.post(*signed(slack_requests.command(user_id, command, text, **fields), FORM))
        assert answer.status_code == 200, answer.text
        reply: dict[str, Any] = answer.json()
        assert reply["response_type"] == "ephemeral"
        return reply

    async def presses(self, user_id: str, action_id: str, value: str, **fields: Any) -> httpx.Response:
        url = fields.pop("response_url", self.slack.url.replace("/api/", "/respond/1"))
        return await self.post(
            *signed(slack_requests.click(user_id, action_id, value, response_url=url, **fields), FORM)
        )

    async def hears(self, event: dict[str, Any], **fields: Any) -> httpx.Response:
        return await self.post(*signed(slack_requests.event(event, **fields), JSON))

    async def actor(self, user_id: str) -> Actor:
        actor = await members.slack_actor(self.ledger, team_id=TEAM, user_id=user_id)
        assert actor is not None
        return actor

    async def balance(self, user_id: str) -> BalanceView:
        return await balances.balance(self.ledger, actor=await self.actor(user_id))

    async def gives_a_plan(self, user_id: str, **windows: int) -> None:
        limits = {window: Credits.of(amount) for window, amount in windows.items()}
        plan = await plans.create_plan(self.ledger, actor=self.admin, name="Pro", **limits)
        member = shown_id(Prefix.MEMBER, (await self.actor(user_id)).member_id)
        await plans.give_plan(self.ledger, actor=self.admin, subject=member, plan_id=plan.id)

    async def uses(self, user_id: str, key: str, credits_: int) -> None:
        """Charge somebody for usage that costs so many credits."""
        actor = await self.actor(user_id)
        card = await ratecards.card_at(self.ledger, org_id=actor.org_id, at=self.clock())
        await charges.charge(
            self.ledger,
            org_id=actor.org_id,
            member_id=actor.member_id,
            source="test",
            event_id=key,
            subject="x",
            usage=Usage(MODEL, ONE_CREDIT * credits_),
            card=card,
        )

    async def a_day_later(self) -> None:
        """Let a day pass, once nothing is on its way: whose lease runs out meanwhile would be sent a second time."""
        await eventually(self._nothing_is_on_its_way)
        self.clock.advance(timedelta(hours=24))
        await settlement.settle_due(self.ledger)

    async def _nothing_is_on_its_way(self) -> bool:
        query = text("SELECT count(*) FROM outbox WHERE slack_state = 'sending'")
        return await self.ledger.read(lambda connection: connection.execute(query).scalar_one()) == 0


def said_text(answer: dict[str, Any]) -> str:
    """Return all the words of an answer."""
    return str([answer["text"], answer.get("blocks")])


def slack_settings(database_url: str, slack: SlackServer, **values: Any) -> Settings:
    return some_settings(
        database_url,
        slack_signing_secret=SECRET,
        slack_bot_token=TOKEN,
        slack_api_url=slack.url,
        slack_response_hosts=("127.0.0.1",),
        **values,
    )


@contextlib.asynccontextmanager
async def slack_world(
    database_url: str, *, policy: dict[str, Any] | None = None, envelopes: Sequence[dict[str, Any]] = (), **values: Any
) -> AsyncIterator[SlackWorld]:
    """Open the house. ``policy`` and further settings say what is otherwise than usual."""
    async with SlackServer(envelopes=list(envelopes)) as slack:
        for user_id, name in ((AL, "Al"), (BO, "Bo"), (CY, "Cy"), (DEE, "Dee")):
            slack.add_user(user_id, name)
        settings = slack_settings(database_url, slack, **values)
        clock = SettableClock()
        ledger = open_ledger(settings, clock=clock)
        try:
            admin = await _people(ledger, policy or {})
            frontend = build(ledger, settings, seconds_between_messages=0.01)
            assert frontend is not None
            app = create_app(ledger, settings, frontends=[frontend])
            await frontend.start()
            try:
                transport = httpx.ASGITransport(app=app)
                async with httpx.AsyncClient(transport=transport, base_url="http://house") as http:
                    await slack.until(lambda: len(slack.messages) >= len((AL, BO, CY)))  # their grants
                    slack.forget()
                    yield SlackWorld(ledger, clock, slack, frontend, app, http, admin)
            finally:
                await frontend.stop()
        finally:
            ledger.close()


async def _people(ledger: LedgerService, policy: dict[str, Any]) -> Actor:
    _, _, token = await organizations.create_organization(ledger, name="Team", admin_name="Ada", policy=policy)
    admin = await tokens.authenticate(ledger, token)
    await people_with_credits(ledger, admin)
    return admin


async def people_with_credits(ledger: LedgerService, admin: Actor) -> None:
    """Add Al, Bo and Cy, verified and known in Slack, with 4,000 purchased credits each."""
    for user_id, name in ((AL, "Al"), (BO, "Bo"), (CY, "Cy")):
        person = await members.add_member(
            ledger, actor=admin, name=name, role=Role.MEMBER, verified=True, slack=(TEAM, user_id)
        )
        await grants.grant(
            ledger,
            actor=admin,
            key=f"start:{user_id}",
            to=Recipient(member=person.id),
            amount=Credits.of(4000),
            source=Source.PURCHASE,
        )
