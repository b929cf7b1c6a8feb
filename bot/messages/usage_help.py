"""The help texts: examples first. Pure."""

from __future__ import annotations

from bot.action_ids import CREDITS_COMMAND, GIFT_COMMAND
from bot.messages.blocks import Message, bullets, context, message, section
from bot.mrkdwn import clipped, escape, plain
from bot.parsing import UsageError

_GIVING = (
    f"`{GIFT_COMMAND} @bo 500 thanks for the review` gives 500 cr",
    f"`{GIFT_COMMAND} @bo @al 250` gives each of them 250 cr (all or nothing)",
)
_SEEING = (
    f"`{CREDITS_COMMAND}` shows what you can spend and give",
    f"`{CREDITS_COMMAND} history` shows what moved",
    f"`{CREDITS_COMMAND} pending` shows gifts on their way, so that you can stop them",
    f"`{CREDITS_COMMAND} why` tells you what you can spend, and what limits it",
    f"`{CREDITS_COMMAND} why 500` or `{CREDITS_COMMAND} why gpt-6-sol 12000` tells you whether you can spend that",
    f"`{CREDITS_COMMAND} request 300 a release` asks your lead, `{CREDITS_COMMAND} request @al 300` asks Al",
    f"`{CREDITS_COMMAND} boost` shows boosts and campaigns, `{CREDITS_COMMAND} boost apply Autumn` applies for one",
    f"`{CREDITS_COMMAND} reset` uses a banked reset of your allowance",
    f"`{CREDITS_COMMAND} referral` shows your referral code for new teammates",
    f"`{CREDITS_COMMAND} link CODE` signs in an editor that showed you a code",
    f"`{CREDITS_COMMAND} freeze` freezes your wallet at once; only an admin can unfreeze it",
)


def gift_help() -> Message:
    note = context("Amounts look like 500, 1,000 or 12.5. A gift can be cancelled until it settles.")
    return message(section("*Give credits to a colleague*\n" + bullets(_GIVING)), note)


def help_message() -> Message:
    return message(section("*Your credits*\n" + bullets(_SEEING)), section("*Giving*\n" + bullets(_GIVING)))


def unknown_command(word: str) -> Message:
    """Return the answer to a subcommand that does not exist."""
    return message(section(f"“{escape(clipped(plain(word), 40))}” isn't a command I know."), section(bullets(_SEEING)))


def usage_error(what: UsageError) -> Message:
    """Return what was wrong, and the input again in the form that works."""
    again = () if what.corrected is None else (section(f"Try: {what.corrected}"),)
    return message(section(what.hint), *again, is_refusal=True)
