"""What people type after ``/gift-credits``: who, how much, why. Pure; a slip answers with the corrected form.

<@U02BO|bo> 500 thanks for the review
<@U02BO|bo> <@U03AL> 500            each of them gets 500
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from bot.action_ids import GIFT_COMMAND
from bot.mrkdwn import clipped, escape, plain, visible
from core.ledger.credits import MAX_TRANSFER, Credits
from core.services.common.validation import MAX_RECIPIENTS, MESSAGE_LENGTH

_MAX_ECHO: Final = 60

_MENTION: Final = re.compile(r"<@([UW][A-Z0-9]{1,30})(?:\|[^<>]*)?>[ ,]*(?:(?:and|&amp;|\+) )?")
_NUMBERISH: Final = re.compile(r"[-+−]?[\d.,_'’]*\d[\d.,_'’]*(?:[eE][-+]?\d+)?(?:cr|credits?)?", re.IGNORECASE)
_UNIT: Final = re.compile(r"(?:cr|credits?)(?: |$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class GiftCommand:
    """What was asked for: each of these people gets ``amount``, all or none."""

    user_ids: tuple[str, ...]
    amount: Credits
    reason: str | None


class UsageError(Exception):
    """Something that was typed in another way than it can be understood.

    ``hint`` says what was wrong; ``corrected`` repeats the input in the form that would have worked. Both are
    ready to be shown: what the person typed is in them escaped, mentions as mentions.
    """

    def __init__(self, hint: str, corrected: str | None = None) -> None:
        super().__init__(hint)
        self.hint = hint
        self.corrected = corrected


def parse_gift(text: str) -> GiftCommand:
    """Read who, how much and why, in this order. Raises Slip for everything that is not exactly that."""
    line = visible(text)
    user_ids, rest = _leading_mentions(line)
    if not user_ids:
        raise _nobody_named(line)
    word, _, reason = rest.partition(" ")
    if not word:
        raise UsageError("How many credits?", _form(user_ids, "500", "thanks for the review"))
    amount = _amount(word, reason, user_ids)
    reason = reason[unit.end() :] if (unit := _UNIT.match(reason)) else reason
    return GiftCommand(_checked_people(user_ids, amount, reason), amount, _checked_reason(reason, user_ids, amount))


def _leading_mentions(line: str) -> tuple[list[str], str]:
    user_ids = []
    while found := _MENTION.match(line):
        user_ids.append(found.group(1))
        line = line[found.end() :]
    return user_ids, line


def _amount(word: str, reason: str, user_ids: list[str]) -> Credits:
    try:
        amount = Credits.parse_typed(word)
    except ValueError:
        raise _not_an_amount(word, reason, user_ids) from None
    if not amount:
        raise UsageError("The amount must be more than 0.", _form(user_ids, "500", reason))
    if amount > MAX_TRANSFER:
        raise UsageError(
            f"One gift moves at most {MAX_TRANSFER.shown()} credits.", _form(user_ids, MAX_TRANSFER.shown(), reason)
        )
    return amount


def _checked_people(user_ids: list[str], amount: Credits, reason: str) -> tuple[str, ...]:
    shown, once = amount.shown(), list(dict.fromkeys(user_ids))
    if len(once) < len(user_ids):
        raise UsageError("You've listed someone twice.", _form(once, amount.shown(), reason))
    if len(once) > MAX_RECIPIENTS:
        raise UsageError(
            f"One command gives to at most {MAX_RECIPIENTS} people.",
            _form(once[:MAX_RECIPIENTS], amount.shown(), reason),
        )
    if _MENTION.match(reason):
        more, rest = _leading_mentions(reason)
        everybody = list(dict.fromkeys([*once, *more]))[:MAX_RECIPIENTS]
        rest = "" if _NUMBERISH.match(rest) else rest
        raise UsageError("Put all the names before the amount; each of them gets it.", _form(everybody, shown, rest))
    return tuple(once)


def _checked_reason(reason: str, user_ids: list[str], amount: Credits) -> str | None:
    told = plain(reason)
    if len(told) > MESSAGE_LENGTH:
        hint = f"The reason has {len(told)} characters; {MESSAGE_LENGTH} fit."
        raise UsageError(hint, _form(user_ids, amount.shown(), told[:MESSAGE_LENGTH]))
    return told or None


def _not_an_amount(word: str, reason: str, user_ids: list[str]) -> UsageError:
    """Say which slip of the hand it most likely was, with the number that was most likely meant."""
    shown = f"“{_echo(word)}”"
    if len(word) > _MAX_ECHO or _NUMBERISH.fullmatch(word) is None:
        reply = f"{word} {reason}"
        number = next((part for part in reason.split() if _typed(part)), "")
        hint = f"Put the amount after the names; {shown} isn't an amount."
        return UsageError(hint, _form(user_ids, number or "500", reply.replace(number, "", 1)))
    if word[0] in "-−":
        return UsageError(f"A gift can't be negative: {shown}.", _form(user_ids, _meant(word), reason))
    if re.search(r"\d[eE]", word):
        hint = f"Please write the amount out, without an exponent: {shown}."
    elif re.fullmatch(r"[\d,]+\.\d{3,}", word):
        hint = f"An amount has at most 2 decimals, and thousands look like 1,000; {shown} has neither form."
    elif not word.isascii():
        hint = f"Please write the amount with the digits 0 to 9: {shown}."
    else:
        hint = f"An amount looks like 500, 1,000 or 12.5, not {shown}."
    return UsageError(hint, _form(user_ids, _meant(word), reason))


def _meant(word: str) -> str:
    """Return the amount that was most likely meant, rounded toward zero, or an example."""
    digits = "".join(str(int(letter)) if letter.isdecimal() else letter for letter in word.lower())
    digits = re.sub(r"(?:cr|credits?)$", "", digits).lstrip("+-−")
    mantissa, _, exponent = digits.partition("e")
    if re.fullmatch(r"[\d.]+,\d{1,2}", mantissa):  # a decimal comma
        mantissa = mantissa.replace(".", "").replace(",", ".")
    mantissa = re.sub(r"[,_'’]", "", mantissa)
    if re.fullmatch(r"\d{1,10}(?:\.\d{1,12})?", mantissa) is None or re.fullmatch(r"\+?\d?", exponent) is None:
        return "500"
    whole, _, fraction = mantissa.partition(".")
    places = int(exponent or "0")
    fraction = fraction.ljust(places, "0")
    number = f"{int(whole + fraction[:places])}.{fraction[places:][:2]}".rstrip("0").rstrip(".")
    return amount.shown() if (amount := _typed(number)) and amount <= MAX_TRANSFER else "500"


def _typed(text: str) -> Credits | None:
    try:
        return Credits.parse_typed(text)
    except ValueError:
        return None


def _nobody_named(line: str) -> UsageError:
    first, _, rest = line.partition(" ")
    if found := _MENTION.search(line):
        number = next((part for part in line.split() if _typed(part)), "500")
        people = [match.group(1) for match in _MENTION.finditer(line)]
        reply = _MENTION.sub("", line).replace(number, "", 1)
        hint = "Please start with the person" if found.start() else "Please name the person"
        return UsageError(f"{hint}, then the amount, then the reason.", _form(people[:MAX_RECIPIENTS], number, reply))
    if first.startswith("<!subteam^"):
        return UsageError("A user group doesn't have a wallet. List the people; each of them gets the amount.")
    if first.startswith("<!"):
        return UsageError("Name the people who get the gift; it can't go to everyone at once.")
    if first.startswith("<#"):
        return UsageError("That's a channel. A gift goes to a person: type @ and pick the name.")
    if first.startswith("<mailto:") or "@" in first[1:]:
        return UsageError("I find people by their Slack name, not their email address: type @ and pick the name.")
    example = f"{GIFT_COMMAND} @name {_echo(rest)}" if rest else f"{GIFT_COMMAND} @name 500 thanks for the review"
    if first.startswith("@"):
        hint = (
            f"“{_echo(first)}” could be several people. Type @ and pick the name from Slack's list, "
            "so that it turns into a mention."
        )
        return UsageError(hint, f"{GIFT_COMMAND} {_echo(first)} {_echo(rest) or '500'}")
    return UsageError("Who is it for? Type @ and pick the name.", example)


def _form(user_ids: list[str], amount: str, reason: str) -> str:
    """Return the whole command as it would have worked."""
    people = " ".join(f"<@{user_id}>" for user_id in user_ids)
    return f"{GIFT_COMMAND} {people} {amount} {_echo(reason)}".rstrip()


def _echo(text: str) -> str:
    """Return what was typed, shortened and safe to show."""
    return escape(clipped(plain(text), _MAX_ECHO))
