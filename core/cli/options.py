"""Shared options and arguments, and how their values are read. A wrong value is a usage error (exit code 2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from core.ledger.credits import Credits
from core.metering.boosts import Factor

EVERYBODY: Final = "everybody"  # in place of a member or a team
PLAIN: Final[dict[str, Any]] = {"rich_markup_mode": None, "pretty_exceptions_enable": False}


def amount(text: str) -> Credits:
    """Read an amount: exact, like ``500`` or ``0.25``, or grouped, like ``1,000``."""
    try:
        return Credits.parse_typed(text) if "," in text else Credits.parse(text)
    except ValueError as wrong:
        raise typer.BadParameter(f"{text!r}: {wrong}") from None


def moment(text: str) -> datetime:
    """Read a date (midnight UTC) or a time with its UTC offset."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        read = None
    if read is not None and read.date().isoformat() == text:
        return read.replace(tzinfo=UTC)
    if read is None or read.tzinfo is None:
        sentence = f"{text!r} isn't a valid date. Use a form like 2026-09-29 (midnight UTC) or 2026-09-29T14:00:00Z"
        raise typer.BadParameter(sentence)
    return read.astimezone(UTC)


def factor(text: str) -> Factor:
    """Read a multiplier, like ``10`` or ``1.5``."""
    try:
        return Factor.parse(text)
    except ValueError as wrong:
        raise typer.BadParameter(f"{text!r}: {wrong}") from None


@dataclass(frozen=True, slots=True)
class SlackIdentity:
    """A user in a Slack workspace."""

    team: str
    user: str


def slack_identity(text: str) -> SlackIdentity:
    """Read ``T012AB:U345CD``."""
    team, _, user = text.partition(":")
    if not (team.isalnum() and user.isalnum() and text.isascii()):
        raise typer.BadParameter(f"{text!r} isn't a Slack user. Use WORKSPACE:USER, like T012AB:U345CD")
    return SlackIdentity(team, user)


Amount = Annotated[Credits, typer.Argument(parser=amount, metavar="AMOUNT", help="Amount in credits, like 500 or 0.25")]
Member = Annotated[str, typer.Argument(metavar="MEMBER", help="Member id, or name if it's unique")]
Team = Annotated[str, typer.Argument(metavar="TEAM", help="Team id or name")]
MemberOrPool = Annotated[str, typer.Argument(metavar="TO", help="Member or team (id or name), or organization id")]
Anybody = Annotated[str, typer.Argument(metavar="TO", help=f"Member or team (id or name), or {EVERYBODY!r}")]
Org = Annotated[
    str | None, typer.Option("--org", metavar="ORG", help="Organization id (required if there are several)")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON")]
Reason = Annotated[str | None, typer.Option("--reason", help="Reason; recorded and shown to the people involved")]
Key = Annotated[
    str | None, typer.Option("--key", help="Idempotency key; repeating a command with the same key has no effect")
]
