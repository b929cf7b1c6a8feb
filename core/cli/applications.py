"""``teamcredits boost apply``, ``withdraw`` and ``feedback``: applications for a campaign."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from core.cli.campaigns import APPLICATION_COLUMNS, Campaign, find_campaign
from core.cli.context import as_operator, find_actor, new_key
from core.cli.options import Json, Member, Org
from core.cli.output import print_item
from core.services.boosts import applications
from core.services.boosts.forms import QuestionKind
from core.services.boosts.views import ApplicationView
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService

_WHOLE = re.compile(r"-?[0-9]{1,15}", re.ASCII)


def apply(
    campaign: Campaign,
    member: Member,
    *,
    answer: Annotated[
        list[str] | None,
        typer.Option("--answer", metavar="NAME=VALUE", help="Answer to a question; repeat for several"),
    ] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Apply for a campaign on behalf of a member."""
    typed = dict(_answer(each) for each in answer or ())

    async def act(ledger: LedgerService, operator: Actor) -> ApplicationView:
        which, who = await find_campaign(ledger, operator, campaign), await find_actor(ledger, operator, member)
        kinds = {question.name: question.kind for question in which.form}
        answers = {name: _read(kinds.get(name), value) for name, value in typed.items()}
        made = await applications.apply(ledger, actor=who, key=new_key(ledger), campaign_id=which.id, answers=answers)
        return made.item

    print_item(as_operator(act, org=org), APPLICATION_COLUMNS, as_json=as_json)


def withdraw(campaign: Campaign, member: Member, *, org: Org = None, as_json: Json = False) -> None:
    """Withdraw a member's application. The next on the waitlist moves up."""

    async def act(ledger: LedgerService, operator: Actor) -> ApplicationView:
        which, who = await find_campaign(ledger, operator, campaign), await find_actor(ledger, operator, member)
        return (await applications.withdraw(ledger, actor=who, campaign_id=which.id)).item

    print_item(as_operator(act, org=org), APPLICATION_COLUMNS, as_json=as_json)


def feedback(
    campaign: Campaign,
    member: Member,
    rating: Annotated[int, typer.Argument(metavar="RATING", help="Rating from 1 (not useful) to 5 (very useful)")],
    *,
    words: Annotated[str | None, typer.Option(help="Comment")] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Rate a boost on behalf of a member."""

    async def act(ledger: LedgerService, operator: Actor) -> ApplicationView:
        which, who = await find_campaign(ledger, operator, campaign), await find_actor(ledger, operator, member)
        said = await applications.rate(
            ledger, actor=who, key=new_key(ledger), campaign_id=which.id, rating=rating, words=words
        )
        return said.item

    print_item(as_operator(act, org=org), APPLICATION_COLUMNS, as_json=as_json)


def _answer(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise typer.BadParameter(f"{text!r} isn't an answer. Use NAME=VALUE, like why=porting")
    return name.strip(), value.strip()


def _read(kind: QuestionKind | None, value: str) -> object:
    """Return an answer as its question's type; what doesn't fit is refused together with the form."""
    if kind is QuestionKind.NUMBER and _WHOLE.fullmatch(value):
        return int(value)
    if kind is QuestionKind.YES_NO and value.casefold() in {"yes", "no", "true", "false"}:
        return value.casefold() in {"yes", "true"}
    return value
