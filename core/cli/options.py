"""What commands take: shared options, and how typed values are read. A wrong value is wrong use (exit code 2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import typer

from core.cli.replay import instant_of
from core.ledger.credits import Credits
from core.ledger.errors import Refused

EVERYBODY: Final = "everybody"  # in the place of a member or a team
PLAIN: Final[dict[str, Any]] = {"rich_markup_mode": None, "pretty_exceptions_enable": False}


def amount(text: str) -> Credits:
    """Read an amount: exact, like ``500`` or ``0.25``, or grouped, like ``1,000``."""
    try:
        return Credits.parse_typed(text) if "," in text else Credits.parse(text)
    except ValueError as wrong:
        raise typer.BadParameter(f"{text!r}: {wrong}") from None


def moment(text: str) -> datetime:
    """Read a day (its first instant in UTC) or an instant with its zone."""
    try:
        return instant_of(text)
    except Refused as wrong:
        raise typer.BadParameter(wrong.detail) from None


@dataclass(frozen=True, slots=True)
class SlackIdentity:
    """A workspace and a user in it."""

    team: str
    user: str


def slack_identity(text: str) -> SlackIdentity:
    """Read ``T012AB:U345CD``."""
    team, _, user = text.partition(":")
    if not (team.isalnum() and user.isalnum() and text.isascii()):
        raise typer.BadParameter(f"{text!r}: write the workspace and the user, like T012AB:U345CD")
    return SlackIdentity(team, user)


Amount = Annotated[Credits, typer.Argument(parser=amount, metavar="AMOUNT", help="Credits, like 500 or 0.25.")]
Member = Annotated[str, typer.Argument(metavar="MEMBER", help="Their id, or their name when only one has it.")]
Team = Annotated[str, typer.Argument(metavar="TEAM", help="The team's id or name.")]
Org = Annotated[
    str | None, typer.Option("--org", metavar="ORG", help="The organisation; needed when there are several.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Reason = Annotated[str | None, typer.Option("--reason", help="Why; kept, and shown to who is concerned.")]
