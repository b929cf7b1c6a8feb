"""Who came by whom, in Slack, and what both gain. Pure."""

from __future__ import annotations

from typing import Final

from bot.action_ids import CREDITS_COMMAND
from bot.messages.blocks import Message, bullets, context, message, section
from bot.mrkdwn import escape
from core.services.sharing.referrals import InvitedView, ReferralsView

MAX_SHOWN: Final = 20


def invites(code: str, found: ReferralsView) -> Message:
    """Return one's code with what to do with it, and who has come by it."""
    lines = [_invited(each) for each in found.invited[:MAX_SHOWN]]
    return message(
        section(f"Share this code with new teammates: `{CREDITS_COMMAND} referral {code}`."),
        *([section(bullets(lines))] if lines else []),
        context(_gain(found)),
    )


def came(found: ReferralsView) -> Message:
    """Return the answer to somebody who said by whom they came."""
    by = "somebody" if found.invited_by is None else escape(found.invited_by.name)
    return message(section(f"{by} referred you."), context(_gain(found)))


def _invited(each: InvitedView) -> str:
    return f"{escape(each.who.name)}: {'not rewarded yet' if each.rewarded_at is None else 'rewarded'}"


def _gain(found: ReferralsView) -> str:
    gains = f"{found.for_invited.shown()} cr for the new teammate, {found.for_inviter.shown()} cr for the referrer"
    return f"{gains}, once the new teammate has used {found.after_use_of.shown()} cr."
