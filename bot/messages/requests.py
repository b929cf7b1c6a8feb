"""A request for credits in Slack: the answer to who asks, the question to who is asked, what came of it. Pure."""

from __future__ import annotations

from bot.action_ids import ActionId
from bot.messages.blocks import Message, Style, button, buttons, context, message, section
from bot.mrkdwn import escape, moment
from core.ledger.requests import RequestState
from core.services.sharing.requests import RequestView

_CLOSED = {
    RequestState.FILLED: "It's been filled.",
    RequestState.ACCEPTED: "The pledges made by then were accepted.",
    RequestState.DECLINED: "It was declined.",
    RequestState.WITHDRAWN: "It was withdrawn.",
    RequestState.LAPSED: "It has expired.",
}


def asked(request: RequestView) -> Message:
    """Return the answer to the asker: whom it went to, and what happens next."""
    names = ", ".join(_name(part.by.name, part.by.slack_user_id) for part in request.pledges)
    reason = f"\n> {escape(request.reason)}" if request.reason else ""
    return message(
        section(f"Asked {names} for *{request.amount.shown()} cr*.{reason}"),
        context(f"You'll hear about every pledge. It expires {moment(request.lapses_at)}."),
    )


def question(text: str, request_id: str) -> Message:
    """Return the direct message to somebody who is asked; the buttons say who is meant only by the request's id."""
    return message(
        section(escape(text)),
        context("A pledge doesn't reserve any credits. It becomes a gift once the request is filled or accepted."),
        buttons(
            button("Pledge what I can", action_id=ActionId.REQUEST_PLEDGE, value=request_id, style=Style.PRIMARY),
            button("Not this time", action_id=ActionId.REQUEST_DECLINE, value=request_id),
        ),
    )


def outcome(request: RequestView, *, me: str) -> Message:
    """Return what takes the question's place, for the person (a member id) who was asked."""
    by, amount = _name(request.by.name, request.by.slack_user_id), f"*{request.amount.shown()} cr*"
    mine = next((part for part in request.pledges if part.by.id == me), None)
    if mine is not None and mine.gift_id is not None:
        reply = f"You gave *{mine.amount.shown()} cr* of the {amount} that {by} asked for."
    elif mine is not None and mine.amount:
        reply = f"You pledged *{mine.amount.shown()} cr* of the {amount} that {by} asks for."
    elif mine is not None and mine.has_declined:
        reply = f"You said no to the {amount} that {by} asks for."
    else:
        reply = f"{by} asked for {amount}."
    if request.state is not RequestState.OPEN:
        return message(section(reply), context(_CLOSED[request.state]))
    return message(
        section(reply), context(f"{request.missing.shown()} cr still needed; it expires {moment(request.lapses_at)}.")
    )


def _name(name: str, slack_user_id: str | None) -> str:
    return f"<@{slack_user_id}>" if slack_user_id else escape(name)
