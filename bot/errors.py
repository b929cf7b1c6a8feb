"""What a refusal reads like in Slack: one table from code to words."""

from __future__ import annotations

from typing import Final

from bot.messages.blocks import Message, message, section
from bot.mrkdwn import escape
from core.ledger.errors import Code, Refused

# ``{detail}`` is the refusal's own sentence, escaped. Codes that only programs can cause get words for people.
ERROR_MESSAGES: Final[dict[Code, str]] = {
    Code.MALFORMED: "I couldn't read Slack's request. Please try again.",
    Code.IDEMPOTENCY_KEY_REQUIRED: "Slack sent this without its number, so I could not make sure to do it only once. "
    "Please type it again.",
    Code.UNAUTHENTICATED: "I don't know you yet. Open the app's Home tab and try again.",
    Code.INSUFFICIENT_SCOPE: "You don't have permission to do that. {detail}",
    Code.POLICY_REFUSED: "{detail}",
    Code.ACCOUNT_FROZEN: ":snowflake: {detail}",
    Code.NOT_VERIFIED: "{detail}",
    Code.NOT_ALLOWED: "You don't have permission to do that. {detail}",
    Code.INSUFFICIENT_CREDITS: "There aren't enough credits for that. {detail}",
    Code.NOT_FOUND: "{detail}",
    Code.IDEMPOTENCY_CONFLICT: "Slack sent this twice with different content; the first one counts.",
    Code.GIFT_NOT_PENDING: "Too late: {detail}",
    Code.INSUFFICIENT_GIFTABLE: "{detail}",
    Code.LOT_EXPIRES_TOO_SOON: "Those credits would expire too soon to help. {detail}",
    Code.TOO_MANY_LOTS: "That amount is spread over too many small lots. {detail}",
    Code.INSUFFICIENT_REMAINING: "Not enough left. {detail}",
    Code.NOTHING_TO_RESET: "{detail}",
    Code.RESET_NOT_BANKED: "Too late: {detail}",
    Code.PLAN_IN_USE: "{detail}",
    Code.REQUEST_NOT_OPEN: "Too late: {detail}",
    Code.NOTHING_PLEDGED: "{detail}",
    Code.HOLD_CLOSED: "That request has already ended. {detail}",
    Code.ALREADY_EXISTS: "{detail}",
    Code.ALREADY_APPLIED: "{detail}",
    Code.APPLICATION_DECIDED: "Too late: {detail}",
    Code.CAMPAIGN_CLOSED: "{detail}",
    Code.CAMPAIGN_FULL: "{detail}",
    Code.TOO_LARGE: "That message is too long.",
    Code.UNSUPPORTED_MEDIA_TYPE: "I couldn't read Slack's request. Please try again.",
    Code.INVALID_REQUEST: "{detail}",
    Code.UNKNOWN_MEMBER: "{detail}",
    Code.SELF_GIFT: "You can't give credits to yourself.",
    Code.RECIPIENT_IS_BOT: "Bots don't have a wallet. {detail}",
    Code.RATE_LIMITED: "That was a bit fast. Please wait a moment and try again.",
    Code.OVERLOADED: "I'm very busy right now. Check `/credits pending` before you try again in a moment.",
    Code.INTERNAL_ERROR: "Something went wrong on my side. Check `/credits pending` before you try again.",
}


def error_message(refused: Refused) -> Message:
    """Return the refusal for the person who caused it."""
    words = ERROR_MESSAGES[refused.code].format(detail=escape(refused.detail)).strip()
    return message(section(words), is_refusal=True)
