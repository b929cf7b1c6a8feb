"""How amounts, times and durations read to a person. Pure; English; nothing here knows what is being said."""

from datetime import datetime, timedelta, tzinfo
from decimal import ROUND_DOWN, Decimal

CENT = Decimal("0.01")
WEEK = timedelta(days=6)


def credits(amount: Decimal) -> str:  # noqa: A001 - the word of the domain; the builtin is for prompts
    """The amount rounded toward zero to at most 2 decimals, thousands separated; `<0.01` for a trace."""
    if 0 < amount < CENT:
        return "<0.01"
    shown = amount.quantize(CENT, rounding=ROUND_DOWN)
    if shown == shown.to_integral_value():
        return f"{shown:,.0f}"
    return f"{shown:,.2f}".rstrip("0")


def exact(amount: Decimal) -> str:
    """The amount as the wire writes it: no exponent, no trailing zeros."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def moment(at: datetime, *, now: datetime, zone: tzinfo | None) -> str:
    """`14:00` today, `Mon 14:00` within a week, else `3 Dec`; in `zone` (None: this machine's)."""
    local, today = at.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        return f"{local:%H:%M}"
    if abs(at - now) < WEEK:
        return f"{local:%a %H:%M}"
    return f"{local.day} {local:%b}"


def duration(span: timedelta) -> str:
    """`12 d`, `5 h` or `40 min`: the largest unit that fits, rounded down, never less than a minute."""
    count, unit = _largest(span)
    return f"{count} {({'day': 'd', 'hour': 'h', 'minute': 'min'})[unit]}"


def spoken_duration(span: timedelta) -> str:
    """The same for a screen reader: `12 days`."""
    count, unit = _largest(span)
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _largest(span: timedelta) -> tuple[int, str]:
    if span >= timedelta(days=1):
        return span.days, "day"
    if span >= timedelta(hours=1):
        return span // timedelta(hours=1), "hour"
    return max(1, span // timedelta(minutes=1)), "minute"


def plain(text: str, *, limit: int = 300) -> str:
    """Foreign text on one line: control characters become spaces, at most `limit` characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def markdown(text: str) -> str:
    """Foreign text that shows as itself inside markdown."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()<>#+-!|~&" else c for c in plain(text))
