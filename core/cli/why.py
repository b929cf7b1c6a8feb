"""``teamcredits why``: explain whether a member can spend an amount."""

from __future__ import annotations

from typing import Annotated

import typer

from core.cli.context import as_operator, find_member
from core.cli.options import Json, Member, Org, amount
from core.cli.output import Columns, print_items, print_json
from core.ledger.credits import Credits
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService
from core.services.usage import why as use_case
from core.services.usage.why import StepView, WhyView

_COLUMNS: Columns[StepView] = {
    "LIMIT": lambda step: step.label,
    "LEFT": lambda step: "no limit" if step.headroom is None else step.headroom,
    "UNTIL": lambda step: step.until,
    "": lambda step: "<- blocks" if step.blocks else "",
}


def why(
    member: Member,
    *,
    model: Annotated[str | None, typer.Option(metavar="MODEL", help="Model of the request")] = None,
    tokens: Annotated[int | None, typer.Option(min=0, help="Prompt tokens")] = None,
    output_tokens: Annotated[int | None, typer.Option(min=0, help="Output tokens")] = None,
    tier: Annotated[str | None, typer.Option(metavar="TIER", help="Service tier, like fast")] = None,
    asked: Annotated[
        Credits | None,
        typer.Option("--amount", parser=amount, metavar="AMOUNT", help="Amount in credits, instead of a request"),
    ] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Explain whether a member can spend an amount.

    Lists every limit, and says what would change the answer.
    """

    async def act(ledger: LedgerService, operator: Actor) -> WhyView:
        question = use_case.question_of(
            model=model, tokens=tokens, output_tokens=output_tokens, tier=tier, amount=asked
        )
        who = await find_member(ledger, operator, member)
        return await use_case.why(ledger, actor=operator, question=question, member_id=who.id)

    answer = as_operator(act, org=org)
    if as_json:
        print_json(answer)
        return
    typer.echo(f"{answer.name}: {answer.sentence}")
    if answer.priced is not None:
        typer.echo(f"cost by rate card {answer.priced.card}: {answer.priced.amount.shown()} cr")
    print_items(answer.trace, _COLUMNS, as_json=False, empty="This member has nothing to spend from.")
