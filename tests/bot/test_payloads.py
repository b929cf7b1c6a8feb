"""Reading what Slack posts."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.payloads import InvalidPayload, is_greeting, read_payload

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
COMMAND = {"command": "/credits", "user_id": "U1", "team_id": "T1", "trigger_id": "1.2", "text": ""}
CLICK: dict[str, Any] = {
    "type": "block_actions",
    "user": {"id": "U1"},
    "team": {"id": "T1"},
    "actions": [{"action_id": "gift_cancel", "value": "gift_1", "action_ts": "1.2"}],
}
EVENT: dict[str, Any] = {"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event": {"type": "team_join"}}


def form(fields: dict[str, str]) -> bytes:
    return urlencode(fields).encode()


def test_a_command_is_its_fields() -> None:
    assert read_payload(form(COMMAND), FORM) == COMMAND


def test_a_command_whose_text_speaks_of_a_payload_stays_a_command() -> None:
    wordy = COMMAND | {"text": "<@U1> 500 for the payload= fix"}

    assert read_payload(form(wordy), f"{FORM}; charset=utf-8") == wordy


def test_a_click_comes_as_json_in_a_form() -> None:
    assert read_payload(form({"payload": json.dumps(CLICK)}), FORM) == CLICK


def test_an_event_comes_as_json() -> None:
    assert read_payload(json.dumps(EVENT).encode(), JSON) == EVENT


def test_slack_may_greet() -> None:
    assert is_greeting(read_payload(b'{"type": "url_verification", "challenge": "x"}', JSON))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", FORM),
        (b"", JSON),
        (b"", ""),
        (b"hello", FORM),
        (b"\xff\xfe", FORM),
        (b"text=%ff", FORM),
        (form(COMMAND) + b"&text=twice", FORM),
        (b"&".join(b"a%d=1" % n for n in range(200)), FORM),
        (b"payload=", FORM),
        (b"payload=%5B%5D", FORM),
        (b"payload=%00", FORM),
        (b"\xff", JSON),
        (b"[]", JSON),
        (b"null", JSON),
        (b"{}", JSON),
        (b'{"type": "url_verification"}', JSON),
        (b'{"type": "event_callback", "event": []}', JSON),
        (b"[" * 100_000, JSON),
        (b'{"a":' * 100 + b"1" + b"}" * 100, JSON),
        (b'{"a": NaN}', JSON),
        (b'{"a": ' + b"9" * 10_000 + b"}", JSON),
        (json.dumps(EVENT | {"x": "\ud800"}).encode(), JSON),
        (json.dumps(CLICK | {"team": "T1"}).encode(), JSON),
        (json.dumps(CLICK | {"user": None}).encode(), JSON),
        (json.dumps(CLICK | {"actions": []}).encode(), JSON),
        (json.dumps(CLICK | {"actions": {"0": 1}}).encode(), JSON),
        (json.dumps(EVENT | {"event": "team_join"}).encode(), JSON),
        (json.dumps(EVENT | {"authorizations": ["x"]}).encode(), JSON),
        (form({name: value for name, value in COMMAND.items() if name != "user_id"}), FORM),
        (form(COMMAND | {"user_id": "U1\0"}), FORM),
        (form(COMMAND | {"team_id": "T" * 50}), FORM),
        (form(COMMAND), "text/plain"),
        (form(COMMAND), JSON),
    ],
)
def test_whatever_slack_would_not_send_is_garbage(body: bytes, content_type: str) -> None:
    with pytest.raises(InvalidPayload) as caught:
        read_payload(body, content_type)

    assert not caught.value.args  # nothing of it travels on


@given(st.binary(max_size=200), st.sampled_from([FORM, JSON, "", "multipart/form-data"]))
def test_bytes_of_any_kind_are_garbage_or_read(body: bytes, content_type: str) -> None:
    try:
        read_payload(body, content_type)
    except InvalidPayload:
        return
