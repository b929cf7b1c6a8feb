"""A gift as its two sides see it: the answer to the command, the direct messages, the list. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, assert_never

from bot.action_ids import ActionId
from bot.messages.blocks import Block, Message, Style, button, buttons, context, message, section
from bot.mrkdwn import day, escape, moment
from core.ledger.gifts import OPEN, GiftState
from core.services.common.views import GiftView, PartyView

MAX_LISTED: Final = 20


def gift_sent(gifts: Sequence[GiftView]) -> Message:
    """Return the answer to the giver: what is on its way, to whom, until when it can be undone."""
    if len(gifts) == 1:
        gift = gifts[0]
        return message(section(f"{_sentence_for_sender(gift)}{_quoted(gift)}"), *_fine_print(gift), *_cancel(gift))
    people = ", ".join(_name(gift.recipient) for gift in gifts)
    first = gifts[0]
    lead = f"*{first.amount.shown()} cr each* to {people}."
    return message(section(f"{lead}{_quoted(first)}"), *_fine_print(first), *(_line(gift, mine=True) for gift in gifts))


def for_sender(gift: GiftView) -> Message:
    """Return the direct message to the sender; Cancel is there as long as it would work."""
    return message(section(f"{_sentence_for_sender(gift)}{_quoted(gift)}"), *_fine_print(gift), *_cancel(gift))


def for_recipient(gift: GiftView) -> Message:
    """Return the direct message to the recipient; Decline is there as long as it would work."""
    return message(section(f"{_sentence_for_recipient(gift)}{_quoted(gift)}"), *_fine_print(gift), *_decline(gift))


def pending(gifts: Sequence[GiftView], *, me: str, note: str | None = None) -> Message:
    """Return the list of gifts still on their way, each with the one thing its reader can do about it."""
    notes = () if note is None else (section(note),)
    if not gifts:
        return message(*notes, section("No gifts are pending, neither from you nor to you."))
    shown = gifts[:MAX_LISTED]
    lines = [_line(gift, mine=gift.sender.id == me) for gift in shown]
    more = (context(f"The newest {MAX_LISTED} are shown."),) if len(gifts) > MAX_LISTED else ()
    return message(*notes, section("*Pending gifts*"), *lines, *more)


def _line(gift: GiftView, *, mine: bool) -> Block:
    other = f"to {_name(gift.recipient)}" if mine else f"from {_name(gift.sender)}"
    what = f"*{gift.amount.shown()} cr* {other} · {_when(gift)}"
    if gift.state not in OPEN or gift.id is None:
        return section(what)
    press = (
        button("Cancel", action_id=ActionId.LIST_CANCEL, value=gift.id)
        if mine
        else button("Decline", action_id=ActionId.LIST_DECLINE, value=gift.id)
    )
    return section(what, button=press)


def _when(gift: GiftView) -> str:
    match gift.state:
        case GiftState.PENDING:
            return f"settles {moment(gift.settles_at)}"
        case GiftState.IN_REVIEW:
            return "waits for a review"
        case _:
            return gift.state.value.replace("_", " ")


def _sentence_for_sender(gift: GiftView) -> str:
    what, whom = f"*{gift.amount.shown()} cr*", _name(gift.recipient)
    match gift.state:
        case GiftState.PENDING:
            return (
                f"{what} are on their way to {whom}. They settle {moment(gift.settles_at)}; until then you can cancel."
            )
        case GiftState.IN_REVIEW:
            return f"Your gift of {what} to {whom} waits for a review. You can cancel it meanwhile."
        case GiftState.SETTLED:
            return f"{whom} has your {what}."
        case GiftState.CANCELLED:
            return f"You took back your gift of {what} to {whom}."
        case GiftState.DECLINED:
            return f"{whom} declined your gift of {what}; they are yours again."
        case GiftState.REJECTED:
            return f"Your gift of {what} to {whom} was not approved{_because(gift)}; they are yours again."
        case GiftState.RETURNED:
            return f"Your gift of {what} to {whom} came back to you{_because(gift)}."
        case GiftState.REVERSED:
            return f"Your gift of {what} to {whom} was reversed by an admin{_because(gift)}."
        case _:
            assert_never(gift.state)


def _sentence_for_recipient(gift: GiftView) -> str:
    what, who = f"*{gift.amount.shown()} cr*", _name(gift.sender)
    match gift.state:
        case GiftState.PENDING:
            return f"{who} is giving you {what}. They are yours {moment(gift.settles_at)}."
        case GiftState.IN_REVIEW:
            return f"{who} wants to give you {what}. The gift waits for a review."
        case GiftState.SETTLED:
            return f"{who} gave you {what}."
        case GiftState.CANCELLED:
            return f"{who} took back the gift of {what}."
        case GiftState.DECLINED:
            return f"You declined {what} from {who}."
        case GiftState.REJECTED:
            return f"The gift of {what} from {who} was not approved{_because(gift)}."
        case GiftState.RETURNED:
            return f"The gift of {what} from {who} went back{_because(gift)}."
        case GiftState.REVERSED:
            return f"The gift of {what} from {who} was reversed by an admin{_because(gift)}."
        case _:
            assert_never(gift.state)


def _fine_print(gift: GiftView) -> tuple[Block, ...]:
    """Say until when an open gift's credits can be used: a gift never extends an expiry (G3)."""
    ends = [part.expires_at for part in gift.lots if part.expires_at is not None]
    if gift.state not in OPEN or not ends:
        return ()
    first = min(ends)
    part = "They" if all(each.expires_at == first for each in gift.lots) else "The first of them"
    return (context(f"{part} can be used until {day(first)}; a gift does not change that."),)


def _cancel(gift: GiftView) -> tuple[Block, ...]:
    if gift.state not in OPEN or gift.id is None:
        return ()
    return (buttons(button("Cancel gift", action_id=ActionId.GIFT_CANCEL, value=gift.id, style=Style.DANGER)),)


def _decline(gift: GiftView) -> tuple[Block, ...]:
    if gift.state not in OPEN or gift.id is None:
        return ()
    return (buttons(button("Decline", action_id=ActionId.GIFT_DECLINE, value=gift.id)),)


def _because(gift: GiftView) -> str:
    return f": {escape(gift.reason)}" if gift.reason else ""


def _quoted(gift: GiftView) -> str:
    return f"\n>{escape(' '.join(gift.message.split()))}" if gift.message else ""


def _name(party: PartyView) -> str:
    """Return a mention for people who are in Slack, so that a click shows who they are."""
    return f"<@{party.slack_user_id}>" if party.slack_user_id else escape(party.name)
