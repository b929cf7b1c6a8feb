"""What people are told of requests, pledges and referrals, one sentence a notice, for editor and Slack. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from core.ledger.credits import Credits

_SENTENCES: Final = {
    "request_asked": "{by} asks for {amount} cr{why}.",
    "request_pledged": "{by} pledged {amount} cr to your request; {missing} cr still needed.",
    "request_unpledged": "{by} withdrew a pledge of {amount} cr to your request.",
    "request_declined": "{by} can't help with your request for {amount} cr{why}{over}.",
    "request_filled": "Your request for {amount} cr: you're getting {given} cr.",
    "request_lapsed": "Your request for {amount} cr has expired. Ask again if you still need it.",
    "pledge_dropped": "Your pledge of {amount} cr to {by} was dropped{why}.",
    "pledge_freed": "The request of {by} is {state}; your pledge of {amount} cr is no longer needed.",
    "referral_used": "{by} joined with your referral code.",
    "referral_rewarded": "You received {amount} cr for a referral ({by}).",
}
ASKING_NOTICES: Final = frozenset(_SENTENCES)


def asking_sentence(kind: str, body: Mapping[str, Any]) -> str:
    """Return the sentence of a notice; amounts in the body are exact, words are somebody's own."""
    reason = str(body.get("reason") or "").rstrip(".")
    amounts = {name: _shown(body.get(name)) for name in ("amount", "missing", "given")}
    return _SENTENCES[kind].format(
        **amounts,
        by=body.get("by", "Somebody"),
        state=body.get("state", "over"),
        why=f": {reason}" if reason else "",
        over="; nobody else was asked" if body.get("over") else "",
    )


def _shown(amount: object) -> str:
    return Credits.parse(str(amount)).shown() if amount is not None else ""
