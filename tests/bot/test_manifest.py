"""The Slack app's manifest fits what the code does. It was checked against Slack's published JSON schema by hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.action_ids import CREDITS_COMMAND, GIFT_COMMAND
from bot.http_endpoint import PATH

ROOT = Path(__file__).parents[2]

# What each Web API method that the code calls needs: https://docs.slack.dev/reference/methods/
SCOPES = {
    "auth_test": None,
    "chat_postMessage": "chat:write",
    "chat_update": "chat:write",
    "users.info": "users:read",
    "views_publish": None,
}


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    whole: dict[str, Any] = yaml.safe_load((ROOT / "deploy/slack/manifest.yaml").read_text(encoding="utf-8"))
    return whole


def test_both_commands_are_there_and_names_arrive_as_ids(manifest: dict[str, Any]) -> None:
    commands = manifest["features"]["slash_commands"]

    assert {command["command"] for command in commands} == {GIFT_COMMAND, CREDITS_COMMAND}
    assert all(command["should_escape"] is True for command in commands)


def test_everything_comes_in_at_one_address_by_https(manifest: dict[str, Any]) -> None:
    settings = manifest["settings"]
    urls = {
        *(command["url"] for command in manifest["features"]["slash_commands"]),
        settings["event_subscriptions"]["request_url"],
        settings["interactivity"]["request_url"],
    }

    assert urls == {f"https://credits.example.com{PATH}"}


def test_every_call_has_its_scope_and_every_scope_its_use(manifest: dict[str, Any]) -> None:
    code = (ROOT / "bot/slack_api.py").read_text(encoding="utf-8")
    found = re.findall(r"self\.client\.(?:api_call\(\"([a-zA-Z.]+)\"|([a-z]+_[a-zA-Z]+)\()", code)
    called = {by_name or by_method for by_name, by_method in found if by_method != "api_call"}
    needed = {scope for method in called if (scope := SCOPES[method])} | {"commands", "users:read.email"}

    assert set(manifest["oauth_config"]["scopes"]["bot"]) == needed
    assert set(SCOPES) == called


def test_the_events_we_listen_to_are_the_ones_subscribed(manifest: dict[str, Any]) -> None:
    listened = set(re.findall(r'app\.event\("([a-z_]+)"\)', (ROOT / "bot/app.py").read_text(encoding="utf-8")))

    assert set(manifest["settings"]["event_subscriptions"]["bot_events"]) == listened


def test_texts_are_within_slacks_limits(manifest: dict[str, Any]) -> None:
    assert len(manifest["display_information"]["name"]) <= 35
    assert len(manifest["display_information"]["description"]) <= 140
    assert len(manifest["features"]["bot_user"]["display_name"]) <= 80
    assert manifest["features"]["app_home"]["home_tab_enabled"]
    assert manifest["settings"]["interactivity"]["is_enabled"]
