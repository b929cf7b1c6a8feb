"""``teamcredits plan``: how much usage is included, and who has which plan."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import typer

from core.cli.context import as_operator, find_member
from core.cli.options import EVERYBODY, PLAIN, Json, Org, amount, moment
from core.cli.output import day, print_json, show_rows
from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, shown_id
from core.services import plans
from core.services.ledger import Ledger
from core.services.plans import PlanView, SeatView
from core.services.text import is_same_name
from core.services.views import Actor

app: Final = typer.Typer(help="How much usage is included, and who has which plan.", **PLAIN)
MAX_SHOWN: Final = 200

Window = Annotated[Credits | None, typer.Option(parser=amount, metavar="AMOUNT", help="Credits in each such window.")]
Whom = Annotated[str, typer.Argument(metavar="WHOM", help=f"A member by id or name, or {EVERYBODY}.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called.")],
    *,
    five_hours: Window = None,
    weekly: Window = None,
    monthly: Window = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Describe a plan: at least one window. A change is a new plan."""
    if five_hours is None and weekly is None and monthly is None:
        raise typer.BadParameter("say what is included: --five-hours, --weekly or --monthly")

    async def act(ledger: Ledger, operator: Actor) -> PlanView:
        return await plans.create_plan(
            ledger, actor=operator, name=name, five_hours=five_hours, weekly=weekly, monthly=monthly
        )

    made = as_operator(act, org=org)
    if as_json:
        print_json(made)
    else:
        show_rows([_plan_row(made)], nothing="")


@app.command("list")
def list_(*, org: Org = None, as_json: Json = False) -> None:
    """List the plans, and who was given one."""

    async def act(ledger: Ledger, operator: Actor) -> tuple[tuple[PlanView, ...], list[SeatView]]:
        known = await plans.list_plans(ledger, actor=operator, limit=MAX_SHOWN)
        seats: list[SeatView] = []
        cursor = None
        while True:
            page = await plans.list_seats(ledger, actor=operator, limit=MAX_SHOWN, cursor=cursor)
            seats.extend(page.items)
            cursor = page.next_cursor
            if cursor is None:
                return known.items, seats

    known, seats = as_operator(act, org=org)
    if as_json:
        print_json({"plans": known, "seats": seats})
        return
    show_rows(map(_plan_row, known), nothing="There is no plan yet. See: teamcredits plan create --help")
    show_rows(map(_seat_row, seats), nothing="Nobody has a plan. See: teamcredits plan give --help")


@app.command()
def give(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="The plan's id, or its name when only one has it.")],
    whom: Whom,
    *,
    start: Annotated[
        datetime | None,
        typer.Option("--from", parser=moment, metavar="DATE", help="From when weeks and months are counted."),
    ] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Give somebody a plan, at once; windows that are open stay where they are."""

    async def act(ledger: Ledger, operator: Actor) -> SeatView:
        plan_id = await _find_plan(ledger, operator, plan)
        subject = await _subject(ledger, operator, whom)
        return await plans.give_plan(ledger, actor=operator, subject=subject, plan_id=plan_id, anchor_at=start)

    _show_seat(as_operator(act, org=org), as_json=as_json)


@app.command()
def take(whom: Whom, *, org: Org = None, as_json: Json = False) -> None:
    """Take somebody's plan away: what everybody has counts again."""

    async def act(ledger: Ledger, operator: Actor) -> SeatView:
        return await plans.give_plan(
            ledger, actor=operator, subject=await _subject(ledger, operator, whom), plan_id=None
        )

    _show_seat(as_operator(act, org=org), as_json=as_json)


@app.command()
def remove(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="The plan's id, or its name when only one has it.")],
    *,
    org: Org = None,
) -> None:
    """Remove a plan that nobody has."""

    async def act(ledger: Ledger, operator: Actor) -> None:
        await plans.remove_plan(ledger, actor=operator, plan_id=await _find_plan(ledger, operator, plan))

    as_operator(act, org=org)
    typer.echo("It is removed.")


async def _find_plan(ledger: Ledger, operator: Actor, named: str) -> str:
    if named.startswith(f"{Prefix.PLAN.value}_"):
        return named
    known = (await plans.list_plans(ledger, actor=operator, limit=MAX_SHOWN)).items
    found = [plan for plan in known if is_same_name(plan.name, named)]
    if len(found) != 1:
        raise Refused(Code.NOT_FOUND, f"There is not exactly one plan {named!r}. See: teamcredits plan list")
    return found[0].id


async def _subject(ledger: Ledger, operator: Actor, named: str) -> str:
    if named.casefold() == EVERYBODY:
        return shown_id(Prefix.ORG, operator.org_id)
    return (await find_member(ledger, operator, named)).id


def _show_seat(seat: SeatView, *, as_json: bool) -> None:
    if as_json:
        print_json(seat)
    else:
        show_rows([_seat_row(seat)], nothing="")


def _plan_row(plan: PlanView) -> tuple[str, ...]:
    windows = {"5 h": plan.five_hours, "weekly": plan.weekly, "monthly": plan.monthly}
    return (
        plan.id,
        plan.name,
        ", ".join(f"{name} {each.shown()} cr" for name, each in windows.items() if each is not None),
    )


def _seat_row(seat: SeatView) -> tuple[str, ...]:
    whom = EVERYBODY if seat.subject.startswith(f"{Prefix.ORG.value}_") else seat.name
    if seat.plan is None:
        return seat.subject, whom, "no plan", ""
    own = "" if seat.is_own else "as everybody, "
    return seat.subject, whom, seat.plan.name, f"{own}weeks and months from {day(seat.anchor_at)}"
