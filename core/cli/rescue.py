"""``teamcredits rescue``: gifts that would save credits from lapsing."""

from __future__ import annotations

from typing import Annotated

import typer

from core.cli.context import acting_as, as_operator, find_member
from core.cli.options import Json, Org
from core.cli.output import day, print_json, show_rows
from core.services import rescue as use_case
from core.services.ledger import Ledger
from core.services.rescue import RescueView
from core.services.views import Actor


def rescue(
    *,
    days: Annotated[int, typer.Option(min=1, max=use_case.MAX_DAYS, help="What lapses within so many days.")] = 7,
    limit: Annotated[
        int, typer.Option(min=1, max=use_case.MAX_LIMIT, help="How many at most.")
    ] = use_case.MAX_PROPOSALS,
    of: Annotated[str | None, typer.Option("--for", metavar="MEMBER", help="As this member would see it.")] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Propose gifts: what would lapse unused, to teammates who are near empty."""

    async def act(ledger: Ledger, operator: Actor) -> tuple[RescueView, ...]:
        actor = operator if of is None else acting_as(operator, await find_member(ledger, operator, of))
        return await use_case.proposals(ledger, actor=actor, days=days, limit=limit)

    found = as_operator(act, org=org)
    if as_json:
        print_json(found)
    else:
        show_rows(map(_row, found), nothing="Nothing has to be rescued.")


def _row(each: RescueView) -> tuple[str, ...]:
    return (
        each.giver.name,
        "→ " + each.to.name,
        f"{each.amount.shown()} cr",
        "lapses " + day(each.expires_at),
        "give before " + day(each.give_until),
    )
