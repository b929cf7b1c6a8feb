"""Starting and stopping: without Slack, with a Slack that fails, with several organizations."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from importlib.metadata import entry_points

import pytest

from bot.frontend import SlackFrontend, build
from core.services.common.ledger_service import LedgerService
from core.services.people import organizations
from core.wiring import open_ledger
from tests.support.builders import some_settings
from tests.support.clock import SettableClock
from tests.support.slack_server import TEAM, SlackServer, refuses, says
from tests.support.slack_world import TOKEN, slack_settings
from tests.support.waiting import eventually


@pytest.fixture
def ledger(sqlite_url: str) -> LedgerService:
    return open_ledger(some_settings(sqlite_url), clock=SettableClock())


@contextlib.asynccontextmanager
async def started(ledger: LedgerService, slack: SlackServer, **values: object) -> AsyncIterator[SlackFrontend]:
    frontend = build(ledger, slack_settings("sqlite:///x", slack, **values))
    assert frontend is not None
    await frontend.start()
    try:
        yield frontend
    finally:
        await frontend.stop()
        ledger.close()


async def team_of(ledger: LedgerService, org_id: str) -> str | None:
    every = await organizations.list_organizations(ledger)
    return next(each.slack_team_id for each in every if each.id == org_id)


def test_the_server_finds_it_by_its_entry_point() -> None:
    [point] = entry_points(group="teamcredits.frontends", name="slack")

    assert point.load() is build


def test_without_slack_settings_there_is_no_front_end(ledger: LedgerService) -> None:
    assert build(ledger, some_settings()) is None
    ledger.close()


async def test_the_only_organization_is_bound_to_the_workspace(ledger: LedgerService) -> None:
    org_id, _, _ = await organizations.create_organization(ledger, name="One", admin_name="Ada")
    async with SlackServer() as slack, started(ledger, slack):
        assert await team_of(ledger, org_id) == TEAM


async def test_of_several_organizations_the_setting_says_which(
    ledger: LedgerService, caplog: pytest.LogCaptureFixture
) -> None:
    first, _, _ = await organizations.create_organization(ledger, name="One", admin_name="Ada")
    second, _, _ = await organizations.create_organization(ledger, name="Two", admin_name="Ida")
    async with SlackServer() as slack:
        undecided = build(ledger, slack_settings("sqlite:///x", slack))
        assert undecided is not None
        await undecided.start()
        await undecided.stop()
        assert "TEAMCREDITS_SLACK_ORG" in caplog.text
        assert await team_of(ledger, first) is None

        async with started(ledger, slack, slack_org=second):
            assert await team_of(ledger, second) == TEAM


async def test_a_failing_slack_delays_only_slack_and_is_tried_again(
    ledger: LedgerService, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    org_id, _, _ = await organizations.create_organization(ledger, name="One", admin_name="Ada")
    async with SlackServer() as slack:
        slack.script("auth.test", refuses("invalid_auth"), says({}, status=500), says({"ok": True, "team_id": 7}))
        async with started(ledger, slack):
            await eventually(lambda: team_of(ledger, org_id))

    assert "auth.test says invalid_auth" in caplog.text
    assert TOKEN not in caplog.text


async def test_a_silent_slack_holds_up_the_start_for_three_seconds_at_most(ledger: LedgerService) -> None:
    async with SlackServer() as slack:
        slack.script("auth.test", says({"ok": True}, after=30.0))
        began = asyncio.get_running_loop().time()
        async with started(ledger, slack):
            assert asyncio.get_running_loop().time() - began < 4.0
