"""``teamcredits rescue``: suggest gifts that save credits from expiring."""

from __future__ import annotations

from typing import Annotated

import typer

from core.cli.context import as_operator, find_actor
from core.cli.options import Json, Org
from core.cli.output import Columns, print_items
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService
from core.services.sharing import rescue as use_case
from core.services.sharing.rescue import RescueView

_COLUMNS: Columns[RescueView] = {
    "FROM": lambda each: each.giver.name,
    "TO": lambda each: each.to.name,
    "AMOUNT": lambda each: each.amount,
    "EXPIRES": lambda each: each.expires_at,
    "GIVE BEFORE": lambda each: each.give_until,
}


def rescue(
    *,
    days: Annotated[
        int, typer.Option(min=1, max=use_case.MAX_DAYS, help="Look at credits that expire within this many days")
    ] = 7,
    limit: Annotated[
        int, typer.Option(min=1, max=use_case.MAX_LIMIT, help="Maximum number of suggestions")
    ] = use_case.MAX_PROPOSALS,
    of: Annotated[
        str | None, typer.Option("--for", metavar="MEMBER", help="Show the suggestions for this member")
    ] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Suggest gifts that save credits from expiring.

    The credits go to teammates who are running low.
    """

    async def act(ledger: LedgerService, operator: Actor) -> tuple[RescueView, ...]:
        actor = operator if of is None else await find_actor(ledger, operator, of)
        return await use_case.proposals(ledger, actor=actor, days=days, limit=limit)

    empty = "Nothing to rescue: no credits are about to expire unused."
    print_items(as_operator(act, org=org), _COLUMNS, as_json=as_json, empty=empty)
