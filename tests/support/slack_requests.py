"""Requests as Slack makes them, correctly signed; a test breaks what it wants broken."""

from __future__ import annotations

import itertools
import json
import time
from typing import Any
from urllib.parse import urlencode

from bot.signature import sign
from tests.support.slack_server import TEAM

SECRET = "a-signing-secret-for-tests"
_numbers = itertools.count(1)

Headers = dict[str, str]


def signed(body: bytes, content_type: str, *, age: int = 0, secret: str = SECRET) -> tuple[bytes, Headers]:
    """Return body and headers, signed ``age`` seconds ago."""
    timestamp = str(int(time.time()) - age)
    return body, {
        "Content-Type": content_type,
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": sign(body, timestamp=timestamp, secret=secret),
    }


def command(user_id: str, command: str, text: str = "", **fields: str) -> bytes:
    """Return a slash command's body; each has a trigger of its own unless one is given."""
    number = next(_numbers)
    whole = {
        "token": "legacy",
        "team_id": TEAM,
        "team_domain": "team",
        "channel_id": "C0GENERAL",
        "channel_name": "general",
        "user_id": user_id,
        "user_name": "somebody",
        "command": command,
        "text": text,
        "api_app_id": "A0CREDITS",
        "is_enterprise_install": "false",
        "response_url": "https://hooks.slack.com/commands/T0TEAM/1/x",
        "trigger_id": f"{number}.trigger",
    }
    return urlencode(whole | fields).encode()


def click(user_id: str, action_id: str, value: str, *, response_url: str, **fields: Any) -> bytes:
    """Return the body of a pressed button."""
    whole: dict[str, Any] = {
        "type": "block_actions",
        "user": {"id": user_id, "username": "somebody", "team_id": TEAM},
        "api_app_id": "A0CREDITS",
        "container": {"type": "message", "message_ts": "1700000000.000001", "channel_id": f"D{user_id}"},
        "trigger_id": f"{next(_numbers)}.trigger",
        "team": {"id": TEAM, "domain": "team"},
        "response_url": response_url,
        "actions": [
            {
                "action_id": action_id,
                "block_id": "b",
                "type": "button",
                "value": value,
                "action_ts": f"{next(_numbers)}.0",
            }
        ],
    }
    return urlencode({"payload": json.dumps(whole | fields)}).encode()


def event(event: dict[str, Any], **fields: Any) -> bytes:
    """Return an event's body."""
    whole = {
        "token": "legacy",
        "team_id": TEAM,
        "api_app_id": "A0CREDITS",
        "type": "event_callback",
        "event_id": f"Ev{next(_numbers)}",
        "event_time": int(time.time()),
        "authorizations": [{"enterprise_id": None, "team_id": TEAM, "user_id": "U0CREDITS", "is_bot": True}],
        "event": event,
    }
    return json.dumps(whole | fields).encode()
