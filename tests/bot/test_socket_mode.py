"""Without a public address: the same commands over a connection of ours."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from tests.support import slack_requests
from tests.support.slack_world import AL, BO, slack_world


def an_envelope(number: int, command: str, text: str, trigger_id: str) -> dict[str, Any]:
    body = slack_requests.command(AL, command, text, trigger_id=trigger_id).decode()
    payload = dict(parse_qsl(body, keep_blank_values=True))
    return {"type": "slash_commands", "envelope_id": f"e{number}", "payload": payload, "accepts_response_payload": True}


async def test_commands_come_and_are_answered_over_the_socket(sqlite_url: str) -> None:
    envelopes = [
        an_envelope(1, "/credits", "help", "1.1"),
        an_envelope(2, "/gift-credits", f"<@{BO}> 500", "2.2"),
        an_envelope(3, "/gift-credits", f"<@{BO}> 500", "2.2"),  # delivered again
    ]
    async with slack_world(sqlite_url, slack_app_token="xapp-1", envelopes=envelopes) as world:
        await world.slack.until(lambda: len(world.slack.made("socket")) == 3)
        answers = {call.arguments["envelope_id"]: call.arguments["payload"] for call in world.slack.made("socket")}

        assert "/credits link CODE" in str(answers["e1"])
        assert "500 cr" in answers["e2"]["text"]
        assert answers["e2"] == answers["e3"]
