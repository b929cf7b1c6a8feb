"""From a Slack id to a member of the house: known ones at once, others after one look at Slack's directory."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from bot.context import AppContext
from bot.parsing import UsageError
from bot.slack_api import PermanentError, RetryableError
from core.ledger.errors import Code, Refused
from core.services.common.actors import Actor
from core.services.common.views import MemberView
from core.services.people import members
from core.services.people.members import SlackProfile

LOOK_SECONDS: Final = 1.5
# Waits between further looks, when Slack was silent; they come after the request was acknowledged.
LOOK_AGAIN_AFTER: Final = (1.0, 2.0, 4.0, 8.0, 16.0)
_NOBODY: Final = frozenset({"user_not_found", "user_not_visible", "users_not_found"})
LONGEST_PAUSE: Final = 30.0
SLACKBOT: Final = "USLACKBOT"


async def acting_member(app_context: AppContext, *, team_id: str, user_id: str) -> Actor:
    """Return who acts. Somebody new comes in first; a stranger is refused (unknown_member)."""
    if actor := await members.slack_actor(app_context.ledger, team_id=team_id, user_id=user_id):
        return actor
    await _introduce(app_context, team_id=team_id, user_id=user_id)
    if actor := await members.slack_actor(app_context.ledger, team_id=team_id, user_id=user_id):
        return actor
    raise Refused(Code.UNKNOWN_MEMBER, "You are not a member here.")


async def mentioned_members(app_context: AppContext, *, team_id: str, user_id: str) -> MemberView:
    """Return the member somebody named. Raises Refused(unknown_member) for whoever is not of this workspace."""
    if known := await members.slack_member(app_context.ledger, team_id=team_id, user_id=user_id):
        return known
    return await _introduce(app_context, team_id=team_id, user_id=user_id)


async def _introduce(app_context: AppContext, *, team_id: str, user_id: str) -> MemberView:
    try:
        user = await _look_up(app_context, user_id)
    except PermanentError as never:
        if never.why not in _NOBODY:
            raise
        raise UsageError(f"I can't find <@{user_id}> in this workspace.") from None
    return await members.join_from_slack(app_context.ledger, profile_of(user, team_id=team_id, user_id=user_id))


async def _look_up(app_context: AppContext, user_id: str) -> dict[str, Any]:
    for pause in LOOK_AGAIN_AFTER:
        try:
            return await app_context.slack.user(user_id, seconds=LOOK_SECONDS)
        except RetryableError as later:
            await asyncio.sleep(min(max(pause, later.seconds or 0.0), LONGEST_PAUSE))
    return await app_context.slack.user(user_id, seconds=LOOK_SECONDS)


def profile_of(user: dict[str, Any], *, team_id: str, user_id: str) -> SlackProfile:
    """Read Slack's user object. What is missing counts against the person: an e-mail is confirmed only if said so."""
    profile = user["profile"] if isinstance(user.get("profile"), dict) else {}
    email = profile.get("email")
    names = (profile.get("display_name"), profile.get("real_name"), user.get("real_name"), user.get("name"))
    return SlackProfile(
        team_id=team_id,
        user_id=user_id,
        name=_first_text(*names),
        email=email if isinstance(email, str) and email.isprintable() else None,
        email_confirmed=user.get("is_email_confirmed") is True,
        is_bot=_is_bot(user, user_id),
        is_guest=bool(user.get("is_restricted") or user.get("is_ultra_restricted")),
        is_stranger=_is_stranger(user, team_id),
        deleted=bool(user.get("deleted")),
        time_zone=_first_text(user.get("tz"), "UTC"),
    )


def _is_bot(user: dict[str, Any], user_id: str) -> bool:
    """Return whether nobody is behind it. Slack says of its own bot that it is none."""
    return user_id == SLACKBOT or any(user.get(name) for name in ("is_bot", "is_workflow_bot", "is_connector_bot"))


def _is_stranger(user: dict[str, Any], team_id: str) -> bool:
    """Return whether they belong to another workspace, unless one enterprise has both."""
    home = user.get("team_id")
    enterprise = user.get("enterprise_user")
    shared = enterprise.get("teams") if isinstance(enterprise, dict) else None
    elsewhere = isinstance(home, str) and bool(home) and home != team_id
    return bool(user.get("is_stranger")) or (elsewhere and not (isinstance(shared, list) and team_id in shared))


def _first_text(*candidates: object) -> str:
    return next((text for text in candidates if isinstance(text, str) and text.strip()), "")
