"""From what the sidecar knows to what an editor shows. Pure: facts, time and zone in, one payload out.

The payload is the contract of `credits/didChangeStatus`: always the full state. A number that the server
has not confirmed on the present connection is never shown as fresh: it carries `as of HH:MM`.
"""

from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple

from lsp import formatting
from lsp.tooltip import tooltip
from lsp.wire import WireBoost, WireStatus

PAYLOAD_VERSION = 1
LOW_SHARE = Decimal("0.1")
SERVER_STATUS_LIMIT = 50

Payload = dict[str, Any]


class Connection(Enum):
    """How the sidecar stands with the server."""

    CONNECTING = "connecting"  # no answer yet since the start
    LIVE = "live"  # the last state was confirmed on the open stream
    OFFLINE = "offline"  # the server does not answer
    ERROR = "error"  # the server answers what this sidecar cannot use
    SIGNED_OUT = "signedOut"  # no token, or a token that is not accepted


@dataclass(frozen=True, slots=True)
class StatusSnapshot:
    """What the sidecar knows. `confirmed_at` is the last instant, by the server's clock, at which `status`
    was known to be true; `problem` is one sentence for the person when the link is not live."""

    link: Connection
    status: WireStatus | None = None
    confirmed_at: datetime | None = None
    busy: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Threshold:
    """When to warn: below `amount` credits if given, else below `share` of the capacity."""

    amount: Decimal | None = None
    share: Decimal = LOW_SHARE

    def is_low(self, status: WireStatus) -> bool:
        limit = status.capacity * self.share if self.amount is None else self.amount
        return status.spendable < limit


class TextPart(NamedTuple):
    """One piece of the text and how a screen reader says it."""

    shown: str
    spoken: str


def kind(seen: StatusSnapshot, threshold: Threshold) -> str:
    """The kind, in the order of precedence: signedOut, error, offline, blocked, empty, low, ok."""
    if seen.link is Connection.SIGNED_OUT:
        return "signedOut"
    if seen.link is Connection.ERROR:
        return "error"
    if seen.link is not Connection.LIVE or seen.status is None:
        return "offline"
    if seen.status.blocked:
        return "blocked"
    if seen.status.spendable == 0:
        return "empty"
    return "low" if threshold.is_low(seen.status) else "ok"


def payload(seen: StatusSnapshot, *, now: datetime, zone: tzinfo | None, threshold: Threshold) -> Payload:
    """The full `credits/didChangeStatus` payload. `now` is by the server's clock."""
    what = kind(seen, threshold)
    status = None if what == "signedOut" else seen.status
    parts = _parts(what, seen, now=now, zone=zone)
    return {
        "version": PAYLOAD_VERSION,
        "kind": what,
        "busy": seen.busy,
        "text": " · ".join(part.shown for part in parts),
        "shortText": _short(what, seen, now=now, zone=zone),
        "tooltip": tooltip(status, problem=seen.problem, stale_since=_stale(what, seen), now=now, zone=zone),
        "ariaLabel": ", ".join(part.spoken for part in parts),
        **_figures(status, as_of=_stale(what, seen)),
        "command": _command(what),
    }


def server_status(shown: Payload) -> dict[str, Any]:
    """The same as `experimental/serverStatus`, for clients that show only that; at most 50 characters.

    Always quiescent: a client would spin for as long as it is told otherwise.
    """
    health = {"ok": "ok", "error": "error"}.get(shown["kind"], "warning")
    pieces = shown["text"].split(" · ")
    while len(pieces) > 1 and len(" · ".join(pieces)) > SERVER_STATUS_LIMIT:
        pieces.pop()
    return {"health": health, "quiescent": True, "message": " · ".join(pieces)[:SERVER_STATUS_LIMIT]}


def _parts(what: str, seen: StatusSnapshot, *, now: datetime, zone: tzinfo | None) -> list[TextPart]:
    status = seen.status
    if what == "signedOut":
        return [TextPart("Credits: sign in", "Credits: sign in")]
    if status is None:
        word = "connecting" if seen.link is Connection.CONNECTING else what
        return [TextPart(f"Credits: {word}", f"Credits: {word}")]
    parts = [_amount(status.spendable)]
    if stale_since := _stale(what, seen):
        at = formatting.moment(stale_since, now=now, zone=zone)
        return [*parts, TextPart(f"as of {at}", f"as of {at}, {what}")]
    if what == "blocked" and status.blocked:
        word = "frozen" if status.blocked.code == "account_frozen" else "blocked"
        parts.append(TextPart(word, f"{word}: {formatting.plain(status.blocked.message)}"))
    if status.incoming:
        shown = formatting.credits(status.incoming)
        parts.append(TextPart(f"+{shown} incoming", f"{shown} incoming"))
    if what == "ok" and (boost := _running(status.boost, now)):
        parts.append(_boost(boost, now))
    if status.resets_at:
        word = "back" if what in {"empty", "blocked"} else "resets"
        at = formatting.moment(status.resets_at, now=now, zone=zone)
        parts.append(TextPart(f"{word} {at}", f"{word} at {at}"))
    return parts


def _amount(amount: Decimal) -> TextPart:
    shown = formatting.credits(amount)
    return TextPart(f"{shown} cr", f"{shown.replace('<', 'under ')} credits")


def _boost(boost: WireBoost, now: datetime) -> TextPart:
    factor = formatting.exact(boost.factor)
    shown, spoken = f"{factor}× boost", f"{factor} times boost"
    if boost.ends_at is None:
        return TextPart(shown, spoken)
    left = boost.ends_at - now
    return TextPart(f"{shown} {formatting.duration(left)}", f"{spoken} for {formatting.spoken_duration(left)}")


def _running(boost: WireBoost | None, now: datetime) -> WireBoost | None:
    """The boost while it runs: at its end the limits fall at once (S6), whether or not we were told."""
    return boost if boost and (boost.ends_at is None or boost.ends_at > now) else None


def _short(what: str, seen: StatusSnapshot, *, now: datetime, zone: tzinfo | None) -> str:
    if what == "signedOut":
        return "sign in"
    if seen.status is None:
        return "… cr" if seen.link is Connection.CONNECTING else what
    amount = _amount(seen.status.spendable).shown
    if stale_since := _stale(what, seen):
        return f"{amount} ({formatting.moment(stale_since, now=now, zone=zone)})"
    return amount


def _stale(what: str, seen: StatusSnapshot) -> datetime | None:
    """Since when the number is not confirmed, or None while it is."""
    if what not in {"offline", "error"} or seen.status is None:
        return None
    return seen.confirmed_at or seen.status.as_of


def _figures(status: WireStatus | None, *, as_of: datetime | None) -> dict[str, Any]:
    if status is None:
        nothing = ("asOf", "validUntil", "spendable", "available", "held", "incoming", "giftable", "pool")
        return {**dict.fromkeys(nothing), "allowance": [], "boost": None, "resetsAt": None}
    return {
        "asOf": _instant(as_of or status.as_of),
        "validUntil": _instant(status.valid_until),
        "spendable": formatting.exact(status.spendable),
        "available": formatting.exact(status.available),
        "held": {"gifts": formatting.exact(status.held_gifts), "usage": formatting.exact(status.held_usage)},
        "incoming": formatting.exact(status.incoming),
        "giftable": formatting.exact(status.giftable),
        "pool": formatting.exact(status.pool),
        "allowance": [
            {
                "window": window.window,
                "limit": formatting.exact(window.limit),
                "used": formatting.exact(window.used),
                "resetsAt": _instant(window.resets_at),
            }
            for window in status.allowance
        ],
        "boost": _boost_figures(status.boost),
        "resetsAt": _instant(status.resets_at),
    }


def _boost_figures(boost: WireBoost | None) -> dict[str, Any] | None:
    if boost is None:
        return None
    whole = boost.factor == boost.factor.to_integral_value()
    return {"factor": int(boost.factor) if whole else float(boost.factor), "endsAt": _instant(boost.ends_at)}


def _instant(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at else None


def _command(what: str) -> dict[str, Any]:
    match what:
        case "signedOut":
            title, command = "Sign in", "credits.signIn"
        case "offline" | "error":
            title, command = "Try again", "credits.refresh"
        case "blocked" | "empty":
            title, command = "Why?", "credits.why"
        case _:
            title, command = "Show credits", "credits.show"
    return {"title": title, "command": command, "arguments": []}
