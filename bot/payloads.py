"""What Slack posts, read into one dictionary: a form, a form around JSON, or JSON. Pure.

A form counts as wrapping JSON only when it has a field ``payload`` of its own, so that a command whose text
contains that word stays a command.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final, NoReturn
from urllib.parse import parse_qsl

MAX_FIELDS: Final = 100
MAX_DEPTH: Final = 60
_ID: Final = re.compile(r"[A-Z0-9]{1,40}", re.ASCII)

Payload = dict[str, Any]


class InvalidPayload(Exception):  # noqa: N818  (an answer, not a failure)
    """Signed, but nothing that Slack would send. It carries nothing of what was sent."""


def read_payload(body: bytes, content_type: str) -> Payload:
    """Return what was posted. Raises Garbage unless it is a shape this door knows."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        payload = _json(body)
    elif kind == "application/x-www-form-urlencoded":
        fields = _form(body)
        payload = _json(fields["payload"].encode("utf-8")) if "payload" in fields else fields
    else:
        raise InvalidPayload
    if not any(fits(payload) for fits in _SHAPES):
        raise InvalidPayload
    return payload


def _form(body: bytes) -> Payload:
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise InvalidPayload from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise InvalidPayload
    return fields


def _json(body: bytes) -> Payload:
    try:
        payload = json.loads(body.decode("utf-8"), parse_constant=_no_number)
        if not isinstance(payload, dict) or _depth(payload) > MAX_DEPTH:
            raise InvalidPayload
        json.dumps(payload, ensure_ascii=False).encode("utf-8")  # lone surrogates are no text
    except (ValueError, RecursionError):
        raise InvalidPayload from None
    return payload


def _no_number(_: str) -> NoReturn:
    raise ValueError


def _depth(payload: Payload) -> int:
    """Return how deep it nests, level by level, without recursion."""
    depth, level = 0, list[Any]([payload])
    while level and depth <= MAX_DEPTH:
        inner = [value for each in level for value in (each.values() if isinstance(each, dict) else each)]
        level = [value for value in inner if isinstance(value, dict | list)]
        depth += 1
    return depth


def _texts(payload: object, *names: str) -> bool:
    return isinstance(payload, dict) and all(isinstance(payload.get(name), str) and payload[name] for name in names)


def is_slack_id(value: object) -> bool:
    """Return whether it can be the id of a person or workspace."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _ids(payload: object, *names: str) -> bool:
    return isinstance(payload, dict) and all(is_slack_id(payload.get(name)) for name in names)


def is_greeting(payload: Payload) -> bool:
    """Return whether Slack asks if this address is ours (``url_verification``)."""
    return payload.get("type") == "url_verification" and _texts(payload, "challenge")


def is_certificate_check(payload: Payload) -> bool:
    """Return whether Slack only looks at the certificate (``ssl_check``)."""
    return _texts(payload, "ssl_check") and "command" not in payload


def is_command(payload: Payload) -> bool:
    """Return whether it is a slash command, complete."""
    named = _texts(payload, "command", "trigger_id") and _ids(payload, "user_id", "team_id")
    return named and isinstance(payload.get("text", ""), str)


def is_event(payload: Payload) -> bool:
    """Return whether it is an event."""
    if payload.get("type") == "app_rate_limited":
        return True
    named = payload.get("type") == "event_callback" and _texts(payload, "event_id") and _ids(payload, "team_id")
    return named and _texts(payload.get("event"), "type") and _objects(payload, "authorizations")


def is_interaction(payload: Payload) -> bool:
    """Return whether somebody pressed or submitted something."""
    known = {"block_actions", "view_submission", "view_closed", "shortcut", "message_action", "block_suggestion"}
    if payload.get("type") not in known or not _ids(payload.get("user"), "id"):
        return False
    if not _ids(payload.get("team"), "id") or not _objects(payload, "actions"):
        return False
    pressed = payload.get("actions") or []
    return payload["type"] != "block_actions" or (bool(pressed) and all(_texts(each, "action_id") for each in pressed))


def _objects(payload: Payload, name: str) -> bool:
    listed = payload.get(name) or []
    return isinstance(listed, list) and all(isinstance(each, dict) for each in listed)


_SHAPES: Final[tuple[Callable[[Payload], bool], ...]] = (
    is_greeting,
    is_certificate_check,
    is_command,
    is_event,
    is_interaction,
)
