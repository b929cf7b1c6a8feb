"""``teamcredits cap``: how much people may take from lots and pools in a period."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from core.cli.context import as_operator, find_member, find_subject, find_team
from core.cli.options import EVERYBODY, PLAIN, Json, Org, amount
from core.cli.output import day, print_json, show_rows
from core.ledger.credits import Credits
from core.ledger.ids import Prefix
from core.services import caps
from core.services.caps import CapState, CapView, Period
from core.services.ledger import Ledger
from core.services.views import Actor

app: Final = typer.Typer(help="How much people may take from lots and pools in a period.", **PLAIN)
MAX_SHOWN: Final = 200
UNLIMITED: Final = "unlimited"

Whom = Annotated[str, typer.Argument(metavar="WHOM", help=f"A member or a team by id or name, or {EVERYBODY}.")]
Each = Annotated[Period, typer.Option("--period", help="For which period.")]
Pool = Annotated[str | None, typer.Option("--pool", metavar="TEAM", help="Only what is taken from this team's pool.")]


@app.command("set")
def set_(
    whom: Whom,
    limit: Annotated[str, typer.Argument(metavar="AMOUNT", help=f"Credits; 0 blocks, {UNLIMITED} limits nothing.")],
    *,
    period: Each = Period.MONTH,
    pool: Pool = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Set a cap. Raising and blocking count at once, lowering with the next window."""
    most: Credits | None = None if limit.casefold() == UNLIMITED else amount(limit)

    async def act(ledger: Ledger, operator: Actor) -> CapView:
        subject, place = await _found(ledger, operator, whom, pool)
        return await caps.set_cap(ledger, actor=operator, subject=subject, period=period, amount=most, pool=place)

    _show([as_operator(act, org=org)], as_json=as_json, alone=True)


@app.command()
def inherit(
    whom: Whom, *, period: Each = Period.MONTH, pool: Pool = None, org: Org = None, as_json: Json = False
) -> None:
    """Take a cap away: what is set for their teams, or for everybody, counts again."""

    async def act(ledger: Ledger, operator: Actor) -> CapView:
        subject, place = await _found(ledger, operator, whom, pool)
        return await caps.inherit_cap(ledger, actor=operator, subject=subject, period=period, pool=place)

    _show([as_operator(act, org=org)], as_json=as_json, alone=True)


@app.command("list")
def list_(
    *,
    member: Annotated[
        str | None, typer.Option("--member", metavar="MEMBER", help="Only what concerns them, which counts, and why.")
    ] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """List what is set."""

    async def act(ledger: Ledger, operator: Actor) -> list[CapView]:
        if member is not None:
            who = await find_member(ledger, operator, member)
            return list(await caps.caps_of_member(ledger, actor=operator, member_id=who.id))
        found: list[CapView] = []
        cursor = None
        while True:
            page = await caps.list_caps(ledger, actor=operator, limit=MAX_SHOWN, cursor=cursor)
            found.extend(page.items)
            cursor = page.next_cursor
            if cursor is None:
                return found

    _show(as_operator(act, org=org), as_json=as_json)


async def _found(ledger: Ledger, operator: Actor, whom: str, pool: str | None) -> tuple[str, str | None]:
    place = None if pool is None else (await find_team(ledger, operator, pool)).id
    return await find_subject(ledger, operator, whom), place


def _show(found: list[CapView], *, as_json: bool, alone: bool = False) -> None:
    if as_json:
        print_json(found[0] if alone else found)
    else:
        show_rows(map(_row, found), nothing="Nothing is capped. See: teamcredits cap set --help")


def _row(cap: CapView) -> tuple[str, ...]:
    whom = EVERYBODY if cap.subject.startswith(f"{Prefix.ORG.value}_") else cap.name
    most = "inherits" if cap.inherits else UNLIMITED if cap.amount is None else f"{cap.amount.shown()} cr"
    what = f"a {cap.period.value}" + ("" if cap.pool is None else f" of the pool {cap.pool}")
    used = "" if cap.used is None else f"{cap.used.shown()} cr used, until {day(cap.resets_at)}"
    state = "" if cap.state is CapState.IN_FORCE else cap.state.value.replace("_", " ")
    return whom, most, what, state, used, cap.why
