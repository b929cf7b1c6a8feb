"""What a refusal reads like in Slack: one table from code to words."""

from __future__ import annotations

from typing import Final

from bot.messages.blocks import Message, message, section
from bot.mrkdwn import escape
from core.ledger.errors import Code, Refused

# ``{detail}`` is the refusal's own sentence, escaped. Codes that only programs can cause get words for people.
ERROR_MESSAGES: Final[dict[Code, str]] = {
    Code.MALFORMED: "Slack sent something I could not read. Please try again.",
    Code.IDEMPOTENCY_KEY_REQUIRED: "Slack sent this without its number, so I could not make sure to do it only once. "
    "Please type it again.",
    Code.UNAUTHENTICATED: "I do not know you yet. Open the app's Home tab and try again.",
    Code.INSUFFICIENT_SCOPE: "That is not yours to do. {detail}",
    Code.POLICY_REFUSED: "Your organization's rules do not allow this. {detail}",
    Code.ACCOUNT_FROZEN: ":snowflake: {detail}",
    Code.NOT_VERIFIED: "{detail} In Slack that means: a full member with a confirmed e-mail address.",
    Code.NOT_ALLOWED: "That is not yours to do. {detail}",
    Code.INSUFFICIENT_CREDITS: "There are not enough credits for that. {detail}",
    Code.NOT_FOUND: "I cannot find that. {detail}",
    Code.IDEMPOTENCY_CONFLICT: "Slack sent this twice with different content; the first one counts.",
    Code.GIFT_NOT_PENDING: "Too late: {detail}",
    Code.INSUFFICIENT_GIFTABLE: "You cannot give that much. {detail}",
    Code.LOT_EXPIRES_TOO_SOON: "Those credits would lapse too soon to help. {detail}",
    Code.TOO_MANY_LOTS: "That gift is made of too many small parts. {detail}",
    Code.INSUFFICIENT_REMAINING: "Less is left than that. {detail}",
    Code.NOTHING_TO_RESET: "{detail}",
    Code.RESET_NOT_BANKED: "Too late: {detail}",
    Code.PLAN_IN_USE: "{detail}",
    Code.REQUEST_NOT_OPEN: "Too late: {detail}",
    Code.NOTHING_PLEDGED: "{detail}",
    Code.HOLD_CLOSED: "That request has already ended. {detail}",
    Code.ALREADY_EXISTS: "{detail}",
    Code.ALREADY_APPLIED: "You have applied already. {detail}",
    Code.APPLICATION_DECIDED: "Too late: {detail}",
    Code.CAMPAIGN_CLOSED: "{detail}",
    Code.CAMPAIGN_FULL: "{detail}",
    Code.TOO_LARGE: "That is too long for me.",
    Code.UNSUPPORTED_MEDIA_TYPE: "Slack sent something I could not read. Please try again.",
    Code.INVALID_REQUEST: "{detail}",
    Code.UNKNOWN_MEMBER: "{detail}",
    Code.SELF_GIFT: "You cannot give to yourself.",
    Code.RECIPIENT_IS_BOT: "Bots have no wallet. {detail}",
    Code.RATE_LIMITED: "That was a bit fast. Please wait a moment and try again.",
    Code.OVERLOADED: "Very busy right now. Look at `/credits pending` before you repeat it in a moment.",
    Code.INTERNAL_ERROR: "Something went wrong on my side. Look at `/credits pending` before you repeat it.",
}


def error_message(refused: Refused) -> Message:
    """Return the refusal for the person who caused it."""
    words = ERROR_MESSAGES[refused.code].format(detail=escape(refused.detail)).strip()
    return message(section(words), is_refusal=True)
