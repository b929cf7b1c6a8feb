"""The details behind the one line, as markdown. Pure; foreign words are shown as themselves."""

import re
from collections.abc import Iterator
from datetime import datetime, tzinfo

from lsp import words
from lsp.wire import Status, Window


def tooltip(
    status: Status | None, *, problem: str, stale_since: datetime | None, now: datetime, zone: tzinfo | None
) -> str:
    """What can be spent, given and expected, and when it changes; one list entry for each fact."""
    if status is None:
        return words.markdown(problem) or "**Credits**: sign in to see what you can spend."
    head = f"**{words.credits(status.spendable)} credits** to spend"
    lines = [f"- {line}" for line in _facts(status, now=now, zone=zone)]
    if status.blocked:
        head += f"\n\n{words.markdown(status.blocked.message)}"
    if stale_since:
        why = f" {words.markdown(problem)}" if problem else ""
        head += f"\n\nAs of {words.moment(stale_since, now=now, zone=zone)}, may have changed.{why}"
    return head + "\n\n" + "\n".join(lines)


def lines(markdown: str) -> str:
    """The same without markup, for a terminal or a message box."""
    return re.sub(r"\\(.)", r"\1", markdown.replace("**", "").replace("\n\n", "\n"))


def _facts(status: Status, *, now: datetime, zone: tzinfo | None) -> Iterator[str]:
    yield f"own {words.credits(status.available)} · pool {words.credits(status.pool)}"
    if status.incoming:
        yield f"incoming {words.credits(status.incoming)}"
    if status.held_gifts or status.held_usage:
        yield (f"held for gifts {words.credits(status.held_gifts)} · for usage {words.credits(status.held_usage)}")
    if status.owed:
        yield f"owed {words.credits(status.owed)}: the next credits you are granted repay it first"
    yield _giftable(status)
    for window in status.allowance:
        yield _window(window, now=now, zone=zone)
    if (boost := status.boost) and (boost.ends_at is None or boost.ends_at > now):
        until = f" until {words.moment(boost.ends_at, now=now, zone=zone)}" if boost.ends_at else ""
        yield f"{words.exact(boost.factor)}× boost{until}"
    if status.resets_at:
        yield f"resets {words.moment(status.resets_at, now=now, zone=zone)}"
    if (banked := status.resets_banked) and banked.count and (not banked.expires_at or banked.expires_at > now):
        until = f", until {words.moment(banked.expires_at, now=now, zone=zone)}" if banked.expires_at else ""
        yield f"{banked.count} {'reset' if banked.count == 1 else 'resets'} banked{until}"
    if (coming := status.next_allotment) and coming.at and coming.at > now:
        yield f"next allotment {words.credits(coming.amount)}, {words.moment(coming.at, now=now, zone=zone)}"


def _giftable(status: Status) -> str:
    can, left = words.credits(status.giftable), status.gift_limit_left
    if left is None or left >= status.giftable:
        return f"can give {can}"
    return f"can give {words.credits(left)} of {can} today"


def _window(window: Window, *, now: datetime, zone: tzinfo | None) -> str:
    used = f"{words.credits(window.used)} of {words.credits(window.limit)} used"
    resets = f", resets {words.moment(window.resets_at, now=now, zone=zone)}" if window.resets_at else ""
    return f"{words.markdown(window.window)} allowance: {used}{resets}"
