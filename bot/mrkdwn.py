"""Slack's own way of writing text: read it once on the way in, escape it once on the way out. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

# What Slack puts between angle brackets: mentions, channels, links. The part after the bar is its label.
_MARKUP: Final = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")
# Control characters, and the invisible ones that keyboards and copies bring along.
_INVISIBLE: Final = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x9f\xad\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]",
)


def plain(text: str) -> str:
    """Return what a person reads, on one line: markup flattened, unescaped once, nothing invisible, nothing that pings.

    ``<#C1|general>`` becomes ``#general``, ``<mailto:a@b.c|a@b.c>`` becomes ``a@b.c``, ``&lt;`` becomes ``<``.
    """
    flat = unescape(_MARKUP.sub(_flattened, text))
    return " ".join(_INVISIBLE.sub(" ", flat).split())


def _flattened(found: re.Match[str]) -> str:
    sign, target, label = found.groups()
    match sign:
        case "@" | "#":
            return f"{sign}{(label or target).lstrip('@#')}"
        case "!":
            return f"@{(label or target.partition('^')[0]).lstrip('@')}"
        case _:
            return label or target


def visible(text: str) -> str:
    """Return the text with every run of white space as one space and without invisible characters."""
    return " ".join(_INVISIBLE.sub(" ", text).split())


def unescape(text: str) -> str:
    """Undo Slack's escaping, once: of ``&``, ``<`` and ``>`` and nothing else."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def escape(text: str) -> str:
    """Escape what somebody else wrote, so that it is shown as written and can neither ping nor link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def moment(at: datetime) -> str:
    """Return a time that Slack shows in the reader's own time zone."""
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{at:%d %b %H:%M} UTC>"


def day(at: datetime) -> str:
    """Return a date that Slack shows in the reader's own time zone."""
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}}|{at:%d %b %Y}>"


def clipped(text: str, limit: int) -> str:
    """Return the text, or its beginning with an ellipsis when Slack would refuse the length."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
