"""What people are told of boosts, one sentence a notice, for the editor and for Slack. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

_SENTENCES: Final = {
    "boost_admitted": "You're in {campaign}: {factor}× from {start} until {end}.",
    "boost_waitlisted": "{campaign} is full. You're on the waitlist and move up when someone withdraws.",
    "boost_refused": "Your application for {campaign} was refused{why}.",
    "boost_started": "Your {factor}× boost{named} has started and lasts until {end}.",
    "boost_ending": "Your {factor}× boost{named} ends in {days}, on {end}.",
    "boost_ended": "Your {factor}× boost{named} has ended. Your limits are back to normal; nothing was reset.",
    "boost_feedback": "How was {campaign}? Its boost ended on {end}. From 1 to 5, what was it worth to you?",
}
BOOST_NOTICES: Final = frozenset(_SENTENCES)


def boost_sentence(kind: str, body: Mapping[str, Any]) -> str:
    """Return the sentence of a notice; its body holds factor, starts_at, ends_at, campaign, reason and days left."""
    campaign, reason, days = body.get("campaign"), body.get("reason"), body.get("days", 0)
    return _SENTENCES[kind].format(
        campaign=f"“{campaign}”",
        named=f" “{campaign}”" if campaign else "",
        factor=body["factor"],
        start=_day(body["starts_at"]),
        end=_day(body["ends_at"]),
        why=f": {reason}" if reason else "",
        days="1 day" if days == 1 else f"{days} days",
    )


def _day(moment: str) -> str:
    when = datetime.fromisoformat(moment).astimezone(UTC)
    return f"{when.day} {when:%b %Y, %H:%M} UTC"
