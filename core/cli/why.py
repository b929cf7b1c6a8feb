"""``teamcredits why``: whether somebody can spend something, and what would change the answer."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from core.cli.context import as_operator, find_member
from core.cli.options import Json, Member, Org, amount
from core.cli.output import day, print_json, show_rows
from core.ledger.credits import Credits
from core.services import why as use_case
from core.services.ledger import Ledger
from core.services.views import Actor
from core.services.why import StepView, WhyView

_BLOCKS: Final = "<- blocks"


def why(
    member: Member,
    *,
    model: Annotated[str | None, typer.Option(metavar="MODEL", help="The usage of a model.")] = None,
    tokens: Annotated[int | None, typer.Option(min=0, help="The whole prompt of it.")] = None,
    output_tokens: Annotated[int | None, typer.Option(min=0, help="What it writes.")] = None,
    tier: Annotated[str | None, typer.Option(metavar="TIER", help="Its tier, like fast.")] = None,
    asked: Annotated[
        Credits | None, typer.Option("--amount", parser=amount, metavar="AMOUNT", help="Credits, in place of usage.")
    ] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Tell whether a member can spend something, every limit tested, and what would change the answer."""

    async def act(ledger: Ledger, operator: Actor) -> WhyView:
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
        typer.echo(f"rated by {answer.priced.card}: {answer.priced.amount.shown()} cr")
    show_rows(map(_row, answer.trace), nothing="There is nothing to spend from.")


def _row(step: StepView) -> tuple[str, ...]:
    left = "no limit" if step.headroom is None else f"{step.headroom.shown()} cr left"
    until = "" if step.until is None else f"until {day(step.until)}"
    return step.label, left, until, _BLOCKS if step.blocks else ""
