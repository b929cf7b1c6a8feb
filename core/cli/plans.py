"""``teamcredits plan``: included usage, and who is on which plan."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import typer

from core.cli.context import PAGE_SIZE, all_items, as_operator, find_member, only_match
from core.cli.options import EVERYBODY, PLAIN, Json, Org, amount, moment
from core.cli.output import Columns, print_item, print_items, print_json
from core.ledger.credits import Credits
from core.ledger.ids import Prefix, shown_id
from core.services.allowances import plans
from core.services.allowances.plans import PlanAssignmentView, PlanView
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService
from core.services.common.text import is_same_name

app: Final = typer.Typer(help="Manage plans and assign them.", **PLAIN)

FiveHours = Annotated[Credits | None, typer.Option(parser=amount, metavar="AMOUNT", help="Credits per 5 hours")]
Weekly = Annotated[Credits | None, typer.Option(parser=amount, metavar="AMOUNT", help="Credits per week")]
Monthly = Annotated[Credits | None, typer.Option(parser=amount, metavar="AMOUNT", help="Credits per month")]
Plan = Annotated[str, typer.Argument(metavar="PLAN", help="Plan id, or name if it's unique")]
Assignee = Annotated[str, typer.Argument(metavar="MEMBER", help=f"Member (id or name), or {EVERYBODY!r}")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the plan")],
    *,
    five_hours: FiveHours = None,
    weekly: Weekly = None,
    monthly: Monthly = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Create a plan with one or more allowances. Plans can't be changed; create a new one instead."""
    if five_hours is None and weekly is None and monthly is None:
        raise typer.BadParameter("nothing is included; use --five-hours, --weekly or --monthly")

    async def act(ledger: LedgerService, operator: Actor) -> PlanView:
        return await plans.create_plan(
            ledger, actor=operator, name=name, five_hours=five_hours, weekly=weekly, monthly=monthly
        )

    print_item(as_operator(act, org=org), _PLAN_COLUMNS, as_json=as_json)


@app.command("list")
def list_(*, org: Org = None, as_json: Json = False) -> None:
    """List plans and who is on them."""

    async def act(ledger: LedgerService, operator: Actor) -> tuple[tuple[PlanView, ...], list[PlanAssignmentView]]:
        known = await plans.list_plans(ledger, actor=operator, limit=PAGE_SIZE)
        seats = await all_items(
            lambda cursor: plans.list_assignments(ledger, actor=operator, limit=PAGE_SIZE, cursor=cursor)
        )
        return known.items, seats

    known, seats = as_operator(act, org=org)
    if as_json:
        print_json({"plans": known, "seats": seats})
        return
    no_plans = "There are no plans yet. Create one with: teamcredits plan create NAME"
    print_items(known, _PLAN_COLUMNS, as_json=False, empty=no_plans)
    typer.echo()
    nobody = "Nobody is on a plan. Assign one with: teamcredits plan give PLAN MEMBER"
    print_items(seats, _SEAT_COLUMNS, as_json=False, empty=nobody)


@app.command()
def give(
    plan: Plan,
    to: Assignee,
    *,
    start: Annotated[
        datetime | None,
        typer.Option("--from", parser=moment, metavar="DATE", help="Start of the first week and month (default: now)"),
    ] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Assign a plan, effective immediately. Current allowance windows keep their reset times."""

    async def act(ledger: LedgerService, operator: Actor) -> PlanAssignmentView:
        plan_id = await _find_plan(ledger, operator, plan)
        subject = await _subject(ledger, operator, to)
        return await plans.give_plan(ledger, actor=operator, subject=subject, plan_id=plan_id, anchor_at=start)

    print_item(as_operator(act, org=org), _SEAT_COLUMNS, as_json=as_json)


@app.command()
def take(to: Assignee, *, org: Org = None, as_json: Json = False) -> None:
    """Unassign a plan. The plan for everybody applies again."""

    async def act(ledger: LedgerService, operator: Actor) -> PlanAssignmentView:
        return await plans.give_plan(ledger, actor=operator, subject=await _subject(ledger, operator, to), plan_id=None)

    print_item(as_operator(act, org=org), _SEAT_COLUMNS, as_json=as_json)


@app.command()
def remove(
    plan: Plan,
    *,
    org: Org = None,
) -> None:
    """Remove a plan that nobody is on."""

    async def act(ledger: LedgerService, operator: Actor) -> None:
        await plans.remove_plan(ledger, actor=operator, plan_id=await _find_plan(ledger, operator, plan))

    as_operator(act, org=org)
    typer.echo(f"Removed plan {plan}.")


async def _find_plan(ledger: LedgerService, operator: Actor, named: str) -> str:
    if named.startswith(f"{Prefix.PLAN.value}_"):
        return named
    known = (await plans.list_plans(ledger, actor=operator, limit=PAGE_SIZE)).items
    found = [plan for plan in known if is_same_name(plan.name, named)]
    return only_match(found, named=named, kind="plan", see="teamcredits plan list").id


async def _subject(ledger: LedgerService, operator: Actor, named: str) -> str:
    if named.casefold() == EVERYBODY:
        return shown_id(Prefix.ORG, operator.org_id)
    return (await find_member(ledger, operator, named)).id


def _allowances(plan: PlanView) -> str:
    windows = {"5 h": plan.five_hours, "weekly": plan.weekly, "monthly": plan.monthly}
    return ", ".join(f"{name} {each.shown()} cr" for name, each in windows.items() if each is not None)


def _holder(seat: PlanAssignmentView) -> str:
    return EVERYBODY if seat.subject.startswith(f"{Prefix.ORG.value}_") else seat.name


def _plan_name(seat: PlanAssignmentView) -> str:
    if seat.plan is None:
        return "no plan"
    return seat.plan.name if seat.is_own else f"{seat.plan.name} (plan for {EVERYBODY})"


_PLAN_COLUMNS: Columns[PlanView] = {
    "ID": lambda plan: plan.id,
    "NAME": lambda plan: plan.name,
    "ALLOWANCES": _allowances,
}
_SEAT_COLUMNS: Columns[PlanAssignmentView] = {
    "ID": lambda seat: seat.subject,
    "NAME": _holder,
    "PLAN": _plan_name,
    "WEEKS AND MONTHS FROM": lambda seat: seat.anchor_at,
}
