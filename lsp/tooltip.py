"""The details behind the one line, as markdown. Pure; foreign words are shown as themselves."""

import re
from collections.abc import Iterator
from datetime import datetime, tzinfo

from lsp import formatting
from lsp.wire import Window, WireStatus

_NO_GIFTS = {
    "verified_sender": "only verified members can give",
    "gifts_per_day": "can't send more gifts today (daily limit)",
    "credits_per_day": "can't give more today (daily limit)",
}


def tooltip(
    status: WireStatus | None, *, problem: str, stale_since: datetime | None, now: datetime, zone: tzinfo | None
) -> str:
    """What can be spent, given and expected, and when it changes; one list entry for each fact."""
    if status is None:
        return formatting.markdown(problem) or "**Credits**: sign in to see what you can spend."
    head = f"**{formatting.credits(status.spendable)} credits** to spend"
    lines = [f"- {line}" for line in _facts(status, now=now, zone=zone)]
    if status.blocked:
        head += f"\n\n{formatting.markdown(status.blocked.message)}"
    if stale_since:
        why = f" {formatting.markdown(problem)}" if problem else ""
        head += f"\n\nAs of {formatting.moment(stale_since, now=now, zone=zone)}, may have changed.{why}"
    return head + "\n\n" + "\n".join(lines)


def lines(markdown: str) -> str:
    """The same without markup, for a terminal or a message box."""
    return re.sub(r"\\(.)", r"\1", markdown.replace("**", "").replace("\n\n", "\n"))


def _facts(status: WireStatus, *, now: datetime, zone: tzinfo | None) -> Iterator[str]:
    yield f"own {formatting.credits(status.available)} · pool {formatting.credits(status.pool)}"
    if status.incoming:
        yield f"incoming {formatting.credits(status.incoming)}"
    if status.held_gifts or status.held_usage:
        gifts, usage = formatting.credits(status.held_gifts), formatting.credits(status.held_usage)
        yield f"held for gifts {gifts} · for usage {usage}"
    if status.owed:
        yield f"owed {formatting.credits(status.owed)}: the next credits you are granted repay it first"
    yield _giftable(status)
    for window in status.allowance:
        yield _window(window, now=now, zone=zone)
    if (boost := status.boost) and (boost.ends_at is None or boost.ends_at > now):
        until = f" until {formatting.moment(boost.ends_at, now=now, zone=zone)}" if boost.ends_at else ""
        yield f"{formatting.exact(boost.factor)}× boost{until}"
    if status.resets_at:
        yield f"resets {formatting.moment(status.resets_at, now=now, zone=zone)}"
    if (banked := status.resets_banked) and banked.count and (not banked.expires_at or banked.expires_at > now):
        until = f", until {formatting.moment(banked.expires_at, now=now, zone=zone)}" if banked.expires_at else ""
        yield f"{banked.count} {'reset' if banked.count == 1 else 'resets'} banked{until}"
    if (coming := status.next_allotment) and coming.at and coming.at > now:
        yield f"next allotment {formatting.credits(coming.amount)}, {formatting.moment(coming.at, now=now, zone=zone)}"


def _giftable(status: WireStatus) -> str:
    left, rule = status.gift_limit_left, status.gift_limit_rule
    if left is None or left >= status.giftable:
        return f"can give {formatting.credits(status.giftable)}"
    if left <= 0:
        return _NO_GIFTS.get(str(rule), "can't give right now")
    if rule == "credits_per_gift":
        return f"can give up to {formatting.credits(left)} in one gift"
    if rule == "credits_per_day":
        return f"can give {formatting.credits(left)} more today (daily limit)"
    return f"can give up to {formatting.credits(left)}"


def _window(window: Window, *, now: datetime, zone: tzinfo | None) -> str:
    used = f"{formatting.credits(window.used)} of {formatting.credits(window.limit)} used"
    resets = f", resets {formatting.moment(window.resets_at, now=now, zone=zone)}" if window.resets_at else ""
    return f"{formatting.markdown(window.window)} allowance: {used}{resets}"
