"""``teamcredits cap``: limits on spending from lots and pools in a period."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from core.cli.context import PAGE_SIZE, all_items, as_operator, find_member, find_subject, find_team
from core.cli.options import EVERYBODY, PLAIN, Anybody, Json, Org, amount
from core.cli.output import Cell, Columns, print_item, print_items
from core.ledger.credits import Credits
from core.ledger.ids import Prefix
from core.services.allowances import caps
from core.services.allowances.caps import CapState, CapView, Period
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService

app: Final = typer.Typer(help="Limit spending from lots and pools.", **PLAIN)
UNLIMITED: Final = "unlimited"

Each = Annotated[Period, typer.Option("--period", help="Period of the cap")]
Pool = Annotated[
    str | None, typer.Option("--pool", metavar="TEAM", help="Cap only spending from this team's pool (id or name)")
]


@app.command("set")
def set_(
    to: Anybody,
    limit: Annotated[
        str, typer.Argument(metavar="AMOUNT", help=f"Amount in credits, 0 to block all spending, or {UNLIMITED!r}")
    ],
    *,
    period: Each = Period.MONTH,
    pool: Pool = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Set a cap. A raise or a block applies immediately, a lower cap from the next period on."""
    most: Credits | None = None if limit.casefold() == UNLIMITED else amount(limit)

    async def act(ledger: LedgerService, operator: Actor) -> CapView:
        subject, place = await _find(ledger, operator, to, pool)
        return await caps.set_cap(ledger, actor=operator, subject=subject, period=period, amount=most, pool=place)

    print_item(as_operator(act, org=org), _COLUMNS, as_json=as_json)


@app.command()
def inherit(
    to: Anybody, *, period: Each = Period.MONTH, pool: Pool = None, org: Org = None, as_json: Json = False
) -> None:
    """Remove a cap. The next broader cap, of a team or for everybody, applies again."""

    async def act(ledger: LedgerService, operator: Actor) -> CapView:
        subject, place = await _find(ledger, operator, to, pool)
        return await caps.inherit_cap(ledger, actor=operator, subject=subject, period=period, pool=place)

    print_item(as_operator(act, org=org), _COLUMNS, as_json=as_json)


@app.command("list")
def list_(
    *,
    member: Annotated[
        str | None,
        typer.Option("--member", metavar="MEMBER", help="List only the caps of this member, which apply, and why"),
    ] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """List caps."""

    async def act(ledger: LedgerService, operator: Actor) -> list[CapView]:
        if member is not None:
            who = await find_member(ledger, operator, member)
            return list(await caps.caps_of_member(ledger, actor=operator, member_id=who.id))
        return await all_items(lambda cursor: caps.list_caps(ledger, actor=operator, limit=PAGE_SIZE, cursor=cursor))

    empty = "There are no caps. Set one with: teamcredits cap set TO AMOUNT"
    print_items(as_operator(act, org=org), _COLUMNS, as_json=as_json, empty=empty)


async def _find(ledger: LedgerService, operator: Actor, to: str, pool: str | None) -> tuple[str, str | None]:
    place = None if pool is None else (await find_team(ledger, operator, pool)).id
    return await find_subject(ledger, operator, to), place


def _subject(cap: CapView) -> str:
    return EVERYBODY if cap.subject.startswith(f"{Prefix.ORG.value}_") else cap.name


def _limit(cap: CapView) -> Cell:
    return "inherited" if cap.inherits else UNLIMITED if cap.amount is None else cap.amount


def _state(cap: CapView) -> str:
    return "" if cap.state is CapState.IN_FORCE else cap.state.value.replace("_", " ")


_COLUMNS: Columns[CapView] = {
    "FOR": _subject,
    "CAP": _limit,
    "PERIOD": lambda cap: cap.period.value,
    "POOL": lambda cap: cap.pool,
    "STATE": _state,
    "USED": lambda cap: cap.used,
    "RESETS": lambda cap: cap.resets_at,
    "WHY": lambda cap: cap.why,
}
