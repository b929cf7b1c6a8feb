"""``teamcredits boost apply``, ``withdraw`` and ``feedback``: what people do with a campaign."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from core.cli.campaigns import Campaign, find_actor, find_campaign, show_applications
from core.cli.context import as_operator, new_key
from core.cli.options import Json, Member, Org
from core.services.boosts import applications
from core.services.boosts.forms import QuestionKind
from core.services.boosts.views import ApplicationView
from core.services.ledger import Ledger
from core.services.views import Actor

_WHOLE = re.compile(r"-?[0-9]{1,15}", re.ASCII)


def apply(
    campaign: Campaign,
    member: Member,
    *,
    answer: Annotated[
        list[str] | None, typer.Option("--answer", metavar="NAME=VALUE", help="An answer; may be repeated.")
    ] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Apply for a campaign in a member's name."""
    typed = dict(_answer(each) for each in answer or ())

    async def act(ledger: Ledger, operator: Actor) -> ApplicationView:
        which, who = await find_campaign(ledger, operator, campaign), await find_actor(ledger, operator, member)
        kinds = {question.name: question.kind for question in which.form}
        answers = {name: _read(kinds.get(name), value) for name, value in typed.items()}
        made = await applications.apply(ledger, actor=who, key=new_key(ledger), campaign_id=which.id, answers=answers)
        return made.item

    show_applications([as_operator(act, org=org)], as_json=as_json, alone=True)


def withdraw(campaign: Campaign, member: Member, *, org: Org = None, as_json: Json = False) -> None:
    """Take a member's application back; the next who waits moves up."""

    async def act(ledger: Ledger, operator: Actor) -> ApplicationView:
        which, who = await find_campaign(ledger, operator, campaign), await find_actor(ledger, operator, member)
        return (await applications.withdraw(ledger, actor=who, campaign_id=which.id)).item

    show_applications([as_operator(act, org=org)], as_json=as_json, alone=True)


def feedback(
    campaign: Campaign,
    member: Member,
    rating: Annotated[int, typer.Argument(metavar="RATING", help="1 (nothing) to 5 (much).")],
    *,
    words: Annotated[str | None, typer.Option(help="In their words.")] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Say in a member's name what a boost was worth."""

    async def act(ledger: Ledger, operator: Actor) -> ApplicationView:
        which, who = await find_campaign(ledger, operator, campaign), await find_actor(ledger, operator, member)
        said = await applications.judge(
            ledger, actor=who, key=new_key(ledger), campaign_id=which.id, rating=rating, words=words
        )
        return said.item

    show_applications([as_operator(act, org=org)], as_json=as_json, alone=True)


def _answer(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise typer.BadParameter(f"{text!r}: write an answer like why=porting")
    return name.strip(), value.strip()


def _read(kind: QuestionKind | None, value: str) -> object:
    """Return a typed answer as what its question asks for; what does not fit is refused with the form."""
    if kind is QuestionKind.NUMBER and _WHOLE.fullmatch(value):
        return int(value)
    if kind is QuestionKind.YES_NO and value.casefold() in {"yes", "no", "true", "false"}:
        return value.casefold() in {"yes", "true"}
    return value
